"""The scan and the convolution through mamba_ssm and causal_conv1d, where a user has built them. Only a translation.

Their kernels bring gradients of their own, so this form has `apply` instead of `forward` and `backward`. They want one
precision for all sequences; here that is float32, so that inputs of half precision lose nothing more.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .conv import torch_conv
from .inputs import ScanInputs

MOST_STATES = 256
"""Of their kernels."""


def apply(inputs: ScanInputs, last: bool) -> tuple[Tensor, Tensor | None]:
    """Output (b, l, d) in u's dtype and, when `last`, the last state (b, d, n); under autograd.

    ValueError for what their kernels cannot do.
    """
    from mamba_ssm.ops.selective_scan_interface import selective_scan_fn

    if inputs.initial_state is not None:
        raise ValueError("mamba_ssm takes no initial state; choose the form triton or torch.")
    if inputs.A.shape[1] > MOST_STATES:
        raise ValueError(f"mamba_ssm takes {MOST_STATES} states at most; choose the form triton or torch.")
    u, delta, B, C, z = (None if t is None else _turned(t, inputs.reverse) for t in _sequences(inputs))
    found = selective_scan_fn(
        u, delta, inputs.A.float(), B, C, _float(inputs.D), z, _float(inputs.delta_bias), inputs.delta_softplus, last
    )
    y, state = found if last else (found, None)
    y = y.transpose(1, 2).to(inputs.u.dtype)
    return y.flip(1) if inputs.reverse else y, state


def conv(x: Tensor, weight: Tensor, bias: Tensor | None, silu: bool, reverse: bool) -> Tensor:
    """The causal convolution; torch's own where causal_conv1d does not serve the filter width."""
    from causal_conv1d import causal_conv1d_fn

    if not 2 <= weight.shape[1] <= 4:
        return torch_conv(x, weight, bias, silu, reverse)
    rows = causal_conv1d_fn(_turned(x, reverse), weight.float(), _float(bias), activation="silu" if silu else None)
    y: Tensor = rows.transpose(1, 2).to(x.dtype)
    return y.flip(1) if reverse else y


def _sequences(inputs: ScanInputs) -> tuple[Tensor | None, ...]:
    return inputs.u, inputs.delta, inputs.B, inputs.C, inputs.z


def _turned(rows: Tensor, reverse: bool) -> Tensor:
    """(b, l, x) as (b, x, l) in float32."""
    return (rows.flip(1) if reverse else rows).transpose(1, 2).to(torch.float32).contiguous()


def _float(values: Tensor | None) -> Tensor | None:
    return None if values is None else values.to(torch.float32)
