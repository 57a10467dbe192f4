"""Confusion matrix, figures, calibration, intervals, tests between maps."""

from __future__ import annotations

import numpy as np
import pytest
from mixel.backend import accuracy
from mixel.backend.accuracy import (
    Confusion,
    bootstrap_intervals,
    confusion,
    difference_interval,
    expected_calibration_error,
    mcnemar,
    negative_log_likelihood,
    no_interval,
)
from mixel.backend.accuracy import bootstrap as drawing
from scipy.stats import binomtest
from sklearn import metrics

NAMES = ("overall_accuracy", "average_accuracy", "kappa")


def drawn(pixels=400, classes=5, right=0.7, seed=0):
    """A reference and a map that has a share of its pixels right."""
    generator = np.random.default_rng(seed)
    reference = generator.integers(1, classes + 1, pixels)
    mapped = np.where(generator.random(pixels) < right, reference, generator.integers(1, classes + 1, pixels))
    return mapped, reference


@pytest.mark.parametrize("seed", range(3))
def test_figures_agree_with_an_independent_library(seed):
    mapped, reference = drawn(seed=seed)
    found = confusion(mapped, reference, 5)
    np.testing.assert_array_equal(found.matrix, metrics.confusion_matrix(reference, mapped).T)
    assert found.overall_accuracy == pytest.approx(metrics.accuracy_score(reference, mapped))
    assert found.average_accuracy == pytest.approx(metrics.balanced_accuracy_score(reference, mapped))
    assert found.kappa == pytest.approx(metrics.cohen_kappa_score(reference, mapped))
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(reference, mapped)
    np.testing.assert_allclose([found.precision, found.recall, found.f1], [precision, recall, f1])


def test_rows_are_the_map_and_columns_the_reference():
    found = confusion([1, 1, 2], [1, 2, 2], 3)
    assert found.matrix.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]
    assert list(found.mapped) == [2, 1, 0] and list(found.reference) == [1, 2, 0]


def test_classes_without_pixels_are_not_a_number_and_left_out_of_averages():
    found = confusion([1, 1, 2, 3], [1, 2, 2, 1], 4)
    np.testing.assert_array_equal(np.isnan(found.recall), [False, False, True, True])
    np.testing.assert_array_equal(np.isnan(found.precision), [False, False, False, True])
    assert found.average_accuracy == pytest.approx(0.5) and found.precision[2] == 0 and found.f1[2] == 0


def test_kappa_is_never_above_overall_accuracy():
    generator = np.random.default_rng(1)
    for _ in range(200):
        found = Confusion(generator.integers(0, 9, (3, 3)))
        assert not found.kappa > found.overall_accuracy + 1e-12


def test_perfect_hopeless_and_empty_maps():
    perfect = confusion([1, 2, 3], [1, 2, 3], 3)
    assert [getattr(perfect, name) for name in NAMES] == [1, 1, 1]
    assert confusion([2, 1], [1, 2], 2).kappa == -1
    assert np.isnan(confusion([1, 1], [1, 1], 2).kappa) and confusion([1, 1], [1, 1], 2).overall_accuracy == 1
    assert all(np.isnan(getattr(confusion([], [], 2), name)) for name in NAMES)


def test_lists_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="as many pixels"):
        confusion([1, 2], [1], 2)
    for wrong in ([0, 1], [1, 3]):
        with pytest.raises(ValueError, match="Class values must be 1 to 2"):
            confusion(wrong, [1, 1], 2)


def test_300_classes_and_16_bit_values_do_not_overflow():
    values = np.arange(1, 301, dtype=np.int16)
    assert confusion(values, values, 300).overall_accuracy == 1


def test_calibration_error_agrees_with_the_slow_way():
    generator = np.random.default_rng(2)
    sure, right = generator.random(500), generator.random(500) < 0.6
    expected = 0.0
    for low in range(15):
        inside = (sure > low / 15) & (sure <= (low + 1) / 15)
        if inside.any():
            expected += inside.mean() * abs(sure[inside].mean() - right[inside].mean())
    assert expected_calibration_error(sure, right) == pytest.approx(expected)


def test_calibration_at_its_ends():
    assert expected_calibration_error([1, 1], [True, True]) == 0
    assert expected_calibration_error([1, 1], [False, False]) == 1
    assert expected_calibration_error([0, 0.5], [False, False]) == pytest.approx(0.25)
    assert np.isnan(expected_calibration_error([], []))


def test_likelihood_is_the_mean_log_of_the_true_class_and_stays_finite():
    assert negative_log_likelihood([0.5, 0.25]) == pytest.approx((np.log(2) + np.log(4)) / 2)
    assert negative_log_likelihood([1.0]) == 0 and np.isfinite(negative_log_likelihood([0.0]))
    assert np.isnan(negative_log_likelihood([]))


def slow_bootstrap(mapped, reference, blocks, classes, seed, repeats):
    """One resample of blocks after the other, pixels and all."""
    generator = np.random.default_rng(seed)
    names = np.unique(blocks)
    found = []
    counts = generator.multinomial(len(names), np.full(len(names), 1 / len(names)), repeats)
    for times in counts:
        chosen = np.concatenate([np.repeat(np.flatnonzero(blocks == name), n) for name, n in zip(names, times)])
        one = confusion(mapped[chosen], reference[chosen], classes)
        found.append([one.overall_accuracy, one.average_accuracy, one.kappa, *one.recall, *one.precision, *one.f1])
    return np.nanpercentile(found, [2.5, 97.5], axis=0).T


def test_intervals_agree_with_drawing_the_pixels_themselves(monkeypatch):
    mapped, reference = drawn(300, 4)
    blocks = np.arange(300) // 23
    slow = slow_bootstrap(mapped, reference, blocks, 4, 5, 200)
    for chunk in (drawing.CHUNK, 30):
        monkeypatch.setattr(drawing, "CHUNK", chunk)
        found = bootstrap_intervals(mapped, reference, blocks, 4, seed=5, repeats=200)
        np.testing.assert_allclose([getattr(found, name) for name in NAMES], slow[:3])
        np.testing.assert_allclose(found.recall, slow[3:7])
        np.testing.assert_allclose(found.precision, slow[7:11])
        np.testing.assert_allclose(found.f1, slow[11:])


def test_intervals_hold_the_figure_and_are_wider_when_neighbours_are_alike():
    generator = np.random.default_rng(3)
    reference = generator.integers(1, 4, 2000)
    by_block = np.repeat(generator.random(40) < 0.7, 50)  # a block is right or wrong as a whole
    mapped = np.where(by_block, reference, reference % 3 + 1)
    pixels, blocks = (bootstrap_intervals(mapped, reference, np.arange(2000) // size, 3) for size in (1, 50))
    for name in NAMES:
        low, high = getattr(blocks, name)
        assert low < getattr(confusion(mapped, reference, 3), name) < high
        assert high - low > 3 * (getattr(pixels, name)[1] - getattr(pixels, name)[0])


def test_intervals_are_the_same_for_the_same_seed_only():
    mapped, reference = drawn()
    first, again, other = (bootstrap_intervals(mapped, reference, np.arange(400) // 9, 5, seed) for seed in (1, 1, 2))
    assert first.overall_accuracy == again.overall_accuracy != other.overall_accuracy


def test_classes_without_pixels_have_no_interval():
    found = bootstrap_intervals([1, 2, 1, 2] * 5, [1, 2, 2, 1] * 5, np.arange(20) // 4, 3)
    assert np.isnan(found.recall[2]).all() and np.isnan(found.precision[2]).all() and np.isnan(found.f1[2]).all()
    assert np.isfinite(found.recall[:2]).all()


@pytest.mark.parametrize("number, words", [(1, "one block: too few"), (4, "4 blocks: too few"), (5, "")])
def test_few_blocks_are_named_as_too_few(number, words):
    found = no_interval(np.arange(20) % number)
    assert words in found and bool(found) == bool(words)


def test_one_block_gives_no_interval_but_a_sentence():
    with pytest.raises(ValueError, match="5 blocks or more"):
        bootstrap_intervals([1, 2], [1, 2], [7, 7], 2)
    with pytest.raises(ValueError, match="5 blocks or more"):
        difference_interval([True], [False], [1])


def test_the_interval_of_a_difference():
    generator = np.random.default_rng(4)
    first, second = generator.random(3000) < 0.8, generator.random(3000) < 0.7
    low, high = difference_interval(first, second, np.arange(3000) // 10)
    assert 0.05 < low < first.mean() - second.mean() < high < 0.15
    assert difference_interval(first, first, np.arange(3000) // 10) == (0, 0)


def pair(b, c, both=5):
    """Two maps of which only the first has b pixels right, only the second c."""
    first = np.array([True] * (b + both) + [False] * (c + 3))
    second = np.array([False] * b + [True] * (both + c) + [False] * 3)
    return first, second


@pytest.mark.parametrize(("b", "c"), [(0, 0), (3, 3), (1, 8), (20, 4)])
def test_few_differing_pixels_are_tested_exactly(b, c):
    found = mcnemar(*pair(b, c))
    expected = binomtest(b, b + c).pvalue if b + c else 1.0
    assert (found.only_first, found.only_second, found.exact) == (b, c, True)
    assert found.p_value == pytest.approx(expected)


def test_many_differing_pixels_are_tested_with_continuity_correction():
    found = mcnemar(*pair(15, 10))
    assert not found.exact and found.p_value == pytest.approx(0.4237108)  # chi2 = 16 / 25 with one degree of freedom
    assert mcnemar(*pair(20, 20)).p_value == 1
    assert mcnemar(*pair(200, 100)).p_value < 1e-7


def test_maps_of_other_pixels_are_not_compared():
    with pytest.raises(ValueError, match="same pixels"):
        mcnemar([True], [True, False])


def test_everything_promised_is_there():
    assert all(hasattr(accuracy, name) for name in accuracy.__all__)
