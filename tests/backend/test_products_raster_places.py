"""Where rasters lie that have no plain grid: control points, rational polynomials, geo points, no coordinate system."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from affine import Affine
from mixel.backend.products import open_product
from mixel.backend.scene import Scene
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.rpc import RPC
from scenes import WAVELENGTHS, stored, write

TURNED = Affine.translation(390000, 5820000) @ Affine.rotation(30) @ Affine.scale(3.6, -3.6)


def product(path):
    found = open_product(path)
    found.close()
    return found


def points(*pixels):
    return [GroundControlPoint(row, col, *(TURNED @ (col, row))) for row, col in pixels]


def placed(path, **options):
    """A scene of 12 bands, 11 x 17 pixels, without the grid that other tests give it."""
    values = stored()
    bands, rows, cols = values.shape
    with rasterio.open(
        path, "w", driver="GTiff", count=bands, height=rows, width=cols, dtype=values.dtype, **options
    ) as dataset:
        dataset.write(values)
        for band, wavelength in enumerate(WAVELENGTHS, start=1):
            dataset.update_tags(band, wavelength=wavelength, wavelength_units="nm")
    return path


@pytest.mark.parametrize("pixels", [[(0, 0), (0, 17), (11, 0), (11, 17)], [(0, 0), (0, 17), (11, 0)]])
def test_control_points_place_a_scene_and_are_told(tmp_path, pixels):
    path = placed(tmp_path / "scene.tif", gcps=points(*pixels), crs="EPSG:32633")
    with Scene(path) as scene:
        assert scene.facts.georeferenced and scene.facts.place == scene.place.kind == "gcps"
        told = f"The scene is placed by {len(pixels)} ground control points, not by a grid"
        assert any(note.startswith(told) for note in scene.notices)
        assert not any("no georeference" in note for note in scene.notices)
        x, y = TURNED @ (8.5, 5.5)
        cols, rows = scene.place.to_pixels(np.array([x]), np.array([y]))
        assert (cols[0], rows[0]) == pytest.approx((8.5, 5.5), abs=1e-3)
        assert scene.place.crs == CRS.from_epsg(32633)


def test_two_control_points_place_nothing(tmp_path):
    found = product(placed(tmp_path / "scene.tif", gcps=points((0, 0), (11, 17)), crs="EPSG:32633"))
    assert not found.place.gcps and found.facts.place != "gcps"


def test_rational_polynomials_become_control_points(tmp_path):
    one = [1.0] + [0.0] * 19
    line, sample = [0.0] * 20, [0.0] * 20
    line[2], sample[1] = -1.0, 1.0
    rpcs = RPC(
        height_off=400.0, height_scale=100.0, lat_off=52.0, lat_scale=0.01, long_off=13.0, long_scale=0.01,
        line_num_coeff=line, line_den_coeff=one, line_off=5.0, line_scale=5.5,
        samp_num_coeff=sample, samp_den_coeff=one, samp_off=8.0, samp_scale=8.5,
    )  # fmt: skip
    found = product(placed(tmp_path / "scene.tif", rpcs=rpcs))
    assert found.facts.georeferenced and found.facts.place == "gcps"
    assert any("rational polynomials" in note and "81 ground control points" in note for note in found.facts.notes)
    cols, rows = found.place.to_pixels(np.array([13.0]), np.array([52.0]))
    assert (cols[0], rows[0]) == pytest.approx((8.5, 5.5), abs=0.01)


def test_a_grid_counts_before_control_points_and_polynomials(tmp_path):
    found = product(write(tmp_path / "scene.tif"))
    assert found.place.kind == "grid" and found.facts.notes == ()


@pytest.mark.parametrize("key", ["geo points", "Geo Points"])
def test_geo_points_of_an_envi_header(tmp_path, key):
    values = stored()
    values.tofile(tmp_path / "scene.img")
    corners = [(1, 1, 52.0, 13.0), (18, 1, 52.0, 13.1), (1, 12, 51.9, 13.0), (18, 12, 51.9, 13.1)]
    listed = ",\n".join(", ".join(map(str, one)) for one in corners)
    (tmp_path / "scene.hdr").write_text(
        f"ENVI\nsamples = 17\nlines = 11\nbands = 12\ndata type = 2\ninterleave = bsq\n{key} = {{{listed}}}\n"
    )
    found = product(tmp_path / "scene.img")
    assert found.facts.place == "gcps" and found.place.crs == CRS.from_epsg(4326)
    cols, rows = found.place.to_pixels(np.array([13.05, 13.1]), np.array([51.95, 51.9]))
    np.testing.assert_allclose((cols, rows), ([8.5, 17], [5.5, 11]), atol=1e-3)


@pytest.mark.parametrize("listed", ["1, 1, 52", "1, 1, 52, 13, 18, 1, 52, 13.1", "a, b, c, d, e, f, g, h, i, j, k, l"])
def test_geo_points_that_place_nothing(tmp_path, listed):
    stored().tofile(tmp_path / "scene.img")
    (tmp_path / "scene.hdr").write_text(
        f"ENVI\nsamples = 17\nlines = 11\nbands = 12\ndata type = 2\ninterleave = bsq\nGEO POINTS = {{{listed}}}\n"
    )
    assert product(tmp_path / "scene.img").place.kind == "none"


def test_a_grid_without_a_coordinate_system_is_not_called_pixel_coordinates(tmp_path):
    with Scene(placed(tmp_path / "scene.tif", transform=TURNED)) as scene:
        assert scene.facts.georeferenced and scene.facts.place == "grid"
        assert any("names no coordinate system" in note for note in scene.notices)
        assert not any("pixel coordinates" in note for note in scene.notices)


def test_a_scene_without_any_place_lies_in_pixel_coordinates(tmp_path):
    with Scene(placed(tmp_path / "scene.tif")) as scene:
        assert not scene.facts.georeferenced and scene.facts.place == "none"
        assert any("pixel coordinates" in note for note in scene.notices)
        assert not any("coordinate system" in note for note in scene.notices)
