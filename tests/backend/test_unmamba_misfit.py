"""The misfit with few passes over the bands against the plain formulas."""

from __future__ import annotations

import pytest
import torch
from mixel.backend.methods.unmamba.method import spectral_angle
from mixel.backend.methods.unmamba.misfit import misfit
from torch import Tensor


def operands(noise: float, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    """Tiles (2, 30, 5, 4) that differ by `noise` from what the abundances (2, 3, 5, 4) mix of endmembers (3, 30)."""
    draw = torch.Generator().manual_seed(0)
    abundances = torch.softmax(torch.randn(2, 3, 5, 4, generator=draw, dtype=torch.float64), 1)
    endmembers = 0.1 + torch.rand(3, 30, generator=draw, dtype=torch.float64)
    tiles = torch.einsum("brhw,rl->blhw", abundances, endmembers)
    tiles = tiles + noise * torch.randn(tiles.shape, generator=draw, dtype=torch.float64)
    return tuple(one.to(dtype) for one in (tiles, abundances, endmembers))  # type: ignore[return-value]


def plain(tiles: Tensor, abundances: Tensor, endmembers: Tensor) -> tuple[Tensor, Tensor]:
    rebuilt = torch.einsum("brhw,rl->blhw", abundances, endmembers)
    return (rebuilt - tiles).square().mean(1), spectral_angle(rebuilt, tiles)


def values_and_gradients(function: object, operands: tuple[Tensor, Tensor, Tensor]) -> list[Tensor]:
    tiles, *leaves = operands
    leaves = [one.clone().requires_grad_() for one in leaves]
    squared, angle = function(tiles, *leaves)  # type: ignore[operator]
    weights = torch.linspace(0.5, 2, squared.numel(), dtype=tiles.dtype).view(squared.shape)
    return [squared.detach(), angle.detach(), *torch.autograd.grad(((squared + 0.1 * angle) * weights).sum(), leaves)]


@pytest.mark.parametrize("noise", [0.3, 1e-2, 1e-4])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-6), (torch.float32, 5e-3)])
def test_is_what_the_plain_formulas_give(noise: float, dtype: torch.dtype, tolerance: float) -> None:
    expected = values_and_gradients(plain, operands(noise))
    found = values_and_gradients(misfit, operands(noise, dtype))
    for mine, theirs in zip(found, expected, strict=True):
        assert (mine - theirs).abs().max() <= tolerance * theirs.abs().max() + 2e-6 * (dtype == torch.float32)


def test_gradients() -> None:
    tiles, abundances, endmembers = operands(0.05)
    leaves = abundances.requires_grad_(), endmembers.requires_grad_()
    assert torch.autograd.gradcheck(lambda a, e: misfit(tiles, a, e), leaves)


def test_equal_spectra_have_a_finite_slope() -> None:
    tiles, abundances, endmembers = operands(0.0, torch.float32)
    for one in values_and_gradients(misfit, (tiles, abundances, endmembers)):
        assert torch.isfinite(one).all()
    assert (misfit(tiles, abundances, endmembers)[1] < 1e-4).all()


@pytest.mark.parametrize("dark", [0.0, 1e-30, 1e-6, -1e-6])
def test_black_spectra_have_a_small_slope_and_leave_the_others_theirs(dark: float) -> None:
    tiles, abundances, endmembers = operands(0.05, torch.float32)
    whole = values_and_gradients(misfit, (tiles, abundances, endmembers))
    tiles[:, :, 2, 1] = dark
    found = values_and_gradients(misfit, (tiles, abundances, endmembers))
    others = torch.ones(tiles.shape[-2:], dtype=torch.bool)
    others[2, 1] = False
    assert not found[1][:, 2, 1].any()
    assert torch.equal(found[1][:, others], whole[1][:, others])
    assert all(torch.isfinite(one).all() for one in found) and found[2].abs().max() < 100
