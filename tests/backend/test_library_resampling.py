"""Spectra at a sensor's bands, against integrals summed by brute force on a fine grid."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from mixel.backend.library import Library, covered, resample

FWHM = 2 * np.sqrt(2 * np.log(2))
FINE = np.arange(350, 2501, dtype=np.float32)
BANDS = np.array([420.5, 480, 555.25, 660, 865, 1020, 1610, 2200], np.float32)
WIDTHS = np.array([6, 12, 35, 30, 8, 10, 90, 180], np.float32)


def spectra_at(wavelengths):
    """Three spectra as of vegetation, clay and something that rises: smooth, with narrow features."""
    x = np.asarray(wavelengths, np.float64)
    red_edge = 0.05 + 0.4 / (1 + np.exp(-(x - 715) / 12)) - 0.15 * np.exp(-(((x - 1450) / 60) ** 2))
    clay = 0.5 - 0.3 * np.exp(-(((x - 2200) / 15) ** 2)) - 0.2 * np.exp(-(((x - 865) / 4) ** 2))
    return np.array([red_edge, clay, x / 3000], np.float32)


def library(wavelengths=FINE, fwhm=None):
    values = np.asarray(wavelengths, np.float32)
    width = None if fwhm is None else np.broadcast_to(np.float32(fwhm), values.shape)
    return Library(["leaf", "clay", "ramp"], spectra_at(values), values, width, ["plant", "soil", ""])


def integrated(source, targets, sigmas, steps=200_001):
    """Response-weighted means by the rectangle rule over the whole range of the library, spectrum by spectrum."""
    order = np.argsort(source.wavelengths)
    grid = np.linspace(source.wavelengths.min(), source.wavelengths.max(), steps)
    found = np.empty((len(source.spectra), len(targets)))
    for row, spectrum in enumerate(source.spectra):
        dense = np.interp(grid, source.wavelengths[order], spectrum[order])
        for column, (centre, sigma) in enumerate(zip(targets, sigmas)):
            if sigma == 0:
                found[row, column] = np.interp(centre, source.wavelengths[order], spectrum[order])
                continue
            response = np.exp(-(((grid - centre) / sigma) ** 2) / 2)
            found[row, column] = (response * dense).sum() / response.sum()
    return found


def test_a_fine_library_is_weighted_by_the_sensors_gaussians():
    found = resample(library(), BANDS, WIDTHS)
    np.testing.assert_allclose(found.spectra, integrated(library(), BANDS, WIDTHS / FWHM), atol=2e-5)
    np.testing.assert_array_equal(found.wavelengths, BANDS)
    np.testing.assert_array_equal(found.fwhm, WIDTHS)
    assert found.names == ["leaf", "clay", "ramp"] and found.classes == ["plant", "soil", ""]
    assert found.spectra.dtype == np.float32 and found.spectra.shape == (3, 8)


@pytest.mark.parametrize("own", [1.0, 5.0, 9.5, 20.0])
def test_what_the_librarys_own_bands_blurred_is_not_blurred_again(own):
    sigmas = np.sqrt(np.maximum(WIDTHS.astype(float) ** 2 - own**2, 0)) / FWHM
    found = resample(library(fwhm=own), BANDS, WIDTHS)
    np.testing.assert_allclose(found.spectra, integrated(library(), BANDS, sigmas), atol=2e-5)


def test_two_steps_of_gaussians_are_as_good_as_one():
    grid = np.arange(400, 2401, dtype=np.float32)
    halfway = resample(library(), grid, np.full(len(grid), 8, np.float32))
    centres, widths = BANDS[1:], np.maximum(WIDTHS[1:], 10)
    np.testing.assert_allclose(
        resample(halfway, centres, widths).spectra, resample(library(), centres, widths).spectra, atol=2e-3
    )


def test_the_fwhm_of_the_library_may_change_along_the_spectrum():
    own = np.interp(FINE, [350, 2500], [2, 40])
    found = resample(library(fwhm=own), BANDS, WIDTHS)
    sigmas = np.sqrt(np.maximum(WIDTHS**2.0 - np.interp(BANDS, FINE, own) ** 2, 0)) / FWHM
    np.testing.assert_allclose(found.spectra, integrated(library(), BANDS, sigmas), atol=2e-5)


def test_without_the_sensors_fwhm_spectra_are_interpolated():
    for fwhm in (None, 5.0):
        found = resample(library(fwhm=fwhm), BANDS)
        np.testing.assert_allclose(found.spectra, integrated(library(), BANDS, np.zeros(8)), atol=1e-6)
        assert found.fwhm is None


def test_an_unknown_fwhm_counts_as_fine_from_two_bands_in_the_sensors_fwhm_on():
    coarse = library(np.arange(350, 2501, 15, dtype=np.float32))
    sigmas = np.where(WIDTHS >= 30, WIDTHS, 0) / FWHM
    np.testing.assert_allclose(
        resample(coarse, BANDS, WIDTHS).spectra, integrated(coarse, BANDS, sigmas, 500_001), atol=2e-5
    )


@pytest.mark.parametrize(("step", "fine"), [(15, True), (15.5, False), (29, False)])
def test_the_border_between_fine_and_coarse(step, fine):
    source = library(np.arange(350, 2501, step, dtype=np.float32))
    sigma = 30 / FWHM if fine else 0
    found = resample(source, np.array([702.0], np.float32), np.array([30.0], np.float32))
    np.testing.assert_allclose(found.spectra, integrated(source, [702.0], [sigma]), atol=2e-5)


def test_half_of_a_bands_response_must_be_known():
    for border, known in ((1003, True), (997, False)):
        spectra = library().spectra.copy()
        spectra[:, border <= FINE] = np.nan
        found = resample(
            replace(library(), spectra=spectra), np.array([1000.0], np.float32), np.array([40], np.float32)
        )
        assert np.isfinite(found.spectra).all() == known and np.isnan(found.spectra).any() != known


def test_an_uneven_library_is_integrated_and_not_averaged():
    generator = np.random.default_rng(5)
    uneven = library(np.unique(generator.uniform(380, 2450, 700).astype(np.float32)), fwhm=0.5)
    sigmas = np.sqrt(WIDTHS**2.0 - 0.25) / FWHM
    np.testing.assert_allclose(
        resample(uneven, BANDS, WIDTHS).spectra, integrated(uneven, BANDS, sigmas, 500_001), atol=2e-5
    )


def test_a_flat_spectrum_stays_flat_even_at_the_ends():
    flat = replace(library(), spectra=np.full((3, len(FINE)), 0.37, np.float32))
    targets = np.array([348, 350, 352, 1000, 2499, 2501], np.float32)
    found = resample(flat, targets, np.full(6, 20, np.float32))
    np.testing.assert_allclose(found.spectra, 0.37, rtol=1e-6)


def test_the_same_bands_give_the_same_spectra():
    for fwhm in (None, 7.0):
        source = library(np.arange(400, 2400, 6.5, dtype=np.float32), fwhm)
        np.testing.assert_array_equal(resample(source, source.wavelengths, source.fwhm).spectra, source.spectra)


def test_bands_in_any_order_and_overlapping_detectors():
    order = np.random.default_rng(2).permutation(len(FINE))
    shuffled = replace(library(), wavelengths=FINE[order], spectra=library().spectra[:, order])
    turned = BANDS[::-1]
    found = resample(shuffled, turned, WIDTHS[::-1])
    np.testing.assert_array_equal(found.spectra, resample(library(), BANDS, WIDTHS).spectra[:, ::-1])
    double = np.array([400, 410, 420, 415, 420, 430, 440, 450], np.float32)
    assert np.isfinite(resample(library(double), np.array([412, 418, 420, 445], np.float32)).spectra).all()


def test_missing_values_are_left_out_and_bands_that_see_mostly_those_are_missing():
    spectra = library().spectra.copy()
    hole = (FINE > 840) & (FINE < 890)
    spectra[0, hole] = np.nan
    spectra[1, FINE == 2200] = np.nan
    found = resample(replace(library(), spectra=spectra), BANDS, WIDTHS).spectra
    assert np.isnan(found[0, 4]) and np.isnan(found).sum() == 1
    np.testing.assert_allclose(found[1, 7], resample(library(), BANDS, WIDTHS).spectra[1, 7], atol=2e-3)
    edge = resample(replace(library(), spectra=spectra), np.array([835.0], np.float32), np.array([60], np.float32))
    np.testing.assert_allclose(edge.spectra[0, 0], 0.45, atol=0.01)


def test_bands_beyond_the_library_by_half_a_width_are_covered():
    source = library(np.arange(500, 601, 5, dtype=np.float32))
    targets = np.array([494, 496, 550, 604, 606], np.float32)
    widths = np.full(5, 10, np.float32)
    np.testing.assert_array_equal(covered(source, targets, widths), [False, True, True, True, False])
    assert resample(source, targets[1:4], widths[1:4]).spectra.shape == (3, 3)
    with pytest.raises(ValueError, match=r"covers 500-600 nm, and 2 of 5 bands between 494 and 606 nm lie outside"):
        resample(source, targets, widths)


def test_without_fwhm_half_the_distance_to_the_next_band_counts():
    source = library(np.arange(500, 601, 5, dtype=np.float32))
    np.testing.assert_array_equal(
        covered(source, np.array([480, 496, 504, 598, 604, 625], np.float32)),
        [False, True, True, True, False, False],
    )
    np.testing.assert_array_equal(covered(source, np.array([499.0], np.float32)), [False])
    np.testing.assert_array_equal(covered(source, np.array([500.0], np.float32)), [True])


def test_removed_water_bands_are_a_gap_and_wide_sampling_is_none():
    bands = np.r_[np.arange(400, 1340, 10), np.arange(1500, 1800, 10), np.arange(2040, 2400, 10)].astype(np.float32)
    targets = np.array([1000, 1331, 1400, 1497, 1600, 1900, 2390], np.float32)
    mask = covered(library(bands), targets, np.full(7, 10, np.float32))
    np.testing.assert_array_equal(mask, [True, True, False, True, True, False, True])
    with pytest.raises(ValueError, match="covers 400-1330, 1500-1790, 2040-2390 nm"):
        resample(library(bands), targets, np.full(7, 10, np.float32))
    sentinel = np.array([490, 560, 665, 705, 740, 783, 842, 865, 945, 1610, 2190], np.float32)
    assert covered(library(sentinel), np.array([1200, 1300, 2000], np.float32)).all()
    widening = np.cumsum(1.05 ** np.arange(150)).astype(np.float32) + 350
    assert covered(library(widening), np.linspace(400, widening[-1], 300, dtype=np.float32)).all()


@pytest.mark.parametrize("count", [1, 2, 3])
def test_libraries_of_few_bands(count):
    source = library(np.array([500, 600, 700], np.float32)[:count])
    found = resample(source, source.wavelengths, np.full(count, 30, np.float32))
    np.testing.assert_array_equal(found.spectra, source.spectra)


def test_a_band_that_sees_only_the_end_takes_its_value():
    source = library(np.array([500, 501, 502, 503], np.float32), fwhm=0.0)
    found = resample(source, np.array([508.0], np.float32), np.array([10.0], np.float32))
    assert source.spectra[:, -2:].min() <= found.spectra.min() and np.isfinite(found.spectra).all()


@pytest.mark.parametrize(
    ("bands", "widths", "word"),
    [
        (np.zeros((2, 3)), None, "list of numbers above 0"),
        (np.zeros(0), None, "list of numbers above 0"),
        (np.array([500, np.nan]), None, "list of numbers above 0"),
        (np.array([500, -600]), None, "list of numbers above 0"),
        (np.array([500, 600]), np.array([10]), "has 2 wavelengths; it needs as many values of fwhm"),
        (np.array([500, 600]), np.array([10, -1]), "none below 0"),
        (np.array([500, 600]), np.array([10, np.inf]), "none below 0"),
        (np.array([5000, 6000]), None, "covers 350-2500 nm, and 2 of 2 bands"),
    ],
)
def test_unusable_sensors_are_refused(bands, widths, word):
    with pytest.raises(ValueError, match=word):
        resample(library(), bands, widths)


def test_a_library_without_wavelengths_is_refused():
    for call in (resample, covered):
        with pytest.raises(ValueError, match="has no wavelengths"):
            call(Library(["a"], np.ones((1, 8), np.float32)), BANDS)
