"""How many pixels a class may have, and how much each counts."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .pixels import Labels

POWERS = {"none": 0.0, "moderate": 0.5, "balanced": 1.0}
"""Of a class's pixels: how much their number takes from the weight of each."""


def limit(labels: Labels, per_class: int, seed: int) -> Labels:
    """At most ``per_class`` pixels of every class, drawn at random; the same seed draws the same."""
    if per_class < 1:
        raise ValueError(f"At least 1 pixel per class is needed, not {per_class}.")
    keys = np.random.default_rng(seed).random(len(labels))
    order = np.lexsort((keys, labels.values))
    firsts = np.concatenate([[0], np.cumsum(labels.counts)[:-1]])
    place = np.arange(len(labels)) - firsts[labels.values[order] - 1]
    return labels.select(np.sort(order[place < per_class]))


def class_weights(counts: ArrayLike, mode: str) -> NDArray[np.float32]:
    """What a pixel of each class counts in a loss (classes,): 1 on average over the pixels.

    ``mode`` "none": all the same; "balanced": every class as much as any other; "moderate": the square root of that, so
    that rare classes count more than they are many without ruling the others. A class without pixels weighs 0.
    """
    number = np.asarray(counts, np.float64)
    if mode not in POWERS:
        raise ValueError(f"Class weights are {', '.join(POWERS)}, not {mode!r}.")
    present = number > 0
    weights = np.zeros(len(number))
    weights[present] = number[present] ** -POWERS[mode]
    return np.asarray(weights * number.sum() / max(float((weights * number).sum()), 1e-12), np.float32)
