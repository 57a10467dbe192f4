"""Unmixing by clusters: which abundances fit a scene, told from the scene; dark pixels; what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from mixel.backend.abundances import fully_constrained, nonnegative
from mixel.backend.config import build
from mixel.backend.cube import Cube, Window
from mixel.backend.methods.clusters import method
from mixel.backend.methods.clusters.config import Config
from mixel.backend.metrics import match

BANDS, ROWS, COLS = 30, 40, 30


def spectra(number=3):
    axis = np.linspace(0, 1, BANDS)
    shapes = [0.1 + 0.5 * axis, 0.6 - 0.4 * axis, 0.3 + 0.25 * np.sin(7 * axis), 0.2 + 0.3 * (axis > 0.5)]
    return np.stack(shapes[:number])


def scene(light=(1.0, 1.0), noise=0.003, seed=0, pure=0.3):
    """Mixed pixels of three materials, lit between the two numbers: the cube and the shares (3, rows, cols)."""
    random = np.random.default_rng(seed)
    shares = random.dirichlet(np.full(3, pure), size=(ROWS, COLS))
    lit = random.uniform(*light, (ROWS, COLS, 1))
    values = lit * (shares @ spectra()) + random.normal(0, noise, (ROWS, COLS, BANDS))
    valid = np.ones((ROWS, COLS), bool)
    valid[3, 4] = False
    values = np.where(valid[..., None], values, 0).transpose(2, 0, 1).astype(np.float32)
    return Cube(Window(0, 0, ROWS, COLS), np.ascontiguousarray(values), valid), shares.transpose(2, 0, 1)


def fitted(cube, **settings):
    return method.fit([cube], build(Config, {"num_endmembers": 3, **settings}), "cpu", lambda *_: None)


def error(unmixer, cube, shares):
    found = unmixer.unmix(cube).abundances[match(unmixer.endmembers, spectra())]
    return float(np.sqrt(np.mean(np.square(found - shares)[:, cube.valid])))


@pytest.mark.parametrize("noise", [0.0005, 0.003, 0.02])
@pytest.mark.parametrize(("light", "even"), [((1, 1), True), ((0.4, 1.2), False)])
def test_whether_light_varies_is_told_from_the_scene(light, even, noise):
    for seed in range(2):
        assert fitted(scene(light, noise, seed)[0]).even == even


@pytest.mark.parametrize(("light", "better"), [((1, 1), "fully_constrained"), ((0.4, 1.2), "nonnegative")])
def test_what_is_told_is_the_better_of_the_two(light, better):
    cube, truth = scene(light, noise=0.01)
    errors = {one: error(fitted(cube, shares=one), cube, truth) for one in ("nonnegative", "fully_constrained", "auto")}
    assert errors["auto"] == errors[better] == min(errors.values()) < max(errors.values())


def test_materials_and_shares_are_found():
    cube, truth = scene(light=(0.4, 1.2))
    assert error(fitted(cube), cube, truth) < 0.06


def test_abundances_are_the_exact_ones_of_the_endmembers():
    cube, _ = scene(light=(0.5, 1))
    for name, solve in (("nonnegative", nonnegative), ("fully_constrained", fully_constrained)):
        unmixer = fitted(cube, shares=name)
        expected = solve(cube.pixels, unmixer.endmembers)
        expected /= expected.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(unmixer.unmix(cube).abundances[:, cube.valid].T, expected, atol=1e-5)


def test_brightness_alone_changes_no_share():
    cube, _ = scene(light=(0.5, 1))
    unmixer = fitted(cube, shares="nonnegative")
    dim = replace(cube, reflectance=cube.reflectance * np.float32(0.3))
    first, second = (unmixer.unmix(one).abundances[:, cube.valid] for one in (cube, dim))
    np.testing.assert_allclose(first, second, atol=1e-4)


@pytest.mark.parametrize("shares", ["nonnegative", "fully_constrained"])
def test_a_pixel_of_nothing_holds_shares_that_sum_to_one(shares):
    cube, _ = scene(light=(0.5, 1))
    unmixer = fitted(cube, shares=shares)
    cube.reflectance[:, :2, :2] = 0
    cube.reflectance[:, 2, 2] = -0.1
    found = unmixer.unmix(cube).abundances
    np.testing.assert_allclose(found[:, cube.valid].sum(axis=0), 1, atol=1e-5)
    if shares == "nonnegative":
        np.testing.assert_allclose(found[:, :2, :2], 1 / 3, atol=1e-6)


def test_the_unit_of_the_scene_changes_nothing():
    cube, _ = scene(light=(0.5, 1))
    counts = replace(cube, reflectance=cube.reflectance * np.float32(10_000))
    first, second = fitted(cube), fitted(counts)
    np.testing.assert_allclose(first.endmembers * 10_000, second.endmembers, rtol=1e-3)
    np.testing.assert_allclose(first.unmix(cube).abundances, second.unmix(counts).abundances, atol=1e-3)


def test_no_sample_is_too_dark_to_say_why():
    cube, _ = scene()
    dark = replace(cube, reflectance=np.zeros_like(cube.reflectance))
    with pytest.raises(ValueError, match=r"endmembers cannot be told apart"):
        fitted(dark)


def test_one_spectrum_is_not_three_materials():
    cube, _ = scene()
    flat = replace(cube, reflectance=np.where(cube.valid, np.float32(0.4), 0) * np.ones((BANDS, 1, 1), np.float32))
    with pytest.raises(ValueError, match="only 1 kinds of spectra"):
        fitted(flat)


def test_more_pixels_than_clusters_need_are_thinned_out(monkeypatch):
    cube, truth = scene()
    monkeypatch.setattr(method, "MOST", 400)
    assert error(fitted(cube), cube, truth) < 0.08
