"""The kernel of MESMA: all models of a library for every pixel."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..jit import inlined, kernel

LANES = 16
"""Pixels that go through the models side by side."""


@kernel
def search(
    products: Any,
    models: Any,
    inverses: Any,
    sums: Any,
    constant: float,
    with_rest: bool,
    first: int,
    last: int,
    best: Any,
    found: Any,
) -> None:
    """For the pixels first .. last - 1 the model of least squared error among ``models`` (models, size).

    ``products`` (spectra, pixels): of the spectra with each pixel. ``inverses`` (models, size, size): of the models'
    Gram matrices, to which ``constant`` was added; ``sums`` (models, size): their row sums. A model counts where its
    least squares solution has no negative abundance, with a sum of one or, if ``with_rest``, of at most one and the
    rest shade. ``best`` (pixels,) holds the least x'Gx - 2 c'x so far and ``found`` (pixels,) its model, both are
    updated; a model that does not count loses nothing, because its constrained optimum is that of a smaller model.
    """
    size = models.shape[1]
    c, x = np.empty((size, LANES)), np.empty((size, LANES))
    least, value, total = np.empty(LANES), np.empty(LANES), np.empty(LANES)
    lowest, chosen = np.empty(LANES), np.empty(LANES, np.int64)
    for begin in range(first, last, LANES):
        count = min(LANES, last - begin)
        lowest[:], chosen[:], c[:] = 0.0, -1, 0.0
        for lane in range(count):
            lowest[lane], chosen[lane] = best[begin + lane], found[begin + lane]
        for model in range(models.shape[0]):
            for k in range(size):
                spectrum = models[model, k]
                for lane in range(count):
                    c[k, lane] = products[spectrum, begin + lane] + constant
            _solutions(inverses, sums, model, with_rest, c, x, least, value, total)
            for lane in range(LANES):
                if least[lane] >= 0 and value[lane] + constant < lowest[lane]:
                    lowest[lane], chosen[lane] = value[lane] + constant, model
        for lane in range(count):
            best[begin + lane], found[begin + lane] = lowest[lane], chosen[lane]


@inlined
def _solutions(
    inverses: Any, sums: Any, model: int, with_rest: bool, c: Any, x: Any, least: Any, value: Any, total: Any
) -> None:
    """One model's solutions x for all lanes; the least abundance (of shade too) and x'Gx - 2 c'x of each."""
    size = c.shape[0]
    for lane in range(LANES):
        total[lane], value[lane] = 0.0, 0.0
    for i in range(size):
        for lane in range(LANES):
            x[i, lane] = 0.0
        for k in range(size):
            factor = inverses[model, i, k]
            for lane in range(LANES):
                x[i, lane] += factor * c[k, lane]
        for lane in range(LANES):
            total[lane] += x[i, lane]
            value[lane] -= x[i, lane] * c[i, lane]
    for lane in range(LANES):
        least[lane] = 1.0 - total[lane]
    if not with_rest:
        whole = 0.0
        for i in range(size):
            whole += sums[model, i]
        for lane in range(LANES):  # towards a sum of one costs (1 - sum)^2 / (1' inverse 1)
            value[lane] += least[lane] * least[lane] / whole
            total[lane] = least[lane] / whole
            least[lane] = 0.0
        for i in range(size):
            for lane in range(LANES):
                x[i, lane] += sums[model, i] * total[lane]
    for i in range(size):
        for lane in range(LANES):
            least[lane] = min(least[lane], x[i, lane])
