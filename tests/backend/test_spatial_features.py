"""Spatial features: components and their means around, against plain sums; gaps, borders, windows, strangers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from mixel.backend.cube import Cube, Window, partition
from mixel.backend.methods import spatial_features
from mixel.backend.methods.contract import Labelled
from mixel.backend.methods.guided import EDGE
from mixel.backend.methods.spatial_features import HALO, RADII, SpatialFeatures
from stripes import BANDS, crop, made_scene


def labelled(cube):
    return Labelled(cube, np.ones(cube.valid.shape, np.int16))


def features(cube):
    return SpatialFeatures.of([labelled(cube)])


def gappy(rows=31, cols=26, seed=3):
    """A scene of stripes with a hole of many pixels, a cut corner and some lost pixels."""
    cube, _ = made_scene(rows, cols, seed=seed)
    cube.valid[5:14, 4:12] = False
    cube.valid[:6, -6:] = np.tri(6, dtype=bool)
    valid = cube.valid & (np.random.default_rng(seed).random(cube.valid.shape) > 0.1)
    return replace(cube, reflectance=np.where(valid, cube.reflectance, 0), valid=valid)


def test_components_are_white_over_the_pixels_they_were_learnt_from():
    cube, _ = made_scene(40, 40)
    learnt = features(cube)
    found = learnt.image(cube)[: learnt.weights.shape[1], cube.valid]
    assert learnt.weights.shape == (BANDS, BANDS) and learnt.count == 4 * BANDS
    np.testing.assert_allclose(np.cov(found, bias=True), np.eye(BANDS), atol=1e-3)
    np.testing.assert_allclose(found.mean(axis=1), 0, atol=1e-4)


def test_there_are_thirty_components_at_most_and_no_more_than_there_are():
    assert features(made_scene(30, 30, bands=50)[0]).weights.shape == (50, 30)
    assert features(made_scene(20, 20, bands=4)[0]).weights.shape == (4, 4)
    flat = Cube(Window(0, 0, 4, 4), np.full((6, 4, 4), 0.3, np.float32), np.ones((4, 4), bool))
    assert features(flat).weights.shape == (6, 1) and np.isfinite(features(flat).image(flat)).all()


def test_labels_have_no_part_in_components():
    cube, classes = made_scene()
    some, others = (Labelled(cube, np.where(classes == one, 1, 0).astype(np.int16)) for one in (1, 2))
    np.testing.assert_array_equal(SpatialFeatures.of([some]).weights, SpatialFeatures.of([others]).weights)


def test_of_many_pixels_components_are_learnt_from_some(monkeypatch):
    cube, _ = made_scene(60, 60)
    every = features(cube)
    monkeypatch.setattr(spatial_features, "MOST", 500)
    some = features(cube)
    assert not np.array_equal(some.mean, every.mean)
    np.testing.assert_allclose(some.mean, every.mean, atol=0.05)


def guided(values, guide, valid, radius):
    """The filter of He and others by loops over squares, of valid pixels alone."""
    slopes, offsets = np.zeros(valid.shape), np.zeros(valid.shape)

    def around(row, col):
        square = tuple(slice(max(0, at - radius), at + radius + 1) for at in (row, col))
        return square, valid[square]

    for row, col in np.argwhere(valid):
        square, there = around(row, col)
        own, lead = values[square][there].astype(float), guide[square][there].astype(float)
        slopes[row, col] = np.mean((own - own.mean()) * (lead - lead.mean())) / (lead.var() + EDGE)
        offsets[row, col] = own.mean() - slopes[row, col] * lead.mean()
    found = np.full(valid.shape, np.nan)
    for row, col in np.argwhere(valid):
        square, there = around(row, col)
        found[row, col] = slopes[square][there].mean() * guide[row, col] + offsets[square][there].mean()
    return found


def test_means_are_guided_filters_over_the_valid_pixels_around():
    cube = gappy(19, 17)
    learnt = features(cube)
    found = learnt.image(cube).reshape(1 + len(RADII), -1, *cube.valid.shape)
    for radius, means in zip(RADII, found[1:], strict=True):
        for component in (0, 1, 7):
            expected = guided(found[0, component], found[0, 0], cube.valid, radius)
            np.testing.assert_allclose(means[component, cube.valid], expected[cube.valid], atol=1e-5)


def test_means_smooth_noise_and_keep_edges():
    rows, cols = 40, 40
    step = np.where(np.arange(cols) < 20, 0.2, 0.6) * np.ones((rows, cols))
    values = step + np.random.default_rng(0).normal(0, 0.05, (BANDS, rows, cols))
    cube = Cube(Window(0, 0, rows, cols), values.astype(np.float32), np.ones((rows, cols), bool))
    found = features(cube).image(cube).reshape(1 + len(RADII), -1, rows, cols)
    own, wide = found[0, 0], found[-1, 0]
    assert abs(wide[:, 21].mean() - wide[:, 18].mean()) > 0.9 * abs(own[:, 21].mean() - own[:, 18].mean())
    assert found[-1, 5].std() < 0.5 * found[0, 5].std()


def test_what_pixels_without_data_hold_changes_nothing():
    cube = gappy()
    learnt, before = features(cube), features(cube).image(cube)
    filled = replace(cube, reflectance=np.where(cube.valid, cube.reflectance, np.float32(9e9)))
    np.testing.assert_array_equal(learnt.image(filled)[:, cube.valid], before[:, cube.valid])


def test_an_even_scene_is_even_at_its_borders_and_beside_gaps():
    cube = gappy()
    learnt = features(cube)
    even = replace(cube, reflectance=np.where(cube.valid, cube.reflectance[:, :1, :1], 0))
    found = learnt.image(even).reshape(1 + len(RADII), -1, *cube.valid.shape)[..., even.valid]
    np.testing.assert_allclose(found, np.broadcast_to(found[:1, :, :1], found.shape), atol=1e-5)


def test_a_lonely_pixel_is_its_own_mean_and_a_scene_without_data_no_fault():
    cube, _ = made_scene()
    learnt = features(cube)
    alone = replace(cube, valid=np.zeros_like(cube.valid))
    assert np.isfinite(learnt.image(alone)).all()
    alone.valid[10, 10] = True
    own, *means = learnt.image(alone).reshape(1 + len(RADII), -1, *cube.valid.shape)[..., 10, 10]
    for one in means:
        np.testing.assert_allclose(one, own, rtol=1e-6)


@pytest.mark.parametrize("size", [7, 14, 30])
def test_window_by_window_equals_the_whole(size):
    cube = gappy(61, 47)
    learnt, whole = features(cube), features(cube).image(cube)
    for window in partition(*cube.valid.shape, size, HALO):
        top, bottom, left, right = window.halo
        rows = slice(window.row - top, window.row + window.rows + bottom)
        cols = slice(window.col - left, window.col + window.cols + right)
        part = learnt.image(crop(cube, rows, cols, window.halo))[(slice(None), *window.core)]
        valid = cube.valid[rows, cols][window.core]
        expected = whole[:, rows, cols][(slice(None), *window.core)]
        np.testing.assert_allclose(part[:, valid], expected[:, valid], atol=1e-6)


def test_the_halo_is_as_wide_as_features_reach():
    cube, _ = made_scene(41, 41)
    learnt, before = features(cube), features(cube).image(cube)
    for away, changes in ((HALO, True), (HALO + 1, False)):
        other = replace(cube, reflectance=cube.reflectance.copy())
        other.reflectance[:, 20, 20 + away] += 0.5
        assert np.array_equal(learnt.image(other)[:, 20, 20], before[:, 20, 20]) != changes


def test_a_broken_pixel_does_not_rule_the_means_around_it():
    cube, _ = made_scene()
    learnt = features(cube)
    broken = replace(cube, reflectance=cube.reflectance.copy())
    broken.reflectance[:, 10, 10] = 1e6
    found = learnt.image(broken)
    assert np.abs(found).max() <= 10 and np.isfinite(found).all()


def test_arrays_bring_the_same_features_back():
    cube = gappy()
    learnt = features(cube)
    again = SpatialFeatures.restore(learnt.arrays(), np.arange(BANDS, dtype=np.float32))
    np.testing.assert_array_equal(again.image(cube), learnt.image(cube))


def test_a_pixels_own_components_are_multiplied_and_means_are_not():
    cube = gappy()
    learnt = features(cube)
    half = replace(learnt, own=0.5)
    np.testing.assert_array_equal(half.image(cube)[:BANDS], 0.5 * learnt.image(cube)[:BANDS])
    np.testing.assert_array_equal(half.image(cube)[BANDS:], learnt.image(cube)[BANDS:])
    assert SpatialFeatures.restore(half.arrays(), None).own == 0.5


HOSTILE = {
    "no factor": lambda arrays: arrays.pop("feature_own"),
    "a factor of nothing": lambda arrays: arrays["feature_own"].fill(0),
    "a negative factor": lambda arrays: arrays["feature_own"].fill(-1),
    "a huge factor": lambda arrays: arrays["feature_own"].fill(1e30),
    "two factors": lambda arrays: arrays.__setitem__("feature_own", np.ones(2, np.float32)),
    "no mean": lambda arrays: arrays.pop("feature_mean"),
    "no weights": lambda arrays: arrays.pop("feature_weights"),
    "no numbers": lambda arrays: arrays["feature_mean"].__setitem__(0, np.nan),
    "endless numbers": lambda arrays: arrays["feature_weights"].__setitem__((0, 0), np.inf),
    "doubles": lambda arrays: arrays.__setitem__("feature_weights", arrays["feature_weights"].astype(float)),
    "text": lambda arrays: arrays.__setitem__("feature_mean", np.array(["x"] * BANDS)),
    "one number": lambda arrays: arrays.__setitem__("feature_mean", np.float32(1) * np.ones(())),
    "one component as a line": lambda arrays: arrays.__setitem__("feature_weights", arrays["feature_weights"][:, 0]),
    "no components": lambda arrays: arrays.__setitem__("feature_weights", arrays["feature_weights"][:, :0]),
    "many components": lambda arrays: arrays.__setitem__("feature_weights", np.ones((BANDS, 31), np.float32)),
    "other bands": lambda arrays: arrays.__setitem__("feature_weights", arrays["feature_weights"][1:]),
    "fewer bands": lambda arrays: arrays.update({name: values[1:] for name, values in arrays.items()}),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_strangers_arrays_are_refused_with_a_sentence(case):
    arrays = {name: value.copy() for name, value in features(made_scene()[0]).arrays().items()}
    HOSTILE[case](arrays)
    with pytest.raises(ValueError, match=r"^The weights are no spatial model for these .*\.$"):
        SpatialFeatures.restore(arrays, np.arange(BANDS, dtype=np.float32))
