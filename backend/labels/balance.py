"""How many pixels a class may have, and how much each counts."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .pixels import Labels


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

    ``mode`` "none": all the same; "balanced": every class as much as any other. A class without pixels weighs 0.
    """
    number = np.asarray(counts, np.float64)
    if mode == "none":
        return np.ones(len(number), np.float32)
    if mode != "balanced":
        raise ValueError(f"Class weights are 'none' or 'balanced', not {mode!r}.")
    present = number > 0
    weights = np.zeros(len(number))
    weights[present] = number.sum() / (present.sum() * number[present])
    return weights.astype(np.float32)
