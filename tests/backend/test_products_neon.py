"""NEON AOP: axes, noise windows, classes of haze and clouds, map."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from hdf5_files import COLS, ROWS, cube, neon, waves
from mixel.backend.cube import Window
from mixel.backend.products import open_product
from mixel.backend.scene import Scene
from scenes import refusal, whole

BANDS = 40
VALUES = np.round(cube(BANDS) * 10000).astype(np.int16)


def scene(folder, values=VALUES, **said):
    return neon(folder / "NEON_D16_WREF_DP3_581000_5075000_reflectance.h5", values, **said)


@pytest.mark.parametrize("size", [(14, 19), (19, 14), (40, 21), (21, 40)])
@pytest.mark.parametrize("chunks", [None, True])
def test_values_axes_and_noise_windows(tmp_path, size, chunks):
    values = np.round(cube(BANDS, *size) * 10000).astype(np.int16)
    path = scene(tmp_path, values, windows=((1340, 1445), (1790, 1955)), chunks=chunks)
    wavelengths = waves(BANDS)
    good = ~(((wavelengths >= 1340) & (wavelengths <= 1445)) | ((wavelengths >= 1790) & (wavelengths <= 1955)))
    with Scene(path) as opened:
        assert not good.all() and (np.array(opened.facts.good_bands) == good).all()
        read = opened.read(opened.windows(1000)[0])
        np.testing.assert_allclose(read.reflectance, values[good] / 10000, rtol=1e-6)
        assert opened.facts.scale == pytest.approx(10000) and opened.facts.nodata == -9999
        assert opened.grid["crs"].to_epsg() == 32610
        assert opened.grid["transform"].to_gdal() == (581000, 1, 0, 5076000, 0, -1)


def test_other_orders_of_axes_by_their_length_and_their_labels(tmp_path):
    path = scene(tmp_path, order="band row col")
    np.testing.assert_allclose(open_product(path).read(Window(0, 0, ROWS, COLS), range(BANDS)), VALUES)
    square = np.round(cube(20, 20, 20) * 10000).astype(np.int16)
    path = scene(tmp_path, square, order="band row col", labels="Wavelength, Line, Sample")
    np.testing.assert_allclose(open_product(path).read(Window(0, 0, 20, 20), range(20)), square)


def test_classes_of_the_haze_map(tmp_path):
    classes = np.full((ROWS, COLS), 5)
    for col, value in enumerate([0, 15, 16, 1, 22, 2, 8, 19, 6, 7, 11, 14, 17]):
        classes[3, col] = value
    path = scene(tmp_path, classes=classes)
    assert np.argwhere(~whole(path)[0].valid).tolist() == [[3, col] for col in range(1, 9)]
    product = open_product(path)
    line = Window(3, 0, 1, 13)
    assert (~product.usable(line, ["snow"])).nonzero()[1].tolist() == [9]
    assert (~product.usable(line, ["haze"])).nonzero()[1].tolist() == [10, 11]
    assert [flag.name for flag in product.facts.flags if flag.by_default] == ["cloud", "shadow", "cirrus", "saturated"]
    product.close()


def test_nodata_and_a_missing_map_of_haze(tmp_path):
    values = VALUES.copy()
    values[:, 2:4, 5] = -9999
    read, notices = whole(scene(tmp_path, values))
    assert np.argwhere(~read.valid).tolist() == [[2, 5], [3, 5]]
    assert any("no map of clouds" in notice for notice in notices)


@pytest.mark.parametrize(
    ("info", "epsg", "crs", "transform"),
    [
        (
            "UTM, 1, 1, 400000, 7000000, 0.5, 0.5, 19, South, WGS-84, units=Meters",
            None,
            32719,
            (400000, 0.5, 0, 7000000, 0, -0.5),
        ),
        ("UTM, 1.5, 1.5, 400000, 7000000, 2, 2, 17, North, WGS-84", "32617", 32617, (399999, 2, 0, 7000001, 0, -2)),
        ("{UTM, 1, 1, 400000, 7000000, 1, 1, 5, North, WGS-84}", None, 32605, (400000, 1, 0, 7000000, 0, -1)),
    ],
)
def test_map_info_of_other_zones_corners_and_sizes(tmp_path, info, epsg, crs, transform):
    with Scene(scene(tmp_path, map_info=info, epsg=epsg)) as opened:
        assert opened.grid["crs"].to_epsg() == crs and opened.grid["transform"].to_gdal() == transform


def test_a_map_info_that_is_no_map_leaves_the_scene_without_a_place(tmp_path):
    with Scene(scene(tmp_path, map_info="Arbitrary", epsg=None)) as opened:
        assert opened.place.kind == "none"


def test_radiance_missing_parts_and_wrong_sizes_are_refused(tmp_path):
    radiance = tmp_path / "NEON_D16_WREF_DP1_20190801_160000_radiance.h5"
    with h5py.File(radiance, "w") as file:
        file["WREF/Radiance/RadianceIntegerPart"] = np.zeros((4, 5, 6), np.int16)
    assert "at-sensor radiance" in refusal(radiance)
    assert "names 39 wavelengths" in refusal(scene(tmp_path, wavelengths=waves(39)))
    assert "Haze_Cloud_Water_Map has 14 x 18" in refusal(scene(tmp_path, classes=np.zeros((ROWS, COLS - 1))))
    path = scene(tmp_path)
    with h5py.File(path, "a") as file:
        del file["WREF/Reflectance/Metadata/Spectral_Data/Wavelength"]
    assert "Wavelength" in refusal(path)


def test_the_day_of_a_flight_line_comes_from_its_name_and_a_tile_has_none(tmp_path):
    line = neon(tmp_path / "NEON_D02_SERC_DP1_20160807_160559_reflectance.h5", VALUES, site="SERC")
    assert open_product(line).facts.date == "2016-08-07T16:05:59"
    assert open_product(scene(tmp_path)).facts.date == ""
