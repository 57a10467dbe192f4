"""How much of the test pixels' surroundings a method has seen in training."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from ..labels import Labels


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


def leakage(training: Labels, test: Labels, patch: int) -> Leakage:
    """Measure it between the pixels trained on and the test pixels; ``patch`` is odd. The median is Euclidean."""
    if patch < 1 or patch % 2 == 0:
        raise ValueError(f"A patch has an odd number of pixels a side, not {patch}.")
    if not len(test):
        return Leakage(patch, np.nan, np.nan, np.nan)
    learnt, asked = (np.column_stack([one.rows, one.cols]) for one in (training, test))
    distances, _ = cKDTree(learnt).query(asked, p=np.inf)
    same = []
    for value in np.intersect1d(training.values, test.values):
        same.append(cKDTree(learnt[training.values == value]).query(asked[test.values == value])[0])
    median = float(np.median(np.concatenate(same))) if same else np.nan
    near, overlapping = (distances <= patch // 2).mean(), (distances <= patch - 1).mean()
    return Leakage(patch, float(near), float(overlapping), median)
