"""From cubes to pixels and back, and what shade leaves."""

from __future__ import annotations

import numpy as np
import pytest
from mixel.backend.cube import Cube, Window
from mixel.backend.results import Unmixing
from mixel.backend.summary import Summary
from mixel.backend.tasks.solving import add_solved, all_pixels, image, without_shade

ROWS, COLS = 3, 5


@pytest.fixture
def cube():
    valid = np.ones((ROWS, COLS), bool)
    valid[1, 2] = False
    reflectance = np.random.default_rng(0).uniform(0, 1, (4, ROWS, COLS)).astype(np.float32)
    return Cube(Window(0, 0, ROWS, COLS), np.where(valid, reflectance, 0).astype(np.float32), valid)


def test_pixels_come_row_by_row_and_in_the_chosen_bands(cube):
    pixels = all_pixels(cube, np.array([True, False, True, True]))
    assert pixels.shape == (ROWS * COLS, 3)
    np.testing.assert_array_equal(pixels[1 * COLS + 4], cube.reflectance[[0, 2, 3], 1, 4])


@pytest.mark.parametrize(("dtype", "blank"), [(np.float32, np.nan), (np.int16, -1)])
def test_an_image_of_pixels_has_each_in_its_place_and_blanks_elsewhere(cube, dtype, blank):
    values = np.arange(ROWS * COLS * 2).reshape(-1, 2).astype(dtype)
    made = image(values, cube, blank)
    assert made.shape == (2, ROWS, COLS) and made.dtype == dtype
    for row, col in np.argwhere(cube.valid):
        np.testing.assert_array_equal(made[:, row, col], values[row * COLS + col])
    np.testing.assert_array_equal(made[:, 1, 2], np.array([blank, blank], dtype))
    single = image(values[:, 1].copy(), cube, blank)
    np.testing.assert_array_equal(single, made[1])


def test_the_values_given_stay_as_they_are(cube):
    values = np.ones(ROWS * COLS, np.float32)
    image(values.reshape(-1, 1), cube, np.nan)
    assert values.all() and np.isfinite(values).all()


def test_shade_is_what_is_missing_to_one_and_is_divided_out():
    lit = np.array([[0.3, 0.1], [0.5, 0.5], [1e-4, 0.0], [0, 0], [np.nan, 0]], np.float32)
    shares, shade = without_shade(lit)
    np.testing.assert_allclose(shares[:2], [[0.75, 0.25], [0.5, 0.5]], rtol=1e-6)
    assert not shares[2:4].any(), "all shade: no material, and yet a pixel with data"
    assert np.isnan(shares[4]).all() and np.isnan(shade[4])
    np.testing.assert_allclose(shade[:4], [0.6, 0.0, 0.9999, 1], atol=1e-6)


def test_pixels_of_shade_alone_count_with_no_material():
    abundances = np.full((2, 1, 2), np.nan, np.float32)
    abundances[:, 0, 0] = 0.25, 0.75
    summary = Summary(2)
    add_solved(summary, Unmixing(abundances, np.array([[0.1, 0.3]], np.float32)))
    assert summary.pixels == 2
    np.testing.assert_allclose(summary.mean_abundances, [0.125, 0.375])
