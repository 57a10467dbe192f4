"""Splits by positions: blocks, gaps, shares, leakage; and the splits an analyst brings."""

from __future__ import annotations

import numpy as np
import pytest
from mixel.backend.labels import Labels, make_classes
from mixel.backend.splits import (
    automatic_block,
    block_split,
    given_split,
    leakage,
    random_split,
    resampling_blocks,
)
from mixel.backend.splits.blocks import block_numbers
from mixel.backend.splits.others import sizes


def labelled(full, names=None):
    """Labels of a full array of class values."""
    rows, cols = np.nonzero(full)
    names = names or [f"c{value}" for value in range(1, int(full.max()) + 1)]
    groups = (rows // 5 * 1000 + cols // 5).astype(np.int32)
    values = full[rows, cols].astype(np.int16)
    return Labels(rows.astype(np.int32), cols.astype(np.int32), values, groups, make_classes(names))


def fields(rows=60, cols=90, size=7, classes=4, seed=0, share=0.8):
    """A scene of fields of one class each, some of them not labelled."""
    generator = np.random.default_rng(seed)
    shape = (rows // size + 1, cols // size + 1)
    kinds = generator.integers(1, classes + 1, shape) * (generator.random(shape) < share)
    return labelled(np.kron(kinds, np.ones((size, size), int))[:rows, :cols])


def chebyshev(first, second):
    """The least of max(row, column distance) from each of the first to the second, the slow way."""
    return np.array([np.abs(second - place).max(axis=1).min() for place in first])


def places(labels, mask):
    return np.column_stack([labels.rows, labels.cols])[mask]


def leaks(labels, split, patch):
    return leakage(labels.select(split.train), labels.select(split.test), patch)


def is_partition(split):
    return (split.train.astype(int) + split.validation + split.test).max() == 1


@pytest.mark.parametrize("gap", [0, 1, 2, 5])
def test_no_training_pixel_is_nearer_than_the_gap_to_a_validation_or_test_pixel(gap):
    labels = fields()
    split = block_split(labels, 20, gap, seed=3)
    held = places(labels, split.test | split.validation)
    assert is_partition(split) and split.test.any() and split.validation.any()
    assert chebyshev(places(labels, split.train), held).min() >= max(gap, 1)


def test_only_training_pixels_within_the_gap_are_lost_and_they_are_counted():
    labels = fields()
    split = block_split(labels, 20, 4, seed=3)
    unused = ~(split.train | split.validation | split.test)
    held = places(labels, split.test | split.validation)
    assert unused.any() and chebyshev(places(labels, unused), held).max() < 4
    assert any(f"{unused.sum()} training pixels are too near" in one for one in split.notices)


def test_blocks_go_as_a_whole_and_shares_come_near_what_is_asked():
    labels = fields(120, 130, classes=3)
    split = block_split(labels, 10, 0, (0.5, 0.2, 0.3), seed=1)
    found = split.counts / labels.counts
    np.testing.assert_allclose(found, np.repeat([[0.5], [0.2], [0.3]], 3, axis=1), atol=0.05)
    parts = split.train * 1 + split.validation * 2 + split.test * 3
    fits = []
    for row in range(10):  # the grid of blocks is moved by chance
        for col in range(10):
            blocks = block_numbers(labels, 10, (row, col))
            fits.append(len(set(zip(blocks.tolist(), parts.tolist(), strict=True))) == blocks.max() + 1)
    assert sum(fits) == 1


def test_the_same_seed_gives_the_same_split_and_another_another():
    labels = fields()
    first, again, other = (block_split(labels, 15, 2, seed=seed).train for seed in (4, 4, 5))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


@pytest.mark.parametrize("seed", range(5))
def test_every_class_that_can_keeps_training_and_test_pixels(seed):
    full = np.zeros((60, 80), int)
    full[:, :] = 1
    full[5:8, 5:8] = full[40:43, 60:63] = 2  # in two far places only
    full[50:53, 5:8] = full[20:23, 30:33] = full[5:8, 70:73] = 3
    split = block_split(labelled(full), 10, 3, seed=seed)
    assert (split.counts[[0, 2]] > 0).all() and not any("Classes without" in one for one in split.notices)


def test_a_class_within_one_block_trains_and_is_named():
    full = np.ones((40, 40), int)
    full[:, 20:] = 2
    full[10:13, 10:13] = 3
    labels = labelled(full, ["water", "soil", "only here"])
    for seed in range(4):
        split = block_split(labels, 20, 2, seed=seed)
        if not split.counts[2, 2]:
            assert split.counts[0, 2] > 0
            assert "Classes without test pixels in this split: only here." in " ".join(split.notices)


def test_a_class_that_the_gap_would_eat_up_keeps_its_training_pixels():
    full = np.tile(np.repeat([1, 2], 20), (40, 2))
    full[19:21, 39:41] = 3  # at the corner of four blocks, smaller than the gap
    for seed in range(6):
        assert block_split(labelled(full), 20, 5, seed=seed).counts[0, 2] > 0


def test_areas_that_blocks_cut_are_counted():
    full = np.tile(np.repeat([1, 2], 5), (10, 4))
    split = block_split(labelled(full), 4, 0, seed=1)
    assert any("areas have pixels in more than one part" in one for one in split.notices)
    whole = Labels(*(getattr(labelled(full), name) for name in ("rows", "cols", "values")),
                   np.arange(400, dtype=np.int32), make_classes(["a", "b"]))  # fmt: skip
    assert not any("more than one part" in one for one in block_split(whole, 4, 0, seed=1).notices)


def test_the_automatic_block_is_four_gaps_at_least_and_leaves_every_class_enough_blocks():
    labels = fields(200, 220)
    for gap in (0, 3, 9):
        size = automatic_block(labels, gap)
        assert size >= 4 * gap
        for value in range(1, 5):
            blocks = block_numbers(labels, size)
            assert len(set(blocks[labels.values == value])) >= 6
    assert automatic_block(labels, 40) == 160, "a large gap wins"
    assert automatic_block(fields(12, 9, 3), 0) <= 4, "a tiny scene still has blocks"


def test_large_patches_get_larger_blocks_than_small_ones():
    assert automatic_block(fields(240, 240, 40), 0) >= automatic_block(fields(240, 240, 7, classes=60), 0)


def test_blocks_for_intervals_are_halved_until_there_are_enough_but_never_below_16_pixels():
    rows, cols = (one.ravel().astype(np.int32) for one in np.mgrid[:120, :120])
    labels = Labels(rows, cols, np.ones(len(rows), np.int16), np.zeros(len(rows), np.int32), make_classes(["a", "b"]))
    for asked, blocks in ((120, 16), (30, 16), (20, 36), (200, 25)):
        assert len(np.unique(resampling_blocks(labels, asked))) == blocks
    few = labels.select((rows < 20) & (cols < 20))
    assert len(np.unique(resampling_blocks(few, 128))) == 4


def test_block_numbers_are_those_of_a_grid():
    labels = fields(23, 31)
    blocks = block_numbers(labels, 6, (2, 5))
    expected = {}
    for row, col, block in zip(labels.rows, labels.cols, blocks, strict=True):
        assert expected.setdefault(((row + 2) // 6, (col + 5) // 6), block) == block
    assert sorted(expected.values()) == list(range(len(expected)))


@pytest.mark.parametrize("shares", [(0, 0.5, 0.5), (0.5, 0.1, 0.1), (1.2, -0.2, 0), (0.5, np.nan, 0.5)])
def test_impossible_shares_are_refused(shares):
    for split in (block_split, random_split):
        with pytest.raises(ValueError, match="shares of training"):
            split(fields(), shares=shares)


@pytest.mark.parametrize("wrong", [{"block": 0}, {"gap": -1}])
def test_impossible_blocks_and_gaps_are_refused(wrong):
    with pytest.raises(ValueError, match="Blocks need 1 pixel"):
        block_split(fields(), **wrong)


def test_a_gap_as_large_as_the_scene_is_refused():
    with pytest.raises(ValueError, match="With blocks of 5 pixels and a gap of 30, no test pixels are left"):
        block_split(fields(20, 20, 3), 5, 30)


def test_training_labels_of_one_class_after_all_are_refused():
    full = np.ones((6, 6), int)
    full[:, 3:] = 2
    one = labelled(full, ["a", "b"])
    with pytest.raises(ValueError, match="fewer than two classes with training pixels"):
        given_split(one, one.select(one.values == 2), 0)


def test_shares_of_nothing_stay_empty():
    split = block_split(fields(), 10, 2, (0.7, 0, 0.3))
    assert not split.validation.any() and split.test.any()
    only = block_split(fields(), 10, 2, (1, 0, 0))
    assert only.train.all() and not any("test" in one and "Classes" in one for one in only.notices)


def test_the_random_split_deals_every_class_by_the_shares_and_warns():
    labels = fields()
    split = random_split(labels, (0.5, 0.2, 0.3), seed=2)
    np.testing.assert_allclose(split.counts, np.outer([0.5, 0.2, 0.3], labels.counts), atol=1)
    assert (split.train | split.validation | split.test).all() and is_partition(split)
    assert "random by pixel" in split.notices[0]
    assert np.array_equal(split.test, random_split(labels, (0.5, 0.2, 0.3), seed=2).test)
    assert not np.array_equal(split.test, random_split(labels, (0.5, 0.2, 0.3), seed=3).test)


@pytest.mark.parametrize(
    ("number", "shares", "expected"),
    [
        (0, (0.6, 0.1, 0.3), (0, 0, 0)),
        (1, (0.1, 0.1, 0.8), (1, 0, 0)),
        (2, (0.6, 0.1, 0.3), (1, 0, 1)),
        (3, (0.8, 0.1, 0.1), (1, 1, 1)),
        (10, (0.6, 0.1, 0.3), (6, 1, 3)),
        (5, (0.5, 0, 0.5), (3, 0, 2)),
    ],
)
def test_sizes_of_parts(number, shares, expected):
    assert sizes(number, shares) == expected


def test_a_random_split_of_a_class_of_one_pixel_trains_on_it():
    full = np.ones((6, 6), int)
    full[3, 3] = 2
    split = random_split(labelled(full, ["a", "alone"]))
    assert split.counts[:, 1].tolist() == [1, 0, 0]
    assert split.notices[-1] == "Classes without test pixels in this split: alone."


def test_a_given_split_matches_classes_by_name_and_takes_shared_pixels_out_of_training():
    first, second = np.zeros((10, 12), int), np.zeros((10, 12), int)
    first[:5, :6], first[:5, 6:] = 1, 2
    second[4:, :6], second[4:, 6:10], second[4:, 10:] = 2, 1, 3
    training, test = labelled(first, ["soil", "water"]), labelled(second, ["water", "soil", "unknown"])
    labels, split = given_split(training, test, validation=0)
    assert [one.name for one in labels.classes] == ["soil", "water"]
    assert split.train.sum() == 60 - 10 and split.test.sum() == 60
    full = np.zeros((10, 12), int)
    full[labels.rows, labels.cols] = labels.values
    assert (full[4:, :6] == 1).all() and (full[4:, 6:10] == 2).all() and not full[5:, 10:].any()
    text = " ".join(split.notices)
    assert "left out: unknown." in text and "10 training pixels are also in the test labels" in text
    assert (np.diff(labels.rows.astype(int) * 12 + labels.cols) > 0).all()
    assert not set(labels.groups[split.train]) & set(labels.groups[split.test])


def test_a_given_splits_validation_comes_out_of_the_training_pixels_by_blocks():
    whole = fields(80, 80)
    left = whole.select(whole.cols < 50)
    labels, split = given_split(left, whole.select(whole.cols >= 50), 0.2, block=10, gap=3, seed=1)
    assert split.validation.any() and (labels.cols[split.validation] < 50).all()
    assert (labels.cols[split.test] >= 50).all() and split.test.sum() == (whole.cols >= 50).sum()
    assert chebyshev(places(labels, split.train), places(labels, split.validation)).min() >= 3


def test_given_labels_without_a_common_class_are_refused():
    full = np.ones((4, 6), int)
    full[:, 3:] = 2
    with pytest.raises(ValueError, match="No test label has a class of the training labels"):
        given_split(labelled(full, ["a", "b"]), labelled(full, ["c", "d"]))


def test_leakage_agrees_with_what_the_slow_way_finds():
    labels = fields(40, 50)
    split = random_split(labels.select(np.arange(0, len(labels), 7)), seed=1)
    labels = labels.select(np.arange(0, len(labels), 7))
    found = leaks(labels, split, 5)
    distances = chebyshev(places(labels, split.test), places(labels, split.train))
    assert found.in_patch == pytest.approx((distances <= 2).mean())
    assert found.overlapping == pytest.approx((distances <= 4).mean())
    nearest = []
    for index in np.flatnonzero(split.test):
        same = places(labels, split.train & (labels.values == labels.values[index]))
        nearest.append(np.linalg.norm(same - places(labels, index), axis=1).min())
    assert found.median_distance == pytest.approx(np.median(nearest))


def test_a_gap_of_half_a_patch_and_one_leaves_no_training_pixel_in_any_patch():
    labels = fields()
    leaking, clean = (leaks(labels, block_split(labels, 20, gap, seed=1), 7) for gap in (0, 4))
    assert leaking.in_patch > 0 and clean.in_patch == 0 and clean.overlapping > 0
    assert leaks(labels, block_split(labels, 28, 7, seed=1), 7).overlapping == 0
    assert clean.median_distance > leaks(labels, random_split(labels), 7).median_distance


def test_leakage_without_test_pixels_is_not_a_number_and_even_patches_are_refused():
    labels = fields()
    assert np.isnan(leaks(labels, block_split(labels, 10, 0, (1, 0, 0)), 5).in_patch)
    with pytest.raises(ValueError, match="odd number"):
        leaks(labels, random_split(labels), 4)


def test_classes_tested_but_never_trained_do_not_count_in_the_distance():
    full = np.ones((5, 8), int)
    full[:, 4:] = 2
    labels = labelled(full)
    split = random_split(labels)
    train = split.train & (labels.values == 1)
    only = type(split)(train, split.validation, split.test, split.counts)
    assert np.isfinite(leaks(labels, only, 3).median_distance)
