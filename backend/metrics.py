"""Figures of merit for arrays; definitions as in the literature, names as analysts say them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

Array = NDArray[np.floating]


def spectral_angles(spectra: Array, references: Array) -> NDArray[np.float64]:
    """Spectral angle distance (SAD) in radians of every spectrum to every reference.

    ``spectra`` (m, bands), ``references`` (n, bands) -> (m, n). A spectrum of zeros has the angle pi/2 to all.
    """
    first, second = _unit(spectra), _unit(references)
    return np.asarray(np.arccos(np.clip(first @ second.T, -1.0, 1.0)))


def rmse(values: Array, references: Array) -> float:
    """Root mean square difference over all elements; NaN elements of either are left out."""
    return float(np.sqrt(np.nanmean((np.asarray(values, np.float64) - references) ** 2)))


def match(spectra: Array, references: Array) -> NDArray[np.int64]:
    """For each reference the index of its spectrum: the pairing with the least total SAD (Hungarian method).

    ``spectra`` (m, bands), ``references`` (n, bands), m >= n. ValueError if there are fewer spectra than references.
    """
    if len(spectra) < len(references):
        raise ValueError(f"{len(spectra)} endmembers cannot be matched to {len(references)} references; ask for more.")
    reference, spectrum = linear_sum_assignment(spectral_angles(references, spectra))
    return np.asarray(spectrum[np.argsort(reference)])


def _unit(spectra: Array) -> NDArray[np.float64]:
    values = np.asarray(spectra, dtype=np.float64)
    norms = np.linalg.norm(values, axis=1, keepdims=True)
    return np.asarray(values / np.where(norms == 0, 1, norms))
