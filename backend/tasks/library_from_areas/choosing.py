"""Which pixels go into a library: how many may be looked at, and which of them stand for their class."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from ...cube import Array
from ...labels import Labels, limit
from ...library import Library, prune

Integers = NDArray[np.int64]
CANDIDATES = {"kinds": 2000, "representative": 400, "random": 2000}
"""Of each class at most so many pixels, drawn at random, are looked at; EAR compares all of them with each other."""
MOST_CANDIDATES = 50_000
"""Of all classes together: their spectra are held in memory."""


def candidates(labels: Labels, how: str, count: int, seed: int) -> NDArray[np.bool_]:
    """Which of the labelled pixels (pixels,) :func:`chosen` is to choose from."""
    most = min(CANDIDATES[how], MOST_CANDIDATES // len(labels.classes))
    return drawn(labels, max(count, most), seed)


def drawn(labels: Labels, per_class: int, seed: int) -> NDArray[np.bool_]:
    """Which of the labelled pixels (pixels,) are among at most ``per_class`` of each class, drawn at random."""
    some = limit(labels, per_class, seed)
    width = int(labels.cols.max()) + 1
    flat, kept = (one.rows.astype(np.int64) * width + one.cols for one in (labels, some))
    return np.isin(flat, kept, assume_unique=True)


def drawn_areas(labels: Labels, most: int, seed: int) -> NDArray[np.bool_]:
    """Which of the labelled pixels (pixels,) are of at most ``most`` areas, drawn at random, as many of each class."""
    groups, first = np.unique(labels.groups, return_index=True)
    if len(groups) <= most:
        return np.ones(len(labels), bool)
    order = np.random.default_rng(seed).permutation(len(groups))
    of_class = labels.values[first[order]]
    per_class = max(1, most // len(labels.classes))
    kept = [groups[order[of_class == one.value][:per_class]] for one in labels.classes]
    return np.isin(labels.groups, np.concatenate(kept))


def chosen(spectra: Array, classes: NDArray[np.int16], how: str, count: int, seed: int) -> Integers:
    """Indices, rising, of at most ``count`` pixels of each class; ``how``: 'kinds', 'representative' or 'random'.

    ``spectra`` (pixels, bands), ``classes`` (pixels,).
    """
    generator, found = np.random.default_rng(seed), []
    for value in np.unique(classes):
        own = np.flatnonzero(classes == value)
        if how == "kinds":
            found.append(own[_kinds(spectra[own], count, seed)])
        elif how == "representative":
            found.append(own[_representative(spectra[own], count)])
        else:
            found.append(generator.permutation(own)[:count])
    return np.sort(np.concatenate(found))


def _kinds(spectra: Array, count: int, seed: int) -> Integers:
    """Of each cluster of spectra the one nearest to its centre."""
    number = min(count, len(np.unique(spectra, axis=0)))
    clusters = KMeans(number, n_init=4, random_state=seed).fit(spectra)
    distances = np.linalg.norm(spectra - clusters.cluster_centers_[clusters.labels_], axis=1)
    order = np.argsort(distances, kind="stable")
    nearest: Integers = order[np.unique(clusters.labels_[order], return_index=True)[1]]
    return nearest


def _representative(spectra: Array, count: int) -> Integers:
    """The spectra of the lowest endmember average RMSE (Dennison and Roberts 2003)."""
    names = ["pixel"] * len(spectra)
    return prune(Library(names, spectra, classes=names), "ear", count)
