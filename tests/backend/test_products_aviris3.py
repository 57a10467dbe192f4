"""AVIRIS-3, -5, -NG as netCDF: axes by their names, units, map, radiance."""

from __future__ import annotations

import itertools

import h5py
import numpy as np
import pytest
from hdf5_files import COLS, FILL, ROWS, aviris, cube, on_swath, swath, waves
from mixel.backend.cube import Window
from mixel.backend.facts import RADIANCE
from mixel.backend.products import open_product
from mixel.backend.scene import Scene
from scenes import refusal, whole

VALUES = cube()
NAME = "AV320230926t201618_000_L2A_OE_abcd1234_RFL_ORT.nc"


@pytest.mark.parametrize("axes", list(itertools.permutations(["wavelength", "northing", "easting"])))
@pytest.mark.parametrize("size", [(14, 19), (12, 12)])  # all sides alike: the names alone tell the axes
def test_axes_by_their_names(tmp_path, axes, size):
    values = cube(12, *size)
    path = aviris(tmp_path / NAME, values, axes=axes)
    np.testing.assert_array_equal(whole(path)[0].reflectance, values)
    with Scene(path) as scene:
        assert scene.grid["crs"].to_epsg() == 32633
        assert scene.grid["transform"].to_gdal() == (365000, 30, 0, 5810000, 0, -30)
        assert (scene.facts.product, scene.facts.date) == ("AVIRIS-3 L2A reflectance", "2023-09-26T20:16:18")


def test_parts_of_bands_and_pixels_in_any_order(tmp_path):
    product = open_product(aviris(tmp_path / NAME, VALUES))
    found = product.read(Window(3, 4, 5, 6), [11, 0, 5, 4])
    np.testing.assert_array_equal(found, VALUES[[11, 0, 5, 4], 3:8, 4:10])
    assert product.read(Window(3, 4, 5, 6), []).shape == (0, 5, 6)
    product.close()


def test_micrometres_missing_widths_and_nodata(tmp_path):
    values = VALUES.copy()
    values[:, 2, 2] = FILL
    with Scene(aviris(tmp_path / NAME, values, unit="micrometers")) as scene:
        np.testing.assert_allclose(scene.wavelengths, waves(), rtol=1e-6)
        np.testing.assert_allclose(scene.fwhm, 8, rtol=1e-6)
        assert np.argwhere(~scene.read(scene.windows(1000)[0]).valid).tolist() == [[2, 2]]
    with Scene(aviris(tmp_path / NAME, values, fwhm=False)) as scene:
        assert scene.fwhm is None


def test_rows_from_south_to_north_keep_their_place(tmp_path):
    with Scene(aviris(tmp_path / NAME, VALUES, down=30.0)) as scene:
        assert scene.grid["transform"].to_gdal() == (365000, 30, 0, 5809970, 0, 30)


def test_a_rotated_geotransform_goes_before_coordinates(tmp_path):
    path = aviris(tmp_path / NAME, VALUES)
    with h5py.File(path, "a") as file:
        file["transverse_mercator"].attrs["GeoTransform"] = np.bytes_("365000 24 18 5810000 18 -24")
    with Scene(path) as scene:
        assert scene.grid["transform"].to_gdal() == (365000, 24, 18, 5810000, 18, -24)


def test_coordinates_that_are_not_even_are_no_grid(tmp_path):
    path = aviris(tmp_path / NAME, VALUES)
    with h5py.File(path, "a") as file:
        file["easting"][7] += 25
    with Scene(path) as scene:
        assert scene.place.kind == "none"


def test_radiance_of_a_swath(tmp_path):
    path = aviris(tmp_path / "ang20190624t230448_rdn_v2.nc", VALUES * 8, name="radiance", mapped=False)
    with h5py.File(path, "a") as file:
        file["lat"], file["lon"] = swath(ROWS, COLS)
    read, notices = whole(path)
    np.testing.assert_allclose(read.reflectance, VALUES * 8, rtol=1e-6)
    assert any("radiance (uW/cm2/sr/nm)" in notice for notice in notices)
    with Scene(path) as scene:
        assert (scene.facts.product, scene.facts.quantity) == ("AVIRIS-NG L1B radiance", RADIANCE)
        lon, lat = on_swath(5, 6)
        cols, rows = scene.place.to_pixels(np.array([lon]), np.array([lat]))
        assert (cols[0], rows[0]) == pytest.approx((6.5, 5.5), abs=0.05)


def test_wavelengths_that_fit_no_axis_are_refused(tmp_path):
    path = aviris(tmp_path / NAME, VALUES, mapped=False)
    with h5py.File(path, "a") as file:
        del file["reflectance/wavelength"]
        file["reflectance/wavelength"] = waves(13)
    assert "names 13 wavelengths" in refusal(path)


def test_damaged_chunks_are_refused_when_they_are_read(tmp_path):
    path = aviris(tmp_path / NAME, VALUES)
    with h5py.File(path, "a") as file:
        dataset = file["reflectance"].create_dataset("packed", data=VALUES, chunks=(12, 7, 10), compression="gzip")
        dataset.id.write_direct_chunk((0, 7, 10), b"no such thing")
        del file["reflectance/reflectance"]
        file["reflectance"].move("packed", "reflectance")
    assert "cannot be read completely" in refusal(path)


def test_a_compression_that_is_not_here_is_named(tmp_path):
    path = aviris(tmp_path / NAME, VALUES)
    with h5py.File(path, "a") as file:
        del file["reflectance/reflectance"]
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk(VALUES.shape)
        plist.set_filter(32001, h5py.h5z.FLAG_OPTIONAL)
        space = h5py.h5s.create_simple(VALUES.shape)
        h5py.h5d.create(file["reflectance"].id, b"reflectance", h5py.h5t.IEEE_F32LE, space, plist)
    assert "is compressed by" in refusal(path)
