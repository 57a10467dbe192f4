"""Tanager: basic scenes as swaths, ortho scenes as grids, masks, bands that are not good, radiance."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
from hdf5_files import COLS, FILL, ROWS, cube, flagged, on_swath, tanager
from mixel.backend.facts import RADIANCE, REFLECTANCE
from mixel.backend.products import open_product
from mixel.backend.reading import Reading
from mixel.backend.scene import Scene
from scenes import refusal, whole

VALUES = cube()
BASIC, ORTHO = "20250225_153627_16_4001_basic_sr_hdf5.h5", "20250225_153627_16_4001_ortho_sr_hdf5.h5"
PIXELS = {"beta_cloud_mask": (2, 3), "beta_cirrus_mask": (4, 5)}


def masks():
    return {name: flagged(ROWS, COLS, pixel) for name, pixel in PIXELS.items()}


def structure(rows, cols, zone=33, projection="HE5_GCTP_UTM", name="HYP"):
    lower = f"({365000 + 30 * cols}.000000,{5810000 - 30 * rows}.000000)"
    return (
        "GROUP=SwathStructure\nEND_GROUP=SwathStructure\nGROUP=GridStructure\n\tGROUP=GRID_1\n"
        f'\t\tGridName="{name}"\n\t\tXDim={cols}\n\t\tYDim={rows}\n\t\tUpperLeftPointMtrs=(365000.000000,5810000.000000)\n'
        f"\t\tLowerRightMtrs={lower}\n\t\tProjection={projection}\n\t\tZoneCode={zone}\n\t\tSphereCode=12\n"
        "\tEND_GROUP=GRID_1\nEND_GROUP=GridStructure\nEND\n"
    )


@pytest.mark.parametrize("size", [(14, 19), (19, 14), (12, 17), (17, 12)])
def test_basic_scenes(tmp_path, size):
    values = cube(12, *size)
    path = tanager(tmp_path / BASIC, values)
    np.testing.assert_array_equal(whole(path)[0].reflectance, values)
    with Scene(path) as scene:
        assert (scene.facts.product, scene.facts.quantity) == ("Tanager basic surface reflectance", REFLECTANCE)
        assert scene.facts.date == "2025-02-25T15:36:27" and scene.fwhm[0] == pytest.approx(5.5)
        lon, lat = on_swath(6, 8)
        cols, rows = scene.place.to_pixels(np.array([lon]), np.array([lat]))
        assert (cols[0], rows[0]) == pytest.approx((8.5, 6.5), abs=0.05)


def test_masks_and_the_outside(tmp_path):
    outside, values = flagged(ROWS, COLS, (0, 0), (0, 1)), VALUES.copy()
    values[:, 9, 9] = FILL
    path = tanager(tmp_path / BASIC, values, masks=masks(), outside=outside)
    assert np.argwhere(~whole(path)[0].valid).tolist() == [[0, 0], [0, 1], [2, 3], [4, 5], [9, 9]]
    with Scene(path, reading=Reading(flags=())) as scene:
        valid = scene.read(scene.windows(1000)[0]).valid
        assert np.argwhere(~valid).tolist() == [[0, 0], [0, 1], [9, 9]]


def test_one_mask_alone_and_none(tmp_path):
    path = tanager(tmp_path / BASIC, VALUES, masks={"beta_cloud_mask": masks()["beta_cloud_mask"]})
    assert [flag.name for flag in open_product(path).facts.flags] == ["cloud"]
    read, notices = whole(tanager(tmp_path / ORTHO, VALUES))
    assert read.valid.all() and any("no masks" in notice for notice in notices)


def test_bands_that_are_not_good_are_left_out(tmp_path):
    values, good = VALUES.copy(), np.ones(12)
    values[3], good[3] = -0.01, 0
    values[7, 4, 4], good[7] = FILL, 0
    with Scene(tanager(tmp_path / BASIC, values, good=good, fwhm=False)) as scene:
        assert scene.bands == 10 and scene.fwhm is None and scene.read(scene.windows(1000)[0]).valid.all()


@pytest.mark.parametrize(("zone", "epsg"), [(33, 32633), (-23, 32723), (1, 32601)])
@pytest.mark.parametrize("size", [(14, 19), (19, 14)])
def test_ortho_scenes_lie_on_the_grid_of_the_structure_metadata(tmp_path, zone, epsg, size):
    path = tanager(tmp_path / ORTHO, cube(12, *size), kind="GRIDS", structure=structure(*size, zone=zone))
    with Scene(path) as scene:
        assert scene.facts.product == "Tanager ortho surface reflectance" and scene.grid["crs"].to_epsg() == epsg
        assert scene.grid["transform"].to_gdal() == (365000, 30, 0, 5810000, 0, -30)


def test_ortho_scenes_by_planets_framing_where_the_structure_says_nothing(tmp_path):
    framing = json.dumps({"epsg_code": 32719, "geotransform": [500000.0, 30.0, 0.0, 7000000.0, 0.0, -30.0]})
    told = structure(ROWS, COLS, name="OTHER")
    path = tanager(tmp_path / ORTHO, VALUES, kind="GRIDS", structure=told, attributes={"Planet_Ortho_Framing": framing})
    with Scene(path) as scene:
        assert scene.grid["crs"].to_epsg() == 32719 and scene.grid["transform"].c == 500000


def test_an_ortho_scene_that_names_no_grid_has_no_place(tmp_path):
    attributes = {"Planet_Ortho_Framing": "{damaged"}
    told = structure(ROWS, COLS, projection="HE5_GCTP_GEO")
    with Scene(tanager(tmp_path / ORTHO, VALUES, kind="GRIDS", structure=told, attributes=attributes)) as scene:
        assert scene.place.kind == "none"


def test_radiance(tmp_path):
    path = tanager(tmp_path / "20250225_153627_16_4001_basic_radiance_hdf5.h5", VALUES * 90, name="toa_radiance")
    read, notices = whole(path)
    np.testing.assert_allclose(read.reflectance, VALUES * 90, rtol=1e-6)
    assert any("radiance (W/m2/sr/um)" in notice for notice in notices)
    assert open_product(path).facts.quantity == RADIANCE


def test_files_without_a_cube_and_masks_of_another_size_are_refused(tmp_path):
    path = tanager(tmp_path / BASIC, VALUES, name="surface_reflectance_uncertainty")
    assert "without surface_reflectance" in refusal(path)
    assert "beta_cloud_mask has 3 x 3" in refusal(
        tanager(tmp_path / BASIC, VALUES, masks={"beta_cloud_mask": np.zeros((3, 3))})
    )
    path = tanager(tmp_path / BASIC, VALUES)
    with h5py.File(path, "a") as file:
        del file["HDFEOS/SWATHS/HYP/Data Fields/surface_reflectance"].attrs["wavelengths"]
    assert "names 0 wavelengths" in refusal(path)
