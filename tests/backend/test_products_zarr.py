"""Zarr stores: versions 2 and 3, any order of axes, the folder or the file that describes it."""

from __future__ import annotations

import gzip
import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hdf5_files import COLS, FILL, ROWS, UTM, cube, ordered, waves
from mixel.backend.cube import Window
from mixel.backend.products import open_product
from mixel.backend.scene import Scene
from scenes import refusal, whole

VALUES = cube()
DTYPES = {"<f4": "float32", "<f8": "float64", "<i2": "int16"}


def array(folder, values, dims, version=2, chunks=None, fill=None, **attributes):
    """Write an array without compression, as GDAL and xarray describe it."""
    folder.mkdir(parents=True, exist_ok=True)
    values = np.ascontiguousarray(values)
    dtype = values.dtype.newbyteorder("<").str
    chunks = list(chunks or values.shape)
    if version == 2:
        described = {"zarr_format": 2, "shape": values.shape, "chunks": chunks, "dtype": dtype, "order": "C"}
        described |= {"fill_value": fill, "compressor": None, "filters": None}
        (folder / ".zarray").write_text(json.dumps(described))
        (folder / ".zattrs").write_text(json.dumps({"_ARRAY_DIMENSIONS": dims, **attributes}))
    else:
        described = {"zarr_format": 3, "node_type": "array", "shape": values.shape, "data_type": DTYPES[dtype]}
        described["chunk_grid"] = {"name": "regular", "configuration": {"chunk_shape": chunks}}
        described["chunk_key_encoding"] = {"name": "default", "configuration": {"separator": "/"}}
        described["codecs"] = [{"name": "bytes", "configuration": {"endian": "little"}}]
        described |= {"fill_value": fill or 0, "dimension_names": dims, "attributes": attributes}
        (folder / "zarr.json").write_text(json.dumps(described))
    for index in np.ndindex(*(-(-size // chunk) for size, chunk in zip(values.shape, chunks, strict=True))):
        part = values[tuple(slice(at * chunk, (at + 1) * chunk) for at, chunk in zip(index, chunks, strict=True))]
        full = np.zeros(chunks, values.dtype)
        full[tuple(slice(0, size) for size in part.shape)] = part
        name = folder / (".".join(map(str, index)) if version == 2 else "/".join(["c", *map(str, index)]))
        name.parent.mkdir(parents=True, exist_ok=True)
        name.write_bytes(full.tobytes())


def store(folder, values=VALUES, *, version=2, order="band row col", chunks=None, wavelengths=True, **attributes):
    """Write a store of a scene with coordinates of pixel centres; gives its folder."""
    names = {"band": "wavelength", "row": "northing", "col": "easting"}
    bands, rows, cols = values.shape
    if version == 2:
        (folder / "reflectance").mkdir(parents=True)
        for group in (folder, folder / "reflectance"):
            (group / ".zgroup").write_text('{"zarr_format": 2}')
    else:
        (folder / "reflectance").mkdir(parents=True)
        for group in (folder, folder / "reflectance"):
            (group / "zarr.json").write_text('{"zarr_format": 3, "node_type": "group", "attributes": {}}')
    array(folder / "easting", 365015 + 30.0 * np.arange(cols), ["easting"], version)
    array(folder / "northing", 5809985 - 30.0 * np.arange(rows), ["northing"], version)
    if wavelengths:
        array(folder / "reflectance/wavelength", waves(bands), ["wavelength"], version, units="nanometers")
        array(folder / "reflectance/fwhm", np.full(bands, 8, np.float32), ["wavelength"], version, units="nanometers")
    dims = [names[name] for name in order.split()]
    fill = None if values.dtype.kind == "i" else FILL
    attributes = {"_CRS": {"wkt": UTM}, **attributes}
    array(folder / "reflectance/reflectance", ordered(values, order), dims, version, chunks, fill, **attributes)
    return folder


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("order", ["band row col", "row col band", "row band col", "band col row"])
@pytest.mark.parametrize("size", [(14, 19), (19, 14), (12, 12)])
def test_axes_by_their_names_and_the_place_by_the_coordinates(tmp_path, version, order, size):
    values = cube(12, *size)
    with Scene(store(tmp_path / "scene.zarr", values, version=version, order=order)) as scene:
        np.testing.assert_array_equal(scene.read(scene.windows(100)[0]).reflectance, values)
        np.testing.assert_allclose(scene.wavelengths, waves())
        assert scene.fwhm.tolist() == [8] * 12
        assert scene.grid["crs"].to_epsg() == 32633
        assert scene.grid["transform"].to_gdal() == (365000, 30, 0, 5810000, 0, -30)
        assert (scene.facts.product, scene.facts.quantity) == ("Zarr store", "reflectance")


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("chunks", [(1, 14, 19), (5, 6, 7), (12, 8, 8), (12, 20, 30)])
def test_parts_of_chunks_in_any_thread(tmp_path, chunks, version):
    product = open_product(store(tmp_path / "scene.zarr", chunks=chunks, version=version))
    np.testing.assert_array_equal(product.read(Window(3, 4, 5, 9), [11, 2, 3]), VALUES[[11, 2, 3], 3:8, 4:13])
    with ThreadPoolExecutor(1) as other:
        found = other.submit(product.read, Window(0, 0, ROWS, COLS), range(12)).result()
    np.testing.assert_array_equal(found, VALUES)
    assert product.read(Window(3, 4, 5, 9), []).shape == (0, 5, 9)
    product.close()


@pytest.mark.parametrize("codec", ["gzip", "sharding_indexed"])
def test_codecs_of_version_3(tmp_path, codec):
    path = store(tmp_path / "scene.zarr", version=3)
    folder = path / "reflectance/reflectance"
    described = json.loads((folder / "zarr.json").read_text())
    described["codecs"].append({"name": codec, "configuration": {"level": 3}})
    described["chunk_key_encoding"] = {"name": "v2", "configuration": {"separator": "."}}
    (folder / "zarr.json").write_text(json.dumps(described))
    (folder / "0.0.0").write_bytes(gzip.compress((folder / "c/0/0/0").read_bytes()))
    if codec == "gzip":
        np.testing.assert_array_equal(whole(path)[0].reflectance, VALUES)
    else:
        assert "the codec sharding_indexed" in refusal(path)


def test_nodata_scale_and_offset(tmp_path):
    stored = np.round((VALUES - 0.1) * 10000).astype(np.int16)
    stored[:, 2, 2] = -32768
    path = store(tmp_path / "scene.zarr", stored, scale_factor=1e-4, add_offset=0.1, _FillValue=-32768)
    read, _ = whole(path)
    assert np.argwhere(~read.valid).tolist() == [[2, 2]]
    np.testing.assert_allclose(read.reflectance[:, read.valid], VALUES[:, read.valid], atol=1e-4)
    values = VALUES.copy()
    values[:, 5, 5] = FILL
    assert np.argwhere(~whole(store(tmp_path / "other.zarr", values))[0].valid).tolist() == [[5, 5]]


@pytest.mark.parametrize(("version", "name"), [(2, ".zgroup"), (3, "zarr.json")])
def test_the_file_that_describes_a_store_stands_for_it(tmp_path, version, name):
    path = store(tmp_path / "scene.zarr", version=version)
    np.testing.assert_array_equal(whole(path / name)[0].reflectance, VALUES)


def test_without_wavelengths_the_names_of_the_axes_are_enough(tmp_path):
    with Scene(store(tmp_path / "scene.zarr", order="row col band", wavelengths=False)) as scene:
        assert scene.wavelengths is None
        np.testing.assert_array_equal(scene.read(scene.windows(100)[0]).reflectance, VALUES)


def test_several_scenes_none_and_damage_are_refused(tmp_path):
    path = store(tmp_path / "scene.zarr")
    array(path / "reflectance/after", VALUES, ["wavelength", "northing", "easting"])
    assert "reflectance/after (12 x 14 x 19)" in refusal(path)
    for shape in ('"none"', "[-1]", "[12, 0, 19]", "[1.5]"):
        (path / "reflectance/after/.zarray").write_text(f'{{"shape": {shape}}}')
        assert "damaged description" in refusal(path)
    (path / "reflectance/after/.zarray").write_text("{")
    assert "cannot be read" in refusal(path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/.zgroup").write_text('{"zarr_format": 2}')
    assert "no array of three axes" in refusal(tmp_path / "empty")


def test_a_chunk_of_a_wrong_length_is_refused(tmp_path):
    path = store(tmp_path / "scene.zarr", chunks=(12, ROWS, COLS))
    chunk = path / "reflectance/reflectance/0.0.0"
    chunk.write_bytes(chunk.read_bytes()[:100])
    assert "cannot be read" in refusal(path)
