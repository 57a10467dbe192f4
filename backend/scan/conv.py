"""The short causal convolution in front of the scan, with its SiLU."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from . import reference
from .forms import form_module


def causal_conv1d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    silu: bool = True,
    reverse: bool = False,
    form: str | None = None,
) -> Tensor:
    """Depthwise convolution over the tokens that sees only the past, then SiLU.

    y_t = silu(sum_j weight_j x_{t-k+1+j} + bias). x (b, l, d), weight (d, k), bias (d,) -> (b, l, d) in x's dtype.
    With `reverse` token t sees t, t+1, ... `form` as in `selective_scan`.
    """
    if x.dim() != 3 or weight.dim() != 2 or weight.shape[0] != x.shape[2] or weight.shape[1] < 1:
        raise ValueError(
            f"causal_conv1d needs x as (b, l, d) and weight as (d, k), but got {tuple(x.shape)} and "
            f"{tuple(weight.shape)}; one filter belongs to each channel."
        )
    if bias is not None and bias.shape != x.shape[2:]:
        raise ValueError(f"causal_conv1d needs one bias for each of {x.shape[2]} channels, got {tuple(bias.shape)}.")
    if form == "reference" or not x.shape[1]:
        return reference.conv(x, weight, bias, silu, reverse)
    convolution = getattr(form_module(form, x.device, x.dtype), "conv", torch_conv)
    return convolution(x, weight, bias, silu, reverse)


def torch_conv(x: Tensor, weight: Tensor, bias: Tensor | None, silu: bool, reverse: bool) -> Tensor:
    """The same through torch's own convolution."""
    rows = x.transpose(1, 2)
    width = weight.shape[1]
    padding = (0, width - 1) if reverse else (width - 1, 0)
    kernel = (weight.flip(1) if reverse else weight)[:, None].to(x.dtype)
    bias = None if bias is None else bias.to(x.dtype)
    y = functional.conv1d(functional.pad(rows, padding), kernel, bias, groups=weight.shape[0]).transpose(1, 2)
    return functional.silu(y) if silu else y
