"""Abundances of the spectra of a library, window by window."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ... import plots
from ...abundances import errors, fully_constrained, nonnegative, sparse, unconstrained
from ...cube import Array, Cube
from ...library import Library
from ...outputs import OutputFolder, raster_writers, required_bytes, thumbnail
from ...record import Run
from ...report import Section
from ...summary import Summary
from ..given_library import GivenLibrary, given_library, notice_left_out
from ..mapping import WINDOW, map_windows, notice_nodata
from ..solving import add_solved, all_pixels, image, without_shade
from .config import Abundances


def prepare(run: Run) -> float:
    """Read the library once to see that it fits the scene. ValueError, a sentence, if it does not."""
    if run.options.solver != "fully_constrained" and run.options.shade:
        raise ValueError("Shade can only be taken into account under full constraints; choose them, or switch it off.")
    return required_bytes(run.scene, len(given_library(run).library.names) + 2)


def perform(run: Run, folder: OutputFolder) -> list[Section]:
    """Map abundances, error and, if asked for, shade."""
    given, scene = given_library(run), run.scene
    library = given.library
    notice_left_out(run, given)
    solver = _Solver(given, run.options.solver, run.options.shade, run.options.sparsity)
    summary = Summary(len(library.names))
    bands = {"abundances": library.names, "error": ["Reconstruction error"]}
    bands.update({"shade": ["Shade"]} if run.options.shade else {})
    with raster_writers(folder.partial, Abundances, scene, bands) as writers:
        windows = scene.windows(WINDOW)
        map_windows(run, windows, solver.solve, writers, lambda one: add_solved(summary, one), "Unmixing", 0.0)
    notice_nodata(run, summary.pixels)
    run.metrics.update(reconstruction_rmse=summary.rmse, valid_pixels=float(summary.pixels))
    return _sections(folder.partial, library, summary)


class _Solver:
    """Abundances of a library's spectra in any cube."""

    def __init__(self, given: GivenLibrary, name: str, shade: bool, sparsity: float) -> None:
        self.bands, self.count = given.bands, len(given.spectra)
        dark = np.zeros((1 if shade else 0, given.spectra.shape[1]), np.float32)
        self.endmembers = np.concatenate([given.spectra, dark])
        self.name, self.shade, self.sparsity = name, shade, sparsity

    def solve(self, cube: Cube) -> Abundances:
        """Abundances, error and shade of one cube; NaN where it is not valid."""
        pixels = all_pixels(cube, self.bands)
        found = self._abundances(pixels)
        error = errors(pixels, self.endmembers, found)
        lit = found[:, : self.count]
        shares, shade = without_shade(lit) if self.shade else (lit, np.zeros(len(lit), np.float32))
        return Abundances(*(image(values, cube, np.nan) for values in (shares, error, shade)))

    def _abundances(self, pixels: Array) -> Array:
        if self.name == "fully_constrained":
            return fully_constrained(pixels, self.endmembers)
        if self.name == "nonnegative":
            return nonnegative(pixels, self.endmembers)
        if self.name == "sparse":
            return sparse(pixels, self.endmembers, self.sparsity)
        return unconstrained(pixels, self.endmembers)


def _sections(folder: Path, library: Library, summary: Summary) -> list[Section]:
    abundances, error = (thumbnail(folder / name) for name in ("abundances.tif", "error.tif"))
    shares = [(name, f"{100 * mean:.1f} %") for name, mean in zip(library.names, summary.mean_abundances, strict=True)]
    shown = np.argsort(-summary.mean_abundances, kind="stable")[:20]
    names = [library.names[index] for index in shown]
    pictures = [
        plots.Picture("Spectra of the library at the scene's bands", plots.spectra(library)),
        plots.Picture("Abundances, the largest first", plots.maps(abundances[shown], names)),
        plots.Picture(
            "Reconstruction error per pixel: RMSE over bands, in reflectance", plots.error(error[0], summary)
        ),
    ]
    rmse = ("Reconstruction error", f"{summary.rmse:.4f} reflectance (RMSE over all pixels)")
    return [
        Section("Results in figures", rows=[rmse]),
        Section("Mean abundance over the scene", rows=shares),
        Section("Results", pictures=pictures),
    ]
