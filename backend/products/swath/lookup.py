"""Geographic lookup tables: for every pixel of a map the line and sample of a swath that lies there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np

from ...cube import Window
from ..arrays.cube import Cube, Plane
from ..product import Stored
from .gathering import Places, gather


class Lookup:
    """``glt_x`` (sample) and ``glt_y`` (line), from 1, of one shape; 0 or less: nothing lies there."""

    def __init__(self, glt_x: h5py.Dataset, glt_y: h5py.Dataset, swath: Sequence[int], path: Path) -> None:
        """``swath``: rows and columns of what is looked up. ValueError, a sentence, if the tables are of two sizes."""
        if glt_x.ndim != 2 or glt_x.shape != glt_y.shape:
            raise ValueError(f"The scene {path} has a damaged lookup table (glt_x, glt_y). Download the file again.")
        self.shape, self.path = (int(glt_x.shape[0]), int(glt_x.shape[1])), path
        self._swath = int(swath[0]), int(swath[1])
        self._x, self._y = (Plane(one, *self.shape, path) for one in (glt_x, glt_y))
        self._last: tuple[Window, Places, Places] | None = None

    def gather(self, cube: Cube, window: Window, bands: Sequence[int], nothing: float) -> Stored:
        """Values (len(bands), rows, cols) of a window of the map; ``nothing`` where no pixel of the swath lies.

        ValueError, a sentence, if the table points outside the swath.
        """
        last = self._last
        if last is None or last[0] != window:  # mask and bands of a window come one after the other
            lines, samples = (plane.read(window).astype(np.int64) - 1 for plane in (self._y, self._x))
            last = self._last = window, lines, samples
        _, lines, samples = last
        out = np.empty((len(bands), window.rows, window.cols), cube.dtype)
        try:
            gather(out, lambda box: cube.parts(box, bands), lines, samples, self._swath, nothing)
        except IndexError as error:
            raise ValueError(
                f"The lookup table of the scene {self.path} points outside it. Download the file again."
            ) from error
        return out
