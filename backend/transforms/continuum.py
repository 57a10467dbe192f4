"""Continuum removal: every spectrum over its upper convex hull, so that absorptions stand out from 1.

Clark and Roush (1984), Journal of Geophysical Research 89(B7): the continuum is divided by, not subtracted, as
absorption multiplies.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..cube import Array
from ..jit import inlined, kernel
from ..scan.pool import run

PART = 1024
"""Pixels of one piece of work for a thread."""
LEAST = 1e-6
"""Reflectance below this, zero and negative values too, counts as this."""


def without_continuum(pixels: Array, wavelengths: NDArray[np.floating[Any]] | None = None) -> Array:
    """Reflectance over its upper convex hull (pixels, bands), float32: above 0, at most 1, and 1 on the hull.

    ``pixels`` (pixels, bands) in reflectance; ``wavelengths`` (bands,) in any unit, rising, or None for band numbers.
    Values of no more than 1e-6 count as 1e-6, so a spectrum of zeros comes out as ones. Values that are not finite
    come out as NaN, and the hull spans the gap they leave. ValueError if the wavelengths do not fit or do not rise.
    """
    if pixels.ndim != 2:
        raise ValueError("The pixels must be a table of spectra.")
    bands = pixels.shape[1]
    positions = np.arange(bands, dtype=np.float64) if wavelengths is None else np.asarray(wavelengths, np.float64)
    if positions.shape != (bands,):
        raise ValueError(f"There are {positions.size} wavelengths for {bands} bands; there must be one for each.")
    if not (np.isfinite(positions).all() and (np.diff(positions) > 0).all()):
        raise ValueError("The wavelengths must rise from band to band; sort the bands and leave out double ones.")
    found = np.empty((len(pixels), bands), np.float32)
    values = np.asarray(pixels, np.float32)

    def work(part: int) -> None:
        chosen = slice(part * PART, (part + 1) * PART)
        _divide(np.ascontiguousarray(values[chosen]), positions, found[chosen])

    run(-(-len(pixels) // PART), work)
    return found


@kernel
def _divide(values: Any, positions: Any, found: Any) -> None:
    """Each row of ``values`` over its upper hull into ``found``; both (pixels, bands), C order."""
    count, bands = values.shape
    corners, spectrum = np.empty(bands, np.int64), np.empty(bands)
    for pixel in range(count):
        for band in range(bands):
            value = values[pixel, band]
            found[pixel, band] = np.nan
            spectrum[band] = max(value, LEAST) if np.isfinite(value) else np.nan
        used = _hull(spectrum, positions, corners)
        for corner in range(used):
            left, right = corners[corner], corners[min(corner + 1, used - 1)]
            width = positions[right] - positions[left]
            slope = (spectrum[right] - spectrum[left]) / width if right > left else 0.0
            found[pixel, left] = 1.0
            for band in range(left + 1, right):
                hull = spectrum[left] + slope * (positions[band] - positions[left])
                found[pixel, band] = min(spectrum[band] / hull, 1.0)


@inlined
def _hull(spectrum: Any, positions: Any, corners: Any) -> int:
    """Bands of the upper hull's corners, from left to right, into ``corners``; gives how many (Andrew 1979).

    A corner goes where the line from the one before it to the new band passes above it.
    """
    used = 0
    for band in range(len(spectrum)):
        if np.isnan(spectrum[band]):
            continue
        while used >= 2:
            left, middle = corners[used - 2], corners[used - 1]
            rise = (spectrum[band] - spectrum[left]) * (positions[middle] - positions[left])
            if (spectrum[middle] - spectrum[left]) * (positions[band] - positions[left]) > rise:
                break
            used -= 1
        corners[used] = band
        used += 1
    return used
