"""What the readers of HDF5 share: texts and numbers of any kind, dates, cubes read in part whatever their layout."""

from __future__ import annotations

import itertools
from pathlib import Path

import h5py
import numpy as np
import pytest
from hdf5_files import cube, ordered
from mixel.backend.cube import Window
from mixel.backend.products.arrays.axes import axes_of
from mixel.backend.products.arrays.cube import Cube, Plane, opened
from mixel.backend.products.arrays.places import of_centres, of_geotransform
from mixel.backend.products.arrays.values import date, number, numbers, spectral, text, texts

ORDERS = [" ".join(one) for one in itertools.permutations(["band", "row", "col"])]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("chunks", [None, (3, 5, 4)])
@pytest.mark.parametrize("bands", [range(30), [4], [29, 0, 3], [5, 5, 6], [0, 28, 29], []])
def test_any_part_of_a_cube_in_any_layout(tmp_path, order, chunks, bands):
    values = cube(30, 11, 13)
    with h5py.File(tmp_path / "cube.h5", "w") as file:
        file.create_dataset("cube", data=ordered(values, order).astype(">f4"), chunks=chunks)
    with h5py.File(tmp_path / "cube.h5") as file:
        names = order.split()
        one = Cube(file["cube"], tuple(names.index(name) for name in ("band", "row", "col")), tmp_path)
        assert one.shape == (30, 11, 13)
        found = one.read(Window(2, 3, 7, 9), bands)
    np.testing.assert_array_equal(found, values[list(bands), 2:9, 3:12])
    assert found.dtype == np.float32 and found.dtype.isnative


@pytest.mark.parametrize("turned", [False, True])
def test_planes_may_lie_turned_and_must_fit(tmp_path, turned):
    plane = np.arange(35).reshape(5, 7)
    with h5py.File(tmp_path / "p.h5", "w") as file:
        file["p"] = plane.T if turned else plane
        np.testing.assert_array_equal(Plane(file["p"], 5, 7, tmp_path).read(Window(1, 2, 3, 4)), plane[1:4, 2:6])
        with pytest.raises(ValueError, match="not 5 x 8"):
            Plane(file["p"], 5, 8, tmp_path)


@pytest.mark.parametrize(
    "value",
    ["WGS 84", b"WGS 84\0\0", np.bytes_("WGS 84 "), np.array([b"WGS 84"]), np.array("WGS 84", object), ["WGS 84"]],
)
def test_texts_of_any_kind(value):
    assert text(value) == "WGS 84"


def test_what_is_no_text_is_empty():
    assert text(None) == text(h5py.Empty("S1")) == text(np.empty(0)) == ""
    assert texts(b"LAND CLDICE") == texts(np.array([b"LAND", b"CLDICE"])) == ["LAND", "CLDICE"]


@pytest.mark.parametrize(
    "value", [[1, 2.5], np.array([1, 2.5], ">f4"), "1, 2.5", b"1 2.5", np.array([b"1", b"2.5"]), "(1,2.5)"]
)
def test_numbers_of_any_kind(value):
    assert numbers(value).tolist() == [1, 2.5]


def test_what_is_no_number():
    assert len(numbers("a b")) == len(numbers(None)) == 0
    assert number(np.nan) is None and number([7]) == 7


def test_units_of_wavelengths_hold_for_the_widths(tmp_path):
    waves, widths = spectral([0.4, 0.5, np.nan], [0.005, 0.006, 0.007])
    assert waves.tolist() == [400, 500, 0] and widths.tolist() == [5, 6, 7]
    waves, widths = spectral([400, 500], [5, 6])
    assert widths.tolist() == [5, 6]
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file["w"], file["f"] = [0.4, 0.5], [5.0, 6.0]
        file["w"].attrs["units"], file["f"].attrs["units"] = "um", "nm"
        waves, widths = spectral(file["w"], file["f"])
    assert waves.tolist() == [400, 500] and widths.tolist() == [5, 6]


@pytest.mark.parametrize(
    ("told", "right"),
    [
        ("2022-08-15T04:28:38+0000", "2022-08-15T04:28:38"),
        ("AV320230926t201618_000_L2A.nc", "2023-09-26T20:16:18"),
        ("ang20190624t230448_rdn.nc", "2019-06-24T23:04:48"),
        ("PRS_L2D_STD_20201107101404_x", ""),
        ("20250225_153627_16", "2025-02-25T15:36:27"),
        ("on 2021-03-04", "2021-03-04"),
        ("NEON_581000_5075000", ""),
        ("20229999", ""),
    ],
)
def test_dates(told, right):
    assert date("", told) == right


def test_grids():
    assert of_centres(np.array([10.0, 20, 30]), np.array([9.0, 6])).to_gdal() == (5, 10, 0, 10.5, 0, -3)
    for x in ([1.0], [1.0, 1, 1], [1.0, 2, 9], [1.0, np.nan, 3]):
        assert of_centres(np.array(x), np.array([9.0, 6])) is None
    assert of_geotransform("1 2 0 3 0 -2").to_gdal() == (1, 2, 0, 3, 0, -2)
    assert of_geotransform([1, 0, 0, 3, 0, 0]) is None and of_geotransform("nothing") is None


def test_what_is_no_hdf5_is_no_file_of_these_readers(tmp_path):
    (tmp_path / "a.h5").write_bytes(b"\x89HDF nearly")
    assert opened(tmp_path / "a.h5") is None and opened(tmp_path) is None and opened(tmp_path / "none.h5") is None


@pytest.mark.parametrize(
    ("shape", "names", "axes"),
    [
        ((12, 14, 19), ["Line", "Sample", "Wavelength"], (0, 1, 2)),
        ((14, 19, 12), ["Line", "Sample", "Wavelength"], (2, 0, 1)),
        ((19, 14, 12), ["Sample", "Line", "Wavelength"], (2, 1, 0)),
        ((14, 12, 19), ["Wavelength", "Line", "Sample"], (1, 0, 2)),
    ],
)
def test_names_of_axes_count_unless_the_sizes_contradict_them(shape, names, axes):
    assert axes_of(shape, 12, (2, 0, 1), Path("scene.h5"), names) == axes


@pytest.mark.parametrize(("chunks", "block"), [((3, 5, 4), (5, 4)), (None, (1, 1))])
def test_a_cube_tells_in_which_pieces_its_pixels_lie(tmp_path, chunks, block):
    with h5py.File(tmp_path / "cube.h5", "w") as file:
        file.create_dataset("cube", data=cube(30, 11, 13), chunks=chunks)
        assert Cube(file["cube"], (0, 1, 2), tmp_path).block == block
        assert Cube(file["cube"], (0, 2, 1), tmp_path).block == block[::-1]
