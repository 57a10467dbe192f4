"""Paths that are no one raster: folders, pages, several rasters, arrays of unknown axes."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import rasterio
from mixel.backend.products import open_product, raster
from scenes import WAVELENGTHS, mixture, stored, write, write_envi


def refused(path, reader=open_product):
    with pytest.raises(ValueError) as caught:
        reader(path)
    sentence = str(caught.value)
    assert sentence.endswith(".") and str(path) in sentence and "\n" not in sentence
    return sentence


def pages(path, number, bands=1):
    with rasterio.open(path, "w", driver="GTiff", count=bands, height=11, width=17, dtype="int16") as dataset:
        dataset.write(stored()[:bands])
    for page in range(1, number):
        with rasterio.open(
            path, "w", driver="GTiff", count=bands, height=11, width=17, dtype="int16", APPEND_SUBDATASET="YES"
        ) as dataset:
            dataset.write(stored()[:bands] + np.int16(page))
    return path


def test_a_tiff_of_pages_that_are_no_cube_is_refused_by_that_word(tmp_path):
    assert "is a TIFF of 3 pages" in refused(pages(tmp_path / "cube.tif", 3), raster.recognise)


def test_the_first_page_is_used_where_it_is_a_scene_and_that_is_told(tmp_path):
    found = raster.recognise(pages(tmp_path / "cube.tif", 2, bands=12))
    assert found.facts.bands == 12 and "2 pages" in found.facts.notes[0] and "first one is used" in found.facts.notes[0]
    found.close()


def test_a_single_band_is_refused(tmp_path):
    assert "holds a single band" in refused(write(tmp_path / "one.tif", stored()[:1]))


def test_several_rasters_in_one_file_are_named(tmp_path):
    path = tmp_path / "tiles.gpkg"
    for table in ("spring", "summer"):
        with rasterio.open(
            path, "w", driver="GPKG", count=4, height=32, width=32, dtype="uint8", RASTER_TABLE=table,
            APPEND_SUBDATASET="YES" if path.exists() else "NO", crs="EPSG:3857",
            transform=rasterio.transform.from_origin(0, 0, 10, 10),
        ) as dataset:  # fmt: skip
            dataset.write((mixture(4, 32, 32) * 255).astype(np.uint8))
    sentence = refused(path)
    assert "several rasters" in sentence and "spring" in sentence and "summer" in sentence


def cube(path, axes, coordinates, attributes=None, order=None):
    """A CF-like netCDF-4 file of one array ``refl`` with the axes' coordinates as dimension scales."""
    shape = tuple(len(values) for values in coordinates)
    with h5py.File(path, "w") as file:
        values = np.zeros(shape, np.float32) + 0.2
        array = file.create_dataset("refl", data=values)
        for at, (name, axis) in enumerate(zip(axes, coordinates, strict=True)):
            scale = file.create_dataset(name, data=np.asarray(axis, float))
            scale.make_scale(name)
            for key, text in (attributes or {}).get(name, {}).items():
                scale.attrs[key] = np.bytes_(text)
            array.dims[at].attach_scale(scale)
    return path


X, Y = 30.0 * np.arange(17), 30.0 * np.arange(11)[::-1]
PLACED = {
    "x": {"standard_name": "projection_x_coordinate", "units": "m"},
    "y": {"standard_name": "projection_y_coordinate", "units": "m"},
}


@pytest.mark.parametrize(
    ("axis", "unit", "factor"), [("wavelength", "nm", 1), ("wavelengths", "micrometers", 1e-3), ("lambda", "um", 1e-3)]
)
def test_a_netcdf_cut_along_its_wavelengths_is_read(tmp_path, axis, unit, factor):
    waves = np.array(WAVELENGTHS) * factor
    path = cube(tmp_path / "cube.nc", (axis, "y", "x"), (waves, Y, X), {axis: {"units": unit}, **PLACED})
    found = raster.recognise(path)
    assert (found.facts.bands, found.facts.rows, found.facts.cols) == (12, 11, 17)
    assert found.facts.wavelengths == pytest.approx(WAVELENGTHS) and found.facts.georeferenced
    found.close()


def test_a_netcdf_of_numbered_bands_on_a_grid_is_read_without_wavelengths(tmp_path):
    found = raster.recognise(cube(tmp_path / "cube.nc", ("band", "y", "x"), (range(1, 13), Y, X), PLACED))
    assert found.facts.bands == 12 and found.facts.wavelengths is None
    found.close()


@pytest.mark.parametrize(
    "axes", [("time", "y", "x"), ("y", "x", "wavelength"), ("band", "row", "column"), ("y", "wavelength", "x")]
)
def test_a_netcdf_whose_bands_may_be_something_else_is_refused_and_names_its_arrays(tmp_path, axes):
    known = {"wavelength": WAVELENGTHS, "x": X, "y": Y, "time": range(12), "band": range(12)}
    path = cube(tmp_path / "cube.nc", axes, [known.get(axis, range(15)) for axis in axes], PLACED)
    sentence = refused(path, raster.recognise)
    assert "which of their axes is the spectral one" in sentence and "/refl: " in sentence


@pytest.mark.parametrize("number", [1, 2, 9])
def test_hdf5_of_unknown_axes_is_refused_and_names_a_few_arrays(tmp_path, number):
    path = tmp_path / "cubes.h5"
    with h5py.File(path, "w") as file:
        for at in range(number):
            file.create_dataset(f"group/cube{at}", data=np.zeros((20, 12, 10), np.float32))
    sentence = refused(path, raster.recognise)
    assert "/group/cube0: 20 x 12 x 10" in sentence and ("and more" in sentence) == (number == 9)


def test_complex_numbers_are_refused(tmp_path):
    found = open_product(write(tmp_path / "radar.tif", mixture().astype(np.complex64)))
    (refusal,) = found.facts.refusals()
    found.close()
    assert "complex numbers" in refusal


def test_the_one_scene_of_a_folder_is_opened(tmp_path):
    write_envi(tmp_path / "scene.bsq")
    write(tmp_path / "mask.tif", stored()[:1])
    (tmp_path / "readme.txt").write_text("read me")
    (tmp_path / "notes").write_text("no raster")
    with rasterio.open(tmp_path / "scene.bsq") as dataset:
        assert dataset.count == 12
    found = open_product(tmp_path)
    assert found.facts.bands == 12 and found.files[0] == tmp_path / "scene.bsq"
    found.close()


def test_a_spectral_library_in_the_folder_is_no_scene(tmp_path):
    write(tmp_path / "scene.tif")
    np.zeros((20, 12), np.float32).tofile(tmp_path / "spectra.dat")
    (tmp_path / "spectra.hdr").write_text(
        "ENVI\nsamples = 12\nlines = 20\nbands = 1\ndata type = 4\nfile type = ENVI Spectral Library\n"
    )
    found = open_product(tmp_path)
    assert found.files[0] == tmp_path / "scene.tif"
    found.close()


def test_a_folder_of_several_scenes_lists_what_to_choose(tmp_path):
    for name in ("north.tif", "south.tif"):
        write(tmp_path / name)
    sentence = refused(tmp_path)
    assert "holds 2 rasters" in sentence and "north.tif, south.tif" in sentence


def test_a_folder_without_scenes_is_refused(tmp_path):
    (tmp_path / "readme.txt").write_text("read me")
    assert "the folder holds none that Mixel can read" in refused(tmp_path)
    (tmp_path / "sub").mkdir()
    assert "the folder holds none" in refused(tmp_path)


def test_a_folder_of_very_many_files_is_not_searched(tmp_path):
    for number in range(301):
        (tmp_path / f"{number}.bin").touch()
    assert "holds 301 files" in refused(tmp_path)
