"""Classical unmixing at work: the purest pixels of a sample, then fully constrained least squares in any window."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...cube import Array, Cube
from ...endmembers import Integers, nfindr, sivm, vca
from ..contract import Plan
from ..linear import PLAN, LinearUnmixer, fitted
from .config import Config


def plan(config: Config) -> Plan:
    """Tiles to look for endmembers in, and windows to map; a pixel needs no neighbours."""
    return PLAN


def fit(sample: list[Cube], config: Config, device: Any, report: Any) -> LinearUnmixer:
    """Find the endmembers among all valid pixels of the sample. ValueError if there are fewer pixels than endmembers.

    Runs on the processor whatever the device, in a second or two: there are no steps to report.
    """
    pixels = np.concatenate([cube.pixels for cube in sample])
    return fitted(pixels[_extracted(pixels, config)], sample)


def _extracted(pixels: Array, config: Config) -> Integers:
    """Indices of the endmembers' pixels."""
    if config.extraction == "vca":
        return vca(pixels, config.num_endmembers, config.seed, config.repeats)
    if config.extraction == "nfindr":
        return nfindr(pixels, config.num_endmembers, config.seed, config.repeats)
    return sivm(pixels, config.num_endmembers)
