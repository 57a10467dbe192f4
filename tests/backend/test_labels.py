"""Labels as a list of pixels: balance, windows, colours, settling of claims."""

from __future__ import annotations

import numpy as np
import pytest
from mixel.backend.cube import Window, partition
from mixel.backend.labels import Class, Labels, class_weights, limit, make_classes
from mixel.backend.labels.pixels import counted, listed, rare_notices, settled


def made(rows=9, cols=14, share=0.4, classes=3, seed=0):
    """Random labels of a small scene and the full array they stand for."""
    generator = np.random.default_rng(seed)
    full = generator.integers(1, classes + 1, (rows, cols)) * (generator.random((rows, cols)) < share)
    row, col = np.nonzero(full)
    names = [f"c{value}" for value in range(1, classes + 1)]
    values = full[row, col].astype(np.int16)
    groups = np.arange(len(row), dtype=np.int32)
    return Labels(row.astype(np.int32), col.astype(np.int32), values, groups, make_classes(names)), full


def test_counts_and_selection_keep_the_classes():
    labels, full = made()
    assert list(labels.counts) == [int((full == value).sum()) for value in (1, 2, 3)]
    some = labels.select(labels.values == 2)
    assert set(some.values) == {2} and some.classes == labels.classes and list(some.counts) == [0, len(some), 0]


def test_windows_hold_every_label_once_and_none_in_their_halo():
    labels, full = made(23, 31)
    together = np.zeros_like(full)
    for window in partition(23, 31, 7, halo=2):
        part = labels.on(window)
        top, bottom, left, right = window.halo
        assert part.shape == (top + window.rows + bottom, left + window.cols + right) and part.dtype == np.int16
        rows, cols = window.core
        together[window.row : window.row + window.rows, window.col : window.col + window.cols] += part[rows, cols]
        part[rows, cols] = 0
        assert not part.any()
    assert np.array_equal(together, full)


def test_a_window_without_labels_is_empty():
    labels, _ = made()
    assert not labels.on(Window(100, 100, 4, 5)).any()


def test_the_limit_keeps_rare_classes_whole_and_thins_the_others_at_random():
    labels, _ = made(40, 30, 0.6)
    rare = labels.select(np.sort(np.r_[np.flatnonzero(labels.values == 1)[:4], np.flatnonzero(labels.values > 1)]))
    limited = limit(rare, 20, seed=1)
    assert list(limited.counts) == [4, 20, 20]
    flat = limited.rows.astype(np.int64) * 30 + limited.cols
    assert (np.diff(flat) > 0).all(), "in the order of rows and columns, none twice"
    assert np.array_equal(limit(rare, 20, seed=1).rows, limited.rows)
    assert not np.array_equal(limit(rare, 20, seed=2).rows, limited.rows)
    with pytest.raises(ValueError, match="At least 1 pixel"):
        limit(rare, 0, seed=1)


def test_the_limit_draws_every_pixel_as_often():
    labels, _ = made(10, 10, 1.0, classes=2)
    hits = np.zeros(100)
    for seed in range(400):
        limited = limit(labels, 10, seed)
        hits[limited.rows * 10 + limited.cols] += 1
    expected = 400 * 10 / labels.counts[labels.values - 1]
    assert np.abs(hits - expected).max() < 6 * np.sqrt(expected.max())


@pytest.mark.parametrize(("mode", "weights"), [("none", [1, 1, 1]), ("balanced", [5 / 3, 5 / 6, 5 / 6])])
def test_class_weights_are_one_on_average_over_the_pixels(mode, weights):
    counts = np.array([10, 20, 20])
    found = class_weights(counts, mode)
    np.testing.assert_allclose(found, weights, rtol=1e-6)
    assert (found * counts).sum() / counts.sum() == pytest.approx(1) and found.dtype == np.float32


def test_a_class_without_pixels_weighs_nothing():
    assert list(class_weights([10, 0, 10], "balanced")) == [1, 0, 1]
    assert list(class_weights([10, 0, 10], "none")) == [1, 0, 1]


def test_moderate_weights_lie_between_and_are_1_on_average():
    counts = np.array([900, 90, 10])
    free, moderate, balanced = (class_weights(counts, mode) for mode in ("none", "moderate", "balanced"))
    assert np.allclose((moderate * counts).sum(), counts.sum())
    assert np.allclose(moderate / moderate[0], np.sqrt(balanced / balanced[0]))
    assert free[2] < moderate[2] < balanced[2]


def test_unknown_balances_are_refused():
    with pytest.raises(ValueError, match="none, moderate, balanced, not"):
        class_weights([1], "heavy")


def test_given_colours_are_kept_and_the_others_made_without_meeting_them():
    first = make_classes(["a", "b", "c"])
    classes = make_classes(["a", "b", "c"], {"b": first[0].colour.upper(), "c": "red", "elsewhere": "#000000"})
    assert classes[1] == Class(2, "b", first[0].colour)
    assert len({one.colour for one in classes}) == 3 and first[0].colour not in (classes[0].colour, classes[2].colour)


def test_300_classes_have_300_colours_that_are_always_the_same_and_the_first_are_far_apart():
    names = [str(number) for number in range(300)]
    classes = make_classes(names)
    colours = [one.colour for one in classes]
    assert len(set(colours)) == 300 and make_classes(names) == classes
    assert [one.value for one in classes] == list(range(1, 301))
    rgb = np.array([[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in colours[:12]], float)
    distances = np.linalg.norm(rgb[:, None] - rgb[None], axis=2) + 1e3 * np.eye(12)
    assert distances.min() > 40


def test_too_many_and_too_few_classes_are_refused():
    with pytest.raises(ValueError, match="32768 classes"):
        make_classes([str(number) for number in range(32768)])
    with pytest.raises(ValueError, match="only one class, 'water'"):
        make_classes(["water"])
    with pytest.raises(ValueError, match="no class"):
        make_classes([])


def test_the_most_classes_that_are_allowed_all_get_a_colour():
    assert len(make_classes([str(number) for number in range(32767)])) == 32767


def test_claims_of_one_class_are_merged_and_of_two_dropped_and_named():
    flat = np.array([5, 3, 5, 9, 9, 1])
    codes = np.array([0, 1, 0, 0, 2, 2])
    groups = np.array([4, 0, 2, 1, 3, 3], np.int32)
    pixels, kinds, areas, notices = settled(flat, codes, groups, ["water", "soil", "tree"])
    assert list(pixels) == [1, 3, 5] and list(kinds) == [2, 1, 0] and list(areas) == [3, 0, 2]
    assert notices == ["1 pixel is claimed by more than one class and left out: water / tree."]


def test_settling_agrees_with_a_dictionary():
    generator = np.random.default_rng(3)
    flat, codes = generator.integers(0, 60, 200), generator.integers(0, 3, 200)
    claims = {}
    for pixel, code in zip(flat.tolist(), codes.tolist(), strict=True):
        claims.setdefault(pixel, set()).add(code)
    expected = {pixel: min(found) for pixel, found in claims.items() if len(found) == 1}
    pixels, kinds, _, notices = settled(flat, codes, np.zeros(200, np.int32), list("abc"))
    assert dict(zip(pixels.tolist(), kinds.tolist(), strict=True)) == expected
    assert notices[0].startswith(f"{len(claims) - len(expected)} pixels are claimed")


def test_nothing_claimed_is_nothing_settled():
    empty = np.empty(0, np.int64)
    assert [len(part) for part in settled(empty, empty, empty.astype(np.int32), [])] == [0, 0, 0, 0]


def test_rare_classes_are_named_with_their_number_of_pixels():
    labels, _ = made(6, 6, 1.0)
    few = labels.select(np.sort(np.r_[np.flatnonzero(labels.values == 2)[:3], np.flatnonzero(labels.values == 1)]))
    assert rare_notices(few.select(few.values > 0))[0].startswith("Classes with fewer than 10 labelled pixels:")
    assert "c2 (3)" in rare_notices(few)[0] and "c3 (0)" in rare_notices(few)[0]


def test_words_of_numbers_and_lists():
    assert counted(1, "pixel") == "1 pixel is" and counted(0, "pixel") == "0 pixels are"
    assert listed(["a", "b"]) == "a, b" and listed(list("abcdefghij"), 3) == "a, b, c and 7 more"
