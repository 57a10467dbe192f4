"""How many endmembers: scenes whose number is known, the noise they were given, the curves behind the answer."""

from __future__ import annotations

import numpy as np
import pytest
from mixel.backend.endmembers import hysime, virtual_dimensionality
from mixel.backend.endmembers.number import noise_powers


def scene(count: int, decibels: float, seed: int = 0, bands: int = 100, pixels: int = 4000, shaped: bool = False):
    """Pixels of so many unlike materials and the power of their noise, white or varying by band."""
    random = np.random.default_rng(seed)
    axis = np.linspace(0, 1, bands)
    centres = (np.arange(count)[:, None] + random.uniform(0.2, 0.8, (count, 1))) / count
    spectra = 0.1 + 0.5 * np.exp(-(((axis - centres) / 0.15) ** 2)) + 0.1 * random.random((count, 1)) * axis
    values = random.dirichlet(np.full(count, 0.5), pixels) @ spectra
    powers = np.full(bands, np.mean(values**2) / 10 ** (decibels / 10))
    if shaped:
        powers *= 2 * np.exp(-(((axis - 0.5) / 0.2) ** 2)) + 0.05
    values += random.normal(0, 1, values.shape) * np.sqrt(powers)
    return values.astype(np.float32), powers


@pytest.mark.parametrize("decibels", [20, 30, 40])
@pytest.mark.parametrize("count", [2, 3, 5, 8])
@pytest.mark.parametrize("seed", range(3))
def test_hysime_finds_the_number(decibels: float, count: int, seed: int) -> None:
    pixels, _ = scene(count, decibels, seed)
    assert hysime(pixels).number == count


@pytest.mark.parametrize("count", [3, 5])
def test_hysime_finds_the_number_under_noise_that_varies_by_band(count: int) -> None:
    pixels, _ = scene(count, 30, shaped=True)
    assert hysime(pixels).number == count


@pytest.mark.parametrize("shaped", [False, True])
def test_the_noise_is_the_one_that_was_added(shaped: bool) -> None:
    pixels, powers = scene(4, 30, shaped=shaped, pixels=8000)
    np.testing.assert_allclose(noise_powers(pixels), powers, rtol=0.15)


def test_the_noise_estimate_is_the_regression_written_out() -> None:
    pixels, _ = scene(3, 25, bands=12, pixels=300)
    values = pixels.astype(np.float64)
    residuals = []
    for band in range(12):
        others = np.delete(values, band, axis=1)
        residuals.append(values[:, band] - others @ np.linalg.lstsq(others, values[:, band], rcond=None)[0])
    np.testing.assert_allclose(noise_powers(pixels), np.mean(np.square(residuals), axis=1), rtol=1e-4)


def test_a_noiseless_scene_has_as_many_as_it_was_mixed_of() -> None:
    pixels, _ = scene(4, 120)
    assert hysime(pixels).number == 4


@pytest.mark.parametrize("count", [2, 3, 5])
def test_virtual_dimensionality_is_near_the_number(count: int) -> None:
    """It counts what the mean holds: a material that moves the mean along its direction."""
    pixels, _ = scene(count, 30)
    found = virtual_dimensionality(pixels, 1e-3).number
    assert 1 <= found <= count


def test_virtual_dimensionality_of_noise_about_zero_and_about_a_spectrum() -> None:
    random = np.random.default_rng(0)
    noise = random.normal(0, 1, (20_000, 30)).astype(np.float32)
    assert virtual_dimensionality(noise, 1e-5).number == 0
    assert virtual_dimensionality(noise + 5 * np.ones(30, np.float32), 1e-5).number == 1


def test_fewer_false_alarms_mean_fewer_endmembers() -> None:
    pixels, _ = scene(6, 25)
    numbers = [virtual_dimensionality(pixels, one).number for one in (0.3, 1e-2, 1e-4, 1e-8)]
    assert numbers == sorted(numbers, reverse=True)
    for wrong in (0.0, 0.5, 1.0, -1.0, np.nan):
        with pytest.raises(ValueError, match="false-alarm"):
            virtual_dimensionality(pixels, wrong)


@pytest.mark.parametrize("count", [hysime, virtual_dimensionality])
def test_curves_explain_the_number(count) -> None:
    pixels, _ = scene(5, 30)
    found = count(pixels)
    assert found.eigenvalues.shape == found.values.shape == found.thresholds.shape == (100,)
    assert found.number == np.sum(found.values > found.thresholds)
    assert (np.diff(found.eigenvalues) <= 0).all()
    expected = np.linalg.eigvalsh(pixels.T.astype(float) @ pixels / len(pixels))[::-1]
    np.testing.assert_allclose(found.eigenvalues, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("count", [hysime, virtual_dimensionality])
def test_pixels_without_a_number_are_left_out_and_none_left_is_a_sentence(count) -> None:
    pixels, _ = scene(4, 30)
    spoilt = np.vstack([pixels, np.full((3, 100), np.nan, np.float32)])
    spoilt[-1] = 1
    spoilt[-1, 4] = np.inf
    assert count(spoilt).number == count(pixels).number
    with pytest.raises(ValueError, match="0 valid pixels"):
        count(np.full((5, 10), np.nan, np.float32))
    with pytest.raises(ValueError, match="0 valid pixels"):
        count(np.zeros((0, 10), np.float32))


def test_the_unit_of_reflectance_does_not_matter() -> None:
    pixels, _ = scene(4, 30)
    for scale in (1e-3, 1e4):
        assert hysime(pixels * np.float32(scale)).number == 4


def test_equal_bands_and_all_zeros_are_survived() -> None:
    pixels, _ = scene(4, 30, bands=30)
    twice = np.hstack([pixels, pixels])
    assert 1 <= hysime(twice).number <= 60
    with pytest.raises(ValueError, match="zero"):
        hysime(np.zeros((50, 10), np.float32))
