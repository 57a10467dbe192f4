"""Labels drawn on the map over products of swaths: they teach the pixels that the sensor saw there."""

from __future__ import annotations

import warnings
from contextlib import closing

import h5py
import numpy as np
import pyogrio
import pytest
import shapely
from hdf5_files import emit, on_swath, pace, tanager
from mixel.backend.cube import Window
from mixel.backend.labels import Grid, read_vector_labels
from mixel.backend.products import open_product
from opened import opened
from test_products_swath_grid import wide

ROWS, COLS = 30, 40
PIXELS = [(4, 5), (4, 33), (11, 18), (17, 9), (24, 30), (25, 2)]


def coded(rows=ROWS, cols=COLS):
    """A cube (10, rows, cols) whose first two bands hold each pixel's line and sample, in thousandths."""
    lines, samples = np.mgrid[:rows, :cols].astype(np.float32)
    other = [0.2 + 0.001 * ((lines * band + samples) % 50) for band in range(8)]
    return np.stack([lines / 1000, samples / 1000, *other]).astype(np.float32)


def lookup_table(file):
    """Puts a lookup table of the swath's own coordinates into an EMIT file."""
    step, left, top = 0.0004, 12.98, 52.42
    lon, lat = np.meshgrid(left + step * (np.arange(200) + 0.5), top - step * (np.arange(240) + 0.5))
    across, down = (lon - 13.0) / (1.6 * step), (52.4 - lat) / step
    line, sample = np.rint((down - 0.2 * across) / 1.04), np.rint((across + 0.2 * down) / 1.04)
    seen = (line >= 0) & (line < ROWS) & (sample >= 0) & (sample < COLS)
    for name, place in (("glt_x", sample), ("glt_y", line)):
        file[f"location/{name}"] = np.where(seen, place + 1, 0).astype(np.int32)
    file.attrs["geotransform"] = np.array([left, step, 0, top, 0, -step])


def emit_on_the_map(folder):
    path = emit(folder, coded(), table="none")
    with h5py.File(path, "a") as file:
        lookup_table(file)
    return path, on_swath(*np.array(PIXELS).T)


def pace_on_a_grid(folder):
    lat, lon = wide(ROWS, COLS)
    values = np.round(coded() * 1000).astype(np.int16)
    path = pace(folder / "PACE_OCI.20240701T180000.L2.SFREFL.V3_0.nc", values)
    with h5py.File(path, "a") as file:
        file["navigation_data/latitude"][...], file["navigation_data/longitude"][...] = lat, lon
    rows, cols = np.array(PIXELS).T
    return path, (lon[rows, cols], lat[rows, cols])


PRODUCTS = {
    "EMIT on the map": emit_on_the_map,
    "EMIT, swath": lambda folder: (emit(folder, coded(), table="none"), on_swath(*np.array(PIXELS).T)),
    "PACE, onto a grid": pace_on_a_grid,
    "Tanager, swath": lambda folder: (
        tanager(folder / "20250225_153627_16_4001_basic_sr_hdf5.h5", coded()),
        on_swath(*np.array(PIXELS).T),
    ),
}


def points(path, lon, lat):
    """A layer of points of two classes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        pyogrio.raw.write(
            path, geometry=shapely.to_wkb(shapely.points(lon, lat)), field_data=[np.arange(len(lon)) % 2 + 1],
            fields=["class"], geometry_type="Point", crs="EPSG:4326",
        )  # fmt: skip
    return path


@pytest.mark.parametrize("written", [False, True], ids=["as delivered", "opened"])
@pytest.mark.parametrize("name", PRODUCTS)
def test_points_teach_the_pixels_that_the_sensor_saw_there(tmp_path, name, written):
    path, (lon, lat) = PRODUCTS[name](tmp_path)
    layer = points(tmp_path / "points.gpkg", lon, lat)
    if written:
        path = opened(path, tmp_path / "out")[0]
    with closing(open_product(path)) as product:
        grid = Grid.of(product.place, product.facts.rows, product.facts.cols)
        labels = read_vector_labels(str(layer), None, "class", grid)
        held = [
            product.read(Window(r, c, 1, 1), [0, 1])[:, 0, 0] for r, c in zip(labels.rows, labels.cols, strict=True)
        ]
    values = np.array(held, np.float64)
    seen = np.rint(values if values.max() > 1 else 1000 * values).astype(int)
    pixels, order = np.array(PIXELS), [np.abs(seen - pixel).sum(axis=1).argmin() for pixel in PIXELS]
    # A cell of a grid holds the pixel nearest to its centre, which a point elsewhere in the cell may just miss.
    assert np.abs(seen[order] - pixels).max() <= (1 if product.place.kind == "grid" else 0)
    assert labels.values[order].tolist() == [1, 2, 1, 2, 1, 2]
