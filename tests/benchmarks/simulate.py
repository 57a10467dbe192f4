"""Scenes mixed of known spectra and abundances. Chance always starts alike, so they are the same everywhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tests.benchmarks.tables import Table


@dataclass(frozen=True)
class Simulation:
    """How pure spectra become a scene.

    ``decibels``: of the noise. ``purest``: no abundance is above it. ``shade``: every pixel's brightness is drawn
    between it and 1. ``variability``: every endmember's brightness and slope are drawn anew in every pixel, so many
    tenths around its own (the extended linear mixing model of Drumetz et al., TIP 25:3890, 2016, and a tilt).
    """

    decibels: float = 30.0
    purest: float = 1.0
    shade: float = 1.0
    variability: float = 0.0

    def shares(self, abundances: Table) -> Table:
        """The abundances (endmembers, rows, cols) of the scene."""
        even = 1 / len(abundances)
        return even + (abundances - even) * (self.purest - even) / (1 - even) if self.purest < 1 else abundances

    def mixed(self, shares: Table, spectra: Table) -> Table:
        """The scene (bands, rows, cols) of its abundances and spectra (endmembers, bands)."""
        generator = np.random.default_rng(0)
        gains = generator.uniform(self.shade, 1, shares.shape[1:])
        clean = np.einsum("rhw,rb->bhw", shares, spectra) * gains
        if self.variability:
            size, most = shares.shape, self.variability
            bright, tilt = 1 + most * generator.uniform(-1, 1, size), most * generator.uniform(-1, 1, size)
            axis = np.linspace(-1, 1, spectra.shape[1])
            clean = np.einsum("rhw,rb->bhw", shares * bright, spectra)
            clean = (clean + np.einsum("rhw,rb->bhw", shares * tilt, spectra * axis)) * gains
        noise = np.sqrt(np.mean(clean**2) / 10 ** (self.decibels / 10))
        return np.asarray(clean + generator.normal(0, noise, clean.shape))
