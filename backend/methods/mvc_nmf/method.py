"""Minimum-volume unmixing at work: from VCA's endmembers to the smallest simplex, on a sample of pixels."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...cube import Cube
from ...endmembers import vca
from ...training import Report
from ..contract import Plan
from ..linear import PLAN, LinearUnmixer, drawn, fitted
from .config import Config
from .volume import Problem, minimise

MOST_PIXELS = 4096
"""The simplex is fitted to so many pixels, drawn at random."""
STARTS = 10
"""VCA runs so often for the start."""


def plan(config: Config) -> Plan:
    """Tiles to look for endmembers in, and windows to map; a pixel needs no neighbours."""
    return PLAN


def fit(sample: list[Cube], config: Config, device: Any, report: Report) -> LinearUnmixer:
    """Fit the smallest simplex to a sample. ValueError if there are fewer pixels than endmembers.

    Runs on the processor whatever the device.
    """
    pixels = drawn(sample, config.num_endmembers, MOST_PIXELS, np.random.default_rng(config.seed))
    start = np.maximum(pixels[vca(pixels, config.num_endmembers, config.seed, STARTS)], 0).astype(np.float64)
    problem = Problem(pixels, config.num_endmembers, config.volume_weight)
    for step, found in enumerate(minimise(problem, start, config.iterations)):
        spectra, loss = found
        if step:
            report(step, config.iterations, loss)
    return fitted(spectra, sample)
