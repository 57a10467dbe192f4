"""PRISMA: two cubes as one scene, their scales, bands that were not acquired, error matrices, places, levels."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import rasterio.transform
from hdf5_files import COLS, ROWS, cube, everything, flagged, on_swath, prisma, swath
from mixel.backend.cube import Window
from mixel.backend.facts import RADIANCE, REFLECTANCE
from mixel.backend.products import open_product
from mixel.backend.scene import Scene
from scenes import refusal, whole

VNIR, SWIR = cube(9), cube(13, seed=1)


def stored(values, top):
    return np.round(values / top * 65535).astype(np.uint16)


def scene(folder, vnir=VNIR, swir=SWIR, **said):
    return prisma(
        folder / "PRS_L2D_STD_20201107101404_20201107101408_0001.he5", stored(vnir, 1.1), stored(swir, 1.25), **said
    )


def rising(vnir=VNIR, swir=SWIR):
    """Both cubes as one, by rising wavelength, and the wavelengths."""
    wavelengths = np.concatenate([np.linspace(980, 410, len(vnir)), np.linspace(2490, 940, len(swir))])
    order = np.argsort(wavelengths)
    return np.concatenate([vnir, swir])[order], wavelengths[order]


@pytest.mark.parametrize("size", [(14, 19), (23, 9), (9, 13), (13, 9)])
@pytest.mark.parametrize("chunks", [None, True])
def test_both_detectors_are_one_scene_by_rising_wavelength(tmp_path, size, chunks):
    vnir, swir = cube(9, *size), cube(13, *size, seed=1)  # sizes that equal numbers of bands too
    right, wavelengths = rising(vnir, swir)
    path = scene(tmp_path, vnir, swir, chunks=chunks)
    read, _ = whole(path)
    np.testing.assert_allclose(read.reflectance, right, atol=2e-5)
    with Scene(path) as opened:
        np.testing.assert_allclose(opened.wavelengths, wavelengths, rtol=1e-6)
        assert opened.fwhm is not None and (opened.fwhm == 11).all()
        assert opened.facts.product == "PRISMA L2D" and opened.facts.quantity == REFLECTANCE
        assert opened.facts.date == "2020-11-07T10:14:04"
        assert opened.grid["crs"].to_epsg() == 32633
        assert opened.grid["transform"].to_gdal() == (365000, 30, 0, 5810000, 0, -30)


def test_bands_that_were_not_acquired_are_left_out(tmp_path):
    vnir_waves = [*np.linspace(980, 460, 7), 0, 0]
    path = scene(tmp_path, vnir_waves=vnir_waves, scales={"L2ScaleVnirMin": -0.1})
    with Scene(path) as opened:
        assert opened.bands == 9 + 13 - 2 and opened.wavelengths.min() == pytest.approx(460)
        assert (np.diff(opened.wavelengths) > 0).all()
        assert opened.facts.good_bands[-2:] == (False, False)


def test_each_detector_has_its_own_scale_and_offset(tmp_path):
    path = scene(
        tmp_path, scales={"L2ScaleVnirMin": 0.1, "L2ScaleVnirMax": 1.2, "L2ScaleSwirMin": -0.5, "L2ScaleSwirMax": 0.75}
    )
    right, _ = rising(VNIR + 0.1, SWIR - 0.5)
    np.testing.assert_allclose(whole(path)[0].reflectance, right, atol=2e-5)


def test_zeros_outside_the_swath_are_missing_and_a_single_zero_is_not(tmp_path):
    vnir, swir = VNIR.copy(), SWIR.copy()
    vnir[:, :3, :2], swir[:, :3, :2] = 0, 0
    swir[4, 8, 8] = 0
    valid = whole(scene(tmp_path, vnir, swir))[0].valid
    assert not valid[:3, :2].any() and valid.sum() == valid.size - 6


def test_error_matrices_leave_out_saturated_and_invalid_pixels_but_not_negative_ones(tmp_path):
    errors = {"Vnir": np.zeros(VNIR.shape, np.uint8), "Swir": np.zeros(SWIR.shape, np.uint8)}
    errors["Vnir"][3, 2, 5], errors["Swir"][6, 9, 1], errors["Swir"][2, 4, 4] = 4, 1, 2
    path = scene(tmp_path, errors=errors)
    valid = whole(path)[0].valid
    assert sorted(map(tuple, np.argwhere(~valid).tolist())) == [(2, 5), (9, 1)]
    product = open_product(path)
    everywhere = Window(0, 0, ROWS, COLS)
    assert (~product.usable(everywhere, ["saturated"])).sum() == 1 and product.usable(everywhere, []) is None
    assert not product.usable(Window(2, 5, 1, 1), ["saturated"]).any()
    product.close()


def test_a_band_marked_everywhere_costs_itself_and_not_the_pixels(tmp_path):
    errors = {"Vnir": np.zeros(VNIR.shape, np.uint8), "Swir": np.zeros(SWIR.shape, np.uint8)}
    errors["Swir"][5] = 1
    with Scene(scene(tmp_path, errors=errors)) as opened:
        assert opened.bands == 21 and opened.read(opened.windows(100)[0]).valid.all()


def test_an_error_of_a_band_that_was_not_acquired_costs_nothing(tmp_path):
    errors = {"Vnir": np.zeros(VNIR.shape, np.uint8), "Swir": np.zeros(SWIR.shape, np.uint8)}
    errors["Vnir"][8, :2] = 4
    path = scene(tmp_path, errors=errors, vnir_waves=[*np.linspace(980, 460, 8), 0])
    assert whole(path)[0].valid.all()


def test_without_error_matrices_there_are_no_flags_and_a_note(tmp_path):
    path = scene(tmp_path, errors=None)
    _, notices = whole(path)
    assert any("error matrices" in notice for notice in notices) and everything(path)[1].flags == ()


def test_southern_zones_and_a_turned_grid(tmp_path):
    path = scene(tmp_path, epsg=32733)
    with h5py.File(path, "a") as file:
        for corner, (row, col) in {"UL": (0, 0), "UR": (0, COLS - 1), "LL": (ROWS - 1, 0)}.items():
            file.attrs[f"Product_{corner}corner_easting"] = 365015.0 + 24 * col - 18 * row
            file.attrs[f"Product_{corner}corner_northing"] = 8000000.0 - 18 * col - 24 * row
    with Scene(path) as opened:
        assert opened.grid["crs"].to_epsg() == 32733
        x, y = rasterio.transform.xy(opened.grid["transform"], 4, 10)
        assert (x, y) == pytest.approx((365015 + 240 - 72, 8000000 - 180 - 96))


def test_l1_is_radiance_with_clouds_and_a_swath(tmp_path):
    path, clouds = tmp_path / "PRS_L1_STD_OFFL_20200711.he5", flagged(ROWS, COLS, (1, 1), (5, 6))
    clouds[0, 0] = 10  # neither cloud nor land: not determined
    errors = {"Vnir": np.zeros(VNIR.shape, np.uint8), "Swir": np.zeros(SWIR.shape, np.uint8)}
    errors["Vnir"][0, 7, 7], errors["Vnir"][0, :, 3] = 2, 1  # saturated; one defective element of the detector
    vnir, swir = np.round(VNIR * 6000).astype(np.uint16), np.round(SWIR * 6000).astype(np.uint16)
    prisma(path, vnir, swir, level="1", clouds=clouds, errors=errors)
    right, _ = rising(vnir / 100 - 0.5, swir / 80 - 0.25)
    read, notices = whole(path)
    assert any("radiance" in notice and "W/m2/sr/um" in notice for notice in notices)
    assert sorted(map(tuple, np.argwhere(~read.valid).tolist())) == [(1, 1), (5, 6), (7, 7)]
    np.testing.assert_allclose(read.reflectance[:, read.valid], right[:, read.valid], rtol=1e-5)
    with Scene(path) as opened:
        assert opened.facts.quantity == RADIANCE and opened.place.kind == "gcps"
        lon, lat = on_swath(6, 8)
        cols, rows = opened.place.to_pixels(np.array([lon]), np.array([lat]))
        assert (cols[0], rows[0]) == pytest.approx((8.5, 6.5), abs=0.05)


@pytest.mark.parametrize(("level", "quantity"), [("2B", RADIANCE), ("2C", REFLECTANCE)])
def test_l2b_is_radiance_and_l2c_reflectance_in_sensor_geometry(tmp_path, level, quantity):
    path = scene(tmp_path, level=level)
    with Scene(path) as opened:
        assert (opened.facts.product, opened.facts.quantity) == (f"PRISMA L{level}", quantity)
        assert opened.place.kind == "gcps"


def test_the_folder_of_one_scene_is_the_scene_and_of_two_is_refused(tmp_path):
    path = scene(tmp_path)
    (tmp_path / "notes.he5").write_bytes(b"no such thing")
    assert everything(tmp_path)[1] == everything(path)[1]
    path.with_name("PRS_again.he5").write_bytes(path.read_bytes())
    assert "several scenes" in refusal(tmp_path)


@pytest.mark.parametrize("lacking", ["L2ScaleVnirMin", "L2ScaleSwirMax"])
def test_a_missing_scale_is_named(tmp_path, lacking):
    assert lacking in refusal(scene(tmp_path, scales={lacking: None}))


def test_cubes_of_two_sizes_and_missing_wavelengths_are_refused(tmp_path):
    assert "differ in size" in refusal(scene(tmp_path, VNIR, SWIR[:, :-1]))
    path = scene(tmp_path)
    with h5py.File(path, "a") as file:
        file.attrs["List_Cw_Swir"] = file.attrs["List_Cw_Swir"][:-1]
    assert "12 wavelengths" in refusal(path)
    with h5py.File(path, "a") as file:
        del file["HDFEOS/SWATHS/PRS_L2D_HCO/Data Fields/SWIR_Cube"]
    assert "SWIR_Cube" in refusal(path)


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_truncated_file_is_refused(tmp_path, share):
    path = scene(tmp_path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    assert "cannot be read completely" in refusal(path)


def test_a_swath_over_the_date_line_keeps_its_place(tmp_path):
    path = scene(tmp_path, level="2C")
    lat, lon = swath(ROWS, COLS, lon=179.995)
    with h5py.File(path, "a") as file:
        fields = file["HDFEOS/SWATHS/PRS_L2C_HCO/Geolocation Fields"]
        fields["Longitude"][:] = np.where(lon > 180, lon - 360, lon)
    assert (lon > 180).any() and (lon < 180).any()
    with Scene(path) as opened:
        cols, rows = opened.place.to_pixels(lon[3:4, 15], lat[3:4, 15])
        assert (cols[0], rows[0]) == pytest.approx((15.5, 3.5), abs=0.05)
