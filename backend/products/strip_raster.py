"""Rasters stored in large blocks of all bands, as most products are: windows side by side share the rows once read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rasterio.enums import Interleaving

from ..cube import Window
from .product import Stored
from .raster import Raster

Key = tuple[int, int, tuple[int, ...]]
"""The first row, their number, and bands of what was read."""
KEPT = 192 << 20
"""Bytes of rows kept at most; wider rows are read window by window."""


class StripRaster(Raster):
    """A raster whose rows of windows are read once and kept, where its blocks are whole rows or hold all bands.

    GDAL would read and unpack such blocks for every window anew, as they are more than its cache holds.
    """

    def __init__(self, dataset: Any, path: Path, in_strips: bool | None = None) -> None:
        """Take over an open dataset. ``in_strips``: whether it lies in such blocks; None: as the dataset says."""
        super().__init__(dataset, path)
        whole_rows = {shape[1] for shape in dataset.block_shapes} == {dataset.width}
        all_bands = dataset.interleaving == Interleaving.pixel
        self._in_strips = whole_rows if in_strips is None else in_strips
        self._in_tiles = all_bands and not self._in_strips
        if self._in_strips:
            self.block = (dataset.block_shapes[0][0], dataset.width)
        self._last: Key | None = None
        self._kept: tuple[Key, Stored] | None = None

    def read(self, window: Window, bands: Sequence[int]) -> Stored:
        """Stored values of a window. ValueError, a sentence, if the file cannot be read."""
        width = self.facts.cols
        size = window.rows * width * len(bands) * np.dtype(self.facts.dtype).itemsize
        key = (window.row, window.rows, tuple(bands))
        again, self._last = key == self._last, key
        shared = self._in_strips or (self._in_tiles and again)  # the first of a row may be the only one
        if not shared or window.cols == width or size > KEPT:
            return super().read(window, bands)
        if self._kept is None or self._kept[0] != key:
            self._kept = None  # before the next rows come: only one set is in memory
            self._kept = (key, super().read(Window(window.row, 0, window.rows, width), bands))
        stored: Stored = np.ascontiguousarray(self._kept[1][:, :, window.col : window.col + window.cols])
        return stored

    def close(self) -> None:
        """Close the dataset and drop the rows kept."""
        self._kept = None
        super().close()
