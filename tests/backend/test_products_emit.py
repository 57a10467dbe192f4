"""EMIT: put onto the map by its lookup table, window by window; the mask beside it; files that are no scene."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from hdf5_files import COLS, FILL, ROWS, cube, emit, emit_mask, flagged, on_swath, plain_table
from mixel.backend.cube import Window
from mixel.backend.facts import RADIANCE, REFLECTANCE
from mixel.backend.products import open_product
from mixel.backend.products.swath import lookup
from mixel.backend.scene import Scene
from scenes import refusal, whole

VALUES = cube()
LAYERS = (
    "Cloud flag",
    "Cirrus flag",
    "Water flag",
    "Spacecraft Flag",
    "Dilated Cloud Flag",
    "AOD550",
    "Aggregate Flag",
)


def askew(rows, cols, angle=35):
    """A lookup table that turns the swath (glt_x, glt_y), and each map pixel's line and sample (-1: none)."""
    side = int(np.hypot(rows, cols)) + 2
    down, across = np.mgrid[:side, :side] - side / 2
    turn = np.deg2rad(angle)
    line = np.rint(down * np.cos(turn) - across * np.sin(turn) + rows / 2).astype(int)
    sample = np.rint(down * np.sin(turn) + across * np.cos(turn) + cols / 2).astype(int)
    seen = (line >= 0) & (line < rows) & (sample >= 0) & (sample < cols)
    line, sample = np.where(seen, line, -1), np.where(seen, sample, -1)
    return (sample + 1).astype(np.int32), (line + 1).astype(np.int32), line, sample


def layers(**marked):
    planes = {name: flagged(ROWS, COLS) for name in LAYERS}
    planes["AOD550"] = np.full((ROWS, COLS), 0.2)
    for name, pixel in marked.items():
        planes[name.replace("_", " ")][pixel] = 1
    return planes


@pytest.mark.parametrize("size", [(14, 19), (31, 12), (12, 25)])  # one side as long as the spectrum
@pytest.mark.parametrize("chunks", [None, (5, 7, 4)])
def test_the_lookup_table_puts_the_pixels_onto_the_map(tmp_path, size, chunks):
    values = cube(12, *size)
    glt_x, glt_y, line, sample = askew(*size)
    with Scene(emit(tmp_path, values, table=(glt_x, glt_y), chunks=chunks)) as scene:
        read = scene.read(scene.windows(1000)[0])
        assert (read.valid == (line >= 0)).all()
        np.testing.assert_array_equal(read.reflectance[:, read.valid], values[:, line, sample][:, read.valid])
        parts = [scene.read(window) for window in scene.windows(7, halo=2)]
        for part in parts:
            row, col = part.window.row, part.window.col
            inside = (slice(row, row + part.window.rows), slice(col, col + part.window.cols))
            np.testing.assert_array_equal(
                part.reflectance[(slice(None), *part.window.core)],
                read.reflectance[(slice(None), *inside)],
            )
        assert scene.grid["crs"].to_epsg() == 4326
        assert scene.grid["transform"].to_gdal() == pytest.approx((13, 0.0005, 0, 52.4, 0, -0.0005))
        assert (scene.facts.product, scene.facts.quantity) == ("EMIT L2A reflectance", REFLECTANCE)
        assert scene.facts.date == "2022-08-15T04:28:38" and scene.fwhm is not None


def test_a_window_is_read_in_pieces_where_its_box_in_the_swath_is_large(tmp_path, monkeypatch):
    values, near, far = cube(12, 200, 200), np.arange(60), np.arange(140, 200)
    glt_y = np.hstack([np.tile(near[:, None], 30), np.tile(far[:, None], 30)]) + 1
    glt_x = np.tile(np.hstack([near[:30], far[30:]]), (60, 1)) + 1  # two places far apart, side by side on the map
    glt_x[:, ::4] = 0
    path = emit(tmp_path, values, table=(glt_x.astype("i4"), glt_y.astype("i4")))
    boxes, plain = [], lookup.Cube.read
    monkeypatch.setattr(lookup.Cube, "read", lambda self, box, bands: boxes.append(box) or plain(self, box, bands))
    product = open_product(path)
    found, seen = product.read(Window(0, 0, 60, 60), [7, 2]), glt_x > 0
    product.close()
    np.testing.assert_array_equal(found[:, seen], values[[7, 2]][:, glt_y - 1, glt_x - 1][:, seen])
    assert (found[:, ~seen] == FILL).all()
    assert sum(box.rows * box.cols for box in boxes) <= 60 * 60


def test_bad_bands_are_left_out_and_cost_no_pixel(tmp_path):
    values, good = VALUES.copy(), np.ones(12)
    values[4:6], good[4:6] = -0.01, 0
    with Scene(emit(tmp_path, values, good=good)) as scene:
        assert scene.bands == 10 and scene.band_numbers.tolist() == [1, 2, 3, 4, 7, 8, 9, 10, 11, 12]
        assert scene.read(scene.windows(1000)[0]).valid.sum() == ROWS * COLS


def test_the_mask_beside_it_leaves_out_clouds_and_cirrus_but_not_water(tmp_path):
    path = emit(tmp_path, VALUES)
    mask = emit_mask(path, layers(Cloud_flag=(2, 3), Cirrus_flag=(4, 5), Water_flag=(6, 7), Spacecraft_Flag=(8, 9)))
    missing = np.argwhere(~whole(path)[0].valid[1:-1, 1:-1]).tolist()  # the map has a frame of nothing
    assert missing == [[2, 3], [4, 5], [8, 9]]
    product = open_product(path)
    assert {flag.name: flag.by_default for flag in product.facts.flags} == {
        "cloud": True, "cirrus": True, "spacecraft": True, "dilated_cloud": False
    }  # fmt: skip
    assert product.files == (path, mask)
    product.close()


def test_dilated_clouds_are_left_out_on_request_and_amounts_never(tmp_path):
    path = emit(tmp_path, VALUES)
    emit_mask(path, layers(Dilated_Cloud_Flag=(3, 3), Aggregate_Flag=(5, 5)))
    assert whole(path)[0].valid.sum() == ROWS * COLS
    product = open_product(path)
    asked = product.usable(Window(0, 0, ROWS + 2, COLS + 2), ["dilated_cloud"])
    assert np.argwhere(~asked).tolist() == [[4, 4]]
    product.close()


def test_without_a_mask_a_note_says_so(tmp_path):
    path = emit(tmp_path, VALUES)
    assert any("EMIT_L2A_MASK" in notice for notice in whole(path)[1])


@pytest.mark.parametrize("damage", ["size", "names", "text"])
def test_a_mask_that_does_not_fit_is_told_and_not_used(tmp_path, damage):
    path = emit(tmp_path, VALUES)
    mask = emit_mask(path, layers(Cloud_flag=(2, 3)))
    with h5py.File(mask, "a") as file:
        if damage == "size":
            stored = file["mask"][:, :-1]
            del file["mask"]
            file["mask"] = stored
        elif damage == "names":
            del file["sensor_band_parameters"]
    if damage == "text":
        mask.write_text("no such thing")
    read, notices = whole(path)
    assert read.valid.sum() == ROWS * COLS and any("not usable" in notice for notice in notices)


@pytest.mark.parametrize("order", ["row col band", "band row col"])
def test_without_a_table_it_stays_in_sensor_geometry_with_its_place(tmp_path, order):
    path = emit(tmp_path, VALUES, table="none", order=order)
    emit_mask(path, layers(Cloud_flag=(2, 3)))
    with Scene(path) as scene:
        read = scene.read(scene.windows(1000)[0])
        np.testing.assert_array_equal(read.reflectance[:, read.valid], VALUES[:, read.valid])
        assert np.argwhere(~read.valid).tolist() == [[2, 3]]
        lon, lat = on_swath(6, 8)
        cols, rows = scene.place.to_pixels(np.array([lon]), np.array([lat]))
        assert (cols[0], rows[0]) == pytest.approx((8.5, 6.5), abs=0.05)


def test_l1b_is_radiance(tmp_path):
    path = emit(tmp_path, VALUES * 9, name="radiance", fwhm=False)
    read, notices = whole(path)
    assert any("radiance (uW/cm2/sr/nm)" in notice for notice in notices)
    np.testing.assert_allclose(read.reflectance[:, 1:-1, 1:-1], VALUES * 9, rtol=1e-6)
    with Scene(path) as scene:
        assert scene.facts.quantity == RADIANCE and scene.fwhm is None


def test_falling_wavelengths_stay_with_their_bands(tmp_path):
    wavelengths = np.linspace(2400, 450, 12)
    with Scene(emit(tmp_path, VALUES, wavelengths=wavelengths)) as scene:
        np.testing.assert_allclose(scene.wavelengths, wavelengths)
        np.testing.assert_array_equal(scene.read(scene.windows(1000)[0]).reflectance[:, 1:-1, 1:-1], VALUES)


def test_the_mask_or_the_geometry_alone_is_refused_by_name_and_the_folder_is_the_scene(tmp_path):
    path = emit(tmp_path, VALUES)
    mask = emit_mask(path, layers())
    assert "quality mask" in refusal(mask)
    with h5py.File(tmp_path / "EMIT_L1B_OBS_001_20220815T042838_2222703_003.nc", "w") as file:
        file["obs"], file["location/lat"] = np.zeros((ROWS, COLS, 11)), np.zeros((ROWS, COLS))
    assert "observation geometry" in refusal(tmp_path / "EMIT_L1B_OBS_001_20220815T042838_2222703_003.nc")
    assert open_product(tmp_path).files == (path, mask)


def test_a_table_that_points_outside_or_does_not_fit_is_refused(tmp_path):
    glt_x, glt_y = plain_table(ROWS, COLS)
    glt_x[5, 5] = COLS + 1
    assert "points outside" in refusal(emit(tmp_path, VALUES, table=(glt_x, glt_y)))
    assert "lookup table" in refusal(emit(tmp_path, VALUES, table=(glt_x[:-1], glt_y)))


def test_wrong_numbers_of_wavelengths_and_missing_ones_are_refused(tmp_path):
    assert "names 11 wavelengths" in refusal(emit(tmp_path, VALUES, wavelengths=np.linspace(450, 2400, 11)))
    path = emit(tmp_path, VALUES)
    with h5py.File(path, "a") as file:
        del file["sensor_band_parameters/wavelengths"]
    assert "wavelengths" in refusal(path)


@pytest.mark.parametrize("states_bands", [True, False])
def test_a_large_scene_that_states_its_good_bands_opens_without_a_look_at_its_pixels(
    tmp_path, monkeypatch, states_bands
):
    good = np.ones(len(VALUES), np.uint8)
    good[[3, 4]] = 0
    path = emit(tmp_path, VALUES, table=plain_table(ROWS, COLS), good=good if states_bands else None, chunks=(7, 7, 6))
    monkeypatch.setattr("mixel.backend.interpretation.SPARED_BYTES", 1000)
    reads, read = [], lookup.Lookup.gather
    monkeypatch.setattr(lookup.Lookup, "gather", lambda *given: reads.append(given) or read(*given))
    with Scene(path) as scene:
        assert bool(reads) is not states_bands
        cube = scene.read(scene.windows(100)[0])
    kept = [band for band in range(len(VALUES)) if not states_bands or band not in (3, 4)]
    np.testing.assert_array_equal(cube.reflectance[:, 1:-1, 1:-1], VALUES[kept])
