"""Endmember extraction: corners of simplices whose corners are known, noise, seeds, unusable pixels."""

from __future__ import annotations

import numpy as np
import pytest
from mixel.backend.endmembers import nfindr, ppi, simplex_volume, sivm, vca
from mixel.backend.endmembers.extraction import _cloud
from mixel.backend.metrics import match, spectral_angles

EXTRACTIONS = {
    "vca": lambda pixels, count, seed=0, repeats=1: vca(pixels, count, seed, repeats),
    "nfindr": lambda pixels, count, seed=0, repeats=1: nfindr(pixels, count, seed, repeats),
    "sivm": lambda pixels, count, seed=0: sivm(pixels, count),
    "ppi": lambda pixels, count, seed=0: ppi(pixels, count, seed, num_skewers=2000),
}


@pytest.fixture(params=list(EXTRACTIONS))
def extract(request: pytest.FixtureRequest) -> object:
    return EXTRACTIONS[request.param]


def spectra(count: int, bands: int, seed: int) -> np.ndarray:
    """Smooth random reflectances (count, bands)."""
    random = np.random.default_rng(seed)
    axis, centres = np.linspace(0, 1, bands), random.random((count, 4, 1))
    bumps = np.exp(-(((axis - centres) / random.uniform(0.1, 0.4, (count, 4, 1))) ** 2))
    return 0.05 + 0.2 * (bumps * random.random((count, 4, 1))).sum(axis=1)


def scene(count: int, bands: int = 40, pixels: int = 400, seed: int = 0, decibels: float = np.inf):
    """Mixed pixels (pixels, bands) with a pure pixel of each material, at the places given beside them."""
    random = np.random.default_rng(seed)
    shares = random.dirichlet(np.ones(count), pixels)
    places = random.choice(pixels, count, replace=False)
    shares[places] = np.eye(count)
    values = shares @ spectra(count, bands, seed)
    values += random.normal(0, np.sqrt(np.mean(values**2) / 10 ** (decibels / 10)), values.shape)
    return values.astype(np.float32), set(places.tolist())


@pytest.mark.parametrize("count", [2, 3, 5, 9])
@pytest.mark.parametrize("seed", range(6))
def test_corners_of_a_noiseless_simplex_are_found_exactly(extract, count: int, seed: int) -> None:
    pixels, places = scene(count, seed=seed)
    found = extract(pixels, count, seed=seed)
    assert found.shape == (count,)
    assert set(found.tolist()) == places


@pytest.mark.parametrize("count", [3, 4])
def test_corners_are_found_where_bands_are_hardly_enough(extract, count: int) -> None:
    pixels, places = scene(count, bands=count, seed=2)
    assert set(extract(pixels, count).tolist()) == places


def test_one_endmember_is_one_pixel(extract) -> None:
    pixels, _ = scene(3)
    assert len(extract(pixels, 1)) == 1


@pytest.mark.parametrize("decibels", [25, 40])
def test_noise_leaves_the_spectra_near_the_true_ones(extract, decibels: float) -> None:
    true = spectra(4, 60, 3)
    pixels, _ = scene(4, bands=60, pixels=3000, seed=3, decibels=decibels)
    found = pixels[extract(pixels, 4, seed=1)]
    angles = spectral_angles(found[match(found, true)], true).diagonal()
    assert angles.max() < (0.15 if decibels == 25 else 0.04)


def test_no_pixel_is_found_twice_even_where_all_are_alike(extract) -> None:
    pixels = np.full((30, 5), 0.3, np.float32)
    pixels[:4, 0] += np.arange(4, dtype=np.float32) / 10
    found = extract(pixels, 2)
    assert len(set(found.tolist())) == 2


@pytest.mark.parametrize("extract", [vca, nfindr, sivm])
@pytest.mark.parametrize("value", [0.0, 0.3])
def test_a_scene_of_one_value_is_survived(extract, value: float) -> None:
    pixels = np.full((30, 5), value, np.float32)
    found = sivm(pixels, 3) if extract is sivm else extract(pixels, 3, seed=0)
    assert len(set(found.tolist())) == 3


def test_pixels_without_a_number_are_never_chosen_and_indices_stay_those_of_the_input(extract) -> None:
    pixels, places = scene(4, seed=5)
    spoilt = np.insert(pixels, [0, 100, 400], np.nan, axis=0)
    spoilt[0, 3], spoilt[101] = 1e6, np.inf
    moved = {place + 1 + (place >= 100) for place in places}
    assert set(extract(spoilt, 4).tolist()) == moved


def test_the_same_seed_gives_the_same_pixels(extract) -> None:
    pixels, _ = scene(5, decibels=15, seed=1)
    np.testing.assert_array_equal(extract(pixels, 5, seed=3), extract(pixels, 5, seed=3))


@pytest.mark.parametrize("extract", [vca, nfindr])
def test_other_seeds_give_other_pixels_of_a_noisy_scene(extract) -> None:
    pixels, _ = scene(5, decibels=10, seed=1)
    assert len({tuple(sorted(extract(pixels, 5, seed=seed))) for seed in range(8)}) > 1


@pytest.mark.parametrize("extract", [vca, nfindr])
def test_more_repeats_never_give_less_volume(extract) -> None:
    pixels, _ = scene(6, decibels=15, seed=4)
    mean = pixels.mean(axis=0)
    axes = np.linalg.svd(pixels - mean, full_matrices=False)[2][:5].T
    volumes = [simplex_volume((pixels[extract(pixels, 6, seed=2, repeats=n)] - mean) @ axes) for n in (1, 3, 10, 30)]
    assert all(later >= earlier * (1 - 1e-5) for earlier, later in zip(volumes, volumes[1:], strict=False))
    assert volumes[-1] > volumes[0]


def test_too_few_pixels_or_bands_are_refused_with_a_sentence(extract) -> None:
    pixels, _ = scene(3)
    with pytest.raises(ValueError, match="2 valid pixels; 3 endmembers"):
        extract(pixels[:2], 3)
    pixels[1:] = np.nan
    with pytest.raises(ValueError, match="1 valid pixels; 2 endmembers"):
        extract(pixels, 2)
    with pytest.raises(ValueError, match="0 valid pixels"):
        extract(np.zeros((0, 4), np.float32), 1)
    with pytest.raises(ValueError, match="At least one"):
        extract(pixels, 0)
    with pytest.raises(ValueError, match="4 bands; at most 5"):
        extract(np.ones((20, 4), np.float32), 6)
    with pytest.raises(ValueError, match="table"):
        extract(np.ones(4, np.float32), 1)


def test_pixels_are_left_as_they_were(extract) -> None:
    pixels, _ = scene(4)
    before = pixels.copy()
    extract(pixels, 4)
    np.testing.assert_array_equal(pixels, before)


def test_vca_takes_the_cone_at_high_and_components_at_low_snr() -> None:
    """15 + 10 log10(4) = 21 dB divides them: a natural logarithm would put the limit at 29 dB."""
    for decibels, high in ((14, False), (18, False), (24, True), (40, True), (np.inf, True)):
        pixels, _ = scene(4, bands=200, pixels=4000, decibels=decibels)
        cloud = _cloud(pixels, 4)
        heights = np.ptp(cloud[:, -1])
        assert (heights > 0) == high, decibels
        if high:  # all in one plane
            middle = np.linalg.lstsq(cloud, np.ones(len(cloud)), rcond=None)[0]
            np.testing.assert_allclose(cloud @ middle, 1, atol=1e-3)


def test_vca_is_not_thrown_off_by_dark_pixels() -> None:
    pixels, places = scene(4, seed=7)
    pixels = np.vstack([pixels, np.random.default_rng(0).normal(0, 1e-7, (5, 40)), np.zeros((2, 40))]).astype("f4")
    assert set(vca(pixels, 4, seed=0).tolist()) == places


def test_brightness_that_varies_keeps_vca_exact() -> None:
    """At high SNR VCA looks along the cone, so a pixel's illumination does not matter."""
    pixels, places = scene(4, seed=8)
    pixels *= np.random.default_rng(1).uniform(0.5, 1.5, (len(pixels), 1)).astype(np.float32)
    assert set(vca(pixels, 4, seed=0).tolist()) == places


def test_ppi_passes_over_neighbours_and_says_when_too_few_pixels_are_extreme() -> None:
    pixels, places = scene(3, seed=1)
    twins = np.vstack([pixels, pixels[sorted(places)] * 1.001]).astype(np.float32)
    found = ppi(twins, 3, seed=0, num_skewers=500)
    angles = spectral_angles(twins[found], pixels[sorted(places)])
    assert sorted(angles.argmin(axis=1)) == [0, 1, 2]
    with pytest.raises(ValueError, match="Only 2 pixels lie at the end"):
        ppi(pixels, 3, seed=0, num_skewers=1)


def test_simplex_volume_by_hand() -> None:
    assert simplex_volume(np.array([[0, 0], [3, 0], [0, 4]])) == pytest.approx(6)
    assert simplex_volume(np.array([[0.0, 0, 0], [3, 0, 0], [0, 4, 0], [0, 0, 5]])) == pytest.approx(10)
    assert simplex_volume(np.array([[1.0, 1], [4, 5]])) == pytest.approx(5)
    assert simplex_volume(np.array([[0, 0], [1, 1], [2, 2]])) == pytest.approx(0, abs=1e-12)
    assert simplex_volume(np.array([[1, 2, 3]])) == 0
