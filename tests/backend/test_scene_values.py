"""The values of a scene: reflectance by a scale stated or guessed, pixels without data, bands left out."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from mixel.backend.scene import Scene
from scenes import COLS, ROWS, WAVELENGTHS, mixture, refusal, stored, whole, write, write_envi


def test_stored_values_become_reflectance(write_scene):
    cube, _ = whole(write_scene())
    np.testing.assert_allclose(cube.reflectance, mixture(), atol=1e-4)
    assert (cube.reflectance.dtype, cube.reflectance.shape) == (np.float32, (12, ROWS, COLS))
    assert cube.valid.all()
    assert cube.pixels.shape == (ROWS * COLS, 12)
    np.testing.assert_array_equal(cube.pixels[COLS], cube.reflectance[:, 1, 0])


@pytest.mark.parametrize("driver", ["GTiff", "ENVI"])
def test_wavelengths_and_bands_in_use_go_together(tmp_path, driver):
    values = stored()
    values[4] = 7
    path = tmp_path / "scene.tif"
    header = f"wavelength = {{{', '.join(map(str, WAVELENGTHS))}}}\nbbl = {{0{', 1' * 11}}}\n"
    path = write(path, values) if driver == "GTiff" else write_envi(path, values, header)
    kept = [index for index in range(12) if index != 4 and not (driver == "ENVI" and index == 0)]
    with Scene(path, 1e4) as scene:
        assert scene.bands == len(kept)
        assert scene.band_numbers.tolist() == [index + 1 for index in kept]
        np.testing.assert_allclose(scene.wavelengths, np.array(WAVELENGTHS)[kept])
        np.testing.assert_allclose(scene.read(scene.windows(99)[0]).reflectance, values[kept] / 1e4, rtol=1e-6)
        assert any("left out: 5." in notice for notice in scene.notices)


@pytest.mark.parametrize(
    ("dtype", "nodata"), [("int16", -9999), ("uint16", 65535), ("int32", -(2**31)), ("uint16", 0), ("float32", -9999)]
)
def test_a_pixel_with_nodata_in_any_band_is_not_valid_and_holds_zeros(write_scene, dtype, nodata):
    values = stored().astype(dtype) + np.array(5, dtype)
    values[:, 2, 3] = nodata
    values[6, 4, 5] = nodata
    cube, notices = whole(write_scene(values, nodata=nodata))
    assert set(zip(*np.nonzero(~cube.valid), strict=True)) == {(2, 3), (4, 5)}
    assert (cube.reflectance[:, ~cube.valid] == 0).all()
    assert (cube.reflectance[:, cube.valid] > 0).all()
    assert len(cube.pixels) == ROWS * COLS - 2
    assert not any("nodata" in notice for notice in notices)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("nodata", [None, float("nan"), -9999.0])
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf"), -3.4028234663852886e38])
def test_pixels_that_are_no_measurement_are_not_valid_whatever_the_nodata_value(write_scene, dtype, nodata, bad):
    values = mixture().astype(dtype)
    values[3, 1, 2] = bad
    cube, _ = whole(write_scene(values, nodata=nodata))
    assert list(zip(*np.nonzero(~cube.valid), strict=True)) == [(1, 2)]
    assert np.isfinite(cube.reflectance).all()
    assert np.abs(cube.reflectance).max() <= 1


def test_a_value_too_large_for_single_precision_does_not_become_infinite(write_scene):
    values = mixture().astype(np.float64)
    values[3, 1, 2] = 1e300
    cube, _ = whole(write_scene(values))
    assert np.isfinite(cube.reflectance).all() and not cube.valid[1, 2]


@pytest.mark.parametrize("nodata", [-9999, 1e10])
def test_a_nodata_value_outside_the_files_type_marks_no_pixel(tmp_path, nodata):
    values = stored().astype(np.uint16)
    values[:, 0, 0] = np.int64(nodata).astype(np.uint16)  # what a careless cast makes of it
    path = write_envi(tmp_path / "scene.img", values, f"data ignore value = {nodata:g}\n")
    cube, _ = whole(path)
    assert cube.valid.all()


def test_a_band_that_is_nodata_everywhere_is_left_out_and_costs_no_pixel(write_scene):
    values = stored()
    values[[0, 11]] = -9999
    cube, notices = whole(write_scene(values, nodata=-9999))
    assert cube.valid.all() and cube.reflectance.shape[0] == 10
    assert "Bands that hold (almost) no data or one value only were left out: 1, 12." in notices


def test_a_band_that_is_mostly_nodata_is_left_out_and_costs_no_pixel(write_scene):
    values = stored() + np.int16(5)
    values[3, 2:] = 0  # a dark band of zeros, and zero is nodata
    values[7, :3] = 0
    cube, notices = whole(write_scene(values, nodata=0))
    assert cube.reflectance.shape[0] == 11
    assert cube.valid[3:].all() and not cube.valid[:3].any(), "a band with gaps stays, and its gaps count"
    assert "Bands that hold (almost) no data or one value only were left out: 4." in notices


def test_bands_that_all_have_data_in_a_small_part_only_are_kept(write_scene):
    values = stored() + np.int16(5)
    values[:, :, 2:] = 0
    cube, notices = whole(write_scene(values, nodata=0))
    assert cube.reflectance.shape[0] == 12 and cube.valid.sum() == 2 * ROWS
    assert not any("left out" in notice for notice in notices)


def test_a_scene_with_too_few_bands_that_hold_data_is_refused(write_scene):
    values = stored() + np.int16(5)
    values[:9, 1:] = 0
    assert "Only 3 bands of the scene vary from pixel to pixel and are not mostly nodata" in refusal(
        write_scene(values, nodata=0)
    )


def test_constant_bands_are_left_out_and_named_the_first_eight_of_many(write_scene):
    values = np.concatenate([stored(), np.full((30, ROWS, COLS), 500, np.int16)])
    cube, notices = whole(write_scene(values))
    assert cube.reflectance.shape[0] == 12
    assert any("left out: 13, 14, 15, 16, 17, 18, 19, 20 and 22 more." in notice for notice in notices)


def test_a_scene_of_too_few_bands_that_vary_is_refused(write_scene):
    values = stored()
    values[:9] = 5
    assert "Only 3 bands of the scene vary" in refusal(write_scene(values))
    assert "Only 0 bands of the scene vary" in refusal(write_scene(np.full_like(values, 3), "flat.tif"))


@pytest.mark.parametrize("bad", [0, -9999])
def test_a_scene_that_is_all_nodata_is_refused(write_scene, bad):
    message = refusal(write_scene(np.full((12, ROWS, COLS), bad, np.int16), nodata=bad))
    assert message.startswith("Every pixel of the scene is nodata, or all but a few; check the layer's nodata value")


def test_a_scene_of_nothing_but_nan_is_refused(write_scene):
    assert "Every pixel of the scene is nodata" in refusal(write_scene(np.full((12, ROWS, COLS), np.nan, np.float32)))


@pytest.mark.parametrize(
    ("factor", "dtype", "scale"),
    [(1, "float32", 1), (100, "float32", 100), (255, "uint8", 255), (10000, "int16", 10000), (10000, "uint16", 10000)],
)
def test_a_scale_the_file_does_not_say_is_guessed_and_told(write_scene, factor, dtype, scale):
    values = np.clip(mixture(), 0.01, 1) * factor
    cube, notices = whole(write_scene(values.astype(dtype)))
    np.testing.assert_allclose(cube.reflectance, mixture(), atol=2 / factor if factor > 1 else 1e-6)
    assert sum("scale" in notice for notice in notices) == 1
    assert any(f"stored value / {scale:g}, judging by the values" in notice for notice in notices)


@pytest.mark.parametrize("dtype", ["int16", "uint16", "int32"])
def test_dark_water_in_whole_numbers_stays_dark(write_scene, dtype):
    values = (50 + mixture() * 550).astype(dtype)
    cube, notices = whole(write_scene(values))
    np.testing.assert_allclose(cube.reflectance, values / 1e4, rtol=1e-6)
    assert any("stored value / 10000, judging by the values" in notice for notice in notices)


def test_a_scale_in_the_files_header_is_believed_without_a_word(tmp_path):
    path = write_envi(tmp_path / "scene.img", header="reflectance scale factor = 20000\n")
    cube, notices = whole(path)
    np.testing.assert_allclose(cube.reflectance, mixture() / 2, atol=1e-4)
    assert not any("scale" in notice for notice in notices)


def test_scale_and_offset_of_the_bands_are_believed_without_a_word(write_scene):
    path = write_scene()
    with rasterio.open(path, "r+") as dataset:
        dataset.scales, dataset.offsets = [1 / 20000] * 12, [0.25] * 12
    cube, notices = whole(path)
    np.testing.assert_allclose(cube.reflectance, mixture() / 2 + 0.25, atol=1e-4)
    assert not any("scale" in notice for notice in notices)


@pytest.mark.parametrize("gain", [0.0, float("nan"), float("inf")])
def test_a_scale_that_is_no_number_is_as_good_as_not_stated(write_scene, gain):
    plain = whole(write_scene())[0]
    path = write_scene(name="odd.tif")
    with rasterio.open(path, "r+") as dataset:
        dataset.scales = [gain] * 12
    np.testing.assert_array_equal(whole(path)[0].reflectance, plain.reflectance)


def test_scales_that_begin_with_the_second_band_are_believed_too(write_scene):
    path = write_scene()
    with rasterio.open(path, "r+") as dataset:
        dataset.scales = [1.0] + [1 / 20000] * 11
    cube, notices = whole(path)
    np.testing.assert_allclose(cube.reflectance[1:], mixture()[1:] / 2, atol=1e-4)
    assert not any("scale" in notice for notice in notices)


def test_a_scale_the_user_gives_beats_the_file_and_the_guess_without_a_word(tmp_path, write_scene):
    tagged = write_scene()
    with rasterio.open(tagged, "r+") as dataset:
        dataset.scales, dataset.offsets = [1 / 20000] * 12, [0.25] * 12
    headed = write_envi(tmp_path / "scene.img", header="reflectance scale factor = 20000\n")
    for path in (tagged, headed, write_scene(name="silent.tif")):
        cube, notices = whole(path, 5000.0)
        np.testing.assert_allclose(cube.reflectance, mixture() * 2, atol=2e-4)
        assert not any("scale" in notice for notice in notices)


def test_negative_values_stay_as_they_are(write_scene):
    values = stored()
    values[2] -= 3000
    cube, _ = whole(write_scene(values))
    assert cube.valid.all()
    np.testing.assert_allclose(cube.reflectance[2], values[2] / 1e4, atol=1e-6)
    assert cube.reflectance.min() < 0
