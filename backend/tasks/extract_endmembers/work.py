"""Endmember extraction: the purest pixels of a sample, their spectra and their places."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyogrio.raw
import rasterio.transform
import shapely

from ... import plots
from ...cube import Array
from ...endmembers import Integers, nfindr, ppi, principal, simplex_volume, sivm, vca
from ...library import Library, write_csv, write_sli
from ...outputs import OutputFolder, refusals
from ...protocol import Progress
from ...record import Run
from ...report import Section, Table
from ...scene import Scene
from ..sampling import Sample, check_enough, sample_of, settled_number


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
    found = _extracted(sample.pixels, number, run.options)
    names = [f"Endmember {index}" for index in range(1, len(found) + 1)]
    library = Library(names, np.maximum(sample.pixels[found], 0), scene.wavelengths, scene.fwhm)
    run.metrics["volume"] = simplex_volume(principal(sample.pixels, max(1, number - 1))[found])
    with refusals(folder.path):
        write_sli(library, folder.partial / "endmembers.sli")
        write_csv(library, folder.partial / "endmembers.csv")
        _write_points(folder.partial / "endmember_pixels.gpkg", names, _places(scene, sample, found), scene)
    run.emit(Progress(1.0, "Extracting endmembers"))
    return _sections(library, sample, found)


def _extracted(pixels: Array, number: int, options: Any) -> Integers:
    """Indices of the endmembers' pixels."""
    if options.extraction == "vca":
        return vca(pixels, number, options.seed, options.repeats)
    if options.extraction == "nfindr":
        return nfindr(pixels, number, options.seed, options.repeats)
    if options.extraction == "sivm":
        return sivm(pixels, number)
    return ppi(pixels, number, options.seed, options.num_skewers)


def _places(scene: Scene, sample: Sample, found: Integers) -> list[tuple[float, float]]:
    """Centres of the pixels in the scene's coordinates; without a georeference as QGIS shows it, rows downwards."""
    transform: Any = scene.grid["transform"]
    xs, ys = rasterio.transform.xy(transform, sample.rows[found].tolist(), sample.cols[found].tolist())
    down = -1 if transform.is_identity else 1
    return [(float(x), down * float(y)) for x, y in zip(xs, ys, strict=True)]


def _write_points(path: Path, names: list[str], places: list[tuple[float, float]], scene: Scene) -> None:
    crs: Any = scene.grid["crs"]
    numbers = np.arange(1, len(names) + 1, dtype=np.int32)
    pyogrio.raw.write(
        path,
        geometry=shapely.to_wkb(shapely.points(places)),
        field_data=[np.array(names, dtype=object), numbers],
        fields=["name", "number"],
        geometry_type="Point",
        crs=crs.to_wkt() if crs else None,
        driver="GPKG",
        layer="endmember_pixels",
        dataset_options={"VERSION": "1.3"},  # what the GDAL of older QGIS reads without a warning
    )


def _sections(library: Library, sample: Sample, found: Integers) -> list[Section]:
    lines = [
        (name, str(sample.rows[index] + 1), str(sample.cols[index] + 1))
        for name, index in zip(library.names, found, strict=True)
    ]
    note = f"Rows and columns of the scene count from 1. Searched: {len(sample.pixels)} pixels, {sample.where}."
    table = Table(("Endmember", "Row", "Column"), lines, note)
    picture = plots.Picture("Endmember spectra", plots.spectra(library))
    return [Section("Endmembers", pictures=[picture]), Section("Where they were found", tables=[table])]
