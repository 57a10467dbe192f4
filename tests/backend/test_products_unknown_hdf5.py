"""HDF5 and netCDF files of no known product: read where wavelengths or names of axes leave no doubt, else refused."""

from __future__ import annotations

import itertools

import h5py
import numpy as np
import pytest
from hdf5_files import COLS, ROWS, UTM, cube, everything, on_swath, ordered, swath, waves
from mixel.backend.facts import RADIANCE
from mixel.backend.scene import Scene
from scenes import refusal, whole

VALUES = cube()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "cube.h5"


@pytest.mark.parametrize("order", [" ".join(one) for one in itertools.permutations(["band", "row", "col"])])
def test_the_axis_as_long_as_the_wavelengths_holds_the_bands(path, order):
    with h5py.File(path, "w") as file:
        file["data/refl"], file["data/wavelength"] = ordered(VALUES, order), waves()
    values, facts = everything(path)
    kept = VALUES if order.index("row") < order.index("col") else VALUES.transpose(0, 2, 1)
    np.testing.assert_array_equal(values, kept)  # rows and columns stay in the file's order
    assert facts.wavelengths == pytest.approx(waves().tolist())
    assert any("data/refl" in note for note in facts.notes)


@pytest.mark.parametrize("how", ["attribute", "micrometres", "text", "column", "falling"])
def test_wavelengths_in_other_forms(path, how):
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset("cube", data=ordered(VALUES, "row col band"))
        if how == "attribute":
            dataset.attrs["Wavelengths"], dataset.attrs["fwhm"] = waves(), np.full(12, 7.0)
        elif how == "text":
            file.attrs["wavelength"] = "{" + ", ".join(map(str, waves())) + "}"
        elif how == "column":
            file["wave_nm"] = waves()[:, None]
        else:
            file["wavelength"] = waves() / 1000 if how == "micrometres" else waves()[::-1]
    facts = everything(path)[1]
    right = waves()[::-1] if how == "falling" else waves()
    np.testing.assert_allclose(facts.wavelengths, right, rtol=1e-4)
    assert (facts.fwhm is not None) == (how == "attribute")


def test_a_square_cube_is_read_where_its_axes_have_names_and_refused_where_not(path):
    values = cube(12, 12, 12)
    with h5py.File(path, "w") as file:
        file["cube"], file["wavelength"] = values, waves()
    assert "two axes have a length of 12" in refusal(path)
    with h5py.File(path, "a") as file:
        file["wavelength"].make_scale("wavelength")
        file["cube"].dims[0].attach_scale(file["wavelength"])
    np.testing.assert_array_equal(everything(path)[0], values)


def test_uncertainty_and_masks_beside_the_scene_are_no_second_scene(path):
    with h5py.File(path, "w") as file:
        file["reflectance"], file["reflectance_uncertainty"], file["wavelength"] = VALUES, VALUES / 9, waves()
        file["band_mask"] = np.zeros(VALUES.shape, np.uint8)
    np.testing.assert_array_equal(everything(path)[0], VALUES)


def test_several_scenes_are_listed(path):
    with h5py.File(path, "w") as file:
        file["a/before"], file["a/after"], file["wavelength"] = VALUES, VALUES, waves()
    told = refusal(path)
    assert "a/before (12 x 14 x 19)" in told and "a/after" in told


def test_arrays_without_wavelengths_are_listed(path):
    with h5py.File(path, "w") as file:
        file["cube"] = VALUES
        file["wavelength"] = np.linspace(5, 9, 12) * 1e5  # no wavelengths of light
        file["wavelength_index"] = np.arange(12)
    assert "cube (12 x 14 x 19)" in refusal(path)


def test_two_lists_of_wavelengths_that_fit_are_refused(path):
    with h5py.File(path, "w") as file:
        file["cube"], file["wavelength"], file["wavelength_shifted"] = VALUES, waves(), waves() + 30
    assert "several lists of wavelengths" in refusal(path)


def test_without_wavelengths_the_names_of_the_map_axes_are_enough(path):
    with h5py.File(path, "w") as file:
        file["x"], file["y"], file["band"] = (
            365015 + 30.0 * np.arange(COLS),
            5809985 - 30.0 * np.arange(ROWS),
            np.arange(12),
        )
        file["spatial_ref"] = 0
        file["spatial_ref"].attrs["crs_wkt"] = UTM
        file["band_data"] = ordered(VALUES, "row col band")
        file["band_data"].attrs["grid_mapping"] = "spatial_ref"
        for axis, name in enumerate(["y", "x", "band"]):
            file[name].make_scale(name)
            file["band_data"].dims[axis].attach_scale(file[name])
    with Scene(path) as scene:
        np.testing.assert_array_equal(scene.read(scene.windows(100)[0]).reflectance, VALUES)
        assert scene.wavelengths is None and scene.grid["crs"].to_epsg() == 32633
        assert scene.grid["transform"].to_gdal() == (365000, 30, 0, 5810000, 0, -30)


def test_numbers_of_rows_and_columns_are_no_place(path):
    with h5py.File(path, "w") as file:
        file["cube"], file["wavelength"] = VALUES, waves()
        file["x"], file["y"] = np.arange(COLS), np.arange(ROWS)
    assert everything(path)[1].place == "none"


def test_latitude_and_longitude_give_a_place_and_radiance_is_said(path):
    with h5py.File(path, "w") as file:
        file["radiance"], file["wavelength"] = VALUES * 9, waves()
        file["radiance"].attrs["units"] = "mW/m2/sr/nm"
        file["latitude"], file["longitude"] = swath(ROWS, COLS)
    with Scene(path) as scene:
        assert (scene.facts.quantity, scene.facts.unit) == (RADIANCE, "mW/m2/sr/nm")
        lon, lat = on_swath(5, 6)
        cols, rows = scene.place.to_pixels(np.array([lon]), np.array([lat]))
        assert (cols[0], rows[0]) == pytest.approx((6.5, 5.5), abs=0.05)


def test_scale_offset_and_fill_value(path):
    with h5py.File(path, "w") as file:
        stored = np.round((VALUES - 0.1) / 1e-4).astype(np.int16)
        stored[:, 3, 3] = -32768
        file["reflectance"], file["wavelength"] = stored, waves()
        file["reflectance"].attrs.update({"scale_factor": 1e-4, "add_offset": 0.1, "_FillValue": np.int16(-32768)})
    cube_read, _ = whole(path)
    assert np.argwhere(~cube_read.valid).tolist() == [[3, 3]]
    np.testing.assert_allclose(cube_read.reflectance[:, cube_read.valid], VALUES[:, cube_read.valid], atol=1e-4)


def test_whole_numbers_named_reflectance_have_their_scale_judged(path):
    with h5py.File(path, "w") as file:
        file["reflectance"], file["wavelength"] = np.round(VALUES * 10000).astype(np.int16), waves()
    read, notices = whole(path)
    np.testing.assert_allclose(read.reflectance, VALUES, atol=1e-4)
    assert any("taken as stored value / 10000" in notice for notice in notices)


def test_matlab_files_have_rows_and_columns_the_other_way_round(path):
    with h5py.File(path, "w") as file:
        file["cube"], file["wavelength"] = VALUES.transpose(0, 2, 1), waves()[:, None]
        file["cube"].attrs["MATLAB_class"] = np.bytes_("double")
    np.testing.assert_array_equal(everything(path)[0], VALUES)


@pytest.mark.parametrize("share", [0.02, 0.5, 0.95])
def test_damaged_files_are_refused(path, share):
    with h5py.File(path, "w") as file:
        file["cube"], file["wavelength"] = VALUES, waves()
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    assert "cannot be read completely" in refusal(path)


def test_a_file_of_two_axes_only_is_left_to_gdal(path):
    with h5py.File(path, "w") as file:
        file["plane"], file["wavelength"] = VALUES[0], waves()
    assert str(path) in refusal(path)
