"""Figures of merit against values computed by hand."""

from __future__ import annotations

from itertools import permutations
from math import pi, sqrt

import numpy as np
import pytest
from mixel.backend.metrics import match, rmse, spectral_angles


@pytest.mark.parametrize(
    ("first", "second", "angle"),
    [
        ([1, 0], [1, 0], 0),
        ([1, 0], [5, 0], 0),
        ([1, 0], [0, 2], pi / 2),
        ([1, 0], [1, 1], pi / 4),
        ([1, 0], [-3, 0], pi),
        ([1, sqrt(3)], [1, 0], pi / 3),
        ([3, 4, 0], [3, 4, 5], pi / 4),
        ([0, 0], [1, 1], pi / 2),
        ([0, 0], [0, 0], pi / 2),
    ],
)
def test_spectral_angles_by_hand(first, second, angle):
    found = spectral_angles(np.array([first], float), np.array([second], float))
    assert found.shape == (1, 1)
    assert found[0, 0] == pytest.approx(angle, abs=1e-7)


def test_spectral_angles_of_every_spectrum_to_every_reference():
    found = spectral_angles(np.array([[1, 0], [1, 1], [0, 1]]), np.array([[1, 0], [0, 7]]))
    np.testing.assert_allclose(found, [[0, pi / 2], [pi / 4, pi / 4], [pi / 2, 0]], atol=1e-7)


def test_a_spectral_angle_is_a_number_where_rounding_leaves_the_cosine_above_one():
    spectra = np.random.default_rng(0).uniform(0, 1, (500, 200)).astype(np.float32)
    angles = spectral_angles(spectra, spectra)
    assert np.isfinite(angles).all()
    assert np.diag(angles).max() < 1e-6
    np.testing.assert_allclose(angles, angles.T, atol=1e-12)


def test_rmse_by_hand():
    assert rmse(np.array([1.0, 2, 3]), np.array([1.0, 2, 3])) == 0
    assert rmse(np.array([[1.0, 2], [3, 4]]), np.array([[1.0, 2], [0, 0]])) == pytest.approx(2.5)
    assert rmse(np.array([0.0, 3]), np.array([4.0, 3])) == pytest.approx(sqrt(8))


def test_rmse_leaves_out_what_is_nan_in_either():
    assert rmse(np.array([np.nan, 1, 5.0]), np.array([7, np.nan, 2.0])) == pytest.approx(3)


def test_rmse_keeps_its_digits_in_single_precision():
    values = np.full(1_000_000, 1000.5, np.float32)
    assert rmse(values, np.full_like(values, 1000)) == pytest.approx(0.5, rel=1e-9)


def test_match_finds_the_pairing_with_the_least_total_angle_not_the_nearest_one_first():
    def at(degrees):
        return [np.cos(np.radians(degrees)), np.sin(np.radians(degrees))]

    references = np.array([at(40), at(50)])
    spectra = np.array([at(49), at(80)])
    # Nearest first would pair 50 with 49 and leave 40 to 80: 1 + 40. The best: 40 with 49, 50 with 80: 9 + 30.
    assert match(spectra, references).tolist() == [0, 1]


def test_match_undoes_a_permutation_and_leaves_out_what_is_too_much():
    references = np.random.default_rng(1).uniform(0, 1, (5, 20))
    for order in list(permutations(range(5)))[::17]:
        spectra = np.concatenate([references[list(order)] * 3, np.ones((1, 20))])
        found = match(spectra, references)
        np.testing.assert_allclose(spectra[found], references * 3)


def test_match_equals_trying_every_pairing():
    random = np.random.default_rng(2)
    for _ in range(20):
        spectra, references = random.uniform(0, 1, (5, 6)), random.uniform(0, 1, (4, 6))
        angles = spectral_angles(references, spectra)
        best = min(permutations(range(5), 4), key=lambda chosen: angles[range(4), chosen].sum())
        assert match(spectra, references).tolist() == list(best)


def test_fewer_spectra_than_references_are_refused_in_a_sentence():
    with pytest.raises(ValueError, match="2 endmembers cannot be matched to 3 references; ask for more"):
        match(np.ones((2, 4)), np.ones((3, 4)))
