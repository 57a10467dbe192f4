"""Endmembers as means of clusters: found where materials are mixed, shaded or noisy, and no single pixel decides.

Pixels are clustered by the shape of their spectra, so that a material in sun and in shade is one cluster. Of the
clusters those are taken whose non-negative mixtures rebuild all the others best, each cluster weighing as many pixels
as it has: in reflectance, where noise is the same everywhere, and not in shape, where dark pixels are mostly noise.
Shade costs nothing, since a mixture need not sum to one. How clusters fall is a matter of chance, so it is done several
times: each endmember is the median of what the runs found.

Where much of what tells shapes apart is noise, their leading principal components are clustered instead; elsewhere
those might leave out a rare material.
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
NOISY = 0.25
"""Share of the shapes' variance outside as many principal components, above which these alone are clustered."""
GAIN = 1e-4
"""An exchange must lower the error by more than this share."""


def spanning_spectra(pixels: Array, num_endmembers: int, seed: int) -> Array:
    """Spectra (endmembers, bands) of the clusters that span pixels (pixels, bands), in no order.

    ValueError, a sentence, if the pixels have fewer shapes than endmembers are asked for.
    """
    lengths = np.linalg.norm(pixels, axis=1)
    bright, lengths = pixels[lengths > 0], lengths[lengths > 0]
    shapes = bright / lengths[:, None]
    count = min(max(CLUSTERS, 4 * num_endmembers), len(np.unique(shapes.round(6), axis=0)))
    if count < num_endmembers:
        raise _too_few(num_endmembers, count)
    shapes = _denoised(shapes, lengths, num_endmembers + EXTRA)
    seeds = np.random.default_rng(seed).integers(2**31, size=RUNS)
    runs = [_spanning(*_clusters(bright, shapes, count, int(one)), num_endmembers) for one in seeds]
    middle = min(runs, key=lambda run: sum(_apart(run, other) for other in runs))
    found: Array = np.median([run[match(run, middle)] for run in runs], axis=0)
    return found


def _denoised(shapes: Array, lengths: Array, dimensions: int) -> Array:
    """The shapes (pixels, bands), or their leading principal components if more than ``NOISY`` of the variance is not.

    ``lengths`` (pixels,): pixels count by their brightness, since shapes of dark ones are noise in any scene.
    """
    centred = shapes - np.average(shapes, axis=0, weights=lengths).astype(np.float32)
    bright = centred * lengths[:, None]
    variances, axes = np.linalg.eigh(bright.T @ bright)
    if variances[:-dimensions].sum() <= NOISY * variances.sum():
        return shapes
    found: Array = centred @ axes[:, -dimensions:]
    return found


def _apart(first: Array, second: Array) -> float:
    """Mean angle (radians) between the spectra of two runs, matched."""
    return float(np.diag(spectral_angles(first[match(first, second)], second)).mean())


def _spanning(means: NDArray[np.float64], sizes: NDArray[np.int64], num_endmembers: int) -> Array:
    """Of one run's clusters those that are chosen one after another, then exchanged while the error falls."""
    if len(means) < num_endmembers:
        raise _too_few(num_endmembers, len(means))
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


def _clusters(pixels: Array, shapes: Array, count: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Mean spectra (clusters, bands) and sizes (clusters,) of ``count`` clusters of shapes, but for the smallest."""
    number = MiniBatchKMeans(count, batch_size=4096, n_init=1, random_state=seed).fit_predict(shapes)
    sizes = np.bincount(number, minlength=count)
    kept = np.flatnonzero(sizes >= max(2, SMALLEST * len(shapes) / count))
    if len(kept) < count / 2:  # few pixels: most clusters are one pixel
        kept = np.flatnonzero(sizes)
    means = np.stack([pixels[number == one].mean(axis=0, dtype=np.float64) for one in kept])
    return means, sizes[kept]


def _too_few(wanted: int, kinds: int) -> ValueError:
    return ValueError(
        f"{wanted} endmembers cannot be told apart: the scene holds only {kinds} kinds of spectra. Ask for fewer "
        "endmembers."
    )
