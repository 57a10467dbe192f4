"""Spectral angles and the minimum noise fraction against slow and known results; what they refuse."""

from __future__ import annotations

import math

import numpy as np
import pytest
from mixel.backend.cube import Cube, Window, partition
from mixel.backend.transforms import classify_by_angle, fit_mnf, spectral_angle, spectral_angle_maps


def cube_of(values: np.ndarray, valid: np.ndarray | None = None, halo: tuple = (0, 0, 0, 0)) -> Cube:
    rows, cols = values.shape[1:]
    window = Window(0, 0, rows - halo[0] - halo[1], cols - halo[2] - halo[3], halo)
    valid = np.ones((rows, cols), dtype=bool) if valid is None else valid
    return Cube(window, np.where(valid, values, 0).astype(np.float32), valid)


def scene(rows: int = 48, cols: int = 37, bands: int = 12, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Three smooth materials (bands, rows, cols) with noise of another strength in every band, and that strength."""
    generator = np.random.default_rng(seed)
    axis = np.linspace(0, 1, bands)
    spectra = np.stack([0.1 + 0.3 * axis, 0.4 - 0.2 * axis**2, 0.2 + 0.1 * np.sin(5 * axis)])
    row, col = np.mgrid[:rows, :cols]
    first, second = 0.5 + 0.5 * np.sin(row / 40), 0.5 + 0.5 * np.cos(col / 30)
    shares = np.stack([first * second, first * (1 - second), 1 - first])
    strength = np.linspace(0.002, 0.02, bands)
    noise = generator.normal(0, 1, (bands, rows, cols)) * strength[:, None, None]
    return (np.tensordot(spectra.T, shares, 1) + noise).astype(np.float32), strength


def brute_angles(pixels: np.ndarray, references: np.ndarray) -> np.ndarray:
    found = np.zeros((len(references), len(pixels)))
    for i, one in enumerate(references.astype(float)):
        for j, two in enumerate(pixels.astype(float)):
            product = sum(a * b for a, b in zip(one, two, strict=True))
            cosine = product / (math.sqrt(sum(a * a for a in one)) * math.sqrt(sum(b * b for b in two)))
            found[i, j] = math.acos(max(-1.0, min(1.0, cosine)))
    return found


@pytest.mark.parametrize("count", [0, 1, 7, 11])
def test_angles_equal_a_loop_over_all_pairs_whatever_the_parts(monkeypatch, count: int) -> None:
    monkeypatch.setattr(spectral_angle, "PART", 4)
    generator = np.random.default_rng(count)
    pixels = generator.normal(0.3, 0.2, (count, 9)).astype(np.float32)
    references = generator.random((3, 9), np.float32)
    found = spectral_angle_maps(pixels, references)
    assert found.dtype == np.float32 and found.shape == (3, count)
    np.testing.assert_allclose(found, brute_angles(pixels, references), atol=1e-6)


def test_brightness_does_not_count_and_small_angles_keep_their_digits() -> None:
    spectrum = np.linspace(0.1, 0.6, 50, dtype=np.float32)
    across = np.where(np.arange(50) % 2, 1, -1) * np.linalg.norm(spectrum) / np.sqrt(50)
    across -= spectrum * (across @ spectrum) / (spectrum @ spectrum)
    tilted = (spectrum + 1e-3 * across).astype(np.float32)
    found = spectral_angle_maps(np.stack([3 * spectrum, tilted]), spectrum[None])
    assert found[0, 0] < 1e-6
    assert found[0, 1] == pytest.approx(1e-3, rel=0.02)


def test_pixels_of_zeros_are_across_and_pixels_that_are_not_finite_have_no_angle() -> None:
    pixels = np.array([[0, 0], [np.nan, 1], [np.inf, 1], [1, 1], [-1, -1]], np.float32)
    found = spectral_angle_maps(pixels, np.ones((1, 2), np.float32))[0]
    np.testing.assert_allclose(found, [np.pi / 2, np.nan, np.nan, 0, np.pi], atol=1e-6)


def test_the_class_is_the_nearest_reference_within_the_threshold() -> None:
    references = np.eye(3, dtype=np.float32)
    pixels = np.array([[1, 0.05, 0], [0, 0.1, 5], [1, 1, 1], [np.nan, 0, 0], [0, 0, 0], [1, 1, 0]], np.float32)
    classes, angles = classify_by_angle(pixels, references, 0.1)
    assert classes.dtype == np.int16
    assert classes.tolist() == [1, 3, 0, 0, 0, 0]
    assert np.isnan(angles).tolist() == [False, False, False, True, False, False]
    assert angles[0] == pytest.approx(np.arctan(0.05), abs=1e-6)
    assert classify_by_angle(pixels, references, np.pi)[0].tolist() == [1, 3, 1, 0, 1, 1]


def test_no_pixels_have_no_classes() -> None:
    classes, angles = classify_by_angle(np.empty((0, 4), np.float32), np.ones((2, 4), np.float32))
    assert classes.shape == angles.shape == (0,)


@pytest.mark.parametrize(
    ("pixels", "references", "sentence"),
    [
        (np.ones((2, 3)), np.ones((1, 4)), "same bands"),
        (np.ones(3), np.ones((1, 3)), "tables"),
        (np.ones((2, 3)), np.ones((0, 3)), "must be a reference"),
        (np.ones((2, 3)), np.array([[1, np.nan, 1]]), "no numbers"),
    ],
)
def test_spectra_that_do_not_fit_are_refused(pixels, references, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        spectral_angle_maps(pixels.astype(np.float32), references.astype(np.float32))


@pytest.mark.parametrize("threshold", [0, -1, 4, np.nan])
def test_a_threshold_that_is_no_angle_is_refused(threshold: float) -> None:
    with pytest.raises(ValueError, match="radians"):
        classify_by_angle(np.ones((1, 2), np.float32), np.ones((1, 2), np.float32), threshold)


def slow_moments(values: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Covariance of pixels and of noise, pair by pair."""
    bands, rows, cols = values.shape
    noise, pairs = np.zeros((bands, bands)), 0
    for row in range(rows):
        for col in range(cols):
            for other in ((row + 1, col), (row, col + 1)):
                if other[0] < rows and other[1] < cols and valid[row, col] and valid[other]:
                    difference = values[:, row, col].astype(float) - values[:, other[0], other[1]]
                    noise += np.outer(difference, difference)
                    pairs += 1
    return np.cov(values[:, valid].astype(float), bias=True), noise / (2 * pairs)


def test_filters_whiten_the_noise_and_part_the_signal() -> None:
    values, _ = scene(20, 13)
    valid = np.ones((20, 13), dtype=bool)
    valid[3:6, 4] = valid[:, 9] = False
    total, noise = slow_moments(values, valid)
    found = fit_mnf([cube_of(values, valid)])
    np.testing.assert_allclose(found.filters.T @ noise @ found.filters, np.eye(12), atol=1e-5)
    np.testing.assert_allclose(found.filters.T @ total @ found.filters, np.diag(found.ratios), atol=1e-3)
    np.testing.assert_allclose(found.mean, values[:, valid].mean(axis=1), rtol=1e-5)
    assert list(found.ratios) == sorted(found.ratios, reverse=True)


def test_the_noise_is_found_and_the_signal_has_as_many_components_as_it_has_dimensions() -> None:
    values, strength = scene()
    found = fit_mnf([cube_of(values)])
    noise = (found.spectra.T @ found.spectra).diagonal()
    np.testing.assert_allclose(np.sqrt(noise), strength, rtol=0.1, atol=5e-4)
    assert (found.signal_to_noise[:2] > 8).all()
    assert (found.signal_to_noise[2:] < 1).all()
    assert (found.signal_to_noise >= 0).all()


def test_all_components_give_the_pixels_back_and_few_give_them_with_less_noise() -> None:
    values, _ = scene()
    found, pixels = fit_mnf([cube_of(values)]), values.reshape(len(values), -1).T
    np.testing.assert_allclose(found.inverse(found.forward(pixels, 12)), pixels, atol=1e-5)
    cleaned = found.inverse(found.forward(pixels, 2))
    other = scene(seed=1)[0].reshape(12, -1).T  # another noise on the same scene
    before, after = np.mean((pixels - other) ** 2), np.mean((cleaned - other) ** 2)
    assert after < 0.65 * before
    assert cleaned.dtype == np.float32 and found.forward(pixels, 2).shape == (len(pixels), 2)


def test_windows_one_after_the_other_give_nearly_what_the_whole_scene_gives() -> None:
    values, _ = scene()
    parts = []
    for window in partition(48, 37, 16):
        rows, cols = slice(window.row, window.row + window.rows), slice(window.col, window.col + window.cols)
        parts.append(cube_of(values[:, rows, cols]))
    whole, pieces = fit_mnf([cube_of(values)]), fit_mnf(iter(parts))
    np.testing.assert_allclose(pieces.mean, whole.mean, rtol=1e-6)
    np.testing.assert_allclose(pieces.ratios[:2], whole.ratios[:2], rtol=0.1)


def test_a_halo_is_not_counted_twice() -> None:
    values, _ = scene()
    inner = fit_mnf([cube_of(values[:, 2:-3, 1:-4])])
    haloed = fit_mnf([cube_of(values, halo=(2, 3, 1, 4))])
    np.testing.assert_array_equal(haloed.ratios, inner.ratios)


def test_an_offset_far_larger_than_the_signal_costs_no_digits() -> None:
    values, _ = scene()
    values = np.round(values * 1024) / 1024  # so that adding 100 is exact in float32
    plain, shifted = fit_mnf([cube_of(values)]), fit_mnf([cube_of(values + 100)])
    np.testing.assert_allclose(shifted.ratios, plain.ratios, rtol=1e-6)


def test_cubes_without_data_and_single_valid_pixels_do_no_harm() -> None:
    values, _ = scene()
    nothing, lonely = np.zeros((48, 37), dtype=bool), np.zeros((48, 37), dtype=bool)
    lonely[5, 5] = True
    found = fit_mnf([cube_of(values, nothing), cube_of(values), cube_of(values, nothing), cube_of(values, lonely)])
    assert np.isfinite(found.filters).all()


def test_a_band_without_noise_or_without_anything_leaves_all_finite() -> None:
    values, _ = scene()
    values[3], values[7] = 0.25, values[8]
    found = fit_mnf([cube_of(values)])
    pixels = values.reshape(12, -1).T
    assert np.isfinite(found.filters).all() and np.isfinite(found.ratios).all()
    np.testing.assert_allclose(found.inverse(found.forward(pixels, 12)), pixels, atol=1e-4)


def test_a_pixel_that_is_not_a_number_stays_one_and_harms_no_other() -> None:
    values, _ = scene()
    found = fit_mnf([cube_of(values)])
    pixels = values.reshape(12, -1).T[:3].copy()
    pixels[1, 4] = np.nan
    components = found.forward(pixels, 5)
    assert np.isnan(components).any(axis=1).tolist() == [False, True, False]


@pytest.mark.parametrize("cubes", [[], "flat", "lonely"])
def test_scenes_without_noise_to_measure_are_refused(cubes) -> None:
    values, _ = scene(5, 4)
    if cubes == "flat":
        cubes = [cube_of(np.full((6, 4, 5), 0.3))]
    if cubes == "lonely":
        cubes = [cube_of(values, np.indices((5, 4)).sum(axis=0) % 2 == 0)]
    with pytest.raises(ValueError, match="neighbouring pixels"):
        fit_mnf(cubes)


@pytest.mark.parametrize("count", [0, 13])
def test_components_that_are_not_there_are_refused(count: int) -> None:
    found = fit_mnf([cube_of(scene(10, 9)[0])])
    with pytest.raises(ValueError, match="1 to 12 components"):
        found.forward(np.ones((3, 12), np.float32), count)
    with pytest.raises(ValueError, match="1 to 12 components"):
        found.inverse(np.ones((3, count), np.float32))


def test_pixels_of_other_bands_are_refused() -> None:
    found = fit_mnf([cube_of(scene(10, 9)[0])])
    with pytest.raises(ValueError, match="12 bands"):
        found.forward(np.ones((3, 11), np.float32), 2)
    with pytest.raises(ValueError, match="table"):
        found.inverse(np.ones(3, np.float32))
