"""The causal convolution on the CPU through compiled kernels; the arithmetic stands in `conv_kernels`."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from . import conv_kernels, pool
from .instructions import LANES
from .numba_form import address, parts_of, table, wide

WORK = 8
"""State updates of the scan that one token and channel of the convolution cost about as much as."""


class Conv(torch.autograd.Function):
    """y = silu(conv(x)) that keeps only its input and computes the rest again."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, silu: bool, reverse: bool) -> Tensor:
        """x (b, l, d), weight (d, k), bias (d,) -> (b, l, d) in x's dtype."""
        ctx.save_for_backward(x, weight, bias)
        ctx.silu, ctx.reverse = silu, reverse
        source, target = wide(x), torch.empty(x.shape)
        filters, shift = _filters(weight), None if bias is None else bias.detach().float().contiguous()
        sizes, parts = _cut(x, weight, silu)
        tables = table(source, reverse), table(target, reverse)

        def work(part: int) -> None:
            conv_kernels.forward(*parts[part], sizes, (address(filters), address(shift)), *tables)

        pool.run(len(parts), work)
        return target.to(x.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> Any:
        """dx (b, l, d), dweight (d, k), dbias (d,)."""
        x, weight, bias = ctx.saved_tensors
        source, dout, dx = wide(x), wide(dy), torch.empty(x.shape)
        filters, shift = _filters(weight), None if bias is None else bias.float().contiguous()
        sizes, parts = _cut(x, weight, ctx.silu)
        sums = np.zeros((max(1, len(parts)), weight.shape[1] + 1, x.shape[2]))
        tables = [table(rows, ctx.reverse) for rows in (source, dout, dx)]

        def work(part: int) -> None:
            conv_kernels.backward(*parts[part], sums[part], sizes, (address(filters), address(shift)), *tables)

        pool.run(len(parts), work)
        total = torch.from_numpy(sums.sum(0))
        dweight, dbias = total[:-1].t().to(weight.dtype), None if bias is None else total[-1].to(bias.dtype)
        return dx.to(x.dtype), dweight, dbias, None, None


def _filters(weight: Tensor) -> Tensor:
    """(d, k) as (k, d), padded with zeros to whole vectors."""
    return functional.pad(weight.detach().float().t(), (0, -weight.shape[0] % LANES)).contiguous()


def _cut(x: Tensor, weight: Tensor, silu: bool) -> tuple[tuple[int, ...], list[tuple[int, int]]]:
    """The kernel's sizes and the ranges of tasks."""
    batch, length, channels = x.shape
    tasks = batch * -(-channels // LANES)
    return (batch, length, channels, weight.shape[1], int(silu)), parts_of(tasks, WORK * x.numel())
