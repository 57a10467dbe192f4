"""Windows of a scene and the cubes read from them: plain values, no files."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]
Classes = NDArray[np.int16]
STEPS = (0.7548776662466927, 0.5698402909980532)
"""Multiples of this vector, without their whole parts, spread evenly over the unit square (the R2 sequence)."""
WHOLE_TILES = 3
"""A scene of no more pixels than so many tiles is sampled whole."""
MAX_TILES = 4096
"""So many tiles at most are looked at for pixels with data, however large the scene."""


@dataclass(frozen=True)
class Window:
    """A part of a scene: its core, where results are kept, and around it a halo that is only read. Units: pixels."""

    row: int
    col: int
    rows: int
    cols: int
    halo: tuple[int, int, int, int] = (0, 0, 0, 0)
    """Top, bottom, left, right; 0 where the scene ends."""

    @property
    def core(self) -> tuple[slice, slice]:
        """Where the core lies within what was read."""
        top, _, left, _ = self.halo
        return slice(top, top + self.rows), slice(left, left + self.cols)


@dataclass(frozen=True)
class Cube:
    """The pixels of one window, halo included: ``reflectance`` (bands, rows, cols), ``valid`` (rows, cols).

    Pixels that are not valid hold 0 in every band. Only good bands are in it.
    """

    window: Window
    reflectance: Array
    valid: Mask

    @property
    def pixels(self) -> Array:
        """The valid pixels (pixels, bands)."""
        return self.reflectance[:, self.valid].T


def partition(rows: int, cols: int, size: int, halo: int = 0) -> list[Window]:
    """Windows that cover rows x cols pixels, ``size`` a side at most, with ``halo`` more to each side within the scene.

    Neighbours are of nearly equal size, so that no sliver is left at the end.
    """
    found = []
    for top, bottom in pairwise(_edges(rows, size)):
        for left, right in pairwise(_edges(cols, size)):
            around = (min(halo, top), min(halo, rows - bottom), min(halo, left), min(halo, cols - right))
            found.append(Window(top, left, bottom - top, right - left, around))
    return found


def tiles(rows: int, cols: int, size: int) -> list[Window]:
    """Tiles to sample rows x cols pixels by: of one shape, ``size`` a side at most, one in the middle of each part.

    They lie side by side, or apart where more than MAX_TILES would be needed; a small scene is one tile, whole.
    """
    if rows * cols <= WHOLE_TILES * size * size:
        return [Window(0, 0, rows, cols)]
    stride = size
    while math.ceil(rows / stride) * math.ceil(cols / stride) > MAX_TILES:
        stride += max(1, stride // 16)
    parts = partition(rows, cols, stride)
    height, width = min(size, *(part.rows for part in parts)), min(size, *(part.cols for part in parts))
    return [
        Window(part.row + (part.rows - height) // 2, part.col + (part.cols - width) // 2, height, width)
        for part in parts
    ]


def spread(windows: list[Window]) -> list[Window]:
    """All windows in an order whose every beginning is spread evenly over the scene, in rows and columns.

    Equal steps through the list would meet one column only where a step is as long as a row of windows.
    """
    cols = len({window.col for window in windows})
    rows = len(windows) // cols
    points = ((int((0.5 + i * STEPS[0]) % 1 * rows), int((0.5 + i * STEPS[1]) % 1 * cols)) for i in range(len(windows)))
    order = dict.fromkeys([*(row * cols + col for row, col in points), *range(len(windows))])
    return [windows[index] for index in order]


def _edges(length: int, size: int) -> list[int]:
    parts = math.ceil(length / size)
    return [round(index * length / parts) for index in range(parts + 1)]
