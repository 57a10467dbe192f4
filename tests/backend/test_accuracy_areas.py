"""Area-adjusted accuracy after Olofsson et al. (2014), sample sizes, and drawing the sample."""

from __future__ import annotations

import numpy as np
import pytest
from mixel.backend.accuracy import allocate, area_adjusted, cochran_sample_size, count_classes, stratified_sample

SAMPLE = [[66, 0, 5, 4], [0, 55, 8, 12], [1, 0, 153, 11], [2, 1, 9, 313]]
"""The paper's example: deforestation, forest gain, stable forest, stable non-forest (its table 8)."""
MAPPED = [200_000, 150_000, 3_200_000, 6_450_000]
HECTARES = 0.09


def test_the_papers_example_is_reproduced():
    found = area_adjusted(SAMPLE, MAPPED, HECTARES)
    np.testing.assert_allclose(found.areas, [21158, 11686, 285770, 581386], atol=0.5)
    np.testing.assert_allclose(found.areas_margin, [6158, 3756, 15510, 16282], atol=0.5)
    assert found.overall_accuracy == pytest.approx(0.947, abs=5e-4)
    assert found.overall_accuracy_margin == pytest.approx(0.018, abs=6e-4)
    np.testing.assert_allclose(found.users_accuracy, [0.88, 0.73, 0.93, 0.96], atol=5e-3)
    np.testing.assert_allclose(found.users_accuracy_margin, [0.07, 0.10, 0.04, 0.02], atol=5e-3)
    np.testing.assert_allclose(found.producers_accuracy, [0.75, 0.85, 0.93, 0.96], atol=5e-3)
    np.testing.assert_allclose(found.producers_accuracy_margin, [0.21, 0.25, 0.03, 0.02], atol=5e-3)
    assert found.shares.sum() == pytest.approx(1) and found.areas.sum() == pytest.approx(900_000)


def test_margins_agree_with_the_formulas_written_out():
    n, pixels = np.array(SAMPLE, float), np.array(MAPPED, float)
    rows, weights = n.sum(axis=1), pixels / pixels.sum()
    found = area_adjusted(SAMPLE, MAPPED)
    p = found.shares
    for j in range(4):
        error = np.sqrt(sum((weights[i] * p[i, j] - p[i, j] ** 2) / (rows[i] - 1) for i in range(4)))
        assert found.areas_margin[j] == pytest.approx(1.96 * pixels.sum() * error)
        users, producers = n[j, j] / rows[j], p[j, j] / p[:, j].sum()
        total = sum(pixels[i] * n[i, j] / rows[i] for i in range(4))
        own = pixels[j] ** 2 * (1 - producers) ** 2 * users * (1 - users) / (rows[j] - 1)
        others = sum(
            pixels[i] ** 2 * n[i, j] / rows[i] * (1 - n[i, j] / rows[i]) / (rows[i] - 1) for i in range(4) if i != j
        )
        variance = (own + producers**2 * others) / total**2
        assert found.producers_accuracy_margin[j] == pytest.approx(1.96 * np.sqrt(variance))


def test_intervals_hold_the_truth_as_often_as_they_promise():
    generator = np.random.default_rng(0)
    truth = generator.integers(1, 4, 30_000)
    mapped = np.where(generator.random(30_000) < 0.85, truth, generator.integers(1, 4, 30_000))
    strata = [np.flatnonzero(mapped == kind) for kind in (1, 2, 3)]
    hits = np.zeros(2)
    for _ in range(300):
        counts = np.stack([np.bincount(truth[generator.choice(one, 60)], minlength=4)[1:] for one in strata])
        found = area_adjusted(counts, [len(one) for one in strata])
        hits[0] += abs(found.overall_accuracy - (truth == mapped).mean()) <= found.overall_accuracy_margin
        hits[1] += abs(found.areas[0] - (truth == 1).sum()) <= found.areas_margin[0]
    assert (hits / 300 > 0.90).all()


def test_a_perfect_sample_adjusts_nothing():
    found = area_adjusted(np.diag([10, 20]), [30, 70])
    assert found.overall_accuracy == 1 and found.overall_accuracy_margin == 0
    np.testing.assert_allclose(found.areas, [30, 70])
    assert not found.areas_margin.any() and not found.producers_accuracy_margin.any()


def test_a_class_that_is_not_mapped_but_found_has_an_area():
    found = area_adjusted([[8, 2], [0, 0]], [100, 0])
    np.testing.assert_allclose(found.areas, [80, 20])
    assert np.isnan(found.users_accuracy[1]) and np.isnan(found.users_accuracy_margin[1])
    assert found.producers_accuracy[1] == 0 and np.isfinite(found.areas_margin).all()
    assert found.overall_accuracy == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("counts", "pixels", "problem"),
    [
        ([[5, 0], [0, 1]], [10, 10], "Class 2 of the map has fewer than 2"),
        ([[5, 0], [0, 5]], [10, 0], "Class 2 has sampled pixels but none in the map"),
        ([[5, 0], [0, -5]], [10, 10], "0 or more"),
        ([[5, 0], [0, 5]], [0, 0], "0 or more"),
        ([[5, 0, 1], [0, 5, 1]], [10, 10], "as many rows and columns"),
        ([[np.nan, 0], [0, 5]], [10, 10], "rows and columns"),
    ],
)
def test_what_cannot_be_estimated_is_refused(counts, pixels, problem):
    with pytest.raises(ValueError, match=problem):
        area_adjusted(counts, pixels)


def test_cochrans_sample_size_is_the_papers():
    assert cochran_sample_size([0.02, 0.015, 0.32, 0.645], [0.7, 0.6, 0.9, 0.95], 0.01) == 641
    assert cochran_sample_size([2, 1.5, 32, 64.5], [0.7, 0.6, 0.9, 0.95], 0.01) == 641, "shares need not sum to 1"
    assert cochran_sample_size([1], [0.5], 0.05) == 100


@pytest.mark.parametrize("wrong", [([1], [0.5], 0), ([1], [1.5], 0.1), ([0], [0.5], 0.1), ([-1, 2], [0.5, 0.5], 0.1)])
def test_impossible_sample_sizes_are_refused(wrong):
    with pytest.raises(ValueError, match="must be"):
        cochran_sample_size(*wrong)


@pytest.mark.parametrize(("allocation", "expected"), [("equal", [25, 25, 25, 25]), ("proportional", [10, 20, 30, 40])])
def test_samples_are_allocated(allocation, expected):
    assert allocate([1000, 2000, 3000, 4000], 100, allocation).tolist() == expected


def test_neyman_gives_more_to_uncertain_classes():
    found = allocate([1000, 1000], 100, "neyman", users_accuracy=[0.5, 0.95])
    assert found.tolist() == [70, 30]  # 0.5 to 0.218
    assert allocate([1000, 3000], 100, "neyman").tolist() == [25, 75]


def test_minima_and_small_classes_are_respected():
    found = allocate([100_000, 500, 30, 0], 300, "proportional", minimum=50)
    assert found.tolist() == [220, 50, 30, 0] and found.sum() == 300
    assert allocate([10, 20], 1000).tolist() == [10, 20], "never more than there are"
    assert allocate([1000, 1000], 10, minimum=50).tolist() == [50, 50], "minima win over the total"


@pytest.mark.parametrize("seed", range(5))
def test_any_allocation_sums_to_the_total(seed):
    generator = np.random.default_rng(seed)
    pixels = generator.integers(0, 2000, 17)
    for allocation in ("equal", "proportional", "neyman"):
        found = allocate(pixels, 333, allocation)
        assert found.sum() == 333 and (found <= pixels).all() and found.min() >= 0


def test_impossible_allocations_are_refused():
    with pytest.raises(ValueError, match="equal, proportional, neyman"):
        allocate([10], 5, "square")
    for pixels, total in (([0, 0], 5), ([10], 0), ([-1, 5], 2)):
        with pytest.raises(ValueError, match="1 pixel or more"):
            allocate(pixels, total)


def blocks_of(full, size=7):
    for row in range(0, full.shape[0], size):
        for col in range(0, full.shape[1], size):
            yield row, col, full[row : row + size, col : col + size]


def class_map(rows=23, cols=31, seed=0):
    return np.random.default_rng(seed).choice([0, 1, 2, 3], (rows, cols), p=[0.2, 0.5, 0.28, 0.02]).astype(np.uint8)


def test_classes_are_counted_block_by_block():
    full = class_map()
    assert count_classes(blocks_of(full), 4).tolist() == [*np.bincount(full.ravel())[1:], 0]
    with pytest.raises(ValueError, match="its classes are 1 to 2"):
        count_classes(blocks_of(full), 2)


def test_the_sample_has_the_asked_sizes_of_the_asked_classes_and_no_pixel_twice():
    full = class_map()
    found = stratified_sample(blocks_of(full), {1: 20, 3: 1000, 4: 5}, seed=1)
    assert set(found) == {1, 3, 4}
    assert [len(found[kind][0]) for kind in (1, 3, 4)] == [20, int((full == 3).sum()), 0]
    for kind, (rows, cols) in found.items():
        assert (full[rows, cols] == kind).all()
        assert len(set(zip(rows.tolist(), cols.tolist(), strict=True))) == len(rows)


def test_the_same_seed_draws_the_same_and_another_another():
    full = class_map()
    first, again, other = (stratified_sample(blocks_of(full), {1: 30}, seed)[1] for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_every_pixel_of_a_class_is_drawn_as_often_in_whatever_block():
    full = np.ones((10, 10), np.uint8)
    full[:, 8:] = 2
    hits = np.zeros((10, 10))
    for seed in range(1500):
        rows, cols = stratified_sample(blocks_of(full, 4), {1: 8}, seed)[1]
        hits[rows, cols] += 1
    assert not hits[:, 8:].any()
    expected = 1500 * 8 / 80
    assert np.abs(hits[:, :8] - expected).max() < 5 * np.sqrt(expected)


def test_a_sample_of_nothing_is_empty():
    assert all(len(part) == 0 for part in stratified_sample(blocks_of(class_map()), {1: 0})[1])
