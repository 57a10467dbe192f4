"""Geographic lookup tables: for every pixel of a map the line and sample of a swath that lies there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from ..cube import Window
from .hdf5 import Cube, Plane
from .product import Stored

WASTE, SMALL = 3, 24
"""A window is halved while its pixels' box in the swath is so many times larger than what is needed of it, and its
longer side is longer than so many pixels."""


class Lookup:
    """``glt_x`` (sample) and ``glt_y`` (line), from 1, of one shape; 0 or less: nothing lies there."""

    def __init__(self, glt_x: h5py.Dataset, glt_y: h5py.Dataset, swath: Sequence[int], path: Path) -> None:
        """``swath``: rows and columns of what is looked up. ValueError, a sentence, if the tables are of two sizes."""
        if glt_x.ndim != 2 or glt_x.shape != glt_y.shape:
            raise ValueError(f"The scene {path} has a damaged lookup table (glt_x, glt_y). Download the file again.")
        self.shape, self.path = (int(glt_x.shape[0]), int(glt_x.shape[1])), path
        self._rows, self._cols = int(swath[0]), int(swath[1])
        self._x, self._y = (Plane(one, *self.shape, path) for one in (glt_x, glt_y))

    def gather(self, cube: Cube, window: Window, bands: Sequence[int], nothing: float) -> Stored:
        """Values (len(bands), rows, cols) of a window of the map; ``nothing`` where no pixel of the swath lies.

        ValueError, a sentence, if the table points outside the swath.
        """
        x, y = self._x.read(window).astype(np.int64) - 1, self._y.read(window).astype(np.int64) - 1
        if x.max() >= self._cols or y.max() >= self._rows:
            raise ValueError(f"The lookup table of the scene {self.path} points outside it. Download the file again.")
        out = np.full((len(bands), window.rows, window.cols), nothing, cube.dtype)
        self._fill(out, cube, x, y, bands)
        return out

    def _fill(self, out: Stored, cube: Cube, x: NDArray[np.int64], y: NDArray[np.int64], bands: Sequence[int]) -> None:
        seen = (x >= 0) & (y >= 0)
        if not seen.any():
            return
        lines, samples = y[seen], x[seen]
        top, left = int(lines.min()), int(samples.min())
        box = Window(top, left, int(lines.max()) - top + 1, int(samples.max()) - left + 1)
        if box.rows * box.cols > WASTE * len(lines) and max(x.shape) > SMALL:
            for half in _halves(x.shape):
                self._fill(out[(slice(None), *half)], cube, x[half], y[half], bands)
            return
        part = cube.read(box, bands).reshape(len(bands), -1)
        flat = (lines - top) * box.cols + samples - left
        if seen.all():
            out[:] = part.take(flat, axis=1).reshape(out.shape)
        else:
            out[:, seen] = part.take(flat, axis=1)


def _halves(shape: tuple[int, ...]) -> list[tuple[slice, slice]]:
    rows, cols = shape
    every = slice(None)
    if rows >= cols:
        return [(slice(0, rows // 2), every), (slice(rows // 2, rows), every)]
    return [(every, slice(0, cols // 2)), (every, slice(cols // 2, cols))]
