"""Minimum volume: endmembers that no pixel shows, the bound and its gradient, a loss that only falls."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mixel.backend import config as settings
from mixel.backend.cube import Cube, Window
from mixel.backend.endmembers import vca
from mixel.backend.methods.mvc_nmf import method
from mixel.backend.methods.mvc_nmf.config import Config
from mixel.backend.methods.mvc_nmf.volume import FLOOR, Problem, minimise
from mixel.backend.metrics import match, rmse, spectral_angles
from scipy.optimize import minimize

CPU = torch.device("cpu")


def spectra(count: int, bands: int, seed: int) -> np.ndarray:
    """Smooth random reflectances (count, bands)."""
    generator = np.random.default_rng(seed)
    axis, centres = np.linspace(0, 1, bands), generator.random((count, 4, 1))
    bumps = np.exp(-(((axis - centres) / generator.uniform(0.1, 0.4, (count, 4, 1))) ** 2))
    return 0.05 + 0.2 * (bumps * generator.random((count, 4, 1))).sum(axis=1)


def scene(count: int = 3, purest: float = 0.8, noise: float = 0.0, seed: int = 0, rows: int = 43, cols: int = 29):
    """A cube no pixel of which is purer than ``purest``, its spectra and abundances; float32."""
    generator = np.random.default_rng(seed)
    true = spectra(count, 30, seed)
    shares = generator.dirichlet(np.ones(count), 30 * rows * cols)
    shares = shares[shares.max(axis=1) <= purest][: rows * cols]
    values = shares @ true + generator.normal(0, noise or 1e-12, (rows * cols, 30))
    return cube(values.reshape(rows, cols, 30)), true, shares


def cube(values: np.ndarray) -> Cube:
    """All valid, out of (rows, cols, bands)."""
    rows, cols, _ = values.shape
    return Cube(Window(0, 0, rows, cols), values.transpose(2, 0, 1).astype(np.float32), np.ones((rows, cols), bool))


def fit(sample: list[Cube], report=lambda step, steps, loss: None, **changes):
    return method.fit(sample, settings.build(Config, {"num_endmembers": 3, **changes}), CPU, report)


def angles(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    return spectral_angles(found[match(found, true)], true).diagonal()


@pytest.mark.parametrize("count", [3, 4])
@pytest.mark.parametrize("noise", [0, 0.002])
@pytest.mark.parametrize("seed", [0, 1])
def test_without_pure_pixels_it_beats_vca_clearly(count: int, noise: float, seed: int) -> None:
    one, true, shares = scene(count, noise=noise, seed=seed)
    fitted = fit([one], num_endmembers=count)
    pure = one.pixels[vca(one.pixels, count, 0, 10)]
    assert angles(fitted.endmembers, true).mean() < 0.4 * angles(pure, true).mean()
    order = match(fitted.endmembers, true)
    assert rmse(fitted.unmix(one).abundances.reshape(count, -1)[order].T, shares) < 0.04


@pytest.mark.parametrize("purest", [0.7, 0.9])
def test_endmembers_that_no_pixel_shows_are_found_without_noise(purest: float) -> None:
    one, true, _ = scene(purest=purest, seed=2)
    assert angles(fit([one]).endmembers, true).max() < (0.06 if purest < 0.8 else 0.02)


def test_where_pixels_are_pure_they_are_found_too() -> None:
    one, true, _ = scene(purest=1, noise=0.002, seed=1)
    assert angles(fit([one]).endmembers, true).max() < 0.03


def test_more_weight_makes_a_smaller_simplex_and_a_worse_fit() -> None:
    one, _, _ = scene(noise=0.004)
    pixels, volumes, errors = one.pixels, [], []
    for weight in (0, 1, 30, 1000):
        found = fit([one], volume_weight=weight)
        sides = found.endmembers[1:].astype(float) - found.endmembers[0]
        volumes.append(np.linalg.slogdet(sides @ sides.T)[1])
        errors.append(np.mean(found.unmix(one).error ** 2))
    assert volumes[1:] == sorted(volumes[1:], reverse=True) and volumes[0] > volumes[2]
    assert errors[1:] == sorted(errors[1:])
    assert len(pixels) == 43 * 29


def problem(noise: float = 0.003, weight: float = 1.0, count: int = 3) -> tuple[Problem, np.ndarray]:
    """A problem and VCA's endmembers to start from."""
    pixels = scene(count, noise=noise)[0].pixels
    return Problem(pixels, count, weight), pixels[vca(pixels, count, 1)].astype(np.float64)


@pytest.mark.parametrize("noise", [0, 0.003, 0.02])
@pytest.mark.parametrize("weight", [0, 1, 50])
def test_the_loss_falls_in_every_iteration(noise: float, weight: float) -> None:
    one, start = problem(noise, weight)
    found = list(minimise(one, start, 80))
    losses = [loss for _, loss in found]
    assert (np.diff(losses) < 0).all()
    assert losses[-1] < losses[0] and losses[-1] >= 0
    for spectra_, loss in found[:: max(1, len(found) // 4)]:
        assert spectra_.min() >= 0
        assert loss == pytest.approx(plain_loss(one, spectra_, one.abundances(spectra_)), rel=1e-4)


def plain_loss(one: Problem, spectra_: np.ndarray, abundances: np.ndarray) -> float:
    """The loss pixel by pixel, with the volume out of the endmembers' singular values."""
    squares = [np.sum((y.astype(float) - h.astype(float) @ spectra_) ** 2) for y, h in zip(one.pixels, abundances)]
    lengths = np.linalg.svd(spectra_ - spectra_.mean(axis=0), compute_uv=False)
    return 0.5 * np.mean(squares) + 0.5 * one.weight * np.log(1 + lengths**2 / one.floor).sum()


def test_many_steps_on_the_endmembers_reach_what_a_general_solver_reaches() -> None:
    one, start = problem()
    abundances = one.abundances(start)
    found = start
    for _ in range(300):
        found = one.improved(found, abundances)

    def value(flat: np.ndarray) -> float:
        return plain_loss_of_moments(one, flat.reshape(start.shape), abundances)

    best = minimize(value, start.ravel(), method="L-BFGS-B", bounds=[(0, None)] * start.size, options={"maxiter": 60})
    assert value(found.ravel()) <= best.fun * (1 + 1e-4)
    assert value(found.ravel()) < value(start.ravel())


def plain_loss_of_moments(one: Problem, spectra_: np.ndarray, abundances: np.ndarray) -> float:
    """The loss for fixed abundances."""
    residual = one.pixels - abundances.astype(float) @ spectra_
    lengths = np.linalg.svd(spectra_ - spectra_.mean(axis=0), compute_uv=False)
    return 0.5 * np.mean((residual**2).sum(axis=1)) + 0.5 * one.weight * np.log(1 + lengths**2 / one.floor).sum()


def test_the_weight_is_the_noise_that_is_found() -> None:
    one, _ = problem(noise=0.01)
    assert one.weight == pytest.approx(0.01**2, rel=0.5)
    assert problem(noise=0.01, weight=3)[0].weight == pytest.approx(3 * one.weight)
    clean, _ = problem(noise=0)
    assert clean.weight == pytest.approx(FLOOR * np.mean((clean.pixels**2).sum(axis=1)), rel=1e-4)


def test_endmembers_are_never_negative_where_the_smallest_simplex_would_be() -> None:
    generator = np.random.default_rng(3)
    true = np.eye(3, 12) * 0.5
    shares = generator.dirichlet(np.ones(3), 3000)
    values = shares[shares.max(axis=1) < 0.8][:600] @ true + generator.normal(0, 0.003, (600, 12))
    found = fit([cube(values.reshape(30, 20, 12))])
    assert found.endmembers.min() >= 0
    assert angles(found.endmembers, true).max() < 0.06


def test_the_progress_names_iterations_and_losses() -> None:
    seen: list[tuple[int, int, float]] = []
    fit([scene(noise=0.002)[0]], lambda *one: seen.append(one), iterations=5)
    assert [one[:2] for one in seen] == [(step, 5) for step in range(1, 6)]
    losses = [loss for _, _, loss in seen]
    assert losses == sorted(losses, reverse=True)


def test_it_ends_early_where_nothing_changes() -> None:
    seen: list[int] = []
    fit([cube(np.full((5, 7, 12), 0.3))], lambda step, steps, loss: seen.append(step), num_endmembers=2)
    assert len(seen) < 50


def test_black_pixels_alone_leave_nothing_that_is_no_number() -> None:
    found = fit([cube(np.zeros((5, 7, 12)))], num_endmembers=2)
    np.testing.assert_array_equal(found.endmembers, 0)


@pytest.mark.parametrize("bands", [3, 4])
def test_few_bands_are_enough(bands: int) -> None:
    one, _, _ = scene(noise=0.002)
    few = Cube(one.window, one.reflectance[:: 30 // bands][:bands], one.valid)
    found = fit([few], num_endmembers=3)
    assert found.endmembers.shape == (3, bands) and np.isfinite(found.endmembers).all()


def test_many_pixels_are_drawn_from_and_the_seed_says_which(monkeypatch) -> None:
    one, true, _ = scene()
    monkeypatch.setattr(method, "MOST_PIXELS", 600)
    first, again, other = fit([one]), fit([one]), fit([one], seed=3)
    np.testing.assert_array_equal(first.endmembers, again.endmembers)
    assert not np.array_equal(first.endmembers, other.endmembers)
    assert angles(first.endmembers, true).max() < 0.1
