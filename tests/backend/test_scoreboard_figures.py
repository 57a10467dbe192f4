"""What finished cells of the scoreboard say together: means, intervals, comparisons, targets, what the help quotes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.benchmarks import compare, presets, targets  # noqa: E402
from tests.benchmarks.page_tables import limits  # noqa: E402
from tests.benchmarks.results import SHIPPED, Comparable, Results  # noqa: E402


def kept(folder, variants):
    """A results folder with these variants of the scene "s", each a list of rows and of right pixels."""
    results = Results(folder)
    for variant, (rows, right) in variants.items():
        for seed, (row, pixels) in enumerate(zip(rows, right, strict=True)):
            blocks = np.arange(len(pixels)) // 10
            results.add("s", variant, seed, row, {"right": np.asarray(pixels, np.uint8), "blocks": blocks})
    return results


def test_results_are_replaced_whole_and_sorted_by_seed(tmp_path):
    results = Results(tmp_path)
    for seed in (2, 0):
        results.add("s", "m,x=1", seed, {"oa": seed / 10}, {"right": np.ones(4, np.uint8)})
    assert list(results.rows("s", "m,x=1")) == [0, 2] and results.variants("s") == ["m,x=1"]
    assert set(results.arrays("s", "m,x=1")) == {"right_0", "right_2"}
    assert len(list((tmp_path / "s").iterdir())) == 2  # nothing half written is left
    assert list(json.loads((tmp_path / "s" / "m,x=1.json").read_text())) == ["0", "2"]


def test_means_over_seeds_with_interval():
    rows = {seed: {"oa": value} for seed, value in enumerate((0.7, 0.8, 0.9))}
    found = compare.summary(rows, "oa")
    assert (found.mean, found.sd, found.seeds) == (pytest.approx(0.8), pytest.approx(0.1), 3)
    assert found.interval == pytest.approx((0.8 - 4.3027 * 0.1 / 3**0.5, 0.8 + 4.3027 * 0.1 / 3**0.5), abs=1e-4)
    assert compare.summary(rows, "rmse") is None and np.isnan(
        compare.summary({0: {"oa": 1.0}, 1: {"oa": 0.9}}, "oa").interval[0]
    )


def test_two_methods_are_compared_on_the_seeds_they_share(tmp_path):
    random = np.random.default_rng(0)
    good, bad = ([random.random(400) < share for _ in range(3)] for share in (0.9, 0.6))
    results = kept(tmp_path, {"a": ([{}] * 3, good), "b": ([{}] * 2, bad[:2])})
    first, second = (compare.right_pixels(results, "s", name) for name in "ab")
    found = compare.difference(first, second)
    assert found.seeds == 2 and found.interval[0] > 0.2 and found.p_value < 1e-6
    assert found.mean == pytest.approx(np.mean(good[:2]) - np.mean(bad[:2]))
    assert compare.difference(first, first).p_value == 1
    assert compare.right_pixels(results, "s", "nobody") is None


def test_a_seed_whose_test_pixels_differ_is_not_compared(tmp_path):
    """One pixel is missing since the scene is read otherwise."""
    right = [np.arange(400) % 3 > 0] * 2
    results = kept(tmp_path, {"a": ([{}] * 2, right), "b": ([{}] * 2, [right[0][1:], right[1]])})
    first, second = (compare.right_pixels(results, "s", name) for name in "ab")
    found = compare.difference(first, second)
    assert found.seeds == 1 and found.mean == 0
    one, other = (kept(tmp_path / str(n), {"a": ([{}], [right[0][n:]])}) for n in range(2))
    first, second = (compare.right_pixels(some, "s", "a") for some in (one, other))
    assert compare.difference(first, second) is None


def test_a_place_counts_once_however_many_seeds_speak_of_it(tmp_path):
    """More seeds are no more places: the interval of ten is as wide as that of one."""
    random = np.random.default_rng(4)
    right = np.repeat(random.random(12) < 0.6, 10)
    one, many = (kept(tmp_path / str(n), {"a": ([{}] * n, [right] * n)}) for n in (1, 10))
    first, second = (compare.right_pixels(results, "s", "a").interval for results in (one, many))
    assert second[1] - second[0] == pytest.approx(first[1] - first[0], abs=0.03)


def test_too_few_places_give_no_interval(tmp_path):
    found = compare.right_pixels(kept(tmp_path, {"a": ([{}] * 3, [np.ones(40)] * 3)}), "s", "a")
    assert np.isnan(found.interval).all() and limits(found.interval, 1) == "-"
    assert np.isnan(compare.difference(found, found).interval).all()


def test_on_splits_of_their_own_only_seeds_that_all_methods_have_count(tmp_path):
    sizes = {"a": (50, 60, 70), "b": (50, 60)}
    for name, tests in sizes.items():
        for seed, size in enumerate(tests):
            row, arrays = {"oa": seed / 10, "test_pixels": size}, {"right": np.ones(size, np.uint8)}
            Results(tmp_path).add("drawn", name, seed, row, arrays)
            Results(tmp_path).add("given", name, seed, {**row, "test_pixels": 50}, arrays)
    for seed in range(3):
        Results(tmp_path).add("drawn", "u", seed, {"rmse": 0.1}, {})
    found = Comparable(tmp_path)
    assert len(found.rows("drawn", "u")) == 3  # unmixing sees the whole scene, however it is split
    assert list(found.rows("drawn", "a")) == [0, 1] and set(found.arrays("drawn", "a")) == {"right_0", "right_1"}
    assert list(found.rows("given", "a")) == [0, 1, 2] and len(found.arrays("given", "a")) == 3


def test_holm_against_the_book():
    assert compare.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert compare.holm([0.6, 0.9]) == [1.0, 1.0] and compare.holm([]) == []


def test_targets_are_judged_by_means_and_say_how_many_seeds(tmp_path):
    results = Results(tmp_path)
    for seed in range(10):
        results.add("samson", "unmamba", seed, {"rmse": 0.09, "sad": 0.06}, {})
    found = {one.goal: one for one in targets.targets(results)}
    reached = [one for goal, one in found.items() if goal.startswith("samson")]
    assert [one.verdict for one in reached] == ["holds", "missed"]
    for seed in range(10):
        results.add("samson", "unmamba", seed, {"rmse": 0.12, "sad": 0.04}, {})
    found = {one.goal: one for one in targets.targets(results)}
    far, near = (one.verdict for goal, one in found.items() if goal.startswith("samson"))
    assert far == f"missed: {targets.SAMSON}" and near == "holds"
    others = {one.verdict for goal, one in found.items() if not goal.startswith(("samson", "SpectralMamba"))}
    assert others == {"not run"}
    assert [one.verdict for goal, one in found.items() if goal.startswith("SpectralMamba")] == ["holds", "holds"]
    results.add("indian_pines", "mim", 0, {"oa": 0.93}, {})
    results.add("indian_pines", "random_forest", 0, {"oa": 0.7}, {})
    best = next(one for one in targets.targets(results) if one.goal.startswith("indian_pines"))
    assert best.verdict == "holds (1 seeds only)" and "93.0" in best.reached
    results.add("indian_pines", "spectralmamba", 0, {"oa": 0.69}, {})
    each = next(one for one in targets.targets(results) if one.goal.startswith("indian_pines: every"))
    assert each.verdict == "missed (1 seeds only)" and "the least, SpectralMamba, 69.0 %" in each.reached


@pytest.mark.parametrize("item", presets.deep_methods(), ids=lambda one: one.name)
def test_the_help_of_the_presets_quotes_the_finished_cells(item):
    told = sys.modules[item.config.__module__].MEASURED
    assert told == presets.sentence(Results(SHIPPED), item)
