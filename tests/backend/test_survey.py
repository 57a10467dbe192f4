"""What a sample of values tells: the scale, whatever noise, fill values and saturation say; bands; axes exchanged."""

from __future__ import annotations

import numpy as np
import pytest
from mixel.backend.survey import Survey, Tile, usable_values
from scenes import mixture, refusal, stored, whole, write


def tile(values, nodata=None):
    return Tile(values, usable_values(values, nodata), np.ones(values.shape[1:], bool))


def surveyed(values):
    return Survey.of([tile(values)], 1)


def smooth(bands=60, rows=24, cols=32, seed=3):
    """Reflectance with smooth spectra, the same shape everywhere but for brightness and one absorption."""
    random = np.random.default_rng(seed)
    axis = np.linspace(0, 1, bands)
    base = 0.08 + 0.35 * axis + 0.1 * np.sin(9 * axis)
    shade, depth = random.uniform(0.5, 1.2, (rows, cols)), random.uniform(0, 0.1, (rows, cols))
    dip = np.exp(-(((axis - 0.6) / 0.05) ** 2))
    return (base[:, None, None] * shade - dip[:, None, None] * depth).astype(np.float32)


def test_a_survey_of_tiles_is_the_survey_of_their_union():
    values = stored(mixture(rows=20, cols=30)).astype(np.float32)
    values[5, :, :10] = np.nan
    values[7] = 1
    parts = [tile(values[:, :, :10]), tile(values[:, :, 10:])]
    assert Survey.of(parts, 2).informative.tolist() == [index != 7 for index in range(12)]
    assert Survey.of(parts, 2).scale() == surveyed(values).scale() == 1e4


@pytest.mark.parametrize(
    ("dtype", "level", "top", "scale"),
    [
        *(("float32", 0.3, 0.9, 1), ("float32", 0.02, 9, 1), ("float32", 1.1, 60, 1), ("float32", 0.5, 2, 1)),
        *(("float32", 2.5, 40, 100), ("float32", 35, 90, 100), ("float64", 110, 130, 100)),
        *(("float32", 300, 4000, 1e4), ("float32", 3000, 9000, 1e4), ("float64", 30000, 60000, 1e5)),
        *(("uint8", 1, 1, 1), ("uint8", 3, 30, 255), ("uint8", 200, 255, 255), ("int8", 60, 100, 255)),
        *(("int16", 2, 2, 1), ("int16", 40, 300, 1e4), ("int16", 3000, 9000, 1e4), ("uint16", 12000, 30000, 1e4)),
        *(("uint16", 30000, 65535, 1e5), ("int32", 3e6, 5e6, 1e7)),
    ],
)
def test_the_scale_is_the_one_that_products_of_the_type_use(dtype, level, top, scale):
    found = Survey(np.ones(12, bool), level, top, np.dtype(dtype), 0.0, False)
    assert found.scale() == pytest.approx(scale)


@pytest.mark.parametrize(("factor", "dtype"), [(1, "float32"), (100, "float32"), (10000, "int16")])
@pytest.mark.parametrize(
    "spoil",
    [
        lambda values, top: values.__setitem__(slice(40, 48), np.random.default_rng(0).normal(0, 8 * top, (8, 24, 32))),
        lambda values, top: values.__setitem__((slice(None), slice(0, 9)), 30 * top),
        lambda values, top: values.__setitem__((slice(None), 3), -30 * top),
        lambda values, top: values.__setitem__(59, 30 * top),
    ],
    ids=["noise in an eighth of the bands", "a third saturated", "a line of fill values", "an alpha band"],
)
def test_noise_saturation_fill_values_and_alpha_do_not_change_the_scale(factor, dtype, spoil):
    values = smooth() * factor
    spoil(values, min(factor, 3000))
    if dtype == "int16":
        values = np.clip(values, -32768, 32767)
    assert surveyed(values.astype(dtype)).scale() == factor


@pytest.mark.parametrize(("factor", "dtype"), [(1, "float32"), (100, "float32"), (10000, "int16"), (10000, "uint16")])
def test_a_line_over_water_and_one_over_land_of_one_campaign_get_the_same_scale(factor, dtype):
    axis = np.linspace(0, 1, 60)[:, None, None]
    water = np.maximum(0.06 * np.exp(-4 * axis), 0.004) * np.random.default_rng(1).uniform(0.8, 1.2, (1, 24, 32))
    assert surveyed((smooth() * factor).astype(dtype)).scale() == factor
    assert surveyed((water * factor).astype(dtype)).scale() == factor


def test_where_two_scales_are_likely_both_are_told(tmp_path):
    values = (mixture() * 1.4 + 0.3).astype(np.float32)
    _, notices = whole(write(tmp_path / "bright.tif", values))
    (told,) = [one for one in notices if "judging by the values" in one]
    assert "by 100 it would be" in told
    _, notices = whole(write(tmp_path / "dark.tif", (mixture() * 100).astype(np.int16) + np.int16(3)))
    (told,) = [one for one in notices if "judging by the values" in one]
    assert "by 1000 it would be" in told
    _, notices = whole(write(tmp_path / "usual.tif"))
    assert not any("it would be" in one for one in notices)


def test_pixels_that_are_zero_in_every_band_are_missing_and_told(tmp_path):
    values = stored() + np.int16(3)
    values[:, :2] = 0
    values[4, 5, 5] = 0
    cube, notices = whole(write(tmp_path / "border.tif", values))
    assert not cube.valid[:2].any() and cube.valid[2:].all()
    assert any("are 0 in every band: they count as missing" in one for one in notices)
    _, notices = whole(write(tmp_path / "stated.tif", values, nodata=0))
    assert not any("0 in every band" in one for one in notices), "a stated nodata value needs no word"


@pytest.mark.parametrize("axes", [(1, 0, 2), (2, 1, 0)])
def test_a_cube_that_lies_on_its_side_is_refused_if_no_wavelengths_prove_it_right(tmp_path, axes):
    values = np.transpose(smooth(bands=60, rows=40, cols=50), axes)
    message = refusal(write(tmp_path / "side.tif", values, wavelengths=None))
    assert "seems to lie on its side" in message and "original product" in message
    whole(write(tmp_path / "upright.tif", smooth(bands=60, rows=40, cols=50), wavelengths=None))


def test_a_scene_with_a_strong_gradient_does_not_lie_on_its_side(tmp_path):
    values = smooth(bands=60, rows=40, cols=50) * np.linspace(0.2, 1.8, 50)
    whole(write(tmp_path / "gradient.tif", values.astype(np.float32), wavelengths=None))
    half = smooth(bands=60, rows=40, cols=50)
    half[:, :, :25] *= 0.05
    whole(write(tmp_path / "coast.tif", half, wavelengths=None))


@pytest.mark.parametrize(("gain", "words"), [(1e-8, "impossibly dark"), (1e-3, "impossibly bright")])
def test_a_stated_scale_that_makes_a_scene_absurd_is_doubted_aloud(tmp_path, gain, words):
    import rasterio

    path = write(tmp_path / "odd.tif", stored() + np.int16(2000))
    with rasterio.open(path, "r+") as dataset:
        dataset.scales = [gain] * 12
    cube, notices = whole(path)
    assert any(words in one and "set the reflectance scale to 10000" in one for one in notices)
    assert np.allclose(cube.reflectance[0], (stored()[0] + 2000) * gain, rtol=1e-5), "the file's word counts"


def test_nodata_may_differ_from_band_to_band():
    values = np.arange(24, dtype=np.int16).reshape(4, 2, 3)
    found = usable_values(values, np.array([0, np.nan, 13, 13.0]))
    assert not found[0, 0, 0] and not found[2, 0, 1] and found.sum() == 22
    assert usable_values(values, None).all() and usable_values(values, np.full(4, np.nan)).all()
    assert usable_values(values.astype(np.uint8), np.full(4, -9999.0)).all()
