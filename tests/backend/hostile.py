"""Scenes with values that no sensor measures, and every task run on them."""

from __future__ import annotations

import numpy as np
import rasterio
from fields import CROPS, SPECTRA, reflectance, write_areas
from mixel.backend.library import Library, write_library
from mixel.backend.methods import method
from mixel.backend.protocol import Job
from mixel.backend.tasks import running, task
from scenes import WAVELENGTHS, write
from stripes import small

FILLS = {(3, 4): 1e29, (13, 33): -3.4e38, (21, 7): np.inf, (22, 50): np.nan, (35, 20): 0, (30, 41): -9999}
"""What pixels (row, col) hold in every band that tell nothing, and do not say so."""
ONE_BAND = {(3, 8, 8): 1e29, (5, 9, 30): 20_000}
"""The same of values (band, row, col)."""
MISSING = np.zeros(reflectance().shape[1:], bool)
for _row, _col in [*FILLS, *((row, col) for _, row, col in ONE_BAND)]:
    MISSING[_row, _col] = True
SHADE = (15, 15)
"""A pixel (row, col) of next to no light."""
CHOSEN = {"unmix": "vca_fcls", "classify": "random_forest", "unmix_and_classify": "ugm"}
"""A quick method for each task that has some."""
_MAP = {"compare": False, "split": "none", "validation_share": 0, "probabilities": True}
OPTIONS = {
    "classify": _MAP,
    "unmix_and_classify": _MAP,
    "apply_model": {"probabilities": True},
    "minimum_noise_fraction": {"num_components": 3},
    "extract_endmembers": {"num_endmembers": 3, "num_skewers": 50},
    "estimate_abundances": {"shade": True},
}


def odd():
    """Fields (bands, rows, cols) with pixels that tell nothing, and others that are strange and yet numbers."""
    values = reflectance()
    values[:, 3, 14] = -np.linspace(0.1, 0.2, len(values))
    values[:, 21, 17] *= 900
    values[:, 22, 55] = 1e-3
    values[2] = 0.25  # a band that says nothing but of one pixel
    values[2, 0, 0] = 0.26
    values[:, SHADE[0], SHADE[1]] = np.linspace(1, 2, len(values)) * 1e-30
    values[:, 30:, :20] = SPECTRA[0][:, None, None]
    for (row, col), value in FILLS.items():
        values[:, row, col] = value
    for place, value in ONE_BAND.items():
        values[place] = value
    return values


def tiny():
    """The fields in a unit that makes all numbers small."""
    return reflectance() * np.float32(1e-30)


def pure():
    """Nothing but pure pixels: no noise, as many different spectra as there are materials."""
    return reflectance(noise=0)


def check(found, missing):
    """Rasters hold numbers but in missing pixels, and shares that sum to 1, or to 0 where a pixel is all shade."""
    for file, values in found.items():
        assert np.array_equal(np.ma.getmaskarray(values).any(axis=0), missing), file
        assert np.isfinite(values.data[:, ~missing]).all(), file
        if file in ("abundances.tif", "probabilities.tif"):
            dark = found["shade.tif"].data[0] > 1 - 1e-3 if "shade.tif" in found else missing
            lit = ~missing & ~dark
            np.testing.assert_allclose(values.data[:, lit].sum(axis=0, dtype=np.float64), 1, atol=1e-5, err_msg=file)
            assert (values.data[:, lit] >= 0).all() and not values.data[:, dark & ~missing].any()


def prepared(folder):
    """What the tasks read beside the scene, written once: labelled areas, a library and a model."""
    write_areas(folder / "areas.gpkg")
    library = Library(list(CROPS), SPECTRA, np.array(WAVELENGTHS, np.float32), None, list(CROPS))
    write_library(library, folder / "known.sli")
    perform("classify", write(folder / "plain.tif", reflectance()), folder, folder / "model")
    return folder


def perform(name, scene, place, output, more=None):
    """Run a task on a scene; gives the metrics. ``more``: inputs that it need not have."""
    files = {
        "labels": {"path": str(place / "areas.gpkg"), "field": "crop"},
        "library": {"path": str(place / "known.sli")},
        "model": {"path": str(place / "model" / "model.json")},
    }
    chosen = CHOSEN.get(name, task(name).default_method)
    inputs = {one.name: files[one.kind] for one in task(name).inputs if not one.optional} | (more or {})
    settings = small(method(chosen).name) if chosen else {}
    job = Job(name, chosen, str(scene), str(output), settings, OPTIONS.get(name, {}), inputs, scale=1.0)
    return running.run(job, lambda event: None)


def rasters(name, folder):
    """Every raster of a run (bands, rows, cols), missing pixels masked."""
    found = {}
    for one in task(name).layers:
        if (folder / one.file).exists():
            with rasterio.open(folder / one.file) as dataset:
                found[one.file] = dataset.read(masked=True)
    return found
