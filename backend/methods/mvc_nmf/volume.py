"""Minimum-volume factorisation: min over W >= 0 of mean |y - W'h|^2 / 2 + weight / 2 * log det of the simplex.

The model is Miao and Qi's (2007): non-negative endmembers W (endmembers, bands), abundances h in the simplex, and the
volume of the simplex of the endmembers instead of that of the cone. The logarithm of its square, its quadratic bound
and the projected gradient are those of Fu, Huang, Yang, Ma and Sidiropoulos (2016) and Leplat, Ang and Gillis (2019):
unlike the plain determinant it does not need a new weight for every scene. Extrapolation follows Ang and Gillis (2019).
The abundances are exact in every iteration.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...abundances import fully_constrained
from ...cube import Array
from ...endmembers.subspace import Table, correlation

FLOOR = 1e-6
"""Least variance that counts as noise, as a share of the mean squared length of a pixel; also keeps log det finite."""
GRADIENT_STEPS = 10
"""Steps on the endmembers in every iteration."""
FIRST, MOST, GROWTH = 0.5, 0.97, 1.1
"""Extrapolation: how far at first and at most, as a share of the last move, and how it grows while it succeeds."""
SETTLED = 1e-9
"""A fall of the loss by less than this share, without extrapolation, is the end."""


class Problem:
    """The pixels (pixels, bands) and the weight of the volume, in squared reflectance."""

    def __init__(self, pixels: Array, num_endmembers: int, volume_weight: float) -> None:
        """``volume_weight`` multiplies the noise's variance within the simplex.

        For pixels spread evenly over the simplex and noise of the variance v, the likelihood is highest where the
        loss with weight v is lowest; so 1 is the default and no tuning. v is the largest variance across the leading
        axes: model errors are no white noise, and their mean over all bands would be far too small.
        """
        self.pixels, self.size = pixels, num_endmembers
        powers = np.linalg.eigvalsh(correlation(pixels))[::-1]
        self.floor = max(FLOOR * float(powers.sum()), float(np.finfo(np.float64).tiny))
        across = float(powers[num_endmembers]) if num_endmembers < len(powers) else 0.0
        self.weight = volume_weight * max(across, self.floor)
        self.centring = np.eye(num_endmembers) - 1 / num_endmembers

    def abundances(self, spectra: Table) -> Array:
        """Exact abundances (pixels, endmembers) of all pixels."""
        return fully_constrained(self.pixels, spectra.astype(np.float32))

    def loss(self, spectra: Table, abundances: Array) -> float:
        """The function that is minimised, >= 0: log det is taken relative to that of a simplex without volume."""
        residual = self.pixels - abundances @ spectra.astype(np.float32)
        squares = np.einsum("ij,ij->", residual, residual, dtype=np.float64) / len(residual)
        centred = self.centring @ spectra
        volume = np.linalg.slogdet(np.eye(self.size) + centred @ centred.T / self.floor)[1]
        return float(squares + self.weight * volume) / 2

    def improved(self, spectra: Table, abundances: Array) -> Table:
        """Endmembers >= 0 with a lower loss for these abundances, by accelerated projected gradient.

        log det S <= log det S0 + tr S0^-1 (S - S0), so that a quadratic function lies above the loss and touches it.
        """
        shares = abundances.astype(np.float64)
        centred = self.centring @ spectra
        inverse = np.linalg.inv(centred @ centred.T + self.floor * np.eye(self.size))
        curve = shares.T @ shares / len(shares) + self.weight * self.centring @ inverse @ self.centring
        target = (abundances.T @ self.pixels).astype(np.float64) / len(shares)
        length = 1 / np.linalg.eigvalsh(curve)[-1]
        found, ahead, pace = spectra, spectra, 1.0
        for _ in range(GRADIENT_STEPS):
            moved = np.maximum(ahead - length * (curve @ ahead - target), 0)
            following = (1 + np.sqrt(1 + 4 * pace * pace)) / 2
            ahead = moved + (pace - 1) / following * (moved - found)
            found, pace = moved, following
        return found


def minimise(problem: Problem, start: Table, iterations: int) -> Iterator[tuple[Table, float]]:
    """Endmembers and loss at the start and after every iteration; the loss never rises. Ends where it stands still.

    Each iteration goes on from beyond the last one. Where that raises the loss it is done again without.
    """
    spectra, last, reach = start, start, FIRST
    abundances = problem.abundances(spectra)
    loss = problem.loss(spectra, abundances)
    yield spectra, loss
    for _ in range(iterations):
        ahead = np.maximum(spectra + reach * (spectra - last), 0)
        moved = problem.improved(ahead, problem.abundances(ahead))
        shares = problem.abundances(moved)
        trial, reach = problem.loss(moved, shares), min(MOST, reach * GROWTH)
        if trial >= loss:
            moved, reach = problem.improved(spectra, abundances), reach / 2
            shares = problem.abundances(moved)
            trial = problem.loss(moved, shares)
            if trial >= loss * (1 - SETTLED):
                return
        spectra, last, abundances, loss = moved, spectra, shares, trial
        yield spectra, loss
