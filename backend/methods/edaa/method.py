"""Archetypal analysis at work: many quick descents on a sample of pixels, one of them chosen, then exact abundances.

As in the paper, pixels are brought to length 1 before the descent, so that shade makes no endmember. An archetype's
weights b are then divided by the lengths of their pixels: the endmember is the average, by these weights, of pixels as
they were measured. It has the direction of the paper's archetype and is a reflectance. Its abundances are those of
the measured pixels too (the paper gives those of the normalised ones), so that they rebuild the scene.

On the sphere of pixels of length 1 a mixture of two materials lies outside of the chord between them, so the endmembers
of spectra that differ much come out a little mixed. Projecting the pixels onto a plane instead (as VCA does) keeps
simplices what they are and finds their corners exactly, but magnifies the noise of pixels across the mean spectrum.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...cube import Array, Cube
from ...endmembers.subspace import correlation, leading, project
from ...training import Report
from ..contract import Plan
from ..linear import PLAN, LinearUnmixer, drawn, fitted
from .config import Config
from .descent import Archetypes, descend

MOST_PIXELS = 4096
"""The descent sees so many pixels, drawn at random; the 50 repeats would take minutes on a whole scene. An archetype
is an average of many pixels and hardly depends on which; the abundances of all pixels are solved exactly afterwards."""
MOST_AXES = 32
"""The descent sees the pixels along so many leading axes; what lies across them is noise."""
DARK = 0.01
"""A pixel below this share of the median length has no direction worth normalising."""
TOLERANCE = 0.05
"""A fit may be worse than the best by this share to be a candidate; the authors' code has the same."""
FACTORS = 2.0 ** np.arange(-3, 4)
"""Step lengths to draw from, as multiples of the stated one."""


def plan(config: Config) -> Plan:
    """Tiles to look for endmembers in, and windows to map; a pixel needs no neighbours."""
    return PLAN


def fit(sample: list[Cube], config: Config, device: Any, report: Report) -> LinearUnmixer:
    """Find the archetypes of a sample. ValueError if there are fewer pixels than endmembers, or all are dark.

    Runs on the processor whatever the device. A step of the report is one repeat, its loss the mean squared residual.
    """
    generator = np.random.default_rng(config.seed)
    pixels = drawn(sample, config.num_endmembers, MOST_PIXELS, generator)
    lengths = _lengths(pixels, config.brightness)
    bright = lengths > DARK * np.median(lengths)
    if bright.sum() < config.num_endmembers:
        raise ValueError(
            f"Only {bright.sum()} pixels are not black; {config.num_endmembers} endmembers cannot be found in them. "
            "Choose a scene with data."
        )
    pixels, lengths = pixels[bright], lengths[bright, None]
    weights = _best(_runs(pixels / lengths, config, generator, report)).weights / lengths.T
    return fitted(weights / weights.sum(axis=1, keepdims=True) @ pixels, sample)


def _lengths(pixels: Array, brightness: str) -> Array:
    """What each pixel is divided by (pixels,): its length, that along the mean direction, or 1."""
    norms = np.asarray(np.linalg.norm(pixels, axis=1), np.float32)
    if brightness == "measured":
        return np.ones_like(norms)
    if brightness == "length":
        return norms
    units = pixels / np.where(norms == 0, 1, norms)[:, None]
    mean = units.mean(axis=0, dtype=np.float64)
    return np.asarray(pixels @ (mean / (np.linalg.norm(mean) or 1.0)), np.float32)


@dataclass(frozen=True)
class Run:
    """One descent: its weights (endmembers, pixels), its mean absolute residual and the likeness of its endmembers."""

    weights: Array
    residual: float
    coherence: float


def _runs(pixels: Array, config: Config, generator: np.random.Generator, report: Report) -> list[Run]:
    """So many descents as there are repeats, from weights that are nearly equal, as in the paper."""
    axes = leading(correlation(pixels), min(MOST_AXES, pixels.shape[1]))
    table = np.ascontiguousarray(project(pixels, axes).T, np.float32)
    runs = []
    for repeat in range(1, config.repeats + 1):
        start = 0.1 * generator.random((config.num_endmembers, len(pixels)), np.float32)
        found = descend(table, start, float(generator.choice(FACTORS)), config.passes, config.steps)
        runs.append(_measured(found, pixels))
        report(repeat, config.repeats, 2 * found.losses[-1] / pixels.size)
    return runs


def _measured(found: Archetypes, pixels: Array) -> Run:
    """A descent with what it is judged by; constant spectra correlate with nothing."""
    endmembers = found.weights @ pixels
    residual = float(np.abs(pixels - found.abundances.T @ endmembers).mean())
    centred = endmembers - endmembers.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(centred, axis=1, keepdims=True)
    units = centred / np.where(norms == 0, 1, norms)
    likeness = units @ units.T - 2 * np.eye(len(units))
    return Run(found.weights, residual, float(likeness.max()))


def _best(runs: list[Run]) -> Run:
    """Of the runs that fit nearly as well as the best, in absolute residual, the one of least coherence."""
    least = min(run.residual for run in runs)
    candidates = [run for run in runs if run.residual * (1 - TOLERANCE) <= least]
    return min(candidates, key=lambda run: run.coherence)
