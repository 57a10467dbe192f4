"""A class map on disk: its grid, its classes by value, how many pixels each has. Read block by block."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..names import check_lengths
from .pixels import Grid, Labels
from .raster import called, check_band, check_values, opened, read_classes, value_names

MOST_CLASSES = 32_767


@dataclass(frozen=True)
class ClassMap:
    """A class map: ``values`` and ``names`` (classes,), rising by value, and ``counts`` (classes,) of its pixels."""

    path: str
    grid: Grid
    values: NDArray[np.int64]
    names: list[str]
    counts: NDArray[np.int64]

    def blocks(self) -> Iterator[tuple[int, int, NDArray[np.int64]]]:
        """(first row, first col, numbers (rows, cols)) part by part: 1 = the first class and so on, 0 = none."""
        for row, col, values in read_classes(self.path):
            numbers = np.searchsorted(self.values, values) + 1
            yield row, col, np.where(values == 0, 0, numbers)

    def at(self, labels: Labels) -> NDArray[np.int64]:
        """The number of the map's class at labelled pixels (pixels,), 0 = none."""
        found = np.zeros(len(labels), np.int64)
        for row, col, numbers in self.blocks():
            first, last = np.searchsorted(labels.rows, [row, row + len(numbers)])
            cols = labels.cols[first:last] - col
            here = np.flatnonzero((cols >= 0) & (cols < numbers.shape[1]))
            found[first + here] = numbers[labels.rows[first:last][here] - row, cols[here]]
        return found


def read_map(path: str) -> ClassMap:
    """Read a class map.

    ValueError, a sentence, if it is no raster with one band of whole numbers from 0, or a class's name is too long.
    """
    with opened(path, "class map") as dataset:
        check_band(dataset, "class map")
        grid, names = Grid(dataset.crs, dataset.transform, dataset.height, dataset.width), value_names(dataset)
    what, counts = f"class map {Path(path).name}", Counter[float]()
    for _, _, values in read_classes(path):
        found, numbers = np.unique(values, return_counts=True)
        check_values(found, what)
        counts.update(dict(zip(found.tolist(), numbers.tolist(), strict=True)))
        if len(counts) > MOST_CLASSES:
            raise ValueError(
                f"The {what} holds more than {MOST_CLASSES} values, and so no classes. Choose another raster."
            )
    counts.pop(0, None)
    if not counts:
        raise ValueError(f"The {what} holds no class: all its pixels are 0 or nodata.")
    order = np.array(sorted(counts), dtype=np.int64)
    texts = called(order, names)
    check_lengths(texts)
    return ClassMap(str(path), grid, order, texts, np.array([counts[value] for value in order.tolist()]))
