"""Swaths that control points cannot place: put onto a grid by the coordinates of their pixels."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from hdf5_files import pace
from mixel.backend.cube import Window
from mixel.backend.products import open_product
from mixel.backend.scene import Scene
from rasterio.warp import transform
from scenes import whole

ROWS, COLS = 60, 90


def wide(rows=ROWS, cols=COLS, lat=45.0, lon=10.0, turned=0.25):
    """Latitude and longitude (rows, cols) of a swath on a sphere whose pixels grow towards its edges."""
    at = np.linspace(-1, 1, cols)
    across = np.radians(6.0 * at + 1.5 * at**3)[None, :] + np.zeros((rows, 1))
    along = np.radians(np.linspace(-6, 6, rows))[:, None] + turned * across
    x, y, z = np.cos(across) * np.cos(along), np.sin(across), np.cos(across) * np.sin(along)
    up = np.radians(lat)
    x, z = x * np.cos(up) - z * np.sin(up), x * np.sin(up) + z * np.cos(up)
    return np.degrees(np.arcsin(z)), (np.degrees(np.arctan2(y, x)) + lon + 180) % 360 - 180


def scene(folder, lat, lon, flags=None):
    """A PACE scene whose first two bands hold each pixel's line and sample; its path."""
    rows, cols = lat.shape
    lines, samples = np.meshgrid(np.arange(rows), np.arange(cols), indexing="ij")
    values = np.stack([lines, samples, *(lines * band + samples + 1 for band in range(2, 8))]).astype(np.int16)
    path = pace(folder / "PACE_OCI.20240701T180000.L2.SFREFL.V3_0.nc", values, flags)
    with h5py.File(path, "a") as file:
        file["navigation_data/latitude"][...], file["navigation_data/longitude"][...] = lat, lon
    return path


def read(path, window=None, flags=()):
    product = open_product(path)
    window = window or Window(0, 0, product.facts.rows, product.facts.cols)
    found = product.read(window, [0, 1]), product.usable(window, flags), product
    product.close()
    return found


def offsets(values, seen, product, lat, lon):
    """How far from the centre of the pixel it holds each seen pixel of the map lies: lines and samples."""
    rows, cols = np.nonzero(seen)
    x, y = product.place.transform @ (cols + 0.5, rows + 0.5)
    x, y = transform(product.place.crs, "EPSG:4326", x, y)
    lines, samples = values[:, rows, cols].astype(int)
    i, j = np.clip(lines, 1, lat.shape[0] - 2), np.clip(samples, 1, lat.shape[1] - 2)
    shrink = np.cos(np.radians(lat[lines, samples]))

    def east(one, other):
        return ((lon[one] - lon[other] + 180) % 360 - 180) * shrink

    down = east((i + 1, j), (i - 1, j)) / 2, (lat[i + 1, j] - lat[i - 1, j]) / 2
    across = east((i, j + 1), (i, j - 1)) / 2, (lat[i, j + 1] - lat[i, j - 1]) / 2
    left = ((np.array(x) - lon[lines, samples] + 180) % 360 - 180) * shrink, np.array(y) - lat[lines, samples]
    area = down[0] * across[1] - down[1] * across[0]
    return (left[0] * across[1] - left[1] * across[0]) / area, (left[1] * down[0] - left[0] * down[1]) / area


@pytest.mark.parametrize(
    "place",
    [
        {},
        {"lat": -30.0, "turned": -0.4},
        {"lon": 179.0},
        {"lat": 80.0, "lon": 30.0},
        {"lat": -84.0},
        {"rows": 90, "cols": 40},
    ],
)
def test_every_pixel_of_the_map_holds_what_the_sensor_saw_there(tmp_path, place):
    lat, lon = wide(**place)
    values, seen, product = read(scene(tmp_path, lat, lon))
    assert product.place.kind == "grid" and any("put onto a grid" in note for note in product.facts.notes)
    for found in offsets(values, seen, product, lat, lon):
        assert np.abs(found).max() < 0.8 and np.quantile(np.abs(found), 0.95) < 0.55
    held = set(zip(*values[:, seen].tolist(), strict=True))
    assert len(held) > 0.8 * lat.size and not seen.all()


def test_windows_agree_with_the_whole(tmp_path):
    path = scene(tmp_path, *wide())
    values, seen, product = read(path)
    for row, col, rows, cols in ((0, 0, 13, 17), (21, 40, 30, 9), (product.facts.rows - 5, 3, 5, 60)):
        part, counts, _ = read(path, Window(row, col, rows, cols))
        area = slice(row, row + rows), slice(col, col + cols)
        np.testing.assert_array_equal(counts, seen[area])
        np.testing.assert_array_equal(part, values[(slice(None), *area)])


def test_quality_flags_go_along_and_what_the_sensor_did_not_see_is_missing(tmp_path):
    flags = np.zeros((ROWS, COLS), int)
    flags[20:30, 30:50] = 1 << 4  # CLDICE
    path = scene(tmp_path, *wide(), flags)
    values, seen, _ = read(path)
    _, clear, _ = read(path, flags=["cloud"])
    lines, samples = values
    cloud = seen & (lines >= 20) & (lines < 30) & (samples >= 30) & (samples < 50)
    assert cloud.any()
    np.testing.assert_array_equal(clear, seen & ~cloud)
    cube, notices = whole(path)
    np.testing.assert_array_equal(cube.valid, clear)
    assert any("control points would not place it" in one for one in notices)


def test_lines_whose_coordinates_are_missing_have_no_place(tmp_path):
    lat, lon = wide()
    gaps = [one.copy() for one in (lat, lon)]
    for one in gaps:
        one[:4], one[:, -3:] = -32767, -32767
    values, seen, product = read(scene(tmp_path, *gaps))
    assert values[0][seen].min() == 4 and values[1][seen].max() == COLS - 4
    assert np.abs(offsets(values, seen, product, lat, lon)).max() < 0.8


def test_a_swath_that_control_points_place_keeps_its_pixels(tmp_path):
    lines, samples = np.meshgrid(np.arange(ROWS), np.arange(COLS), indexing="ij")
    path = scene(tmp_path, 45 - 0.01 * lines - 0.002 * samples, 10 + 0.015 * samples - 0.003 * lines)
    with Scene(path) as opened:
        assert (opened.rows, opened.cols, opened.place.kind) == (ROWS, COLS, "gcps")


def test_a_swath_whose_coordinates_run_back_keeps_its_pixels(tmp_path):
    lat, lon = wide()
    lat[ROWS // 2 :], lon[ROWS // 2 :] = lat[: ROWS // 2][::-1], lon[: ROWS // 2][::-1]
    with Scene(scene(tmp_path, lat, lon)) as opened:
        assert (opened.rows, opened.cols, opened.place.kind) == (ROWS, COLS, "gcps")


def test_any_other_file_with_latitudes_and_longitudes_is_put_onto_a_grid_too(tmp_path):
    lat, lon = wide()
    path = tmp_path / "scene.nc"
    with h5py.File(path, "w") as file:
        lines, samples = np.meshgrid(np.arange(ROWS), np.arange(COLS), indexing="ij")
        file["cube"] = np.stack([lines, samples, *[lines + samples] * 6]).astype(np.float32)
        file["wavelength"] = np.linspace(450, 900, 8)
        file["lat"], file["lon"] = lat, lon
    values, seen, product = read(path)
    assert product.place.kind == "grid"
    assert np.abs(offsets(values, seen, product, lat, lon)).max() < 0.8
