"""The guided filter: local means that respect the edges of another image (He, Sun, Tang, IEEE TPAMI 35, 2013).

Pixels that are not valid, and what lies outside, have weight 0 and the others more. It reaches two radii far.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate1d

EDGE = 0.1
"""What counts as an edge: the variance of a guide, whose variance is 1 over all, within a square."""
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Guide:
    """An image that filters respect the edges of, with what they need of it, all (rows, cols).

    ``mean`` and ``spread`` (variance) are those of the squares around; ``count``: their valid pixels.
    """

    values: Numbers
    valid: NDArray[np.bool_]
    radius: int
    count: Numbers
    mean: Numbers
    spread: Numbers

    @classmethod
    def of(cls, values: Numbers, valid: NDArray[np.bool_], radius: int) -> Guide:
        """Values are 0 where they are not valid."""
        count = np.maximum(_sums(valid.astype(np.float64), radius), 1)
        mean = _sums(values, radius) / count
        spread = np.maximum(_sums(values * values, radius) / count - mean * mean, 0)
        return cls(values, valid, radius, count, mean, spread)

    def filtered(self, image: Numbers) -> Numbers:
        """The image, 0 where it is not valid, as the mean of the lines that fit it to the guide in all squares."""
        mean = _sums(image, self.radius) / self.count
        slope = (_sums(image * self.values, self.radius) / self.count - mean * self.mean) / (self.spread + EDGE)
        offset = mean - slope * self.mean
        slopes, offsets = (_sums(one * self.valid, self.radius) / self.count for one in (slope, offset))
        return np.asarray(slopes * self.values + offsets)


def _sums(values: Numbers, radius: int) -> Numbers:
    """Sums (rows, cols) over the squares around; what lies outside is 0."""
    ones = np.ones(2 * radius + 1)
    return np.asarray(correlate1d(correlate1d(values, ones, axis=0, mode="constant"), ones, axis=1, mode="constant"))
