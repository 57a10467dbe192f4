"""Spatially disjoint splits: whole blocks of the scene train, validate or test."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ..labels import Labels
from ..labels.pixels import counted
from .split import TEST, TRAIN, UNUSED, VALIDATION, Shares, Split, checked, made

Integers = NDArray[np.integer]
SMALLEST = 16
"""Pixels a side of the smallest automatic block without a gap; in a small scene an eighth of its length."""
ENOUGH = 6
"""In so many blocks a class should lie for its training and test pixels to be chosen."""
MANY = 10
"""Blocks that intervals are resampled from, if smaller blocks make as many."""
ATTEMPTS = 16
BUDGET = 2_000_000
"""Pixels looked at in all attempts together."""


def block_split(
    labels: Labels,
    block: int | None = None,
    gap: int = 0,
    shares: Sequence[float] = (0.6, 0.1, 0.3),
    seed: int = 0,
) -> Split:
    """Cut the scene into blocks of ``block`` pixels a side and give each, whole, to training, validation or test.

    Blocks are dealt out so that every class comes near ``shares``, those of the rarest classes first (iterative
    stratification: Sechidis, Tsoumakas, Vlahavas, ECML PKDD 2011); of several deals the best is kept. Then training
    pixels nearer than ``gap`` pixels (the larger of row and column distance) to a validation or test pixel are not
    used. ``block=None`` chooses the size: at least 4 gaps, and as large as leaves each class enough blocks. A class
    within one block trains, and is named as not tested.
    """
    parts_of = checked(shares)
    if gap < 0 or (block is not None and block < 1):
        raise ValueError(f"Blocks need 1 pixel or more and the gap 0 or more, not {block} and {gap}.")
    size = automatic_block(labels, gap) if block is None else block
    generator = np.random.default_rng(seed)
    best, score = np.empty(0, np.int64), (-1.0, 0.0)
    for _ in range(max(1, min(ATTEMPTS, BUDGET // max(1, len(labels))))):
        blocks = block_numbers(labels, size, generator.integers(size, size=2))
        for parts in _cleared(labels, blocks, _dealt(labels, blocks, parts_of, generator), gap):
            reached = _score(labels, parts, parts_of)
            if reached > score:
                best, score = parts, reached
    if parts_of[TEST] > 0 and not (best == TEST).any():
        raise ValueError(
            f"With blocks of {size} pixels and a gap of {gap}, no test pixels are left beside the training pixels. "
            "Choose a smaller gap or other blocks, or add training areas elsewhere in the scene."
        )
    return made(labels, best, _notices(labels, best, size))


def automatic_block(labels: Labels, gap: int) -> int:
    """The largest block, of 4 gaps at least, at which every class lies in about as many blocks as it needs."""
    length = 1 + max(int(np.ptp(labels.rows)), int(np.ptp(labels.cols)))
    least = max(1, min(SMALLEST, length // 8), 4 * gap)
    size = max(least, length // 2)
    wanted = np.minimum(_spread(labels, least), ENOUGH)
    while size > least and (_spread(labels, size) < wanted).any():
        size = max(least, int(size / 1.25))
    return size


def block_numbers(labels: Labels, size: int, origin: Integers | Sequence[int] = (0, 0)) -> NDArray[np.int64]:
    """The number of the block each pixel lies in (pixels,), from 0 without gaps; the grid is moved by ``origin``."""
    rows, cols = (labels.rows.astype(np.int64) + origin[0]) // size, (labels.cols.astype(np.int64) + origin[1]) // size
    return np.asarray(np.unique(rows * (cols.max(initial=0) + 1) + cols, return_inverse=True)[1])


def resampling_blocks(labels: Labels, size: int) -> NDArray[np.int64]:
    """The number of the block each pixel lies in (pixels,), for intervals by resampling blocks.

    Blocks of ``size`` pixels, halved down to 16 while the pixels lie in fewer than ten: of few there is little to draw.
    """
    found = block_numbers(labels, size)
    while size >= 2 * SMALLEST and found.max(initial=-1) + 1 < MANY:
        size //= 2
        found = block_numbers(labels, size)
    return found


def _spread(labels: Labels, size: int) -> NDArray[np.int64]:
    """In how many blocks each class lies (classes,)."""
    blocks = block_numbers(labels, size)
    return np.bincount(_pairs(labels.values, blocks), minlength=len(labels.classes) + 1)[1:]


def _pairs(first: Integers, second: Integers) -> NDArray[np.int64]:
    """The first of each pair of numbers that occurs, once for every second."""
    width = int(second.max(initial=0)) + 1
    return np.unique(first.astype(np.int64) * width + second) // width


def _dealt(
    labels: Labels, blocks: NDArray[np.int64], shares: Shares, generator: np.random.Generator
) -> NDArray[np.int64]:
    """The part of every pixel (pixels,): blocks of the rarest class first, each to the part that lacks most of it."""
    num_classes, num_blocks = len(labels.classes), int(blocks.max(initial=-1)) + 1
    held = np.zeros((num_blocks, num_classes), np.int64)
    np.add.at(held, (blocks, labels.values - 1), 1)
    wished = np.outer(shares, held.sum(axis=0)).astype(float)
    dealt = np.full(num_blocks, UNUSED)
    for kind in np.argsort((held > 0).sum(axis=0), kind="stable"):
        mine = np.flatnonzero((held[:, kind] > 0) & (dealt == UNUSED))
        order = mine[np.lexsort((generator.random(len(mine)), -held[mine, kind] // _step(held[mine, kind])))]
        for block in order:
            lacking = wished[:, kind] + 1e-6 * wished.sum(axis=1)  # then what lacks most altogether
            part = int(np.argmax(np.where(np.array(shares) > 0, lacking, -np.inf)))
            dealt[block] = part
            wished[part] -= held[block]
    return np.asarray(dealt[blocks])


def _step(sizes: Integers) -> int:
    """Blocks within such a step of size are dealt out in chance order, larger ones first."""
    return max(1, int(sizes.max(initial=1)) // 3)


def _clear(labels: Labels, parts: NDArray[np.int64], gap: int) -> NDArray[np.int64]:
    """The parts with training pixels nearer than ``gap`` to a validation or test pixel taken out."""
    held = (parts == VALIDATION) | (parts == TEST)
    training = np.flatnonzero(parts == TRAIN)
    if gap > 1 and held.any() and len(training):
        places = np.column_stack([labels.rows, labels.cols])
        distances, _ = cKDTree(places[held]).query(places[training], p=np.inf, distance_upper_bound=gap - 0.5)
        parts = parts.copy()
        parts[training[np.isfinite(distances)]] = UNUSED
    return parts


def _cleared(
    labels: Labels, blocks: NDArray[np.int64], parts: NDArray[np.int64], gap: int
) -> Iterator[NDArray[np.int64]]:
    """The parts with the gap cleared; if it eats up a class, also with all blocks of that class for training."""
    cleared = _clear(labels, parts, gap)
    yield cleared
    lost = np.bincount(labels.values[cleared == TRAIN], minlength=len(labels.classes) + 1) == 0
    if lost[1:].any():
        theirs = np.isin(blocks, blocks[lost[labels.values]])
        yield _clear(labels, np.where(theirs, TRAIN, parts), gap)


def _score(labels: Labels, parts: NDArray[np.int64], shares: Shares) -> tuple[float, float]:
    """How good a split is: classes that train plus those that also test, then how near the shares are (0 is best)."""
    size = len(labels.classes) + 1
    counts = np.stack(
        [np.bincount(labels.values[parts == part], minlength=size)[1:] for part in (TRAIN, VALIDATION, TEST)]
    )
    needed = [part for part in (TRAIN, TEST) if shares[part] > 0]
    complete = (counts[needed] > 0).all(axis=0).sum()
    wished = np.outer(shares, labels.counts)
    off = np.abs(counts - wished).sum(axis=0) / np.maximum(1, labels.counts)
    return float((counts[TRAIN] > 0).sum() + complete), -float(off.mean())


def _notices(labels: Labels, parts: NDArray[np.int64], size: int) -> list[str]:
    notices = [f"Blocks of {size} x {size} pixels train, validate or test as a whole."]
    unused = int((parts == UNUSED).sum())
    if unused:
        notices.append(f"{counted(unused, 'training pixel')} too near to validation or test pixels and not used.")
    used = parts != UNUSED
    cut = int((np.bincount(_pairs(labels.groups[used], parts[used])) > 1).sum())
    if cut:
        verb = "area has" if cut == 1 else "areas have"
        notices.append(f"{cut} {verb} pixels in more than one part, because a border of blocks cuts them.")
    return notices
