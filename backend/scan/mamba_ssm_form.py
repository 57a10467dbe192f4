"""The scan and the convolution through mamba_ssm and causal_conv1d, where a user has built them. Only a translation.

Their kernels bring gradients of their own, so this form has `apply` instead of `forward` and `backward`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .conv import torch_conv
from .inputs import ScanInputs


def apply(inputs: ScanInputs, last: bool) -> tuple[Tensor, Tensor | None]:
    """Output (b, l, d) and, when `last`, the last state (b, d, n); under autograd."""
    from mamba_ssm.ops.selective_scan_interface import selective_scan_fn

    if inputs.initial_state is not None:
        raise ValueError("mamba_ssm takes no initial state; choose the form triton or torch.")
    u, delta, B, C, z = (None if t is None else _turned(t, inputs.reverse) for t in _sequences(inputs))
    found = selective_scan_fn(
        u, delta, inputs.A.float(), B, C, _float(inputs.D), z, _float(inputs.delta_bias), inputs.delta_softplus, last
    )
    y, state = found if last else (found, None)
    y = y.transpose(1, 2)
    return y.flip(1) if inputs.reverse else y, state


def conv(x: Tensor, weight: Tensor, bias: Tensor | None, silu: bool, reverse: bool) -> Tensor:
    """The causal convolution; torch's own where causal_conv1d does not serve the filter width."""
    from causal_conv1d import causal_conv1d_fn

    if not 2 <= weight.shape[1] <= 4:
        return torch_conv(x, weight, bias, silu, reverse)
    y = causal_conv1d_fn(_turned(x, reverse), weight.to(x.dtype), bias, activation="silu" if silu else None)
    y = y.transpose(1, 2)
    return y.flip(1) if reverse else y  # type: ignore[no-any-return]


def _sequences(inputs: ScanInputs) -> tuple[Tensor | None, ...]:
    return inputs.u, inputs.delta, inputs.B, inputs.C, inputs.z


def _turned(rows: Tensor, reverse: bool) -> Tensor:
    """(b, l, x) as (b, x, l)."""
    return (rows.flip(1) if reverse else rows).transpose(1, 2).contiguous()


def _float(values: Tensor | None) -> Tensor | None:
    return None if values is None else values.to(torch.float32)
