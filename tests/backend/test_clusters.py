"""Endmembers as means of clusters: known materials under shade, noise and beside dark water."""

from __future__ import annotations

import numpy as np
import pytest
from mixel.backend.endmembers import clusters
from mixel.backend.endmembers.clusters import spanning_spectra
from mixel.backend.metrics import match, spectral_angles

BANDS = 60


def materials() -> np.ndarray:
    """(4, bands): vegetation, soil, concrete, and water that is dark."""
    x = np.linspace(0, 1, BANDS)
    vegetation = 0.05 + 0.4 / (1 + np.exp(-(x - 0.25) * 40)) * (1 - 0.6 * x)
    return np.stack([vegetation, 0.1 + 0.35 * x, 0.35 - 0.1 * (x - 0.4) ** 2, 0.06 * np.exp(-6 * x) + 0.004])


def scene(spectra: np.ndarray, shade: float, noise: float, seed: int = 0) -> np.ndarray:
    """Pixels (4000, bands): mixtures of which a tenth is nearly pure, each between ``shade`` and fully lit."""
    random = np.random.default_rng(seed)
    shares = random.dirichlet([0.4] * len(spectra), 4000)
    light = random.uniform(shade, 1, (4000, 1))
    values = light * (shares @ spectra) + random.normal(0, noise, (4000, spectra.shape[1]))
    return values.astype(np.float32)


def angles(found: np.ndarray, spectra: np.ndarray) -> np.ndarray:
    return np.diag(spectral_angles(found[match(found, spectra)], spectra))


@pytest.mark.parametrize("shade", [1.0, 0.3])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_finds_materials_in_sun_and_shade(shade: float, seed: int) -> None:
    spectra = materials()[:3]
    assert angles(spanning_spectra(scene(spectra, shade, 0.003, seed), 3, seed), spectra).max() < 0.1


def test_noise_of_dark_water_takes_no_endmember_from_the_others() -> None:
    spectra = materials()
    found = angles(spanning_spectra(scene(spectra, 0.5, 0.004), 4, 0), spectra)
    assert found[:3].max() < 0.15
    assert found[3] < 0.5


def test_a_few_wild_pixels_do_not_become_an_endmember() -> None:
    spectra = materials()[:3]
    pixels = scene(spectra, 0.5, 0.003)
    pixels[:3] = np.random.default_rng(5).random((3, BANDS)) * 3
    assert angles(spanning_spectra(pixels, 3, 0), spectra).max() < 0.12


def noisy(noise: float) -> tuple[np.ndarray, np.ndarray]:
    """Four much alike materials (4, 120 bands); most pixels are the same mixture, the rest mixtures of few."""
    x, random = np.linspace(0, 1, 120), np.random.default_rng(0)
    spectra = np.stack([0.4 - 0.2 * np.exp(-(((x - place) / 0.08) ** 2)) for place in (0.15, 0.38, 0.62, 0.85)])
    shares = random.dirichlet([0.3] * 4, 3000)
    shares[:2700] = 0.25
    return spectra, (shares @ spectra + random.normal(0, noise, (3000, 120))).astype(np.float32)


@pytest.mark.parametrize("seed", [0, 1])
def test_noise_that_is_most_of_what_tells_shapes_apart_does_not_decide(monkeypatch, seed: int) -> None:
    monkeypatch.setattr(clusters, "RUNS", 3)
    spectra, pixels = noisy(0.05)
    found = angles(spanning_spectra(pixels, 4, seed), spectra).mean()
    monkeypatch.setattr(clusters, "NOISY", 1.0)
    assert found < 0.9 * angles(spanning_spectra(pixels, 4, seed), spectra).mean()


def test_where_there_is_little_noise_shapes_are_clustered_as_they_are(monkeypatch) -> None:
    """Leading components might leave out a material of few pixels."""
    monkeypatch.setattr(clusters, "RUNS", 1)
    _, pixels = noisy(0.002)
    found = spanning_spectra(pixels, 4, 0)
    monkeypatch.setattr(clusters, "NOISY", 1.0)
    np.testing.assert_array_equal(found, spanning_spectra(pixels, 4, 0))


def test_noise_of_dark_water_is_no_reason_to_leave_out_components(monkeypatch) -> None:
    """Its shapes are noise, those of the land are not."""
    monkeypatch.setattr(clusters, "RUNS", 1)
    land, random = scene(materials()[:3], 0.5, 0.002), np.random.default_rng(1)
    pixels = np.concatenate([land, random.normal(0.01, 0.002, land.shape).astype(np.float32)])
    found = spanning_spectra(pixels, 4, 0)
    monkeypatch.setattr(clusters, "NOISY", 1.0)
    np.testing.assert_array_equal(found, spanning_spectra(pixels, 4, 0))


def test_the_same_seed_gives_the_same_spectra() -> None:
    pixels = scene(materials(), 0.5, 0.003)
    np.testing.assert_array_equal(spanning_spectra(pixels, 4, 7), spanning_spectra(pixels, 4, 7))


def test_as_many_kinds_as_endmembers_are_enough() -> None:
    spectra = materials()[:3].astype(np.float32)
    found = spanning_spectra(np.repeat(spectra, 5, axis=0), 3, 0)
    np.testing.assert_allclose(found[match(found, spectra)], spectra, rtol=1e-5)


@pytest.mark.parametrize(("pixels", "kinds"), [(np.zeros((9, 5)), 0), (np.full((9, 5), 0.3), 1)])
def test_too_few_kinds_of_spectra_are_one_sentence(pixels: np.ndarray, kinds: int) -> None:
    with pytest.raises(ValueError, match=f"only {kinds} kinds"):
        spanning_spectra(pixels.astype(np.float32), 2, 0)


def test_hardly_more_pixels_than_endmembers_are_refused_with_a_sentence() -> None:
    """Some clusters then come out empty."""
    with pytest.raises(ValueError, match=r"only \d+ kinds of spectra. Ask for fewer endmembers\."):
        spanning_spectra(scene(materials(), 0.5, 0.02)[:31], 30, 1)
