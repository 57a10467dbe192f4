"""Endmember extraction: the purest pixels of a sample, or means of clusters, their spectra and their places."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import plots
from ...cube import Array
from ...endmembers import Integers, nfindr, ppi, principal, simplex_volume, sivm, vca
from ...endmembers.clusters import spanning_spectra
from ...endmembers.subspace import usable
from ...library import Library, write_csv, write_sli
from ...metrics import spectral_angles
from ...outputs import OutputFolder, refusals
from ...protocol import Progress
from ...record import Run
from ...report import Section, Table
from ..labelled import grid_of
from ..points import write_points
from ..sampling import Sample, check_enough, sample_of, settled_number

MOST = 20_000
"""About how many pixels clusters are made of."""


def prepare(run: Run) -> float:
    """A library, points and a report: nothing to check before the sample is read. Gives their bytes."""
    return 5e6


def perform(run: Run, folder: OutputFolder) -> list[Section]:
    """Find the endmembers and write library and points. ValueError if the sample holds fewer than are asked for."""
    scene = run.scene
    run.emit(Progress(0.0, "Reading a sample of the scene"))
    sample = sample_of(run)
    number = settled_number(run, run.options.number, run.options.num_endmembers, sample.pixels)
    check_enough(sample, number)
    run.emit(Progress(0.3, "Extracting endmembers"))
    found, spectra = _extracted(sample.pixels, number, run.options)
    names = [f"Endmember {index}" for index in range(1, len(found) + 1)]
    library = Library(names, np.maximum(spectra, 0), scene.wavelengths, scene.fwhm)
    run.metrics["volume"] = simplex_volume(principal(sample.pixels, max(1, number - 1))[found])
    with refusals(folder.path):
        write_sli(library, folder.partial / "endmembers.sli")
        write_csv(library, folder.partial / "endmembers.csv")
        columns = {"name": names, "number": range(1, len(names) + 1)}
        path = folder.partial / "endmember_pixels.gpkg"
        write_points(path, grid_of(scene), sample.rows[found], sample.cols[found], columns)
    run.emit(Progress(1.0, "Extracting endmembers"))
    return _sections(library, sample, found)


def _extracted(pixels: Array, number: int, options: Any) -> tuple[Integers, Array]:
    """Indices of the endmembers' pixels, and the endmembers' spectra."""
    if options.extraction == "clusters":
        return _clustered(pixels, number, options.seed)
    found = _purest(pixels, number, options)
    return found, pixels[found]


def _purest(pixels: Array, number: int, options: Any) -> Integers:
    if options.extraction == "vca":
        return vca(pixels, number, options.seed, options.repeats)
    if options.extraction == "nfindr":
        return nfindr(pixels, number, options.seed, options.repeats)
    if options.extraction == "sivm":
        return sivm(pixels, number)
    return ppi(pixels, number, options.seed, options.num_skewers)


def _clustered(pixels: Array, number: int, seed: int) -> tuple[Integers, Array]:
    """Of each spectrum the pixel with the smallest spectral angle to it."""
    some = usable(pixels, number)
    some = some[:: 1 + len(some) // MOST]
    few = np.ascontiguousarray(pixels[some])
    spectra = spanning_spectra(few, number, seed)
    return some[spectral_angles(few, spectra).argmin(axis=0)], spectra


def _sections(library: Library, sample: Sample, found: Integers) -> list[Section]:
    lines = [
        (name, str(sample.rows[index] + 1), str(sample.cols[index] + 1))
        for name, index in zip(library.names, found, strict=True)
    ]
    note = f"Rows and columns of the scene count from 1. Searched: {len(sample.pixels)} pixels, {sample.where}."
    table = Table(("Endmember", "Row", "Column"), lines, note)
    picture = plots.Picture("Endmember spectra", plots.spectra(library))
    return [Section("Endmembers", pictures=[picture]), Section("Where they were found", tables=[table])]
