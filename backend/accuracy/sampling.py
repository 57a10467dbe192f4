"""A probability sample of a class map: so many pixels of each class, every pixel of a class as likely as any other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .confusion import Floats

Block = tuple[int, int, NDArray[np.integer]]
"""First row, first col and the class values (rows, cols) of a part of a map; 0 = no class."""
ALLOCATIONS = ("equal", "proportional", "neyman")


def allocate(
    mapped_pixels: ArrayLike,
    total: int,
    allocation: str = "proportional",
    minimum: int = 0,
    users_accuracy: ArrayLike | None = None,
) -> NDArray[np.int64]:
    """How many pixels to sample in each class (classes,), ``total`` in all.

    "equal"; "proportional" to the class's pixels in the map; "neyman": to pixels times sqrt(U (1 - U)) with the
    expected user's accuracy U (0.5 to 0.99 make sense), which makes the error of overall accuracy least. A class gets
    ``minimum`` at least (Olofsson et al. 2014 advise 50 to 100 for rare classes) and never more than it has.
    """
    pixels = np.asarray(mapped_pixels, np.int64)
    if allocation not in ALLOCATIONS:
        raise ValueError(f"Samples are allocated {', '.join(ALLOCATIONS)}, not {allocation!r}.")
    if total < 1 or pixels.min(initial=0) < 0 or not pixels.any():
        raise ValueError("A sample needs 1 pixel or more, and a map with pixels.")
    wish = _wish(pixels, allocation, users_accuracy)
    return _filled(wish, np.minimum(pixels, minimum), pixels, total)


def _wish(pixels: NDArray[np.int64], allocation: str, users_accuracy: ArrayLike | None) -> Floats:
    if allocation == "equal":
        return (pixels > 0).astype(float)
    if allocation == "proportional":
        return pixels.astype(float)
    expected = np.clip(np.asarray(0.8 if users_accuracy is None else users_accuracy, np.float64), 0.01, 0.99)
    return np.asarray(pixels * np.sqrt(expected * (1 - expected)))


def _filled(wish: Floats, least: NDArray[np.int64], most: NDArray[np.int64], total: int) -> NDArray[np.int64]:
    """Whole numbers between least and most, near to a multiple of the wish, that sum to the total if they can."""
    low, high = 0.0, (total + least.sum() + 1) / wish[wish > 0].min()
    for _ in range(200):
        middle = (low + high) / 2
        if np.clip(wish * middle, least, most).sum() < total:
            low = middle
        else:
            high = middle
    exact = np.clip(wish * low, least, most)
    found = np.floor(exact + 1e-6).astype(np.int64)
    for index in np.argsort(found - exact, kind="stable")[: max(0, total - int(found.sum()))]:
        found[index] += found[index] < most[index]
    return found


def count_classes(blocks: Iterable[Block], num_classes: int) -> NDArray[np.int64]:
    """Pixels of each class in a map (classes,), read part by part; ValueError if a value is above ``num_classes``."""
    counts = np.zeros(num_classes, np.int64)
    for _, _, values in blocks:
        counts += np.bincount(_checked(values, num_classes), minlength=num_classes + 1)[1:]
    return counts


def stratified_sample(
    blocks: Iterable[Block], sizes: Mapping[int, int], seed: int = 0
) -> dict[int, tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """(rows, cols) of pixels drawn from a map for each class value in ``sizes``, without replacement.

    The map comes part by part, each pixel once; memory grows with the sample alone. Every pixel draws a number, the
    smallest of its class are kept. A class with fewer pixels than asked for gives all. The order is that of the draw.
    """
    generator = np.random.default_rng(seed)
    kept = {kind: (np.empty(0), np.empty(0, np.int64), np.empty(0, np.int64)) for kind in sizes}
    for first_row, first_col, values in blocks:
        keys = generator.random(values.shape)
        for kind in np.intersect1d(np.unique(values), np.array(list(sizes))).tolist():
            rows, cols = np.nonzero((values == kind) & (keys < _bound(kept[kind][0], sizes[kind])))
            here = (keys[rows, cols], rows + first_row, cols + first_col)
            joined = [np.concatenate(pair) for pair in zip(kept[kind], here, strict=True)]
            order = np.argsort(joined[0], kind="stable")[: sizes[kind]]
            kept[kind] = (joined[0][order], joined[1][order], joined[2][order])
    return {kind: (rows, cols) for kind, (_, rows, cols) in kept.items()}


def _bound(keys: NDArray[np.float64], size: int) -> float:
    """Above this number a pixel is not among the kept any more."""
    return float(keys[-1]) if len(keys) >= size > 0 else float(size > 0)


def _checked(values: NDArray[np.integer], num_classes: int) -> NDArray[np.int64]:
    flat = values.ravel().astype(np.int64)
    if flat.min(initial=0) < 0 or flat.max(initial=0) > num_classes:
        raise ValueError(
            f"The map holds class values {flat.min()} to {flat.max()}; its classes are 1 to {num_classes}."
        )
    return flat
