"""Matrix products by the faster of the two libraries inside torch's CPU build, MKL and oneDNN.

On some processors one is more than twice as fast as the other; on others the faster one rounds to bfloat16. So both
speed and error are measured at first use.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

SMALL = 2**21
"""Multiplications below which the way into the other library costs more than it saves."""
WORST_ERROR = 1e-5
MARGIN = 1.2
"""How much faster oneDNN must be: near a draw every run should choose alike."""


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x W^T + bias, like torch's own. x (..., in), weight (out, in), bias (out,) -> (..., out)."""
    plain = x.device.type != "cpu" or torch.is_autocast_enabled("cpu") or x.numel() * weight.shape[0] <= SMALL
    if plain or x.dtype != torch.float32 or weight.dtype != torch.float32 or not uses_onednn():
        return functional.linear(x, weight, bias)
    y: Tensor = _Linear.apply(x.reshape(-1, x.shape[-1]), weight, bias)  # type: ignore[no-untyped-call]
    return y.view(*x.shape[:-1], weight.shape[0])


class Linear(nn.Linear):
    """torch's Linear by the faster library; same weights, same state dict."""

    def forward(self, x: Tensor) -> Tensor:
        """x (..., in) -> (..., out)."""
        return linear(x, self.weight, self.bias)


@cache
def uses_onednn() -> bool:
    """Whether oneDNN is at least MARGIN faster here and as exact as float32 should be."""
    return _judgement()[0]


def sentence() -> str:
    """Which library multiplies matrices, and why; for the report."""
    return _judgement()[1]


@cache
def _judgement() -> tuple[bool, str]:
    present = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    if not present or not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        return False, "Matrix products run in torch's default library: oneDNN is not part of this torch."
    draw = torch.Generator().manual_seed(0)
    x, weight = torch.randn(2048, 64, generator=draw), torch.randn(128, 64, generator=draw)
    exact = x.double() @ weight.double().t()
    error = ((_product(x, weight) - exact).abs().max() / exact.abs().max()).item()
    if error > WORST_ERROR:
        return False, f"Matrix products run in torch's default library: oneDNN's relative error here is {error:.0e}."
    gain = _best(lambda: functional.linear(x, weight)) / _best(lambda: _product(x, weight))
    name = "oneDNN" if gain > MARGIN else "torch's default library"
    return gain > MARGIN, f"Matrix products run in {name}: oneDNN was measured {gain:.1f} times as fast as the default."


def _best(call: Callable[[], Tensor]) -> float:
    times = []
    for _ in range(12):
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return min(times)


def _product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x W^T + bias through oneDNN; x (m, in), weight (out, in), in any memory order."""
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")  # type: ignore[no-any-return]


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.has_bias = bias is not None
        return _product(x, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> Any:
        x, weight = ctx.saved_tensors
        needs_x, needs_weight, _ = ctx.needs_input_grad
        dx = _product(dy, weight.t()) if needs_x else None
        dweight = None
        if needs_weight:
            # oneDNN copies the transposed left factor, so that should be the narrower one.
            narrow = dy.shape[1] <= x.shape[1]
            dweight = _product(dy.t(), x.t()) if narrow else _product(x.t(), dy.t()).t()
        return dx, dweight, dy.sum(0) if ctx.has_bias else None
