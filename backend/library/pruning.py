"""Which spectra of a library stand best for their classes: EAR, MASA and counts.

Every spectrum models every other as a mixture of itself and shade (zeros), fully constrained. The measures:
EAR, endmember average RMSE (Dennison and Roberts 2003, Remote Sensing of Environment 87); MASA, minimum average
spectral angle (Dennison, Halligan and Roberts 2004, Remote Sensing of Environment 93); COB, count-based selection:
how many spectra of the own class (InCOB) and of others (OutCOB) are modelled well (Roberts et al. 2003).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..abundances import errors, fully_constrained
from ..metrics import spectral_angles
from .spectra import Array, Library

Numbers = NDArray[np.float64]
Counts = NDArray[np.int64]
MEASURES = ("ear", "masa", "cob")
WELL = 0.025
"""A spectrum is modelled well if no more RMSE in reflectance is left (Roberts et al. 2003)."""


@dataclass(frozen=True)
class Measures:
    """Of each spectrum of a library (spectra,), against its own class; a class of one spectrum has EAR and MASA 0."""

    ear: Numbers
    """Mean RMSE (reflectance) with which it models the others of its class."""
    masa: Numbers
    """Mean spectral angle (rad) to the others of its class."""
    in_cob: Counts
    """How many of the others of its class it models well."""
    out_cob: Counts
    """How many spectra of other classes it models well."""


def measures(library: Library, well: float = WELL) -> Measures:
    """All measures of a library with classes; ``well``: RMSE (reflectance) up to which a spectrum counts as modelled.

    Bands with missing values are left out. ValueError if there are no classes or no band is complete.
    """
    same = _same_class(library)
    spectra = _complete(library)
    others = same & ~np.eye(len(same), dtype=bool)
    number = np.maximum(others.sum(axis=1), 1)
    error, angle = shade_errors(spectra), spectral_angles(spectra, spectra)
    good = error <= well
    return Measures(
        np.where(others, error, 0).sum(axis=1) / number,
        np.where(others, angle, 0).sum(axis=1) / number,
        (good & others).sum(axis=1),
        (good & ~same).sum(axis=1),
    )


def prune(
    library: Library, measure: str, count_per_class: int | None = None, threshold: float | None = None
) -> NDArray[np.int64]:
    """Indices (kept,), ascending, of the spectra that stand best for their classes.

    ``measure``: "ear", "masa" or "cob". Either the ``count_per_class`` best of each class are kept (all of a smaller
    class; ties go to the earlier spectrum), or those whose EAR (reflectance) or MASA (rad) is at most, or whose InCOB
    is at least ``threshold``. With "cob" a tie goes to the lower OutCOB, then to the lower EAR. ValueError for
    unusable input, and if nothing would be left.
    """
    if measure not in MEASURES:
        raise ValueError(f"Spectra are ranked by {', '.join(MEASURES)}, not by '{measure}'.")
    if (count_per_class is None) == (threshold is None):
        raise ValueError("Give either the number of spectra to keep of each class or a threshold.")
    if count_per_class is not None and count_per_class < 1:
        raise ValueError(f"At least one spectrum of each class must be kept, not {count_per_class}.")
    found = measures(library)
    if threshold is not None:
        return _within(found, measure, threshold)
    order = _ranked(found, measure)
    classes = np.asarray(library.classes)[order]
    chosen = [order[classes == one][:count_per_class] for one in dict.fromkeys(classes)]
    return np.sort(np.concatenate(chosen))


def shade_errors(spectra: Array) -> Numbers:
    """RMSE (spectra, spectra) left by the model [row] and shade in the spectrum [column], fully constrained."""
    found = np.empty((len(spectra), len(spectra)))
    for index, one in enumerate(spectra):
        model = np.stack([one, np.zeros_like(one)])
        found[index] = errors(spectra, model, fully_constrained(spectra, model))
    return found


def _ranked(found: Measures, measure: str) -> NDArray[np.int64]:
    if measure == "cob":
        return np.lexsort((found.ear, found.out_cob, -found.in_cob))
    return np.argsort(found.ear if measure == "ear" else found.masa, kind="stable")


def _within(found: Measures, measure: str, threshold: float) -> NDArray[np.int64]:
    if measure == "cob":
        kept = found.in_cob >= threshold
    else:
        kept = (found.ear if measure == "ear" else found.masa) <= threshold
    if not kept.any():
        raise ValueError(f"No spectrum meets the threshold {threshold:g} of {measure.upper()}; choose a weaker one.")
    return np.flatnonzero(kept)


def _same_class(library: Library) -> NDArray[np.bool_]:
    if library.classes is None or not all(library.classes):
        raise ValueError("Every spectrum of the library needs a class before it can be compared with its class.")
    classes = np.asarray(library.classes)
    return np.asarray(classes[:, None] == classes)


def _complete(library: Library) -> Array:
    bands = np.isfinite(library.spectra).all(axis=0)
    if not bands.any():
        raise ValueError("The library's spectra have no band in which none of them lacks a value.")
    return np.ascontiguousarray(library.spectra[:, bands])
