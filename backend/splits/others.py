"""Splits that are not made of blocks: at random, or as the analyst gives them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..labels import Labels
from ..labels.pixels import counted, listed
from .blocks import block_split
from .split import TEST, TRAIN, UNUSED, VALIDATION, Split, checked, made

RANDOM = (
    "The split is random by pixel: test pixels lie beside training pixels, so that the accuracy is too good. It is for "
    "comparison only; use blocks to know how the map is elsewhere."
)


def random_split(labels: Labels, shares: Sequence[float] = (0.6, 0.1, 0.3), seed: int = 0) -> Split:
    """Deal out the pixels of every class at random: one at least for training, then test, then validation."""
    keys = np.random.default_rng(seed).random(len(labels))
    parts = np.full(len(labels), UNUSED)
    for value in range(1, len(labels.classes) + 1):
        mine = np.flatnonzero(labels.values == value)
        mine = mine[np.argsort(keys[mine])]
        train, validation, _ = sizes(len(mine), checked(shares))
        parts[mine[:train]] = TRAIN
        parts[mine[train : train + validation]] = VALIDATION
        parts[mine[train + validation :]] = TEST
    return made(labels, parts, [RANDOM])


def sizes(number: int, shares: Sequence[float]) -> tuple[int, int, int]:
    """How many of ``number`` pixels go to training, validation and test; a part that has a share gets one if it can."""
    order = [part for part in (TRAIN, TEST, VALIDATION) if shares[part] > 0]
    found = [0, 0, 0]
    for part in order[:number]:
        found[part] = 1
    for _ in range(number - sum(found)):
        lacking = [share * number - have if share > 0 else -np.inf for share, have in zip(shares, found, strict=True)]
        found[int(np.argmax(lacking))] += 1
    return found[0], found[1], found[2]


def given_split(
    training: Labels, test: Labels, validation: float = 0.1, block: int | None = None, gap: int = 0, seed: int = 0
) -> tuple[Labels, Split]:
    """A split the analyst brings: labels that train and labels that test; gives both as one, and the split.

    Classes are matched by name; test pixels of a class without training pixels are left out and named, as are training
    pixels that test too. ``validation``: this share of the training pixels, by blocks, with ``gap`` between.
    """
    names = [one.name for one in training.classes]
    unknown = [one.name for one in test.classes if one.name not in names]
    lookup = np.array([0] + [names.index(one.name) + 1 if one.name in names else 0 for one in test.classes])
    asked = test.select(lookup[test.values] > 0)
    asked = replace(asked, values=lookup[asked.values].astype(np.int16), classes=training.classes)
    kept = ~_meets(training, asked)
    learnt = training.select(kept)
    if not len(asked):
        raise ValueError(f"No test label has a class of the training labels ({listed(names)}).")
    notices = []
    if unknown:
        notices.append(f"Classes of the test labels without training labels, left out: {listed(unknown)}.")
    if not kept.all():
        notices.append(f"{counted(int((~kept).sum()), 'training pixel')} also in the test labels and not used.")
    return _joined(learnt, asked, _validation(learnt, validation, block, gap, seed), notices)


def _validation(learnt: Labels, share: float, block: int | None, gap: int, seed: int) -> NDArray[np.integer]:
    """The part of every training pixel."""
    parts = np.full(len(learnt), TRAIN)
    if share > 0:
        split = block_split(learnt, block, gap, (1 - share, share, 0), seed)
        parts[split.validation] = VALIDATION
        parts[~split.validation & ~split.train] = UNUSED
    return parts


def _joined(learnt: Labels, asked: Labels, parts: NDArray[np.integer], notices: list[str]) -> tuple[Labels, Split]:
    """Both as one, in the order of rows, then columns."""
    both = [np.concatenate([getattr(part, name) for part in (learnt, asked)]) for name in ("rows", "cols", "values")]
    groups = np.concatenate([learnt.groups, asked.groups + learnt.groups.max(initial=-1) + 1]).astype(np.int32)
    order = np.lexsort((both[1], both[0]))
    labels = Labels(both[0][order], both[1][order], both[2][order], groups[order], learnt.classes)
    labels = replace(labels, notices=[*learnt.notices, *asked.notices])
    return labels, made(labels, np.concatenate([parts, np.full(len(asked), TEST)])[order], notices)


def _meets(first: Labels, second: Labels) -> NDArray[np.bool_]:
    """Which pixels of the first are in the second too."""
    width = 1 + max(int(first.cols.max(initial=0)), int(second.cols.max(initial=0)))
    here, there = (one.rows.astype(np.int64) * width + one.cols for one in (first, second))
    return np.isin(here, there)
