"""Archetypal analysis: known simplices, the literal formulas beside the fast ones, shade, the choice among repeats."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mixel.backend import config as settings
from mixel.backend.cube import Cube, Window
from mixel.backend.methods.edaa import method
from mixel.backend.methods.edaa.config import Config
from mixel.backend.methods.edaa.descent import descend, simplex
from mixel.backend.metrics import match, rmse, spectral_angles

CPU = torch.device("cpu")


def spectra(count: int, bands: int, seed: int) -> np.ndarray:
    """Smooth random reflectances (count, bands)."""
    generator = np.random.default_rng(seed)
    axis, centres = np.linspace(0, 1, bands), generator.random((count, 4, 1))
    bumps = np.exp(-(((axis - centres) / generator.uniform(0.1, 0.4, (count, 4, 1))) ** 2))
    return 0.05 + 0.2 * (bumps * generator.random((count, 4, 1))).sum(axis=1)


def scene(count: int = 3, rows: int = 24, cols: int = 17, bands: int = 30, seed: int = 0, shade: float = 1.0):
    """A cube in which a tenth of the pixels is pure, its spectra and abundances; ``shade``: least brightness."""
    generator = np.random.default_rng(seed)
    true, shares = spectra(count, bands, seed), generator.dirichlet(np.ones(count), rows * cols)
    for material in range(count):
        shares[material :: 10 * count] = np.eye(count)[material]
    values = shares @ true * generator.uniform(shade, 1, (rows * cols, 1))
    return cube(values.reshape(rows, cols, bands)), true, shares


def cube(values: np.ndarray) -> Cube:
    """All valid, out of (rows, cols, bands)."""
    rows, cols, _ = values.shape
    return Cube(Window(0, 0, rows, cols), values.transpose(2, 0, 1).astype(np.float32), np.ones((rows, cols), bool))


def fit(sample: list[Cube], report=lambda step, steps, loss: None, **changes):
    return method.fit(sample, settings.build(Config, {"num_endmembers": 3, "repeats": 6, **changes}), CPU, report)


def angles(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    return spectral_angles(found[match(found, true)], true).diagonal()


def table(seed: int = 0, dims: int = 6, pixels: int = 40) -> np.ndarray:
    return np.random.default_rng(seed).random((dims, pixels), np.float32) + np.float32(0.1)


def plainly(values: np.ndarray, start: np.ndarray, factor: float, passes: int, steps: int):
    """The descent as it is written down: products of the whole matrices, weights instead of logits, float64."""
    y, pixels, size = values.astype(float), values.shape[1], len(start)
    b = np.exp(start.T.astype(float))
    b /= b.sum(axis=0)
    a = np.full((size, pixels), 1 / size)
    rates = [factor / np.linalg.svd(y @ b)[1][0] ** 2] * 2
    rates[1] *= np.sqrt(size / pixels)
    losses = [0.5 * ((y - y @ b @ a) ** 2).sum()]
    for _ in range(passes):
        loss = losses[-1]
        for block in (0, 1):
            new = [a, b]
            for _ in range(steps):
                residual = y - y @ new[1] @ new[0]
                slope = (y @ new[1]).T @ residual if block == 0 else y.T @ residual @ new[0].T
                new[block] = new[block] * np.exp(rates[block] * slope)
                new[block] = new[block] / new[block].sum(axis=0)
            reached = 0.5 * ((y - y @ new[1] @ new[0]) ** 2).sum()
            if reached <= loss:
                (a, b), loss = new, reached
                rates[block] *= 1.2
            else:
                rates[block] /= 2
        losses.append(loss)
    return b.T, a, losses


@pytest.mark.parametrize(("factor", "passes"), [(0.125, 15), (1, 15), (8, 15), (300, 12)])
def test_the_fast_descent_equals_the_one_written_down(factor: float, passes: int) -> None:
    values, start = table(), np.random.default_rng(1).random((3, 40), np.float32)
    weights, abundances, losses = plainly(values, start, factor, passes, 4)
    found = descend(values, start, factor, passes, 4)
    np.testing.assert_allclose(found.losses, losses, rtol=1e-3)
    np.testing.assert_allclose(found.abundances, abundances, atol=5e-3)
    np.testing.assert_allclose(found.weights, weights, atol=5e-3)


@pytest.mark.parametrize("factor", [0.125, 1, 8, 1e3, 1e9])
def test_the_loss_never_rises_however_long_the_steps(factor: float) -> None:
    found = descend(table(2), np.random.default_rng(3).random((4, 40), np.float32), factor, 60, 5)
    assert len(found.losses) == 61
    assert (np.diff(found.losses) <= 0).all()
    assert found.losses[-1] < 0.95 * found.losses[0]


def test_weights_and_abundances_are_in_the_simplex_even_at_its_corners() -> None:
    found = descend(100 * table(4), np.random.default_rng(3).random((3, 40), np.float32), 8, 100, 5)
    assert found.weights.min() >= 0 and found.abundances.min() >= 0
    np.testing.assert_allclose(found.weights.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(found.abundances.sum(axis=0), 1, atol=1e-5)
    assert found.weights.dtype == found.abundances.dtype == np.float32


def test_softmax_takes_any_logits() -> None:
    found = simplex(np.array([[1e5, -1e5], [0, 0]], np.float32), 1)
    np.testing.assert_array_equal(found, [[1, 0], [0.5, 0.5]])


def test_a_table_of_zeros_is_no_reason_to_stumble() -> None:
    found = descend(np.zeros((4, 9), np.float32), np.zeros((2, 9), np.float32), 1, 3, 2)
    assert np.isfinite(found.weights).all() and found.losses == [0] * 4


@pytest.mark.parametrize("count", [2, 3, 4])
@pytest.mark.parametrize("brightness", ["plane", "measured"])
def test_endmembers_of_a_noiseless_simplex_are_recovered(count: int, brightness: str) -> None:
    one, true, shares = scene(count, seed=count)
    fitted = fit([one], num_endmembers=count, brightness=brightness)
    order = match(fitted.endmembers, true)
    assert angles(fitted.endmembers, true).max() < 1e-2
    assert rmse(fitted.unmix(one).abundances.reshape(count, -1)[order].T, shares) < 0.01


def test_mixtures_bulge_on_the_sphere_so_that_endmembers_come_out_a_little_mixed() -> None:
    one, true, _ = scene()
    assert 0.01 < angles(fit([one]).endmembers, true).max() < 0.15


def test_shade_makes_no_endmember_where_brightness_is_ignored() -> None:
    one, true, _ = scene(shade=0.1, seed=5)
    plane, length, kept = (
        angles(fit([one], brightness=choice).endmembers, true).max() for choice in ("plane", "length", "measured")
    )
    assert plane < 0.01 < length < kept / 2


@pytest.mark.parametrize("brightness", ["plane", "length", "measured"])
def test_endmembers_lie_among_the_pixels_as_they_were_measured(brightness: str) -> None:
    one, _, _ = scene(shade=0.3)
    found = fit([one], brightness=brightness).endmembers
    assert (found >= one.pixels.min(axis=0) - 1e-6).all()
    assert (found <= one.pixels.max(axis=0) + 1e-6).all()


def test_zero_pixels_are_no_endmember_and_do_no_harm() -> None:
    one, true, _ = scene()
    one.reflectance[:, :2] = 0
    assert angles(fit([one], brightness="plane").endmembers, true).max() < 0.01


def test_a_black_scene_is_refused_with_a_sentence() -> None:
    with pytest.raises(ValueError, match="not black"):
        fit([cube(np.zeros((5, 7, 12)))])


def test_alike_pixels_are_unmixed_without_a_stumble() -> None:
    one = cube(np.full((5, 7, 12), 0.3))
    np.testing.assert_allclose(fit([one], num_endmembers=2).endmembers, 0.3, rtol=1e-4)


def test_of_good_fits_the_least_coherent_is_chosen() -> None:
    runs = [method.Run(np.full((1, 1), i), *figures) for i, figures in enumerate(RUNS)]
    assert method._best(runs).weights == 2
    assert method._best(runs[:2]).weights == 0
    assert method._best(runs[3:]).weights == 3


RUNS = ((1.0, 0.9), (1.2, 0.1), (1.04, 0.5), (1.06, 0.2))
"""Residual and coherence: the best fit, two that fit too badly, and the one to choose at place 2."""


def test_the_progress_names_every_repeat_and_its_loss() -> None:
    seen: list[tuple[int, int, float]] = []
    fit([scene()[0]], lambda *one: seen.append(one), repeats=4)
    assert [one[:2] for one in seen] == [(step, 4) for step in range(1, 5)]
    assert all(0 <= loss < 1 for _, _, loss in seen)


def test_many_pixels_are_drawn_from_and_the_seed_says_which(monkeypatch) -> None:
    one, true, _ = scene(rows=60, cols=41)
    monkeypatch.setattr(method, "MOST_PIXELS", 500)
    first, again, other = (fit([one], brightness="plane", seed=seed) for seed in (1, 1, 3))
    np.testing.assert_array_equal(first.endmembers, again.endmembers)
    assert not np.array_equal(first.endmembers, other.endmembers)
    assert angles(first.endmembers, true).max() < 0.03


def test_few_leading_axes_hold_what_all_bands_hold(monkeypatch) -> None:
    one, _, _ = scene(bands=50)
    few = fit([one]).endmembers
    monkeypatch.setattr(method, "MOST_AXES", 50)
    np.testing.assert_allclose(fit([one]).endmembers, few, atol=0.01)
