"""The selective scan (S6) of Mamba: one function, one gradient, any form."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from . import reference
from .forms import form_module
from .inputs import ScanInputs, check, from_tensors


def selective_scan(
    u: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None = None,
    z: Tensor | None = None,
    delta_bias: Tensor | None = None,
    delta_softplus: bool = False,
    *,
    initial_state: Tensor | None = None,
    return_last_state: bool = False,
    reverse: bool = False,
    form: str | None = None,
) -> Tensor | tuple[Tensor, Tensor]:
    """The selective scan of Gu and Dao (2023), section 3.2, channels last.

    h_t = exp(delta_t A) h_{t-1} + delta_t B_t u_t;  y_t = C_t h_t + D u_t;  out_t = y_t silu(z_t).
    u, delta, z (b, l, d); A (d, n); B, C (b, l, n); D, delta_bias (d,); states (b, d, n). Returns (b, l, d) in u's
    dtype, with `return_last_state` also the state after the last token. `reverse` runs from the last token to the
    first; the initial state then enters there, and the last state is the one after token 0.
    `form` names a form; without it the fastest that runs on the device is taken (see `chosen_form`).
    """
    inputs = ScanInputs(u, delta, A, B, C, D, z, delta_bias, initial_state, delta_softplus, reverse)
    check(inputs)
    if form == "reference":
        y, last = reference.scan(inputs)
    else:
        module = form_module(form, u.device, u.dtype, initial_state is not None)
        if hasattr(module, "apply"):
            y, last = module.apply(inputs, return_last_state)
        else:
            y, last = _Scan.apply(module, return_last_state, delta_softplus, reverse, *inputs.tensors)  # type: ignore[no-untyped-call]
    return (y, last) if return_last_state else y


class _Scan(torch.autograd.Function):
    """Any fast form under autograd: the form keeps the states at chunk entries and computes the rest again."""

    @staticmethod
    def forward(
        ctx: Any, form: ModuleType, want_last: bool, softplus: bool, reverse: bool, *tensors: Tensor | None
    ) -> Any:
        inputs = from_tensors(tensors, softplus, reverse)
        keep = any(ctx.needs_input_grad)
        y, last, entries = form.forward(inputs, keep, want_last)
        if keep:
            ctx.form, ctx.softplus, ctx.reverse = form, softplus, reverse
            ctx.save_for_backward(*tensors, entries)
            ctx.set_materialize_grads(False)
        return y, last

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor | None, dlast: Tensor | None) -> Any:
        *tensors, entries = ctx.saved_tensors
        inputs = from_tensors(tensors, ctx.softplus, ctx.reverse)
        dy = torch.zeros_like(inputs.u) if dy is None else dy
        grads = ctx.form.backward(inputs, entries, dy, dlast)
        pairs = zip(grads, tensors, strict=True)
        return None, None, None, None, *(grad if grad is None else grad.to(tensor.dtype) for grad, tensor in pairs)
