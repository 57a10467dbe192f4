"""Unmixing by clusters at work: endmembers from clusters that span a sample, then exact least squares in any window.

Where light varies over a scene, by slopes and shade, abundances that must sum to one explain much less than those that
need not; then these are taken and divided by their sum. Where light is even both explain as much, and the sum of one
keeps noise out.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...abundances import errors, fully_constrained, nonnegative
from ...cube import Array, Cube
from ...endmembers.clusters import spanning_spectra
from ...endmembers.subspace import usable
from ...results import Unmixing
from ..contract import Plan
from ..linear import PLAN
from .config import Config

MOST = 20_000
"""About how many pixels clusters are made of."""
UNEVEN = 3.0
"""Light varies if a sum of one leaves so many times the squares unexplained that no sum leaves.

1.0 on simulated scenes whose light is even, 5 and more where it varies.
"""
FROM_WORST = 0.9
"""Of a sample's pixels this share is explained better than the one that decides: where only few are lit otherwise, a
sum of one still serves the others."""


def plan(config: Config) -> Plan:
    """Tiles to look for endmembers in, and windows to map; a pixel needs no neighbours."""
    return PLAN


def fit(sample: list[Cube], config: Config, device: Any, report: Any) -> ClustersUnmixer:
    """Find the endmembers in a sample. ValueError if there are fewer pixels, or kinds of spectra, than endmembers.

    Runs on the processor whatever the device: there are no steps to report.
    """
    pixels = np.concatenate([cube.pixels for cube in sample])
    pixels = np.ascontiguousarray(pixels[usable(pixels, config.num_endmembers)])
    pixels = pixels[:: 1 + len(pixels) // MOST]
    spectra = np.maximum(spanning_spectra(pixels, config.num_endmembers, config.seed), 0)
    even = is_even(pixels, spectra) if config.shares == "auto" else config.shares == "fully_constrained"
    means = _shares(pixels, spectra, even).mean(axis=0, dtype=np.float64)
    return ClustersUnmixer(spectra[np.argsort(-means, kind="stable")], even)


class ClustersUnmixer:
    """Endmembers (endmembers, bands) of a scene, and whether light is even there; see :class:`~..contract.Unmixer`."""

    record = None
    num_parameters = 0

    def __init__(self, endmembers: Array, even: bool) -> None:
        self.endmembers, self.even = endmembers, even

    def unmix(self, cube: Cube) -> Unmixing:
        """Abundances and reconstruction error of one cube, each pixel for itself; NaN where the cube is not valid."""
        pixels = cube.reflectance.reshape(len(cube.reflectance), -1).T
        abundances = _shares(pixels, self.endmembers, self.even)
        error = errors(pixels, self.endmembers, abundances)
        shares = np.ascontiguousarray(abundances.T).reshape(-1, *cube.valid.shape)
        shares[:, ~cube.valid] = np.nan
        return Unmixing(shares, np.where(cube.valid, error.reshape(cube.valid.shape), np.float32(np.nan)))


def is_even(pixels: Array, endmembers: Array) -> bool:
    """Whether abundances that sum to one explain pixels (pixels, bands) about as well as those that need not."""
    free, held = (errors(pixels, endmembers, solve(pixels, endmembers)) for solve in (nonnegative, fully_constrained))
    return float(np.quantile(held, FROM_WORST)) ** 2 <= UNEVEN * float(np.quantile(free, FROM_WORST)) ** 2


def _shares(pixels: Array, endmembers: Array, even: bool) -> Array:
    """Abundances (pixels, endmembers), >= 0, summing to one; equal where nothing of any endmember is found."""
    if even:
        return fully_constrained(pixels, endmembers)
    found = nonnegative(pixels, endmembers)
    total = found.sum(axis=1, keepdims=True)
    return np.asarray(np.where(total > 0, found / np.where(total > 0, total, 1), 1 / len(endmembers)), np.float32)
