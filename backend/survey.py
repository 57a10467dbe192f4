"""What a sample of a scene's values tells and its file does not say: bands without information, reflectance scale."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .facts import MIN_BANDS

Mask = NDArray[np.bool_]
Stored = NDArray[np.generic]
HUGE = 1e30
"""Nothing measured is as large: programs mark missing pixels by it (-3.4e38) and often do not say so."""


@dataclass(frozen=True)
class Survey:
    """``informative`` (bands,): bands that vary; ``bright``: the 99th percentile of their stored values."""

    informative: Mask
    bright: float

    @classmethod
    def of(cls, tiles: Iterable[Stored], nodata: float | None) -> Survey:
        """Survey tiles of stored values (bands, rows, cols). ValueError if too few bands say anything."""
        lows, highs, bright = [], [], []
        for tile in tiles:
            usable = usable_values(tile, nodata)
            values = np.where(usable, tile, np.nan).astype(np.float32).reshape(len(tile), -1)
            lows.append(np.where(usable.any(axis=(1, 2)), np.nanmin(values, axis=1, initial=np.inf), np.inf))
            highs.append(np.where(usable.any(axis=(1, 2)), np.nanmax(values, axis=1, initial=-np.inf), -np.inf))
            bright.append(float(np.nanquantile(values, 0.99)) if usable.any() else -math.inf)
        if not math.isfinite(max(bright)):
            raise ValueError(
                "Every pixel of the scene is nodata; check the layer's nodata value or choose another scene."
            )
        informative = np.min(lows, axis=0) < np.max(highs, axis=0)
        if informative.sum() < MIN_BANDS:
            raise ValueError(
                f"Only {informative.sum()} bands of the scene vary from pixel to pixel; unmixing needs at least "
                f"{MIN_BANDS}. Choose another scene or check the nodata value."
            )
        return cls(informative, max(bright))

    def scale(self) -> float:
        """The power of ten that means reflectance 1: with it, bright pixels come out below 2."""
        return 1.0 if self.bright <= 2 else 10.0 ** math.ceil(math.log10(self.bright / 2))


def usable_values(stored: Stored, nodata: float | None) -> Mask:
    """Which stored values are numbers of a measurement and not nodata, in the shape of ``stored``."""
    usable: Mask = np.abs(stored) < HUGE if stored.dtype.kind == "f" else np.isfinite(stored)
    if nodata is not None and math.isfinite(nodata):
        usable &= stored != np.float64(nodata).astype(stored.dtype)
    return usable
