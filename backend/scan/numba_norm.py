"""LayerNorm, SiLU and sums on the CPU through compiled kernels; the arithmetic stands in `norm_kernels`."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from . import norm_kernels, pool
from .instructions import LANES
from .numba_form import parts_of, wide

WORK = 8
"""State updates of the scan that one value of a row costs about as much as."""
Square = tuple[int, int, int, int]


class NormSilu(torch.autograd.Function):
    """gain silu(norm(x)) + keep base + other that keeps only its operands and computes the rest again."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        base: Tensor | None,
        other: Tensor | None,
        gain: Tensor | None,
        keep: Tensor | None,
        eps: float,
    ) -> Tensor:
        """As `norm.norm_silu`."""
        ctx.save_for_backward(x, weight, bias, base, gain, keep)
        ctx.eps, ctx.has_other = eps, other is not None
        like = x if base is None else base
        rows = [wide(one) for one in (x, base, other)]
        y = torch.empty_like(like, dtype=torch.float32) if like.stride(-1) == 1 else torch.empty(x.shape)
        sizes, parts, norm = _cut(x, weight, bias)
        shares = _number(gain), _number(keep)
        tables = [_square(one) for one in (*rows, y)]

        def work(part: int) -> None:
            norm_kernels.forward(*parts[part], sizes, _addresses(norm), eps, shares, *tables)

        pool.run(len(parts), work)
        return y.to(x.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> Any:
        """Gradients like the operands."""
        x, weight, bias, base, gain, keep = ctx.saved_tensors
        source, below, dout = wide(x), wide(base), wide(dy)
        dx, dbase = torch.empty(x.shape), None
        if below is not None and keep is not None:
            dbase = torch.empty_like(below, dtype=torch.float32)
        sizes, parts, norm = _cut(x, weight, bias)
        shares = _number(gain), _number(keep)
        sums = np.zeros((max(1, len(parts)), 4, x.shape[3]))
        tables = [_square(one) for one in (source, below, dout, dx, dbase)]

        def work(part: int) -> None:
            norm_kernels.backward(*parts[part], sums[part], sizes, _addresses(norm), ctx.eps, shares, *tables)

        pool.run(len(parts), work)
        dweight, dbias, dgain, dkeep = torch.from_numpy(sums.sum(0))
        if base is not None:
            dbase = dy if dbase is None else dbase.to(base.dtype)
        return (
            dx.to(x.dtype),
            dweight.to(weight.dtype),
            dbias.to(bias.dtype),
            dbase,
            dy if ctx.has_other else None,
            None if gain is None else dgain.sum().to(gain.dtype),
            None if keep is None else dkeep.sum().to(keep.dtype),
            None,
        )


def _cut(x: Tensor, weight: Tensor, bias: Tensor) -> tuple[tuple[int, ...], list[tuple[int, int]], list[Tensor]]:
    """The kernel's sizes, the ranges of lines, and weights, biases and a mask of channels in whole vectors."""
    batch, lines, tokens, channels = x.shape
    norm = [_whole(weight.detach()), _whole(bias.detach()), _mask(channels)]
    return (lines, tokens, channels, -(-channels // LANES)), parts_of(batch * lines, WORK * x.numel()), norm


@cache
def _mask(channels: int) -> Tensor:
    """1 for each channel, 0 behind them up to a whole vector."""
    return _whole(torch.ones(channels))


def _whole(values: Tensor) -> Tensor:
    """(d,) with zeros up to whole vectors; copied only where it must be."""
    lacking = -values.shape[0] % LANES
    return (functional.pad(values.float(), (0, lacking)) if lacking else values.float()).contiguous()


def _square(rows: Tensor | None) -> Square:
    """(address, bytes from image to image, from line to line, from token to token); address 0 for None."""
    if rows is None:
        return 0, 0, 0, 0
    batch, line, token = (4 * step for step in rows.stride()[:3])
    return rows.data_ptr(), batch, line, token


def _addresses(norm: list[Tensor]) -> tuple[int, ...]:
    return tuple(one.data_ptr() for one in norm)


def _number(value: Tensor | None) -> float:
    return 1.0 if value is None else float(value)
