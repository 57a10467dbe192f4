"""How near an unmixing comes to its reference. Endmembers are matched by spectral angle (Hungarian), never by hand."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

from backend.abundances import fully_constrained
from backend.cube import Array, Cube
from backend.metrics import match, rmse, spectral_angles
from backend.results import Unmixing
from tests.benchmarks.scene_files import Reference
from tests.benchmarks.tables import Table

Figures = dict[str, float | list[float]]


def unmixing_figures(found: Unmixing, endmembers: Array, reference: Reference) -> tuple[Figures, Table]:
    """The figures of an unmixing, and its abundances in the reference's order.

    ``rmse`` and ``rmse_each`` of the abundances, ``sad`` and ``sad_each`` in rad, ``reconstruction`` in reflectance;
    ``rmse_best_order``: of the order that fits the abundances best, which is the same unless the two disagree.
    """
    order = match(endmembers, reference.spectra)
    angles = np.diag(spectral_angles(endmembers[order], reference.spectra))
    shares = found.abundances[order]
    pairs = [[rmse(mine, theirs) ** 2 for mine in found.abundances] for theirs in reference.abundances]
    rows, cols = linear_sum_assignment(pairs)
    figures: Figures = {
        "rmse": rmse(shares, reference.abundances),
        "sad": float(angles.mean()),
        "reconstruction": float(np.sqrt(np.nanmean(np.square(found.error, dtype=np.float64)))),
        "rmse_best_order": rmse(found.abundances[cols[np.argsort(rows)]], reference.abundances),
        "rmse_each": [rmse(mine, theirs) for mine, theirs in zip(shares, reference.abundances, strict=True)],
        "sad_each": [float(one) for one in angles],
    }
    return figures, shares


def floors(cube: Cube, reference: Reference) -> dict[str, float]:
    """Abundance RMSE of answers that need the reference, by name."""
    known = np.isfinite(reference.abundances[0]) & cube.valid
    pixels = np.ascontiguousarray(cube.reflectance[:, known].T)
    truth = reference.abundances[:, known].T
    found = {"uniform abundances": rmse(np.full_like(truth, 1 / truth.shape[1]), truth)}
    if not reference.unit_spectra:
        spectra = np.asarray(reference.spectra, np.float32)
        found["FCLS, reference spectra"] = rmse(fully_constrained(pixels, spectra), truth)
    if reference.library is not None and reference.groups is not None:
        shares = fully_constrained(pixels, np.asarray(reference.library, np.float32))
        found["FCLS, whole library"] = rmse(shares @ np.eye(truth.shape[1])[reference.groups], truth)
    return found
