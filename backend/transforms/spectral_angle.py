"""Spectral angle mapper (Kruse, Lefkoff, Boardman et al. 1993, Remote Sensing of Environment 44)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..cube import Array
from ..metrics import spectral_angles

PART = 4096
"""Pixels that are held in float64 at a time; angles near zero have no digits in float32 products."""


def spectral_angle_maps(pixels: Array, references: Array) -> Array:
    """Angle in radians, 0 to pi, between every pixel and every reference spectrum: (references, pixels) float32.

    ``pixels`` (pixels, bands), ``references`` (references, bands), in any one unit: brightness does not count. A
    spectrum of zeros has the angle pi/2 to all; a pixel with a value that is not finite comes out as NaN. ValueError
    if the bands differ or a reference is not finite.
    """
    if pixels.ndim != 2 or references.ndim != 2 or not len(references):
        raise ValueError("Pixels and reference spectra must be tables of spectra, and there must be a reference.")
    if pixels.shape[1] != references.shape[1]:
        raise ValueError(
            f"The pixels have {pixels.shape[1]} bands and the reference spectra {references.shape[1]}; both must "
            "have the same bands."
        )
    if not np.isfinite(references).all():
        raise ValueError("A reference spectrum holds values that are no numbers; leave it out or mend it.")
    found = np.empty((len(references), len(pixels)), np.float32)
    for first in range(0, len(pixels), PART):
        part = pixels[first : first + PART]
        good = np.asarray(np.isfinite(part).all(axis=1), np.bool_)
        angles = spectral_angles(references, np.where(good[:, np.newaxis], part, 0))
        found[:, first : first + PART] = np.where(good, angles, np.nan)
    return found


def classify_by_angle(pixels: Array, references: Array, threshold: float = 0.1) -> tuple[NDArray[np.int16], Array]:
    """Class (pixels,) of the least angle, from 1, and that angle (pixels,) in radians.

    Class 0: no reference is within ``threshold`` radians, or the pixel is not finite (angle NaN). Of equal angles the
    first reference wins. ValueError as in :func:`spectral_angle_maps`, or if the threshold is none.
    """
    if not 0 < threshold <= np.pi:
        raise ValueError(f"The largest angle must lie above 0 and be at most pi (3.1416) radians, not {threshold}.")
    angles = spectral_angle_maps(pixels, references)
    nearest = np.where(np.isnan(angles), np.inf, angles).argmin(axis=0)
    least = angles[nearest, np.arange(len(pixels))]
    with np.errstate(invalid="ignore"):
        classes = np.where(least <= threshold, nearest + 1, 0)
    return classes.astype(np.int16), least
