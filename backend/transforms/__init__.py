"""Transforms of spectra: minimum noise fraction, continuum removal, spectral angles.

Arrays in, arrays out: no files, no scenes, no jobs. ``pixels`` is (pixels, bands) everywhere, float32.
"""

from .continuum import without_continuum
from .mnf import Mnf, fit_mnf
from .spectral_angle import classify_by_angle, spectral_angle_maps

__all__ = ["Mnf", "classify_by_angle", "fit_mnf", "spectral_angle_maps", "without_continuum"]
