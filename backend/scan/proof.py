"""Whether a form gives what the reference gives on this very machine: asked once before it is used."""

from __future__ import annotations

from types import ModuleType

import torch
from torch import Tensor

from . import reference, torch_form
from .inputs import ScanInputs

TOLERANCE = 1e-4
FAILURES = (RuntimeError, ValueError, TypeError, AttributeError, ImportError, OSError, KeyError)


def fault(form: ModuleType, device: torch.device) -> str:
    """Why `form` must not be used on `device`: a phrase; empty when values and gradients agree with the reference."""
    try:
        worst = _worst_error(form, device)
    except FAILURES as error:
        return f"it failed a trial run ({type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''})"
    # Written so that NaN is a fault.
    return "" if worst < TOLERANCE else f"its relative error in a trial run was {worst:.0e}"


def _worst_error(form: ModuleType, device: torch.device) -> float:
    inputs = _trial(device)
    wide = inputs.to(torch.float64) if device.type != "mps" else inputs
    exact = reference.scan(wide)[0]
    _, _, entries = torch_form.forward(wide, True, False)
    wanted = torch_form.backward(wide, entries, torch.ones_like(exact), None)
    leaves = [None if tensor is None else tensor.detach().requires_grad_() for tensor in inputs.tensors]
    if hasattr(form, "apply"):
        y = form.apply(inputs.with_tensors(*leaves), False)[0]
        given = [leaf for leaf in leaves if leaf is not None]
        grads = list(torch.autograd.grad(y, given, torch.ones_like(y)))
    else:
        y, _, kept = form.forward(inputs, True, False)
        grads = [grad for grad in form.backward(inputs, kept, torch.ones_like(y), None) if grad is not None]
    pairs = [(y, exact), *zip(grads, [grad for grad in wanted if grad is not None], strict=True)]
    errors = torch.stack([_relative(found, expected) for found, expected in pairs])
    return float(errors.max())


def _relative(found: Tensor, expected: Tensor) -> Tensor:
    return (found.double().cpu() - expected.double().cpu()).abs().max() / expected.double().cpu().abs().max()


def _trial(device: torch.device) -> ScanInputs:
    """A call that needs several tiles and segments, with sizes that fill nothing evenly."""
    draw = torch.Generator().manual_seed(0)
    batch, length, channels, states = 2, 150, 21, 5

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=draw).to(device)

    u, delta, z = (normal(batch, length, channels) for _ in range(3))
    B, C = (normal(batch, length, states) for _ in range(2))
    decay, skip, bias = -torch.exp(normal(channels, states)), normal(channels), normal(channels)
    return ScanInputs(u, delta - 1, decay, B, C, skip, z, bias, None, True, False)
