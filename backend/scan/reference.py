"""The scan and the convolution as the paper writes them: slow, any dtype, obviously right. Every other form is tested
against this one. Must not be optimised.

Glossary (Gu and Dao, "Mamba", 2023, section 3): b batch, l tokens, d channels, n states; u input, delta step size,
A state decay (negative), B input matrix, C output matrix, D skip, z gate, h state.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from .inputs import ScanInputs, state_dtype


def scan(inputs: ScanInputs) -> tuple[Tensor, Tensor]:
    """One token after the other: output (b, l, d) in u's dtype and the last state (b, d, n).

    h_t = exp(delta_t A) h_{t-1} + delta_t B_t u_t;  y_t = C_t h_t + D u_t;  out_t = y_t silu(z_t).
    A is discretised by zero-order hold, B by Euler's rule, as in the paper's own kernel.
    """
    batch, length, channels, states = inputs.sizes
    call = inputs.to(state_dtype(inputs.u.dtype))
    delta = step_sizes(call)
    state = call.u.new_zeros(batch, channels, states) if call.initial_state is None else call.initial_state
    order = range(length - 1, -1, -1) if call.reverse else range(length)
    rows: list[Tensor] = [call.u] * length
    for t in order:
        decay = torch.exp(delta[:, t, :, None] * call.A)
        state = decay * state + (delta[:, t] * call.u[:, t])[:, :, None] * call.B[:, t, None, :]
        rows[t] = (state * call.C[:, t, None, :]).sum(-1)
    y = torch.stack(rows, dim=1) if rows else torch.zeros_like(call.u)
    if call.D is not None:
        y = y + call.D * call.u
    if call.z is not None:
        y = y * functional.silu(call.z)
    return y.to(inputs.u.dtype), state


def step_sizes(inputs: ScanInputs) -> Tensor:
    """delta (b, l, d) with its bias added and softplus taken, as the call asks."""
    delta = inputs.delta if inputs.delta_bias is None else inputs.delta + inputs.delta_bias
    return functional.softplus(delta) if inputs.delta_softplus else delta


def conv(x: Tensor, weight: Tensor, bias: Tensor | None, silu: bool, reverse: bool) -> Tensor:
    """Causal depthwise convolution: y_t = sum_j weight_j x_{t-k+1+j} + bias, then SiLU where asked.

    x (b, l, d), weight (d, k), bias (d,) -> (b, l, d) in x's dtype. With `reverse` token t sees t, t+1, ...
    """
    dtype = state_dtype(x.dtype)
    width = weight.shape[1]
    rows = x.to(dtype).flip(1) if reverse else x.to(dtype)
    padded = functional.pad(rows, (0, 0, width - 1, 0))
    y = torch.zeros_like(rows) if bias is None else bias.to(dtype).expand_as(rows)
    for j in range(width):
        y = y + padded[:, j : j + x.shape[1]] * weight[:, j].to(dtype)
    y = functional.silu(y) if silu else y
    return (y.flip(1) if reverse else y).to(x.dtype)
