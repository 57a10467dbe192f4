"""Figures added up window by window are those of the whole scene."""

from __future__ import annotations

import numpy as np
import pytest
from mixel.backend.results import Unmixing
from mixel.backend.summary import LARGEST, Summary


@pytest.fixture
def result():
    random = np.random.default_rng(3)
    error = random.uniform(0, 0.2, (31, 17)).astype(np.float32)
    shares = random.dirichlet([1, 2, 3], (31, 17)).transpose(2, 0, 1).astype(np.float32)
    error[4:9, 2:5], shares[:, 4:9, 2:5] = np.nan, np.nan
    return Unmixing(shares, error)


def summed(*results):
    summary = Summary(3)
    for one in results:
        summary.add(one)
    return summary


def parts(result):
    return [Unmixing(result.abundances[:, rows], result.error[rows]) for rows in (slice(0, 7), slice(7, 31))]


def test_figures_of_windows_are_those_of_the_scene(result):
    summary = summed(*parts(result))
    assert summary.pixels == 31 * 17 - 15
    assert summary.rmse == pytest.approx(np.sqrt(np.nanmean(result.error.astype(float) ** 2)))
    np.testing.assert_allclose(summary.mean_abundances, np.nanmean(result.abundances, axis=(1, 2)), rtol=1e-6)


def test_the_histogram_counts_every_pixel_once_in_its_place(result):
    counts, edges = summed(*parts(result)).histogram()
    assert counts.sum() == 31 * 17 - 15 and 60 <= len(counts) <= 120 and len(edges) == len(counts) + 1
    expected, _ = np.histogram(result.error[np.isfinite(result.error)].astype(float), bins=edges)
    assert np.abs(np.cumsum(expected) - np.cumsum(counts)).max() <= 2, "float32 beside an edge"
    assert edges[-1] == pytest.approx(np.nanmax(result.error), rel=0.05)


def test_errors_beyond_any_reflectance_are_counted_in_the_last_bar(result):
    wild = Unmixing(result.abundances, result.error * 100)
    counts, edges = summed(wild).histogram()
    assert counts.sum() == 31 * 17 - 15 and edges[-1] == pytest.approx(LARGEST, rel=0.02)


def test_a_perfect_fit_has_a_histogram_too(result):
    counts, edges = summed(Unmixing(result.abundances, result.error * 0)).histogram()
    assert counts[0] == counts.sum() and edges[-1] > 0


def test_a_window_without_data_changes_nothing(result):
    empty = Unmixing(np.full((3, 4, 5), np.nan, np.float32), np.full((4, 5), np.nan, np.float32))
    assert summed(result, empty).rmse == summed(result).rmse
