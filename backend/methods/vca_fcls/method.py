"""Classical unmixing at work: the purest pixels of a sample, then fully constrained least squares in any window."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...abundances import errors, fully_constrained
from ...cube import Array, Cube
from ...endmembers import Integers, nfindr, sivm, vca
from ...results import Unmixing
from ..contract import Plan
from .config import Config


def plan(config: Config) -> Plan:
    """Tiles to look for endmembers in, and windows to map; a pixel needs no neighbours."""
    return Plan(num_tiles=32, tile=64, window=128, halo=0)


def fit(sample: list[Cube], config: Config, device: Any, report: Any) -> FittedVcaFcls:
    """Find the endmembers among all valid pixels of the sample. ValueError if there are fewer pixels than endmembers.

    Runs on the processor whatever the device, in a second or two: there are no steps to report.
    """
    pixels = np.concatenate([cube.pixels for cube in sample])
    endmembers = np.maximum(pixels[_extracted(pixels, config)], 0)
    means = fully_constrained(pixels, endmembers).mean(axis=0, dtype=np.float64)
    return FittedVcaFcls(endmembers[np.argsort(-means, kind="stable")])


class FittedVcaFcls:
    """Endmembers (endmembers, bands) of a scene; see :class:`~..contract.Unmixer`. Nothing was trained."""

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


def _extracted(pixels: Array, config: Config) -> Integers:
    """Indices of the endmembers' pixels."""
    if config.extraction == "vca":
        return vca(pixels, config.num_endmembers, config.seed, config.repeats)
    if config.extraction == "nfindr":
        return nfindr(pixels, config.num_endmembers, config.seed, config.repeats)
    return sivm(pixels, config.num_endmembers)
