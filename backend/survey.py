"""What a sample of a scene's values tells and its file does not say: bands without information, reflectance scale."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .facts import MIN_BANDS

ALL_NODATA = (
    "Every pixel of the scene is nodata, or all but a few; check the layer's nodata value, cut the scene down to its "
    "data or choose another scene."
)
Mask = NDArray[np.bool_]
Stored = NDArray[np.generic]
HUGE = 1e30
"""Nothing measured is as large: programs mark missing pixels by it (-3.4e38) and often do not say so."""


@dataclass(frozen=True)
class Survey:
    """``bright``: the 99th percentile of the stored values, which are of the type ``dtype``.

    ``informative`` (bands,): bands that vary and hold at least half as many usable values as the best band; a nodata
    value in one band costs the whole pixel, so a band that is mostly nodata would cost most of the scene.
    """

    informative: Mask
    bright: float
    dtype: np.dtype[np.generic]

    @classmethod
    def of(cls, tiles: Iterable[Stored], nodata: float | None) -> Survey:
        """Survey tiles of stored values (bands, rows, cols). ValueError if too few bands say anything."""
        lows, highs, counts, bright = [], [], [], []
        for tile in tiles:
            usable = usable_values(tile, nodata)
            values = np.where(usable, tile, np.nan).astype(np.float32).reshape(len(tile), -1)
            lows.append(np.where(usable.any(axis=(1, 2)), np.nanmin(values, axis=1, initial=np.inf), np.inf))
            highs.append(np.where(usable.any(axis=(1, 2)), np.nanmax(values, axis=1, initial=-np.inf), -np.inf))
            counts.append(usable.sum(axis=(1, 2)))
            bright.append(float(np.nanquantile(values, 0.99)) if usable.any() else -math.inf)
        if not math.isfinite(max(bright)):
            raise ValueError(ALL_NODATA)
        count = np.sum(counts, axis=0)
        informative = (np.min(lows, axis=0) < np.max(highs, axis=0)) & (2 * count >= count.max())
        if informative.sum() < MIN_BANDS:
            raise ValueError(
                f"Only {informative.sum()} bands of the scene vary from pixel to pixel and are not mostly nodata; "
                f"Mixel needs at least {MIN_BANDS}. Choose another scene or check the nodata value."
            )
        return cls(informative, max(bright), tile.dtype)

    def scale(self) -> float:
        """The stored value that means reflectance 1, as products of this type use it.

        Dark scenes too: whole numbers are ten-thousandths even over water. Bright pixels come out at 2 at most.
        """
        if self.bright <= 2:
            return 1.0
        if self.dtype.itemsize == 1:
            return 255.0
        if self.dtype.kind == "f" and self.bright <= 200:
            return 100.0
        return max(1e4, 10.0 ** math.ceil(math.log10(self.bright / 2)))


def usable_values(stored: Stored, nodata: float | None) -> Mask:
    """Which stored values are numbers of a measurement and not nodata, in the shape of ``stored``."""
    usable: Mask = np.abs(stored) < HUGE if stored.dtype.kind == "f" else np.isfinite(stored)
    if nodata is not None and math.isfinite(nodata):
        usable &= stored != np.float64(nodata).astype(stored.dtype)
    return usable
