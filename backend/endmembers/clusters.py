"""Endmembers as means of clusters: found where materials are mixed, shaded or noisy, and no single pixel decides.

Pixels are clustered by the shape of their spectra, so that a material in sun and in shade is one cluster. Of the
clusters those are taken whose non-negative mixtures rebuild all the others best, each cluster weighing as many pixels
as it has: in reflectance, where noise is the same everywhere, and not in shape, where dark pixels are mostly noise.
Shade costs nothing, since a mixture need not sum to one. How clusters fall is a matter of chance, so it is done several
times: each endmember is the median of what the runs found.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import MiniBatchKMeans

from ..abundances.least_squares import nonnegative
from ..cube import Array
from ..metrics import match, spectral_angles

RUNS = 8
CLUSTERS = 40
"""Of shapes; or four for each endmember, if those are more."""
SMALLEST = 0.1
"""Clusters of less than this share of the pixels a cluster has on average are left out."""
EXTRA = 8
"""The search needs no more dimensions than there are endmembers, and a few for what they do not explain."""
GAIN = 1e-4
"""An exchange must lower the error by more than this share."""


def spanning_spectra(pixels: Array, num_endmembers: int, seed: int) -> Array:
    """Spectra (endmembers, bands) of the clusters that span pixels (pixels, bands), in no order.

    ValueError, a sentence, if the pixels have fewer shapes than endmembers are asked for.
    """
    seeds = np.random.default_rng(seed).integers(2**31, size=RUNS)
    runs = [_spanning(pixels, num_endmembers, int(one)) for one in seeds]
    middle = min(runs, key=lambda run: sum(_apart(run, other) for other in runs))
    found: Array = np.median([run[match(run, middle)] for run in runs], axis=0)
    return found


def _apart(first: Array, second: Array) -> float:
    """Mean angle (radians) between the spectra of two runs, matched."""
    return float(np.diag(spectral_angles(first[match(first, second)], second)).mean())


def _spanning(pixels: Array, num_endmembers: int, seed: int) -> Array:
    """One run: clusters chosen one after another, then exchanged while the error falls."""
    means, sizes = _clusters(pixels, max(CLUSTERS, 4 * num_endmembers), num_endmembers, seed)
    if len(means) < num_endmembers:
        raise ValueError(
            f"{num_endmembers} endmembers cannot be told apart: the scene holds only {len(means)} kinds of spectra. "
            "Ask for fewer endmembers."
        )
    _, _, axes = np.linalg.svd(means * np.sqrt(sizes)[:, None], full_matrices=False)
    search = _Search(means @ axes[: num_endmembers + EXTRA].T, sizes)
    chosen: list[int] = []
    for _ in range(num_endmembers):
        chosen.append(search.best(chosen)[1])
    error, improved = search.error(chosen), True
    while improved:
        improved = False
        for place in range(num_endmembers):
            found, one = search.best(chosen[:place] + chosen[place + 1 :])
            if found < (1 - GAIN) * error:
                chosen[place], error, improved = one, found, True
    return means[chosen].astype(np.float32)


class _Search:
    """Clusters (clusters, dimensions) and their sizes: which of them rebuild all."""

    def __init__(self, clusters: NDArray[np.float64], sizes: NDArray[np.int64]) -> None:
        self.clusters, self.sizes = clusters, sizes

    def error(self, chosen: list[int]) -> float:
        """Sum over all pixels of the squared distance to the nearest non-negative mixture of the chosen clusters."""
        spectra = self.clusters[chosen]
        off = self.clusters - nonnegative(self.clusters.astype(np.float32), spectra.astype(np.float32)) @ spectra
        return float((self.sizes * np.square(off).sum(axis=1)).sum())

    def best(self, chosen: list[int]) -> tuple[float, int]:
        """The lowest error with one cluster more, and that cluster."""
        others = [one for one in range(len(self.clusters)) if one not in chosen]
        return min((self.error([*chosen, one]), one) for one in others)


def _clusters(pixels: Array, count: int, least: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Mean spectra (clusters, bands) and sizes (clusters,) of up to ``count`` clusters of shapes."""
    lengths = np.linalg.norm(pixels, axis=1, keepdims=True)
    bright = pixels[lengths[:, 0] > 0]
    shapes = bright / lengths[lengths[:, 0] > 0]
    if not len(shapes):
        return np.empty((0, pixels.shape[1])), np.empty(0, np.int64)
    count = min(count, len(np.unique(shapes.round(6), axis=0)))
    model = MiniBatchKMeans(count, batch_size=4096, n_init=1, random_state=seed)
    number = model.fit_predict(shapes)
    sizes = np.bincount(number, minlength=count)
    kept = np.flatnonzero(sizes >= max(2, SMALLEST * len(shapes) / count))
    if len(kept) < least:
        kept = np.flatnonzero(sizes)
    means = np.stack([bright[number == one].mean(axis=0, dtype=np.float64) for one in kept])
    return means, sizes[kept]
