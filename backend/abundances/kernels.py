"""Kernels of the linear mixing model: abundances by an active set, and the error of a reconstruction.

For one pixel y and endmembers e_1 .. e_R ``solve`` minimises |y - sum x_k e_k|^2 / 2 + penalty * sum x_k over x >= 0,
with or without sum x = 1. Only G = (e_j . e_k) and c = (y . e_j - penalty) enter once the products are made.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..jit import inlined, kernel
from .active_set import one
from .exchange import exchange

TILE = 32
"""Pixels whose products with the endmembers are summed side by side."""
LEVEL = 1e-13
"""Slopes below this share of the numbers they are differences of are rounding."""


@kernel
def solve(
    values: Any,
    steps: Any,
    first: int,
    last: int,
    origin: Any,
    spectra: Any,
    gram: Any,
    start: Any,
    free: Any,
    simplex: bool,
    found: Any,
) -> int:
    """Abundances of the pixels first .. last - 1 into ``found`` (pixels, R); gives how many did not come to an end.

    ``values``: float32, pixel i and band b at i * steps[0] + b * steps[1], one of the steps is 1. ``origin`` (bands,)
    is subtracted from the pixels. ``gram`` (R, R): the products of the endmembers, plus a constant if ``simplex``.
    ``start`` (R, R): the inverse of ``gram``, if ``simplex`` on the differences of endmembers only; a pixel's
    products with ``spectra`` (R, bands), plus ``free`` (R,), are its solution without x >= 0 then. ``start`` (0, 0):
    the products are those with the endmembers, and plus ``free`` they are c.
    """
    size, bands = spectra.shape
    warm = len(start) == size
    tile, products = np.empty((bands, TILE)), np.empty((size, TILE))
    order, inside, barred = np.empty(size, np.int64), np.empty(size, np.bool_), np.empty(size, np.bool_)
    factor, inverse, vectors = np.empty((size, size)), np.empty((size, size)), np.empty((7, size))
    work = (order, inside, barred, factor, vectors)
    c, x, y, largest, unfinished = vectors[5], vectors[4], vectors[6], 0.0, 0
    for j in range(size):
        largest = max(largest, gram[j, j])
    for begin in range(first, last, TILE):
        count = min(TILE, last - begin)
        _load(values, steps, begin, count, origin, tile)
        _multiply(tile, spectra, products)
        for pixel in range(count):
            scale, least = 0.0, 0.0
            for j in range(size):
                y[j] = products[j, pixel] + free[j]
                scale += abs(y[j])
                least = min(least, y[j])
            if not np.isfinite(scale):
                found[begin + pixel] = np.nan
                continue
            if warm and least >= 0:
                for j in range(size):
                    found[begin + pixel, j] = y[j]
                continue
            level = LEVEL * (largest * (1 + scale) if warm else largest + scale)
            if not (warm and exchange(gram, start, free, y, simplex, level, inside, inverse, vectors)):
                for j in range(size):
                    c[j] = y[j]
                    if warm:
                        c[j] = 0.0
                        for k in range(size):
                            c[j] += gram[j, k] * y[k]
                unfinished += one(gram, c, simplex, level, work)
            for j in range(size):
                found[begin + pixel, j] = x[j]
    return unfinished


@kernel
def residuals(
    values: Any, steps: Any, first: int, last: int, spectra: Any, abundances: Any, strides: Any, found: Any
) -> None:
    """Root mean square over bands of pixel - abundances @ spectra for the pixels first .. last - 1 into ``found``.

    ``values`` and ``abundances`` are flat, with the steps from pixel to pixel and from band (endmember) to the next.
    """
    size, bands = spectra.shape
    tile, origin = np.empty((bands, TILE)), np.zeros(bands)
    shares, sums = np.zeros((size, TILE)), np.empty(TILE)
    for begin in range(first, last, TILE):
        count = min(TILE, last - begin)
        _load(values, steps, begin, count, origin, tile)
        for j in range(size):
            for pixel in range(count):
                shares[j, pixel] = abundances[(begin + pixel) * strides[0] + j * strides[1]]
        sums[:] = 0.0
        for b in range(bands):
            for j in range(0, size - 3, 4):
                e0, e1, e2, e3 = spectra[j, b], spectra[j + 1, b], spectra[j + 2, b], spectra[j + 3, b]
                for pixel in range(TILE):
                    tile[b, pixel] -= (
                        e0 * shares[j, pixel]
                        + e1 * shares[j + 1, pixel]
                        + e2 * shares[j + 2, pixel]
                        + e3 * shares[j + 3, pixel]
                    )
            for j in range(size - size % 4, size):
                e0 = spectra[j, b]
                for pixel in range(TILE):
                    tile[b, pixel] -= e0 * shares[j, pixel]
            for pixel in range(TILE):
                sums[pixel] += tile[b, pixel] * tile[b, pixel]
        for pixel in range(count):
            found[begin + pixel] = np.sqrt(sums[pixel] / bands)


@inlined
def _load(values: Any, steps: Any, begin: int, count: int, origin: Any, tile: Any) -> None:
    """``count`` pixels less the origin into the tile (bands, TILE), the rest of it zero."""
    if count < TILE:
        tile[:] = 0.0
    bands = tile.shape[0]
    if steps[1] == 1:  # written out twice, because a step known to be 1 is several times faster
        for start in range(0, bands, 16):  # a few bands of all pixels at a time, which stay in the nearest cache
            for pixel in range(count):
                place = (begin + pixel) * steps[0]
                for b in range(start, min(start + 16, bands)):
                    tile[b, pixel] = values[place + b] - origin[b]
    else:
        for b in range(bands):
            place = b * steps[1] + begin
            row, zero = values[place : place + count], origin[b]
            for pixel in range(count):
                tile[b, pixel] = row[pixel] - zero


@inlined
def _multiply(tile: Any, spectra: Any, products: Any) -> None:
    """Products (R, TILE) of every endmember with the tile; each pixel's sum runs in the order of the bands."""
    size, bands = spectra.shape
    for j in range(size):
        for pixel in range(TILE):
            products[j, pixel] = 0.0
        for b in range(0, bands - 3, 4):  # four bands a pass: the sums are read and written a quarter as often
            e0, e1, e2, e3 = spectra[j, b], spectra[j, b + 1], spectra[j, b + 2], spectra[j, b + 3]
            for pixel in range(TILE):
                products[j, pixel] += (
                    e0 * tile[b, pixel] + e1 * tile[b + 1, pixel] + e2 * tile[b + 2, pixel] + e3 * tile[b + 3, pixel]
                )
        for b in range(bands - bands % 4, bands):
            e0 = spectra[j, b]
            for pixel in range(TILE):
                products[j, pixel] += e0 * tile[b, pixel]
