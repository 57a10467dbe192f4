"""Where the variants of endmembers start: their spectra, and pixels of the scene like them."""

from __future__ import annotations

import numpy as np

from ...cube import Array


def first_variants(pixels: Array, corners: Array, number: int) -> Array:
    """Where the variants start (endmembers, number, bands): each corner and the pixels most like it, by angle.

    pixels (pixels, bands), corners (endmembers, bands). Of few pixels the most alike ones come again.
    """
    units, ends = (one / np.maximum(np.linalg.norm(one, axis=1, keepdims=True), 1e-12) for one in (pixels, corners))
    nearest = np.argsort(-(ends @ units.T), axis=1, kind="stable")[:, np.arange(number) % len(pixels)]
    found = pixels[nearest]
    found[:, 0] = corners
    return np.asarray(found, np.float32)
