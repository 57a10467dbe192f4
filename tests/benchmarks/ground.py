"""The labelled pixels of a benchmark scene and their split, as a scene file's ``[labels]`` describes them.

Labels are a class raster or table (``classes`` names its values from 1, after ``values`` has said what each becomes
where files count otherwise; ``colours`` gives some of them theirs), or a layer of areas with a ``field``. Either two
are given, ``training`` and ``test``; or one, ``all``, with squares of ``tile`` pixels that train and test
(``training_tiles``, ``test_tiles``: row and column where each begins), or else split into blocks ``gap`` pixels apart
as Mixel does: all pixels, or those in training tiles where there are no test tiles. Validation pixels are drawn from
the training pixels, in squares of ``block``; never from the test pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.cube import Cube
from backend.labels import Grid, Labels, limit, make_classes, read_labels
from backend.splits import Split, automatic_block, block_split, given_split, resampling_blocks
from tests.benchmarks.tables import Files

SHARES = (0.6, 0.1, 0.3)
"""Training, validation and test of a split into blocks: what the task takes by default."""
VALIDATION = 0.1
KEYS = {
    "classes",
    "colours",
    "training",
    "test",
    "all",
    "tile",
    "training_tiles",
    "test_tiles",
    "block",
    "gap",
    "curves",
}


@dataclass(frozen=True)
class Truth:
    """Labels and split. ``block``: pixels a side of the squares that count as one in intervals.

    ``drawn``: whether every seed is another split.
    """

    labels: Labels
    split: Split
    block: int
    drawn: bool

    def training(self, per_class: int, seed: int) -> tuple[Labels, Labels]:
        """Training and validation pixels; with ``per_class`` so many of each train and none validate."""
        parts = [self.labels.select(mask) for mask in (self.split.train, self.split.validation)]
        if not per_class:
            return parts[0], parts[1]
        both = self.labels.select(self.split.train | self.split.validation)
        return limit(both, per_class, seed), both.select(np.zeros(len(both), bool))

    def blocks(self, asked: NDArray[np.bool_]) -> NDArray[np.int64]:
        """The number of the block that each labelled pixel asked for lies in (asked pixels,).

        It is that of its place, the same in every split.
        """
        if self.drawn:
            return resampling_blocks(self.labels, self.block)[asked]
        return resampling_blocks(self.labels.select(asked), self.block)


def truth(files: Files, given: Mapping[str, Any], cube: Cube, grid: Grid | None, seed: int) -> Truth:
    """What ``[labels]`` says. ValueError, a sentence, if it cannot be."""
    unknown = sorted(set(given) - KEYS)
    if unknown:
        raise ValueError(f"[labels] has {', '.join(sorted(KEYS))}, not {unknown[0]}")
    block = int(given.get("block", 1))
    if "training" in given:
        training, test = (_table(files, given[part], cube) for part in ("training", "test"))
        test = np.where(training > 0, 0, test)
        return _given(given, training, test, block, seed)
    labels = _all(files, given, cube, grid)
    if "tile" in given:
        values = np.zeros(cube.valid.shape, np.int16)
        values[labels.rows, labels.cols] = labels.values
        training = _inside(values, given["tile"], given["training_tiles"])
        if "test_tiles" in given:
            return _given(given, training, _inside(values, given["tile"], given["test_tiles"]), block, seed)
        labels = _labels(training, given)
    gap = int(given["gap"])
    split = block_split(labels, None, gap, SHARES, seed)
    return Truth(labels, split, automatic_block(labels, gap), drawn=True)


def _given(given: Mapping[str, Any], training: NDArray[Any], test: NDArray[Any], block: int, seed: int) -> Truth:
    parts = [_labels(part, given) for part in (training, test)]
    labels, split = given_split(parts[0], parts[1], VALIDATION, block, 0, seed)
    return Truth(labels, split, given.get("tile") or automatic_block(labels, 0), drawn=False)


def _all(files: Files, given: Mapping[str, Any], cube: Cube, grid: Grid | None) -> Labels:
    """Labels of the whole scene, on pixels that hold data."""
    described = given["all"]
    if "field" not in described:
        return _labels(_table(files, described, cube), given)
    if grid is None:
        raise ValueError("[labels] all: a layer needs a cube that knows where it lies")
    source = {"path": str(files.path(described["file"])), "field": described["field"]}
    labels = read_labels({**source, "colours": given.get("colours", {})}, grid)
    return labels.select(cube.valid[labels.rows, labels.cols])


def _table(files: Files, given: Mapping[str, Any], cube: Cube) -> NDArray[np.int16]:
    """Class values (rows, cols), 0 without a label or without data."""
    raster, table = given["file"].endswith(".tif"), {key: value for key, value in given.items() if key != "values"}
    values = files.table(table, "bands rows cols")[0] if raster else files.table(table, "rows cols")
    if values.shape != cube.valid.shape:
        raise ValueError(f"{given['file']} has {values.shape} pixels and the cube {cube.valid.shape}")
    found = np.where(cube.valid, np.nan_to_num(values), 0).astype(np.int16)
    return np.array([0, *given["values"]], np.int16)[found] if "values" in given else found


def _inside(values: NDArray[np.int16], side: int, corners: list[list[int]]) -> NDArray[np.int16]:
    """The values inside squares, 0 elsewhere."""
    found = np.zeros_like(values)
    for row, col in corners:
        found[row : row + side, col : col + side] = values[row : row + side, col : col + side]
    return found


def _labels(values: NDArray[np.int16], given: Mapping[str, Any]) -> Labels:
    """All labelled pixels of an image of class values, named by ``classes`` in order; each is an area of its own."""
    names = given["classes"]
    rows, cols = np.nonzero(values)
    if values.max(initial=0) > len(names):
        raise ValueError(f"[labels] classes names {len(names)} classes; the values go up to {values.max()}")
    areas = np.arange(len(rows), dtype=np.int32)
    found = Labels(
        rows.astype(np.int32),
        cols.astype(np.int32),
        values[rows, cols],
        areas,
        make_classes(names, given.get("colours")),
    )
    return replace(found, values=found.values.astype(np.int16))
