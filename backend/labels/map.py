"""A class map on disk: its grid, its classes by value, how many pixels each has. Read block by block."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..names import check_lengths
from .class_values import called, check_values, value_names, zero_of
from .lying import raster_grid
from .pixels import Grid, Labels
from .single import blocks, check_band, opened

WHAT = "class map"
MOST_CLASSES = 32_767


@dataclass(frozen=True)
class ClassMap:
    """A class map: ``values`` and ``names`` (classes,), rising by value, and ``counts`` (classes,) of its pixels.

    0 is among the values only where it is a class; see :mod:`.class_values`. ``notices``: what is to be said of it.
    """

    path: str
    grid: Grid
    values: NDArray[np.int64]
    names: list[str]
    counts: NDArray[np.int64]
    notices: list[str] = field(default_factory=list)

    def blocks(self) -> Iterator[tuple[int, int, NDArray[np.int64]]]:
        """(first row, first col, numbers (rows, cols)) part by part: 1 = the first class and so on, 0 = none."""
        with opened(self.path, WHAT) as dataset:
            for row, col, values, there in blocks(dataset):
                numbers = np.searchsorted(self.values, values) + 1
                none = ~there if self.values[0] == 0 else ~there | (values == 0)
                yield row, col, np.where(none, 0, numbers)

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
    what, counts = f"class map {Path(path).name}", Counter[float]()
    with opened(path, WHAT) as dataset:
        check_band(dataset, WHAT)
        grid, names = raster_grid(dataset), value_names(dataset)
        zero = zero_of(dataset, names)
        for _, _, values, there in blocks(dataset):
            found, numbers = np.unique(values[there], return_counts=True)
            check_values(found, what)
            counts.update(dict(zip(found.tolist(), numbers.tolist(), strict=True)))
            if len(counts) > MOST_CLASSES:
                raise ValueError(
                    f"The {what} holds more than {MOST_CLASSES} values, and so no classes. Choose another raster."
                )
    notices = zero.notices(what, counts[0])
    if not zero.counts:
        del counts[0]
    if not counts:
        raise ValueError(f"The {what} holds no class: all its pixels are 0 or nodata.")
    order = np.array(sorted(counts), dtype=np.int64)
    texts = called(order, names)
    check_lengths(texts)
    pixels = np.array([counts[value] for value in order.tolist()])
    return ClassMap(str(path), grid, order, texts, pixels, notices)
