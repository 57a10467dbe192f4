"""From labelled areas to what a classifier learns from: labels, split, tiles of the scene; and what is to be told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import psutil
from numpy.typing import NDArray

from ..cube import Array, Window
from ..labels import Labels, class_weights, limit
from ..methods.contract import Labelled, Plan, TrainingData
from ..record import Run
from ..report import Section, Table
from ..scene import Scene
from ..splits import Leakage, Split, automatic_block, block_split, given_split, leakage, random_split, resampling_blocks
from .labelled import labels_of, windows_of

MOST_GAP = 16
"""Pixels. A gap as wide as a method sees beyond this would leave few training pixels: the user is told instead."""
MEMORY_SHARE = 0.4
"""Of the free memory that the tiles of a training may take."""
LEAST_TRAINING = 0.05


@dataclass(frozen=True)
class Ground:
    """What is known of a scene's pixels, and who may see what.

    ``training``: the pixels of the split that are trained on, all or so many of each class. ``blocks`` (test pixels,):
    the block each lies in, for intervals. ``leak``: between these two, for a method of the plan's halo.
    """

    labels: Labels
    split: Split
    training: Labels
    test: Labels
    blocks: NDArray[np.int64]
    leak: Leakage
    how: str


def ground(run: Run, plan: Plan) -> Ground:
    """Read the labels of a job and split them. ValueError, a sentence, if they cannot serve.

    Blocks are kept apart so that no training pixel lies within what the method sees around a test pixel, if it sees
    fewer than MOST_GAP pixels to each side. The surroundings of the two may overlap nevertheless.
    """
    options, gap = run.options, min(plan.halo + 1, MOST_GAP) if plan.halo else 0
    labels, split, how = _split(run, gap)
    training = labels.select(split.train)
    if options.per_class:
        training = limit(training, options.per_class, options.split_seed)
    test = labels.select(split.test)
    blocks = np.empty(0, np.int64)
    if len(test):
        blocks = resampling_blocks(test, options.block or automatic_block(labels, gap))
    return Ground(labels, split, training, test, blocks, leakage(training, test, 2 * plan.halo + 1), how)


def training_data(run: Run, plan: Plan, known: Ground) -> TrainingData:
    """The tiles that hold training and validation pixels, each with the plan's halo around its labelled pixels.

    ValueError if they take too much memory.
    """
    scene, validation = run.scene, known.labels.select(known.split.validation)
    _check_memory(scene, [known.training, validation], plan)
    training, held = (list(tiles(scene, one, plan.tile, plan.halo)) for one in (known.training, validation))
    size = len(known.labels.classes)
    found = np.concatenate([tile.classes for tile in training] or [np.empty(0, np.int16)])
    counts = np.bincount(found, minlength=size + 1)[1:]
    return TrainingData(training, held, size, class_weights(counts, run.options.balance), scene.wavelengths)


def tiles(scene: Scene, labels: Labels, size: int, halo: int) -> Iterator[Labelled]:
    """The parts of a scene that hold labelled pixels: squares of ``size`` pixels cut down to these, with a halo.

    Pixels without data lose their label; a part without any label left is left out.
    """
    for window in windows(scene, labels, size, halo):
        cube = scene.read(window)
        here = np.where(cube.valid, labels.on(window), 0).astype(np.int16)
        if here.any():
            yield Labelled(cube, here)


def windows(scene: Scene, labels: Labels, size: int, halo: int) -> list[Window]:
    """The windows of :func:`tiles`: every labelled pixel lies in the core of one."""
    found = []
    for one, _ in windows_of(scene, labels, size):
        below, right = scene.rows - one.row - one.rows, scene.cols - one.col - one.cols
        around = (min(halo, one.row), min(halo, below), min(halo, one.col), min(halo, right))
        found.append(replace(one, halo=around))
    return found


def pixels_of(data: list[Labelled]) -> tuple[Array, NDArray[np.int16]]:
    """Spectra (pixels, bands) and classes (pixels,) of all labelled pixels."""
    return np.concatenate([one.pixels for one in data]), np.concatenate([one.classes for one in data])


def tell(run: Run, known: Ground) -> None:
    """Tell the user what the labels and the split are like, and where test pixels are too near to training pixels.

    Of pixels drawn at random the split's own notices say so.
    """
    for notice in (*known.labels.notices, *known.split.notices):
        run.notice(notice)
    drawn = run.options.split == "random" and "test" not in run.job.inputs
    if known.leak.in_patch > 0 and not drawn:
        reach, share = known.leak.patch // 2, 100 * known.leak.in_patch
        run.notice(
            f"The method sees {reach} pixels to each side, and {share:.3g} % of the test pixels have a training pixel "
            "within that, so that their accuracy may be somewhat too good; test areas farther away tell more."
        )


def section(known: Ground) -> Section:
    """What the report says of the labelled pixels: how many of which class, how they were split, what leaks."""
    counts = known.split.counts
    kept = known.training.counts
    lines = [
        (one.name, *(f"{number}" for number in (kept[one.value - 1], *counts[1:, one.value - 1])))
        for one in known.labels.classes
    ]
    lines.append(("All", str(kept.sum()), *(str(number) for number in counts[1:].sum(axis=1))))
    table = Table(("Class", "Training pixels", "Validation pixels", "Test pixels"), lines, known.how)
    return Section("Labelled pixels", rows=_leakage_rows(known.leak), tables=[table])


def _leakage_rows(leak: Leakage) -> list[tuple[str, str]]:
    if np.isnan(leak.in_patch):
        return []
    side = f"{leak.patch} x {leak.patch} pixels"
    return [
        (f"Test pixels with a training pixel within what the method sees ({side})", f"{100 * leak.in_patch:.1f} %"),
        ("Test pixels whose surroundings overlap those of a training pixel", f"{100 * leak.overlapping:.1f} %"),
        ("Median distance of a test pixel to a training pixel of its class", f"{leak.median_distance:.1f} pixels"),
    ]


def _split(run: Run, gap: int) -> tuple[Labels, Split, str]:
    """Labels, their split, and in words how it was made."""
    options, inputs = run.options, run.job.inputs
    labels = labels_of(run, "training")
    block, seed, held = options.block or None, options.split_seed, options.validation_share
    if "test" in inputs:
        test = labels_of(run, "test", least=1)
        labels, split = given_split(labels, test, held, block, gap, seed)
        return labels, split, "Test pixels are those of the given test areas."
    tested = 0.0 if options.split == "none" else options.test_share
    shares = (1 - held - tested, held, tested)
    if shares[0] < LEAST_TRAINING:
        raise ValueError(
            f"'Test share' and 'Validation share' leave {100 * max(shares[0], 0):.0f} % of the labelled pixels for "
            "training; lower them."
        )
    if options.split == "random":
        return labels, random_split(labels, shares, seed), "Test pixels were drawn at random."
    split = block_split(labels, block, gap, shares, seed)
    size = block or automatic_block(labels, gap)
    apart = f"Whole blocks of {size} x {size} pixels train, validate or test"
    apart += f", at least {gap} pixels apart." if gap else "."
    return labels, split, apart


def _check_memory(scene: Scene, labels: list[Labels], plan: Plan) -> None:
    found = [window for one in labels for window in windows(scene, one, plan.tile, plan.halo)]
    sides = [(one.rows + sum(one.halo[:2]), one.cols + sum(one.halo[2:])) for one in found]
    needed = 4.0 * scene.bands * sum(rows * cols for rows, cols in sides)
    most = MEMORY_SHARE * psutil.virtual_memory().available
    if needed > most:
        raise ValueError(
            f"The training areas and what lies around them take {needed / 1e9:.1f} GB of memory, and {most / 1e9:.1f} "
            "GB can be spared. Set 'Training pixels per class', or draw fewer training areas."
        )
