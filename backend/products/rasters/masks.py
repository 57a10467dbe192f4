"""Which pixels of a raster count by its own masks: a .msk file, an internal mask, an alpha band."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.errors import RasterioError
from rasterio.windows import Window

from ...cube import Mask

LOOKS, LOOK = 3, 64
"""An alpha band is looked at in so many windows a side, of so many pixels a side."""


def alpha_bands(dataset: Any) -> list[int]:
    """Bands, from 0, that say how opaque a pixel is.

    GDAL calls the fourth band of any four bytes so: only a band whose values are nearly all nothing or all count.
    """
    named = [at for at, meaning in enumerate(dataset.colorinterp) if meaning == ColorInterp.alpha]
    return [at for at in named if _is_alpha(dataset, at)]


class Masks:
    """The masks of an open dataset; ``any`` says whether there are some."""

    def __init__(self, dataset: Any, alpha: Sequence[int], used: Sequence[int]) -> None:
        """``alpha``: see :func:`alpha_bands`; ``used``: bands, from 0, whose masks count."""
        flags = dataset.mask_flag_enums
        shared = [at for at in used if MaskFlags.per_dataset in flags[at] and MaskFlags.alpha not in flags[at]]
        own = [at for at in used if not flags[at]]
        self._dataset, self._alpha = dataset, [at + 1 for at in alpha]
        self._masks = [at + 1 for at in (*shared[:1], *own)]
        self.any = bool(self._alpha or self._masks)

    def read(self, window: Window) -> Mask:
        """Which pixels (rows, cols) of a window count. RasterioError if the masks cannot be read."""
        counts = np.ones((window.height, window.width), dtype=bool)
        if self._alpha:
            counts &= (self._dataset.read(self._alpha, window=window) > 0).all(axis=0)
        for band in self._masks:
            counts &= self._dataset.read_masks(band, window=window) > 0
        return counts


def _is_alpha(dataset: Any, band: int) -> bool:
    """Whether a band named alpha is one, by a few windows of it."""
    dtype = np.dtype(dataset.dtypes[band])
    full = np.iinfo(dtype).max if dtype.kind in "iu" else 1
    seen: list[NDArray[np.generic]] = []
    for row in np.linspace(0, max(dataset.height - LOOK, 0), LOOKS, dtype=int):
        for col in np.linspace(0, max(dataset.width - LOOK, 0), LOOKS, dtype=int):
            area = Window(col, row, min(LOOK, dataset.width), min(LOOK, dataset.height))
            try:
                seen.append(dataset.read(band + 1, window=area).ravel())
            except RasterioError:  # told where pixels are read
                return True
    values = np.concatenate(seen)
    return len(np.unique(values)) <= 2 or bool(np.isin(values, (0, 1, full)).mean() > 0.8)
