"""How much of the test pixels' surroundings a method has seen in training."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from ..labels import Labels
from .split import Split


@dataclass(frozen=True)
class Leakage:
    """Leakage for a method that sees ``patch`` x ``patch`` pixels; NaN without test pixels.

    ``in_patch``: share of test pixels with a training pixel in their patch. ``overlapping``: with a training pixel
    whose patch overlaps theirs. ``median_distance``: from a test pixel to the nearest training pixel of its class,
    pixels, over test pixels whose class has one.
    """

    patch: int
    in_patch: float
    overlapping: float
    median_distance: float


def leakage(labels: Labels, split: Split, patch: int) -> Leakage:
    """Measure it; ``patch`` is odd. The median distance is Euclidean."""
    if patch < 1 or patch % 2 == 0:
        raise ValueError(f"A patch has an odd number of pixels a side, not {patch}.")
    places = np.column_stack([labels.rows, labels.cols])
    training, test = places[split.train], places[split.test]
    if not len(test):
        return Leakage(patch, np.nan, np.nan, np.nan)
    distances, _ = cKDTree(training).query(test, p=np.inf)
    same = []
    for value in np.unique(labels.values[split.test]):
        mine = labels.values == value
        if (mine & split.train).any():
            same.append(cKDTree(places[mine & split.train]).query(places[mine & split.test])[0])
    median = float(np.median(np.concatenate(same))) if same else np.nan
    near, overlapping = (distances <= patch // 2).mean(), (distances <= patch - 1).mean()
    return Leakage(patch, float(near), float(overlapping), median)
