"""PACE OCI: scale and offset, fill values, flags by their meanings, place by latitude and longitude."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from hdf5_files import COLS, ROWS, cube, on_swath, pace
from mixel.backend.cube import Window
from mixel.backend.products import open_product
from mixel.backend.scene import Scene
from scenes import refusal, whole

TRUTH = cube()
VALUES = np.round((TRUTH - 0.5) / 2e-5).astype(np.int16)


def scene(folder, values=VALUES, flags=None, **said):
    flags = np.zeros(values.shape[1:], int) if flags is None else flags
    return pace(folder / "PACE_OCI.20240701T180000.L2.SFREFL.V3_0.nc", values, flags, **said)


@pytest.mark.parametrize(
    ("size", "order"),
    [((14, 19), "row col band"), ((19, 14), "band row col"), ((12, 15), "row col band"), ((30, 12), "row col band")],
)
def test_values_are_scaled_and_shifted(tmp_path, size, order):
    truth = cube(12, *size)
    path = scene(tmp_path, np.round((truth - 0.5) / 2e-5).astype(np.int16), order=order)
    np.testing.assert_allclose(whole(path)[0].reflectance, truth, atol=2e-5)
    with Scene(path) as opened:
        assert opened.fwhm is None and opened.wavelengths[0] == 350
        assert opened.facts.product == "PACE OCI L2 surface reflectance" and opened.facts.date == "2024-07-01T18:00:00"


@pytest.mark.parametrize(
    "meanings", ["ATMFAIL LAND HILT STRAYLIGHT CLDICE NAVFAIL", "LAND CLDICE SPARE NAVFAIL STRAYLIGHT HILT ATMFAIL"]
)
def test_flags_are_found_by_their_meanings_wherever_their_bits_are(tmp_path, meanings):
    names = meanings.split()
    flags = np.full((ROWS, COLS), 1 << names.index("LAND"))
    marked = ["CLDICE", "HILT", "ATMFAIL", "NAVFAIL", "STRAYLIGHT"]
    for col, name in enumerate(marked):
        flags[4, col] |= 1 << names.index(name)
    path = scene(tmp_path, flags=flags, meanings=meanings)
    assert np.argwhere(~whole(path)[0].valid).tolist() == [[4, col] for col in range(4)]
    product = open_product(path)
    assert (~product.usable(Window(4, 2, 1, 10), ["stray_light"])).nonzero()[1].tolist() == [2]
    product.close()


def test_the_highest_bit_is_a_flag_too(tmp_path):
    meanings = " ".join(["SPARE"] * 31 + ["CLDICE"])
    flags = np.zeros((ROWS, COLS), np.int32)
    flags[2, 2] = np.iinfo(np.int32).min
    assert np.argwhere(~whole(scene(tmp_path, flags=flags, meanings=meanings))[0].valid).tolist() == [[2, 2]]


def test_fill_values_are_missing_and_files_without_flags_say_so(tmp_path):
    values = VALUES.copy()
    values[:, 1, 2] = -32767
    path = scene(tmp_path, values)
    with h5py.File(path, "a") as file:
        del file["geophysical_data/l2_flags"]
    read, notices = whole(path)
    assert np.argwhere(~read.valid).tolist() == [[1, 2]] and any("l2_flags" in notice for notice in notices)


@pytest.mark.parametrize("lon", [13.0, 179.95, -75.0])
def test_the_place_comes_from_latitude_and_longitude(tmp_path, lon):
    path = scene(tmp_path, lon=lon)
    with Scene(path) as opened:
        assert opened.place.kind == "gcps" and "gcps" in opened.grid
        x, y = on_swath(6, 8, lon=lon, step=0.01)
        cols, rows = opened.place.to_pixels(np.array([x]), np.array([y]))
        assert (cols[0], rows[0]) == pytest.approx((8.5, 6.5), abs=0.1)


def test_coordinates_of_fill_values_are_left_out_of_the_net(tmp_path):
    path = scene(tmp_path)
    with h5py.File(path, "a") as file:
        file["navigation_data/latitude"][:4], file["navigation_data/longitude"][:4] = -32767, -32767
    with Scene(path) as opened:
        x, y = on_swath(9, 8, step=0.01)
        cols, rows = opened.place.to_pixels(np.array([x]), np.array([y]))
        assert (cols[0], rows[0]) == pytest.approx((8.5, 9.5), abs=0.1)


def test_wrong_shapes_are_refused_and_a_file_without_navigation_has_no_place(tmp_path):
    assert "l2_flags has 14 x 18" in refusal(scene(tmp_path, flags=np.zeros((ROWS, COLS - 1), int)))
    path = scene(tmp_path)
    with h5py.File(path, "a") as file:
        del file["navigation_data"]
    with Scene(path) as opened:
        assert opened.place.kind == "none"
    with h5py.File(path, "a") as file:
        del file["sensor_band_parameters/wavelength_3d"]
    assert "names 30 wavelengths" in refusal(path)
