"""A split of labelled pixels into training, validation and test, by positions only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..labels import Labels
from ..labels.pixels import listed

Mask = NDArray[np.bool_]
Shares = tuple[float, float, float]
TRAIN, VALIDATION, TEST, UNUSED = 0, 1, 2, 3
PARTS = ("training", "validation", "test")


@dataclass(frozen=True)
class Split:
    """Which labelled pixels train, validate and test: masks (pixels,) that never meet; some pixels may be in none.

    ``counts`` (3, classes): realised pixels of training, validation and test. ``notices``: what a reader must know.
    """

    train: Mask
    validation: Mask
    test: Mask
    counts: NDArray[np.int64]
    notices: list[str] = field(default_factory=list)


def made(labels: Labels, parts: NDArray[np.integer], notices: Sequence[str] = ()) -> Split:
    """The split of which ``parts`` (pixels,) says 0, 1, 2 or 3 = not used. ValueError without training pixels.

    Names the classes that lack training or test pixels.
    """
    masks = [parts == part for part in (TRAIN, VALIDATION, TEST)]
    size = len(labels.classes) + 1
    counts = np.stack([np.bincount(labels.values[mask], minlength=size)[1:] for mask in masks])
    if (counts[TRAIN] > 0).sum() < 2:
        raise ValueError(
            "The split leaves fewer than two classes with training pixels. Choose smaller blocks, a smaller gap or "
            "another seed, or add training areas."
        )
    said = list(notices)
    for part in (TRAIN, TEST) if masks[TEST].any() else (TRAIN,):
        lacking = [one.name for one, count in zip(labels.classes, counts[part], strict=True) if not count]
        if lacking:
            said.append(f"Classes without {PARTS[part]} pixels in this split: {listed(lacking)}.")
    return Split(masks[TRAIN], masks[VALIDATION], masks[TEST], counts, said)


def checked(shares: Sequence[float]) -> Shares:
    """Shares of training, validation and test. ValueError if they are no shares or leave no training."""
    train, validation, test = (float(share) for share in shares)
    if not (train > 0 and min(validation, test) >= 0 and abs(train + validation + test - 1) < 1e-6):
        raise ValueError(
            f"The shares of training, validation and test must be 0 or more, sum to 1 and leave some for training, "
            f"not {train:g}, {validation:g} and {test:g}."
        )
    return train, validation, test
