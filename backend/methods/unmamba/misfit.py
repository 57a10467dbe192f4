"""How far spectra mixed from endmembers are from those of the scene, with few passes over the bands.

The residual is the only thing with bands that is ever written: of everything else a pixel needs three numbers, and the
gradients come from them and from products with the residual.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

SMOOTHING = 1e-12
"""Of the squared sine of an angle, so that its slope stays finite where spectra are equal."""
DARK = 1e-6
"""Squared length of a spectrum, as a share of what is mixed for it, below which it has no direction."""


def misfit(tiles: Tensor, abundances: Tensor, endmembers: Tensor) -> tuple[Tensor, Tensor]:
    """Mean squared error over the bands and spectral angle (radians), both (b, h, w), of abundances x endmembers.

    tiles (b, l, h, w), constants; abundances (b, r, h, w); endmembers (r, l). With m the mixture and d = tile - m the
    sine is |m x d|, by Lagrange's identity sqrt(m^2 d^2 - (m d)^2): it stays precise where an arccos has lost it all.
    A black spectrum has no direction: its angle counts as 0.
    """
    shape = abundances.shape[:1] + abundances.shape[2:]
    shares = abundances.flatten(2)
    dd, md = _Residual.apply(tiles.flatten(2), shares, endmembers)  # type: ignore[no-untyped-call]
    mm = (torch.matmul(endmembers @ endmembers.t(), shares) * shares).sum(1)
    squares = (mm + 2 * md + dd).detach().clamp_min(0)  # of the tile; rounding must not bring it below 0
    across = (mm * dd - md.square()).clamp_min(0) + SMOOTHING * mm * squares
    dark = squares <= DARK * mm
    across, along = across.masked_fill(dark, 1), (mm + md).masked_fill(dark, 1)
    angle = torch.atan2((across + torch.finfo(across.dtype).tiny).sqrt(), along).masked_fill(dark, 0)
    return (dd / endmembers.shape[1]).view(shape), angle.view(shape)


class _Residual(torch.autograd.Function):
    """d^2 and m d (b, p) of every pixel; see `misfit`."""

    @staticmethod
    def forward(ctx: Any, tiles: Tensor, shares: Tensor, endmembers: Tensor) -> tuple[Tensor, Tensor]:
        """tiles (b, l, p), shares (b, r, p), endmembers (r, l)."""
        mixing = endmembers.t().expand(len(tiles), -1, -1)
        residual = torch.baddbmm(tiles, mixing, shares, alpha=-1)
        inner = torch.matmul(endmembers, residual)
        ctx.save_for_backward(shares, endmembers, residual, inner)
        return torch.linalg.vector_norm(residual, dim=1).square(), (inner * shares).sum(1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_dd: Tensor, of_md: Tensor) -> tuple[None, Tensor, Tensor]:
        """With g and k the two gradients, that of m is (k - 2 g) d - k m."""
        shares, endmembers, residual, inner = ctx.saved_tensors
        of_residual, of_mixture = (of_md - 2 * of_dd)[:, None], of_md[:, None]
        mixed = torch.matmul(endmembers @ endmembers.t(), shares)
        first, second = of_residual * shares, of_mixture * shares
        pairs = torch.matmul(second, shares.transpose(1, 2)).sum(0)
        of_endmembers = torch.matmul(first, residual.transpose(1, 2)).sum(0) - pairs @ endmembers
        return None, of_residual * inner - of_mixture * mixed, of_endmembers
