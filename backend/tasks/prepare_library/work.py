"""A library on its way to a scene: read, resampled, pruned, written in every format."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ... import plots
from ...library import Library, covered, prune, read_library, resample, write_csv, write_library
from ...outputs import OutputFolder, refusals
from ...protocol import Progress
from ...record import Run
from ...report import Section, Table
from ...scene import Scene

MOST_DRAWN = 30


def prepare(run: Run) -> float:
    """Read the library once to see that it can be read. ValueError, a sentence, if not; gives the results' bytes."""
    return 5e6 + 60.0 * _read(run).spectra.size


def perform(run: Run, folder: OutputFolder) -> list[Section]:
    """Resample, prune and write."""
    run.emit(Progress(0.0, "Reading the library"))
    library = _at_sensor(run, _read(run))
    run.emit(Progress(0.3, "Choosing spectra"))
    kept = library if run.options.pruning == "none" else _pruned(run, library)
    run.metrics.update(spectra=float(len(kept.names)), bands=float(kept.spectra.shape[1]))
    with refusals(folder.path):
        write_library(kept, folder.partial / "library.sli")
        write_csv(kept, folder.partial / "spectra.csv")
        write_library(kept, folder.partial / "library.gpkg")
    run.emit(Progress(1.0, "Library written"))
    return _sections(library, kept)


def _read(run: Run) -> Library:
    return read_library(Path(run.job.inputs["library"]["path"]), run.options.class_column or None)


def _at_sensor(run: Run, library: Library) -> Library:
    """The library at the bands of the given scene that it covers."""
    if "sensor" not in run.job.inputs:
        return library
    with Scene(run.job.inputs["sensor"]["path"]) as scene:
        axis, fwhm = scene.wavelengths, scene.fwhm
    if axis is None:
        raise ValueError("The scene names no wavelengths, so that the library cannot be brought to its bands.")
    known = covered(library, axis, fwhm)
    if not known.any():
        raise ValueError("The library covers none of the scene's bands; choose another library.")
    if not known.all():
        run.notice(f"{(~known).sum()} bands of the scene are not covered by the library and were left out.")
    return resample(library, axis[known], None if fwhm is None else fwhm[known])


def _pruned(run: Run, library: Library) -> Library:
    if library.classes is None:
        raise ValueError("The library names no classes, so that its spectra cannot be thinned out class by class.")
    return library.take(prune(library, run.options.pruning, run.options.count_per_class))


def _sections(before: Library, kept: Library) -> list[Section]:
    bands = f"{kept.spectra.shape[1]} bands"
    if kept.wavelengths is not None:
        bands += f", {kept.wavelengths.min():.0f} to {kept.wavelengths.max():.0f} nm"
    rows = [("Spectra", f"{len(kept.names)} of {len(before.names)}"), ("Bands", bands)]
    lines = [(name, kept.classes[index] if kept.classes else "") for index, name in enumerate(kept.names[:200])]
    shown = kept.take(np.arange(min(MOST_DRAWN, len(kept.names))))
    picture = plots.Picture(f"The first {len(shown.names)} spectra", plots.spectra(shown))
    return [
        Section("The library", rows=rows, pictures=[picture]),
        Section("Spectra", tables=[Table(("Name", "Class"), lines)]),
    ]
