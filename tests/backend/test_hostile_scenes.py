"""Values that no sensor measures: pixels that tell nothing count as missing and harm nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from fields import reflectance
from mixel.backend.scene import Scene
from mixel.backend.survey import HUGE, blanks
from scenes import whole, write

AT = (13, 33)
WHOLE = np.round(reflectance() * 10000)
FILLS = [
    ("float32", 1e29), ("float32", -3.4e38), ("float32", 1e15), ("float32", 20_000), ("float32", np.nan),
    ("float32", np.inf), ("float32", -np.inf), ("float32", 0), ("float32", -9999), ("float64", 1e300),
    ("float64", -1.7e308), ("uint16", 65535), ("uint16", 0), ("int16", -32768), ("int16", 32767), ("int16", -9999),
    ("int32", -(2**31)), ("int32", 2**31 - 1), ("uint8", 255),
]  # fmt: skip
ONE_BAND = [
    (kind, value) for kind, value in FILLS if kind not in ("uint16", "int16", "uint8") and value not in (0, -9999)
]


def values(kind):
    """The fields as products of this type store them."""
    if kind.startswith("float"):
        return reflectance().astype(kind)
    return np.clip(np.round(reflectance() * (255 if kind == "uint8" else 10000)), 1, None).astype(kind)


def spoilt(kind, value, bands=slice(None)):
    found = values(kind)
    found[bands, AT[0], AT[1]] = value
    return found


@pytest.mark.parametrize(("kind", "value"), FILLS)
def test_a_pixel_of_an_unstated_fill_value_is_missing_and_all_others_stay(tmp_path, kind, value):
    cube, notices = whole(write(tmp_path / "scene.tif", spoilt(kind, value)))
    clean, _ = whole(write(tmp_path / "clean.tif", values(kind)))
    assert np.argwhere(~cube.valid).tolist() == [list(AT)]
    np.testing.assert_array_equal(cube.pixels, clean.reflectance[:, cube.valid].T)
    assert np.isnan(value) or np.isinf(value) or abs(value) >= HUGE or any("count as missing" in one for one in notices)


@pytest.mark.parametrize(("kind", "value"), ONE_BAND)
def test_a_value_beyond_reason_in_one_band_costs_the_pixel(tmp_path, kind, value):
    cube, _ = whole(write(tmp_path / "scene.tif", spoilt(kind, value, 3)))
    assert np.argwhere(~cube.valid).tolist() == [list(AT)]


def test_a_line_of_saturated_pixels_is_missing_and_told(tmp_path):
    found = values("uint16")
    found[:, 7] = 65535
    cube, notices = whole(write(tmp_path / "scene.tif", found))
    assert not cube.valid[7].any() and cube.valid.sum() == cube.valid.size - cube.valid.shape[1]
    assert any(one == "About 2.5 % of the pixels are 65535 in every band: they count as missing." for one in notices)


def test_values_beyond_reason_are_told_with_what_is_usual(tmp_path):
    _, notices = whole(write(tmp_path / "scene.tif", spoilt("float32", 1e14)))
    assert any("hold values beyond reason (1e+14, where 0." in one for one in notices)


@pytest.mark.parametrize("share", [0.2, 0.6])
@pytest.mark.parametrize("fill", [-9999, -1, -3.4e38, 1e20])
def test_much_fill_changes_neither_scale_nor_what_counts(tmp_path, share, fill):
    for kind in ("float32", "int16") if fill == -9999 else ("float32",):
        found = values(kind)
        found[:, :, : int(share * found.shape[2])] = fill
        cube, _ = whole(write(tmp_path / f"{kind}.tif", found))
        assert cube.valid.mean() == pytest.approx(1 - share) and 0.1 < cube.pixels.mean() < 1


@pytest.mark.parametrize(
    ("kind", "factor"), [("float32", 900), ("uint16", 6), ("float32", 1e-30), ("float32", -0.3), ("int32", 5000)]
)
def test_bright_dark_and_negative_pixels_stay(tmp_path, kind, factor):
    found = values(kind)
    found[:, 3, 4] = (found[:, 3, 4] * factor).astype(kind)
    cube, _ = whole(write(tmp_path / "scene.tif", found))
    assert cube.valid.all()


@pytest.mark.parametrize("kind", ["float32", "int16"])
def test_a_scene_of_water_keeps_its_pixels_of_one_small_negative_value(tmp_path, kind):
    found = (values(kind) / 50).astype(kind)
    found[:, :5] = -0.001 if kind == "float32" else -1
    cube, _ = whole(write(tmp_path / "scene.tif", found), None)
    assert cube.valid.all()


def test_a_night_of_noise_round_zero_keeps_its_lights(tmp_path):
    found = np.random.default_rng(0).normal(0, 0.01, reflectance().shape).astype(np.float32)
    found[:, 20, 30] = 60 + np.arange(len(found))
    assert whole(write(tmp_path / "scene.tif", found), 1.0)[0].valid.all()


def test_a_pixel_that_the_survey_does_not_see_is_missing_too(tmp_path):
    found = np.tile(values("float32"), (1, 16, 20))
    found[:, 333, 777] = 1e12
    with Scene(write(tmp_path / "scene.tif", found, tiled=True, blockxsize=64, blockysize=64)) as scene:
        missing = [int((~scene.read(window).valid).sum()) for window in scene.windows(256)]
    assert sum(missing) == 1


def test_blanks_are_told_by_all_their_bands():
    image = np.array([[0, -5, 65, -5, 0], [0, -5, 65, -5, 1], [0, -5, 65, 7, 0]], np.int16)[:, None]
    assert blanks(image, 4.0)[0].tolist() == [[True, True, False, False, False]]
    assert blanks(image, 6.0)[0].tolist() == [[True, False, False, False, False]]
    assert blanks(image, 0.0)[1][0, :3].tolist() == [0, -5, 65]


@pytest.mark.parametrize("strength", [3, 500, 5e3, 1e7])
def test_bands_of_noise_are_left_out_and_cost_no_pixel(tmp_path, strength):
    found = values("float32")
    clean, _ = whole(write(tmp_path / "clean.tif", found))
    found[4:6] = strength * np.random.default_rng(0).normal(size=found[4:6].shape)
    cube, notices = whole(write(tmp_path / "scene.tif", found))
    assert cube.valid.all()
    kept = np.delete(cube.reflectance, [4, 5], axis=0) if len(cube.reflectance) == len(found) else cube.reflectance
    np.testing.assert_array_equal(kept, np.delete(clean.reflectance, [4, 5], axis=0))
    left_out = any(
        one.startswith("Bands with many values beyond reason") and one.endswith(": 5, 6.") for one in notices
    )
    assert left_out == (len(cube.reflectance) < len(found)) == (strength >= 5e3)
