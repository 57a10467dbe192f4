"""MESMA, window by window."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ... import plots
from ...abundances import mesma
from ...cube import Cube
from ...outputs import OutputFolder, raster_writers, required_bytes, thumbnail
from ...record import Run
from ...report import Section, Table
from ...summary import Summary
from ..given_library import GivenLibrary, given_library, notice_left_out
from ..mapping import WINDOW, map_windows, notice_nodata
from ..solving import add_solved, all_pixels, image, without_shade
from .config import BestModels


def prepare(run: Run) -> float:
    """Read the library once to see that it fits the scene. ValueError, a sentence, if it does not."""
    return required_bytes(run.scene, 2 * len(_classes(_given(run))) + 2)


def perform(run: Run, folder: OutputFolder) -> list[Section]:
    """Map class fractions, error, chosen spectra and, if asked for, shade."""
    given, scene, options = _given(run), run.scene, run.options
    names = _classes(given)
    notice_left_out(run, given)
    models = _Models(given, names, options.complexity, options.shade, options.improvement)
    summary, counts = Summary(len(names)), np.zeros(len(given.spectra), np.int64)

    def add(result: BestModels) -> None:
        add_solved(summary, result)
        counts[:] += np.bincount(result.spectra[result.spectra > 0] - 1, minlength=len(counts))

    bands = {"abundances": names, "error": ["Reconstruction error"], "spectra": names}
    bands.update({"shade": ["Shade"]} if options.shade else {})
    with raster_writers(folder.partial, BestModels, scene, bands) as writers:
        map_windows(run, scene.windows(WINDOW), models.best, writers, add, "Fitting models to", 0.0)
    notice_nodata(run, summary.pixels)
    run.metrics.update(reconstruction_rmse=summary.rmse, valid_pixels=float(summary.pixels))
    return _sections(folder.partial, given, names, summary, [int(count) for count in counts])


@dataclass(frozen=True)
class _Models:
    """The models of a library, ready for any cube."""

    given: GivenLibrary
    names: list[str]
    complexity: int
    shade: bool
    improvement: float

    def best(self, cube: Cube) -> BestModels:
        """Fractions, error and chosen spectra of one cube."""
        pixels = all_pixels(cube, self.given.bands)
        numbers = [self.names.index(one) for one in self.given.library.classes or []]
        dark = np.zeros(pixels.shape[1], np.float32) if self.shade else None
        found = mesma(pixels, self.given.spectra, numbers, self.complexity, dark, self.improvement)
        shares, shade = without_shade(found.abundances[:, : len(self.names)])
        return BestModels(
            image(shares, cube, np.nan),
            image(found.error, cube, np.nan),
            image((found.spectra + 1).astype(np.int16), cube, -1),
            image(shade, cube, np.nan),
        )


def _given(run: Run) -> GivenLibrary:
    given = given_library(run, class_column=run.options.class_column)
    if given.library.classes is None:
        raise ValueError(
            f"The library {Path(run.job.inputs['library']['path']).name} names no classes. MESMA needs one for each "
            "spectrum; an ENVI library gets them from a table (.csv) of the same name beside it."
        )
    return given


def _classes(given: GivenLibrary) -> list[str]:
    """The names of the classes in the order of their first spectra."""
    return list(dict.fromkeys(given.library.classes or []))


def _sections(
    folder: Path, given: GivenLibrary, names: list[str], summary: Summary, counts: list[int]
) -> list[Section]:
    fractions, error = (thumbnail(folder / name) for name in ("abundances.tif", "error.tif"))
    shares = [(name, f"{100 * mean:.1f} %") for name, mean in zip(names, summary.mean_abundances, strict=True)]
    library = given.library
    order = np.argsort([-count for count in counts], kind="stable")[:30]
    used = [(library.names[index], (library.classes or [])[index], str(counts[index])) for index in order]
    pictures = [
        plots.Picture("Fraction of each class in every pixel", plots.maps(fractions, names, "Fraction")),
        plots.Picture(
            "Error of the best model per pixel: RMSE over bands, in reflectance", plots.error(error[0], summary)
        ),
    ]
    rmse = ("Reconstruction error", f"{summary.rmse:.4f} reflectance (RMSE over all pixels)")
    note = "The 30 most used spectra; the numbers in spectra.tif count the library's spectra from 1."
    return [
        Section("Results in figures", rows=[rmse]),
        Section("Mean fraction over the scene", rows=shares),
        Section("Results", pictures=pictures),
        Section("Spectra in the best models", tables=[Table(("Spectrum", "Class", "Pixels"), used, note)]),
    ]
