"""Novelty: pixels like the training are below 1, also mixtures of it; a new material is far above."""

from __future__ import annotations

import numpy as np
import pytest
from mixel.backend import novelty as module
from mixel.backend.cube import Cube, Window
from mixel.backend.novelty import Novelty, _apart, _nearest

BANDS = 40
AXIS = np.linspace(0, 1, BANDS)
MATERIALS = np.stack([0.1 + 0.4 * AXIS, 0.5 - 0.3 * AXIS, 0.2 + 0.2 * np.sin(6 * AXIS)])
STRANGER = 0.3 + 0.25 * np.cos(19 * AXIS)


def spectra(shares, seed=0, noise=0.004):
    """Mixtures (pixels, bands) of the materials, shaded at random and with noise."""
    generator = np.random.default_rng(seed)
    shade = generator.normal(1, 0.04, (len(shares), 1))
    return (shade * (shares @ MATERIALS[: shares.shape[1]]) + generator.normal(0, noise, (len(shares), BANDS))).astype(
        np.float32
    )


def pure(number=150, seed=0, materials=3):
    """Training pixels of pure materials and their classes from 1."""
    classes = np.repeat(np.arange(materials), number)
    return spectra(np.eye(materials)[classes], seed), (classes + 1).astype(np.int16)


def cube(pixels, rows, cols):
    """A cube of these pixels, row by row, with one that is not valid."""
    values = np.ascontiguousarray(pixels.T.reshape(BANDS, rows, cols))
    valid = np.ones((rows, cols), bool)
    valid[1, 2] = False
    values[:, 1, 2] = 0
    return Cube(Window(0, 0, rows, cols), values, valid)


@pytest.fixture(scope="module")
def fitted():
    return Novelty.fit(*pure())


def test_pixels_of_the_same_materials_are_hardly_ever_new(fitted):
    found = fitted.of(cube(pure(14 * 5, seed=1)[0], 14, 15))
    assert found.shape == (14, 15) and found.dtype == np.float32
    inside = found[np.isfinite(found)]
    assert len(inside) == 14 * 15 - 1 and np.isnan(found[1, 2])
    assert inside.min() >= 0 and (inside < 1).mean() > 0.95


def test_about_one_in_a_hundred_training_like_pixels_is_above_one():
    learnt = Novelty.fit(*pure(800))
    found = learnt.distances(pure(3000, seed=5)[0]) / learnt.limit
    assert 0.003 < (found > 1).mean() < 0.03


def test_mixtures_of_two_trained_materials_are_not_new(fitted):
    generator = np.random.default_rng(2)
    share = generator.random((600, 1))
    pairs = np.eye(3)[generator.integers(3, size=600)] * share + np.eye(3)[generator.integers(3, size=600)] * (
        1 - share
    )
    found = fitted.distances(spectra(pairs, 3)) / fitted.limit
    assert (found < 1).mean() > 0.9


def test_a_new_material_is_far_above_one_and_half_of_it_still_above(fitted):
    generator = np.random.default_rng(4)
    noise = generator.normal(0, 0.004, (50, BANDS))
    for share, least in ((1.0, 5), (0.5, 2)):
        strange = (share * STRANGER + (1 - share) * MATERIALS[0] + noise).astype(np.float32)
        assert (fitted.distances(strange) / fitted.limit).min() > least


def test_a_material_left_out_of_training_is_new():
    pixels, classes = pure()
    without = Novelty.fit(pixels[classes < 3], classes[classes < 3])
    found = without.distances(pixels[classes == 3]) / without.limit
    assert np.median(found) > 5


def test_one_strange_band_is_enough(fitted):
    pixel = MATERIALS[:1].astype(np.float32).copy()
    assert fitted.distances(pixel)[0] < fitted.limit
    pixel[0, 7] += 0.5
    assert fitted.distances(pixel)[0] > 3 * fitted.limit


def test_the_nearest_mixture_agrees_with_a_search():
    generator = np.random.default_rng(6)
    points = generator.normal(0, 3, (30, 4)).astype(np.float32)
    centres, spreads = generator.normal(0, 3, (5, 4)).astype(np.float32), np.ones(5, np.float32)
    expected = []
    for point in points:
        first = ((centres - point) ** 2).sum(axis=1).argmin()
        ways = [centres[first] + t * (other - centres[first]) for other in centres for t in np.linspace(0, 1, 2001)]
        expected.append(((np.array(ways) - point) ** 2).sum(axis=1).min())
    np.testing.assert_allclose(_nearest(points.T, centres, spreads, _apart(centres)), expected, rtol=1e-3, atol=1e-3)


def test_many_classes_take_no_more_than_one_class_at_a_time():
    generator = np.random.default_rng(7)
    centres = generator.normal(0, 9, (300, 6)).astype(np.float32)
    found = _nearest((centres + 0.1).T, centres, np.ones(300, np.float32), _apart(centres))
    assert found.shape == (300,) and found.max() <= 0.07


def test_chunks_give_what_the_whole_gives(fitted, monkeypatch):
    scene = cube(pure(80, seed=8)[0], 16, 15)
    whole = fitted.of(scene)
    monkeypatch.setattr(module, "CHUNK", 7)
    np.testing.assert_allclose(fitted.of(scene), whole, rtol=1e-4)


def test_the_same_pixels_give_the_same_novelty():
    first, again = Novelty.fit(*pure()), Novelty.fit(*pure())
    assert first.limit == again.limit and np.array_equal(first.whitening, again.whitening)


def test_saved_and_restored_it_is_the_same(fitted):
    restored = Novelty.restore(fitted.arrays())
    scene = cube(pure(80, seed=9)[0], 16, 15)
    np.testing.assert_allclose(restored.of(scene), fitted.of(scene), rtol=1e-6)
    assert all(value.dtype == np.float32 for value in fitted.arrays().values())


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("axes", np.zeros((BANDS, 2), np.float32), "'axes' must be numbers of shape"),
        ("mean", np.full(BANDS, np.nan, np.float32), "'mean' must be numbers"),
        ("scale", np.zeros(BANDS, np.float32), "above 0"),
        ("limit", np.float32(-1), "above 0"),
        ("limit", np.ones(3, np.float32), "'limit' must be numbers"),
        ("spreads", np.array(["a", "b", "c"]), "'spreads' must be numbers"),
        ("mean", np.ones(20_000, np.float32), "not usable"),
        ("mean", np.float32(1), "not usable"),
        ("whitening", np.zeros((0, 0), np.float32), "not usable"),
    ],
)
def test_a_strangers_arrays_are_refused_with_a_sentence(fitted, name, value, problem):
    with pytest.raises(ValueError, match=problem):
        Novelty.restore({**fitted.arrays(), name: value})


def test_missing_and_surplus_arrays_are_refused(fitted):
    arrays = fitted.arrays()
    for wrong in ({}, {**arrays, "more": arrays["mean"]}, {k: v for k, v in arrays.items() if k != "limit"}):
        with pytest.raises(ValueError, match="must hold mean, scale"):
            Novelty.restore(wrong)


def test_another_number_of_bands_is_refused(fitted):
    scene = Cube(Window(0, 0, 2, 2), np.zeros((7, 2, 2), np.float32), np.ones((2, 2), bool))
    with pytest.raises(ValueError, match="7 bands; novelty was learnt on 40"):
        fitted.of(scene)


def test_training_without_numbers_or_pixels_is_refused():
    pixels, classes = pure(3)
    for wrong in ((pixels[:1], classes[:1]), (pixels, classes[:-1]), (pixels * np.nan, classes)):
        with pytest.raises(ValueError, match="two training pixels or more"):
            Novelty.fit(*wrong)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_handful_of_pixels_still_gives_a_number(number):
    pixels, classes = pure(number)
    learnt = Novelty.fit(pixels, classes)
    found = learnt.distances(pure(20, seed=3)[0])
    assert np.isfinite(found).all() and np.isfinite(learnt.limit) and learnt.limit > 0


def test_one_class_constant_bands_and_equal_pixels_are_no_trouble():
    pixels, _ = pure(50, materials=1)
    pixels[:, 3] = 0.25
    learnt = Novelty.fit(pixels, np.ones(50))
    changed = pixels[:1].copy()
    changed[0, 3] = 0.75
    assert learnt.distances(changed)[0] > 5 * learnt.distances(pixels[:1])[0]
    same = Novelty.fit(np.repeat(pixels[:1], 8, axis=0), np.arange(8) % 2)
    assert np.isfinite(same.distances(pixels)).all()


def test_of_many_pixels_some_are_used(monkeypatch):
    monkeypatch.setattr(module, "MAX_PIXELS", 60)
    learnt = Novelty.fit(*pure())
    assert learnt.axes.shape[1] < 60 and np.isfinite(learnt.limit)


def test_a_cube_without_data_is_not_a_number(fitted):
    scene = Cube(Window(0, 0, 2, 3), np.zeros((BANDS, 2, 3), np.float32), np.zeros((2, 3), bool))
    assert np.isnan(fitted.of(scene)).all()
