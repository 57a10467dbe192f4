"""Rows of windows, read once for all windows side by side: blocks that are whole rows or hold all bands are dear.

GDAL would read and unpack such blocks for every window anew, as they are more than its cache holds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from rasterio.enums import Interleaving

from ...cube import Window
from ..product import Stored

Read = Callable[[Window, Sequence[int]], Stored]
Key = tuple[int, int, tuple[int, ...]]
"""The first row, their number, and bands of what was read."""
KEPT = 192 << 20
"""Bytes of rows kept at most; wider rows are read window by window."""


class Rows:
    """The rows of the window that was read last, kept for the next one in the same rows."""

    def __init__(self, dataset: Any, eager: bool, in_strips: bool | None = None) -> None:
        """``eager``: the first window of a row reads the whole row already, else the second: it may be the only one.

        Rows that hold all bands are read whole at once in any case: GDAL is quick at these and slow at parts of them.

        ``in_strips``: whether blocks are whole rows; None: as the dataset says.
        """
        whole_rows = {shape[1] for shape in dataset.block_shapes} == {dataset.width}
        self.in_strips = whole_rows if in_strips is None else in_strips
        all_bands = dataset.interleaving == Interleaving.pixel
        self._shared = self.in_strips or all_bands
        self._width, self._dtype = dataset.width, dataset.dtypes[0]
        self._eager = (eager or all_bands) and self.in_strips
        self._last: Key | None = None
        self._kept: tuple[Key, Stored] | None = None

    def read(self, window: Window, bands: Sequence[int], read: Read) -> Stored:
        """Stored values (bands, rows, cols) of a window; ``read`` reads them from the file."""
        size = window.rows * self._width * len(bands) * np.dtype(self._dtype).itemsize
        key = (window.row, window.rows, tuple(bands))
        again, self._last = key == self._last, key
        if not (self._shared and (self._eager or again)) or window.cols == self._width or size > KEPT:
            return read(window, bands)
        if self._kept is None or self._kept[0] != key:
            self._kept = None  # before the next rows come: only one set is in memory
            self._kept = (key, read(Window(window.row, 0, window.rows, self._width), bands))
        stored: Stored = np.ascontiguousarray(self._kept[1][:, :, window.col : window.col + window.cols])
        return stored

    def forget(self) -> None:
        """Drop what is kept."""
        self._kept = None
