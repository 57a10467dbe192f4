"""What mapping adds up over all pixels of a scene, window by window: exact figures that no thumbnail could give."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .results import Unmixing

BINS = 4000
LARGEST = 1.0
"""Errors are counted in so many bins from 0 to this reflectance; larger ones in the last."""


class Summary:
    """Figures of an unmixed scene; grows with every window."""

    def __init__(self, num_endmembers: int) -> None:
        self.pixels = 0
        self._squares = 0.0
        self._shares = np.zeros(num_endmembers)
        self._counts = np.zeros(BINS, dtype=np.int64)

    def add(self, result: Unmixing) -> None:
        """Take in one window's core; pixels without data do not count."""
        valid = np.isfinite(result.error)
        error = result.error[valid].astype(np.float64)
        self.pixels += len(error)
        self._squares += float(np.square(error).sum())
        self._shares += result.abundances[:, valid].sum(axis=1, dtype=np.float64)
        self._counts += np.histogram(np.minimum(error, LARGEST), bins=BINS, range=(0, LARGEST))[0]

    @property
    def rmse(self) -> float:
        """Root of the mean squared reconstruction error over all pixels and bands, in reflectance."""
        return float(np.sqrt(self._squares / self.pixels))

    @property
    def mean_abundances(self) -> NDArray[np.float64]:
        """(endmembers,): the share of each endmember in the whole scene."""
        return self._shares / self.pixels

    def histogram(self, bars: int = 60) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Pixels by error: at least ``bars`` counts up to the largest error, and their edges in reflectance."""
        last = int(np.flatnonzero(self._counts)[-1]) + 1
        width = max(1, last // bars)
        bins = -(-last // width)
        counts = np.pad(self._counts, (0, width))[: bins * width].reshape(bins, width).sum(axis=1)
        return counts, np.arange(bins + 1) * width * LARGEST / BINS
