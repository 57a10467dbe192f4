"""A library that the user gives, at the bands of the run's scene."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..cube import Array
from ..library import Library, covered, read_library, resample
from ..record import Run

MOST = 2000
"""Spectra. A larger library is no set of endmembers."""
LEAST_COVERED = 0.5
"""Share of the scene's bands that the library must know."""


@dataclass(frozen=True)
class GivenLibrary:
    """``library`` at the scene's bands; ``bands`` (bands,) where all its spectra are known: solvers use only these."""

    library: Library
    bands: NDArray[np.bool_]

    @property
    def spectra(self) -> Array:
        """(spectra, bands in use) reflectance."""
        return np.ascontiguousarray(self.library.spectra[:, self.bands])


def given_library(run: Run, name: str = "library", class_column: str = "") -> GivenLibrary:
    """Read the library of the input ``name`` and bring it to the scene. ValueError, a sentence, if it does not fit."""
    scene, path = run.scene, Path(run.job.inputs[name]["path"])
    library = read_library(path, class_column or None)
    if len(library.names) > MOST:
        raise ValueError(f"The library {path.name} holds {len(library.names)} spectra; at most {MOST} can be used.")
    if library.wavelengths is None or scene.wavelengths is None:
        if library.spectra.shape[1] != scene.bands:
            raise ValueError(
                f"The library has {library.spectra.shape[1]} bands and the scene {scene.bands}, and not both name "
                "their wavelengths. Choose a library with wavelengths, or one made from this scene."
            )
        return _checked(path, library, np.ones(scene.bands, dtype=bool))
    known = covered(library, scene.wavelengths, scene.fwhm)
    if known.mean() < LEAST_COVERED:
        raise ValueError(
            f"The library {path.name} covers {known.sum()} of the scene's {scene.bands} bands; choose one that covers "
            f"{scene.wavelengths.min():.0f} to {scene.wavelengths.max():.0f} nm."
        )
    fwhm = None if scene.fwhm is None else scene.fwhm[known]
    seen = resample(library, scene.wavelengths[known], fwhm)
    spectra = np.full((len(library.names), scene.bands), np.nan, np.float32)
    spectra[:, known] = seen.spectra
    return _checked(path, Library(library.names, spectra, scene.wavelengths, scene.fwhm, library.classes), known)


def notice_left_out(run: Run, given: GivenLibrary) -> None:
    """Tell the user how many bands the library does not know."""
    missing = int((~given.bands).sum())
    if missing:
        run.notice(f"{missing} bands of the scene are not in the library and were left out.")


def _checked(path: Path, library: Library, known: NDArray[np.bool_]) -> GivenLibrary:
    whole = known & np.isfinite(library.spectra).all(axis=0)
    if whole.mean() < LEAST_COVERED:
        raise ValueError(
            f"In more than half of the scene's bands some spectrum of {path.name} lacks a value; take incomplete "
            "spectra out of the library."
        )
    return GivenLibrary(library, whole)
