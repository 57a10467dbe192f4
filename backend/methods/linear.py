"""Blind linear methods end alike: fixed endmembers, and exact abundances of every pixel by itself."""

from __future__ import annotations

import numpy as np

from ..abundances import errors, fully_constrained
from ..cube import Array, Cube
from ..endmembers.subspace import Table, usable
from ..results import Unmixing
from .contract import Plan

PLAN = Plan(num_tiles=32, tile=64, window=128, halo=0)
"""Tiles to look for endmembers in, and windows to map; a pixel needs no neighbours."""


class LinearUnmixer:
    """Endmembers (endmembers, bands) of a scene; see :class:`~.contract.Unmixer`. No network was trained."""

    record = None
    num_parameters = 0

    def __init__(self, endmembers: Array) -> None:
        self.endmembers = endmembers

    def unmix(self, cube: Cube) -> Unmixing:
        """Abundances and reconstruction error of one cube, each pixel for itself; NaN where the cube is not valid."""
        pixels = cube.reflectance.reshape(len(cube.reflectance), -1).T
        abundances = fully_constrained(pixels, self.endmembers)
        error = errors(pixels, self.endmembers, abundances)
        shares = np.ascontiguousarray(abundances.T).reshape(-1, *cube.valid.shape)
        shares[:, ~cube.valid] = np.nan
        return Unmixing(shares, np.where(cube.valid, error.reshape(cube.valid.shape), np.float32(np.nan)))


def fitted(endmembers: Array | Table, sample: list[Cube]) -> LinearUnmixer:
    """The unmixer of these endmembers, ordered by their mean abundance in the sample, the largest first."""
    spectra = np.maximum(endmembers, 0).astype(np.float32)
    pixels = np.concatenate([cube.pixels for cube in sample])
    means = fully_constrained(pixels, spectra).mean(axis=0, dtype=np.float64)
    return LinearUnmixer(spectra[np.argsort(-means, kind="stable")])


def drawn(sample: list[Cube], num_endmembers: int, most: int, generator: np.random.Generator) -> Array:
    """``most`` valid pixels of the sample (pixels, bands), drawn at random without repetition; all if there are fewer.

    ValueError if there are fewer pixels than endmembers.
    """
    pixels = np.concatenate([cube.pixels for cube in sample])
    good = usable(pixels, num_endmembers)
    if len(good) > most:
        good = np.sort(generator.choice(good, most, replace=False))
    return np.ascontiguousarray(pixels[good])
