"""Means and spread of spectra by class or area, summed up window by window."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...cube import Array

Table = NDArray[np.float64]


class Means:
    """Running sums of ``count`` groups of spectra; memory grows with the groups, not with the pixels."""

    def __init__(self, count: int, bands: int) -> None:
        """No spectrum yet."""
        self.numbers = np.zeros(count, np.int64)
        self._sums, self._squares = np.zeros((count, bands)), np.zeros((count, bands))

    def add(self, groups: NDArray[np.integer], spectra: Array) -> None:
        """Take in spectra (pixels, bands) of groups (pixels,), numbered from 0."""
        if not len(groups):
            return
        order = np.argsort(groups, kind="stable")
        present, starts = np.unique(groups[order], return_index=True)
        values = spectra[order].astype(np.float64)
        self.numbers[present] += np.diff([*starts, len(groups)])
        self._sums[present] += np.add.reduceat(values, starts, axis=0)
        self._squares[present] += np.add.reduceat(values**2, starts, axis=0)

    @property
    def means(self) -> Table:
        """(groups, bands); 0 for a group without a spectrum."""
        return self._sums / np.maximum(self.numbers, 1)[:, None]

    @property
    def spreads(self) -> Table:
        """Standard deviation (groups, bands)."""
        squares = self._squares / np.maximum(self.numbers, 1)[:, None]
        return np.asarray(np.sqrt(np.maximum(squares - self.means**2, 0)))
