"""Specim captures: calibrated by their references, or raw counts that say why."""

from __future__ import annotations

import numpy as np
import pytest
from envi_files import BANDS, COLS, ROWS, spectra, write_cube
from mixel.backend.cube import Window
from mixel.backend.facts import COUNTS, RADIANCE, REFLECTANCE
from mixel.backend.products import open_product
from mixel.backend.scene import Scene
from scenes import refusal, whole

SENSOR = "description = { Specim FX10 }\nsensor type = FX10e, SpecSensor"
TRUTH = spectra()
DARK = np.random.default_rng(1).integers(90, 140, (BANDS, 1, COLS))
LIGHT = np.random.default_rng(2).integers(1500, 3500, (BANDS, 1, COLS))
"""Counts of a white surface above the dark, column by column, for an integration time of 8 ms."""


def capture(folder, *, name="leaf_01", time=8.0, white_time=8.0, white_lines=20, sensor=SENSOR, leave=(), **layout):
    """Write raw, white and dark; ``leave`` out some of them. Gives the path of the raw file."""
    noise = np.random.default_rng(3).choice([-1, 1], (BANDS, 1, 1))
    of_white = DARK + np.repeat(LIGHT, white_lines, axis=1) * white_time / 8
    parts = {
        f"WHITEREF_{name}": (of_white + noise * 0, white_time),
        f"DARKREF_{name}": (np.repeat(DARK, 10, axis=1), time),
        name: (DARK + TRUTH * LIGHT * time / 8, time),
    }
    for each, (values, tint) in parts.items():
        if not each.startswith(tuple(leave) or "-"):
            fields = f"{sensor}\nTint = {tint:.6f}"
            write_cube(folder / f"{each}.raw", np.round(values).astype("u2"), fields, **layout)
    return folder / f"{name}.raw"


def check_calibrated(path, **ways):
    cube, notices = whole(path, **ways)
    np.testing.assert_allclose(cube.reflectance, TRUTH, atol=2e-3)
    assert cube.valid.all()
    return " ".join(notices)


@pytest.mark.parametrize("layout", [{}, {"interleave": "bip", "big_endian": True, "capitals": True}, {"offset": 300}])
@pytest.mark.parametrize("white_lines", [1, 20, 133])
def test_a_capture_becomes_reflectance_by_its_references(tmp_path, layout, white_lines):
    told = check_calibrated(capture(tmp_path, white_lines=white_lines, **layout))
    assert "by WHITEREF_leaf_01.raw and DARKREF_leaf_01.raw" in told and "Reflectance was taken" not in told
    with Scene(tmp_path / "leaf_01.raw") as scene:
        assert (scene.facts.quantity, scene.facts.product) == (REFLECTANCE, "Specim FX10")


def test_windows_and_bands_of_a_capture_are_parts_of_the_whole(tmp_path):
    product = open_product(capture(tmp_path))
    part = product.read(Window(3, 5, 4, 6), [7, 2])
    product.close()
    np.testing.assert_allclose(part, TRUTH[[7, 2], 3:7, 5:11], atol=2e-3)


def test_the_scan_its_capture_folder_and_its_raw_file_are_one_scene(tmp_path):
    capture(tmp_path / "scan" / "capture")
    for path in (tmp_path / "scan", tmp_path / "scan" / "capture"):
        check_calibrated(path)


def test_a_folder_of_several_captures_asks_for_one(tmp_path):
    capture(tmp_path)
    capture(tmp_path, name="leaf_02")
    assert "several captures (leaf_01.raw, leaf_02.raw)" in refusal(tmp_path)
    check_calibrated(tmp_path / "leaf_02.raw")


def test_names_of_references_in_any_case(tmp_path):
    capture(tmp_path)
    for file in [*tmp_path.glob("DARKREF*"), *tmp_path.glob("WHITEREF*")]:
        file.rename(file.with_name(file.name.lower()))
    check_calibrated(tmp_path / "leaf_01.raw")


def test_the_only_references_of_a_folder_serve_all_its_captures(tmp_path):
    capture(tmp_path)
    path = capture(tmp_path, name="leaf_02", leave=("WHITE", "DARK"))
    assert "by WHITEREF_leaf_01.raw" in check_calibrated(path)


def test_references_are_enough_to_know_a_capture_by(tmp_path):
    check_calibrated(capture(tmp_path, sensor="description = {line scan}"))


def test_integration_times_that_differ_are_brought_together(tmp_path):
    told = check_calibrated(capture(tmp_path, time=8.0, white_time=4.0))
    assert "8 ms, and 4 ms for the white" in told


def test_a_dark_of_the_white_reference_goes_before_the_other(tmp_path):
    path = capture(tmp_path)
    higher = {"WHITEREF_leaf_01": DARK + 500 + LIGHT, "WHITEDARKREF_leaf_01": DARK + 500}
    for name, values in higher.items():
        write_cube(tmp_path / f"{name}.raw", np.repeat(values, 5, axis=1).astype("u2"), SENSOR)
    assert "WHITEDARKREF_leaf_01.raw for the white" in check_calibrated(path)


@pytest.mark.parametrize(
    ("leave", "missing"),
    [
        (("WHITE",), "No WHITEREF_leaf_01 lies"),
        (("DARK",), "No DARKREF_leaf_01 lies"),
        (("WHITE", "DARK"), "No WHITEREF_leaf_01 and no DARKREF_leaf_01 lies"),
    ],
)
def test_a_capture_without_references_stays_raw_counts(tmp_path, leave, missing):
    path = capture(tmp_path, leave=leave)
    cube, notices = whole(path)
    np.testing.assert_allclose(cube.reflectance, DARK + TRUTH * LIGHT, atol=0.51)
    told = " ".join(notices)
    assert missing in told and "raw counts, not reflectance" in told and "Reflectance was taken" not in told
    with Scene(path) as scene:
        assert scene.facts.quantity == COUNTS


def test_references_that_do_not_fit_leave_raw_counts_and_say_why(tmp_path):
    path = capture(tmp_path)
    write_cube(tmp_path / "WHITEREF_leaf_01.raw", np.ones((BANDS, 5, COLS - 2), "u2"), SENSOR)
    assert f"has {BANDS} bands and {COLS - 2} columns, the capture {BANDS} and {COLS}" in " ".join(whole(path)[1])
    write_cube(tmp_path / "WHITEREF_leaf_01.raw", np.ones((BANDS, 5, COLS), "u2"), SENSOR)
    cube, notices = whole(path)
    assert "no brighter than the dark" in " ".join(notices) and cube.reflectance.max() > 100


def test_a_dead_detector_costs_its_column_and_a_dead_band_only_itself(tmp_path):
    path = capture(tmp_path)
    white = np.repeat(DARK + LIGHT, 5, axis=1)
    white[4] = DARK[4]
    white[7, :, 3] = DARK[7, :, 3]
    write_cube(tmp_path / "WHITEREF_leaf_01.raw", white.astype("u2"), SENSOR)
    cube, notices = whole(path)
    assert len(cube.reflectance) == BANDS - 1
    assert cube.valid.sum() == ROWS * (COLS - 1) and not cube.valid[:, 3].any()
    assert "1 column counts as missing" in " ".join(notices)


def test_a_damaged_reference_is_named(tmp_path):
    path = capture(tmp_path)
    white = tmp_path / "WHITEREF_leaf_01.raw"
    white.write_bytes(white.read_bytes()[:-50])
    assert "WHITEREF_leaf_01.raw" in refusal(path)


def test_a_reference_changed_meanwhile_is_noticed(tmp_path):
    path = capture(tmp_path)
    with Scene(path) as scene:
        white = tmp_path / "WHITEREF_leaf_01.raw"
        white.write_bytes(white.read_bytes() + b"\0")
        with pytest.raises(ValueError, match="was changed while"):
            scene.check_unchanged()


def test_a_reference_itself_is_raw_counts(tmp_path):
    capture(tmp_path)
    cube, notices = whole(tmp_path / "WHITEREF_leaf_01.raw")
    np.testing.assert_array_equal(cube.reflectance, np.repeat(DARK + LIGHT, 20, axis=1).astype(np.float32))
    assert "This is a reference of a capture" in " ".join(notices)


@pytest.mark.parametrize(("name", "quantity"), [("line_rad.dat", RADIANCE), ("line_refl.dat", "")])
def test_what_a_name_says_of_a_processed_line_counts(tmp_path, name, quantity):
    path = write_cube(tmp_path / name, np.round(TRUTH * 10000).astype("u2"), SENSOR)
    with Scene(path) as scene:
        assert scene.facts.quantity == quantity and scene.facts.product == "Specim FX10"
    factor = 1 if quantity else 10000
    np.testing.assert_allclose(whole(path)[0].reflectance * factor, np.round(TRUTH * 10000), rtol=1e-5)


@pytest.mark.parametrize("kind", ["f4", "u2"])
def test_results_are_reflectance_already(tmp_path, kind):
    values = TRUTH if kind == "f4" else np.round(TRUTH * 10000).astype("u2")
    path = write_cube(tmp_path / "results" / "REFLECTANCE_leaf_01.dat", values, SENSOR)
    cube, notices = whole(path)
    np.testing.assert_allclose(cube.reflectance, TRUTH, atol=1e-4)
    assert not any("raw counts" in one for one in notices)
