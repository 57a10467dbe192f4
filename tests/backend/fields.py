"""A scene of three crops in fields, and areas drawn into them: what the tests of classification work on."""

from __future__ import annotations

import numpy as np
import pyogrio.raw
import shapely
from rasterio.warp import transform
from scenes import GRID, WAVELENGTHS, write

ROWS, COLS, SIDE = 40, 60, 10
BANDS = len(WAVELENGTHS)
CROPS = ("Mais", "Rüben", "wheat")
COLOURS = {"Mais": "#ffcc00", "Rüben": "#aa3377", "wheat": "#ddeeaa"}
SPECTRA = np.stack(
    [np.linspace(0.1, 0.6, BANDS), np.linspace(0.6, 0.1, BANDS), 0.3 + 0.2 * np.sin(np.arange(BANDS))]
).astype(np.float32)
FAST = {"random_forest": {"trees": 20}}


def crops():
    """Which crop each pixel is, (rows, cols) from 1: fields of 10 x 10 pixels in turn."""
    rows, cols = np.indices((ROWS, COLS)) // SIDE
    return ((rows + cols) % 3 + 1).astype(np.int16)


def reflectance(noise=0.02, seed=0):
    """The scene (bands, rows, cols)."""
    clean = SPECTRA[crops() - 1].transpose(2, 0, 1)
    return (clean + np.random.default_rng(seed).normal(0, noise, clean.shape)).astype(np.float32)


def write_scene(path, values=None, **options):
    """The scene as a file; gives its path as text."""
    return write(path, reflectance() if values is None else values, nodata=-9999, **options)


def squares(margin=2):
    """A polygon within every field, in the scene's coordinates, and its crop's name."""
    grid, found = GRID["transform"], []
    for row in range(0, ROWS, SIDE):
        for col in range(0, COLS, SIDE):
            corners = [(col + margin, row + margin), (col + SIDE - margin, row + SIDE - margin)]
            (left, top), (right, bottom) = (grid @ corner for corner in corners)
            found.append((shapely.box(left, bottom, right, top), CROPS[crops()[row, col] - 1]))
    return found


def write_areas(path, areas=None, crs="EPSG:4326", field="crop"):
    """Areas as a GeoPackage in another coordinate system; gives the input of a job."""
    areas = squares() if areas is None else areas

    def moved(points):
        return np.column_stack(transform(GRID["crs"], crs, *points.T))

    shapes = [shapely.transform(one, moved) for one, _ in areas]
    values = [name for _, name in areas]
    kind = object if isinstance(values[0], str) else np.int64
    pyogrio.raw.write(
        path, geometry=shapely.to_wkb(np.array(shapes)), field_data=[np.array(values, dtype=kind)], fields=[field],
        geometry_type="Polygon", crs=crs, driver="GPKG",
    )  # fmt: skip
    return {"path": str(path), "field": field, "colours": COLOURS}
