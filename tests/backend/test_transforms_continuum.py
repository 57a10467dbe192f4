"""Continuum removal against scipy's convex hull, and spectra that have no proper one."""

from __future__ import annotations

import numpy as np
import pytest
from mixel.backend.transforms import continuum, without_continuum
from scipy.spatial import ConvexHull


def spectra(count: int = 40, bands: int = 30, seed: int = 0) -> np.ndarray:
    """Slopes with two absorptions each and a little noise, float32."""
    generator = np.random.default_rng(seed)
    axis = np.linspace(0, 1, bands)
    centres, depths = generator.random((2, count, 1)), generator.uniform(0.05, 0.5, (2, count, 1))
    values = generator.uniform(0.2, 0.5, (count, 1)) + generator.uniform(-0.15, 0.4, (count, 1)) * axis
    for centre, depth in zip(centres, depths, strict=True):
        values = values * (1 - depth * np.exp(-(((axis - centre) / 0.08) ** 2)))
    return (values + generator.normal(0, 0.003, values.shape)).astype(np.float32)


def by_scipy(values: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """One spectrum over its upper hull: the facets of the points, with two far below that close the lower side."""
    points = np.column_stack([positions, values.astype(float)])
    low = values.min() - 10 * (np.ptp(values) + 1)
    closed = np.vstack([points, [positions[0], low], [positions[-1], low]])
    corners = sorted(index for index in ConvexHull(closed).vertices if index < len(values))
    return values / np.interp(positions, positions[corners], values[corners].astype(float))


@pytest.mark.parametrize("bands", [3, 4, 30, 211])
@pytest.mark.parametrize("regular", [True, False])
def test_it_equals_the_convex_hull_of_scipy(bands: int, regular: bool) -> None:
    generator = np.random.default_rng(bands)
    positions = np.arange(bands) if regular else np.sort(generator.uniform(400, 2500, bands))
    pixels = spectra(bands=bands)
    expected = np.stack([by_scipy(one, positions) for one in pixels])
    found = without_continuum(pixels, None if regular else positions)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=2e-6)
    assert found.max() == 1 and found.min() > 0


def test_the_ends_are_one_and_the_hull_is_never_below_the_spectrum() -> None:
    found = without_continuum(spectra(2000), np.linspace(400, 2400, 30))
    assert (found[:, [0, -1]] == 1).all()
    assert (found <= 1).all()


def test_brightness_does_not_count() -> None:
    pixels = spectra()
    np.testing.assert_allclose(without_continuum(pixels * 0.25), without_continuum(pixels), atol=1e-6)


def test_the_unit_of_the_wavelengths_does_not_count_but_their_distances_do() -> None:
    pixels, nanometres = spectra(), np.linspace(400, 2400, 30) ** 1.1
    found = without_continuum(pixels, nanometres)
    np.testing.assert_allclose(found, without_continuum(pixels, nanometres / 1000), atol=1e-6)
    assert np.abs(found - without_continuum(pixels)).max() > 1e-3


def test_the_depth_of_an_absorption_on_a_slope_is_read_from_it() -> None:
    slope = np.linspace(0.2, 0.6, 11, dtype=np.float32)
    slope[4] *= 0.7
    np.testing.assert_allclose(without_continuum(slope[None])[0, 4], 0.7, atol=1e-6)
    np.testing.assert_allclose(np.delete(without_continuum(slope[None])[0], 4), 1, atol=1e-6)


@pytest.mark.parametrize("value", [0.0, -0.3, 0.5, 1e-9])
def test_flat_spectra_come_out_as_ones_whatever_their_level(value: float) -> None:
    np.testing.assert_array_equal(without_continuum(np.full((3, 8), value, np.float32)), 1)


def test_zero_and_negative_values_count_as_a_tiny_reflectance() -> None:
    pixels = np.array([[0.4, 0.0, -0.2, 0.4], [-1, -2, -3, -1], [0, 0, 0, 0.5]], np.float32)
    found = without_continuum(pixels)
    np.testing.assert_allclose(found[0], [1, 1e-6 / 0.4, 1e-6 / 0.4, 1], rtol=1e-4)
    np.testing.assert_array_equal(found[1], 1)
    assert found[2, 0] == found[2, 3] == 1 and (found[2, 1:3] > 0).all() and (found[2, 1:3] < 1e-4).all()


def test_gaps_stay_gaps_and_the_rest_is_as_if_these_bands_were_not_there() -> None:
    pixels, positions = spectra(), np.linspace(400, 2400, 30)
    kept = np.delete(np.arange(30), [0, 1, 12, 13, 14, 29])
    holes = np.full_like(pixels, np.nan)
    holes[:, 13] = np.inf
    holes[:, kept] = pixels[:, kept]
    found = without_continuum(holes, positions)
    np.testing.assert_array_equal(found[:, kept], without_continuum(pixels[:, kept], positions[kept]))
    assert np.isnan(np.delete(found, kept, axis=1)).all()


def test_pixels_with_one_value_or_none_or_two() -> None:
    pixels = np.full((3, 4), np.nan, np.float32)
    pixels[0, 2], pixels[1, [0, 3]] = 0.2, [0.1, 0.7]
    np.testing.assert_array_equal(
        without_continuum(pixels), [[np.nan, np.nan, 1, np.nan], [1, np.nan, np.nan, 1], [np.nan] * 4]
    )


@pytest.mark.parametrize("shape", [(0, 5), (4, 0), (4, 1)])
def test_tables_without_pixels_or_bands_keep_their_shape(shape: tuple[int, int]) -> None:
    found = without_continuum(np.full(shape, 0.3, np.float32))
    assert found.shape == shape and (found == 1).all()


def test_parts_and_the_order_in_memory_change_nothing(monkeypatch) -> None:
    pixels = spectra(23)
    expected = without_continuum(pixels)
    monkeypatch.setattr(continuum, "PART", 5)
    np.testing.assert_array_equal(without_continuum(pixels), expected)
    np.testing.assert_array_equal(without_continuum(np.asfortranarray(pixels)), expected)
    np.testing.assert_array_equal(without_continuum(pixels[::2, ::3]), without_continuum(pixels[::2, ::3].copy()))


@pytest.mark.parametrize(
    ("wavelengths", "sentence"),
    [([1, 2], "one for each"), ([1, 3, 2], "rise"), ([1, 2, 2], "rise"), ([1, 2, np.nan], "rise")],
)
def test_wavelengths_that_do_not_fit_are_refused(wavelengths, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        without_continuum(np.ones((2, 3), np.float32), np.array(wavelengths))


def test_a_single_spectrum_must_be_a_table_too() -> None:
    with pytest.raises(ValueError, match="table"):
        without_continuum(np.ones(3, np.float32))
