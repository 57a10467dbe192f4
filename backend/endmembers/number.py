"""How many endmembers a scene has: HySime and the virtual dimensionality, each with the curve it decides by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from ..cube import Array
from .subspace import Table, correlation, moments, usable

RIDGE = 1e-10
"""Added to the diagonal before inversion, as a share of the mean diagonal: bands may depend on each other."""
FLOOR = 1e-5
"""Least noise that HySime sees, as a share of the mean signal power of a band (the authors' code has the same)."""


@dataclass(frozen=True)
class Count:
    """How many endmembers there are, and why: an eigenvector counts where ``values`` lie above ``thresholds``."""

    number: int
    eigenvalues: Table
    """(bands,) of the pixels' correlation matrix, largest first, squared reflectance."""
    values: Table
    """(bands,) what the method looks at for each eigenvector, squared reflectance."""
    thresholds: Table
    """(bands,) what it must exceed."""


def hysime(pixels: Array) -> Count:
    """Hyperspectral signal identification by minimum error (Bioucas-Dias and Nascimento 2008, algorithm 2).

    An eigenvector of the signal's correlation belongs to the signal if it holds more than twice the noise's power;
    ``values`` are the power along it, largest first, ``thresholds`` twice the noise's.
    """
    good = usable(pixels, 1)
    total = correlation(pixels[good])
    noise = _noise(total)
    # The estimated noise of a pixel is a matrix times the pixel, so what is left has its moments from the total's.
    kept = np.eye(len(total)) - noise.regression
    signal = kept.T @ total @ kept
    powers = noise.powers + FLOOR * np.trace(signal) / len(signal)
    axes = np.linalg.eigh(signal)[1]
    values = np.einsum("bi,bc,ci->i", axes, total, axes)
    thresholds = 2 * np.einsum("bi,b,bi->i", axes, powers, axes)
    order = np.argsort(-values, kind="stable")
    eigenvalues = np.asarray(np.linalg.eigvalsh(total)[::-1], np.float64)
    return Count(int(np.sum(values > thresholds)), eigenvalues, values[order], thresholds[order])


def noise_powers(pixels: Array) -> Table:
    """Variance of the noise in each band (bands,), by regression on all other bands (HySime, algorithm 1)."""
    return _noise(correlation(pixels[usable(pixels, 1)])).powers


def virtual_dimensionality(pixels: Array, false_alarm: float = 1e-4) -> Count:
    """Virtual dimensionality by Harsanyi, Farrand and Chang (Chang and Du 2004).

    A signal lifts an eigenvalue of the correlation matrix above that of the covariance matrix (they differ by the
    mean). ``values`` are the differences, ``thresholds`` what chance alone exceeds with probability ``false_alarm``
    (Neyman-Pearson), the variance being 2 (a^2 + b^2) / pixels for eigenvalues a and b.
    """
    if not 0 < false_alarm < 0.5:
        raise ValueError(f"The false-alarm probability must lie between 0 and 0.5, not at {false_alarm}.")
    good = usable(pixels, 1)
    mean, covariance = moments(pixels[good])
    first = np.asarray(np.linalg.eigvalsh(covariance + np.outer(mean, mean))[::-1], np.float64)
    second = np.asarray(np.linalg.eigvalsh(covariance)[::-1], np.float64)
    spread = np.sqrt(2 * (first**2 + second**2) / len(good))
    thresholds = norm.isf(false_alarm) * spread
    return Count(int(np.sum(first - second > thresholds)), first, first - second, thresholds)


@dataclass(frozen=True)
class _Noise:
    """Noise = pixels @ regression; ``powers`` is its mean square in each band."""

    regression: Table
    powers: Table


def _noise(total: Table) -> _Noise:
    """The residual of each band's regression on all others, out of the inverse P of the correlation matrix.

    Band i less its regression is pixels @ P[:, i] / P[i, i] (the paper's algorithm 1, without a loop over the bands).
    """
    scale = np.trace(total) / len(total)
    if scale <= 0:
        raise ValueError("All pixels are zero; choose a scene with data.")
    inverse = np.linalg.inv(total + RIDGE * scale * np.eye(len(total)))
    regression = inverse / np.diag(inverse)
    powers = np.einsum("bi,bc,ci->i", regression, total, regression)
    return _Noise(regression, np.maximum(powers, 0))
