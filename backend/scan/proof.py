"""Whether a form gives what the reference gives on this very machine: asked before it is used.

Tried are the ways in which the networks call it: sizes that fill a kernel's blocks and sizes that do not, the states
that are the default and those of UNMamba, both directions, with gate and without, with gradients and without, several
segments, half precision, and the convolution where a form has its own. Other numbers of states than 4, 5 and 16 are
compiled when they are first used. The reference is computed on the processor in float64.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

import torch
from torch import Tensor

from .. import compiler
from ..room import full
from . import reference, torch_form
from .inputs import ScanInputs

TOLERANCE, COARSE = 1e-4, 2e-2
"""The largest relative error in float32, and where inputs are of half precision."""
CALLS = (
    (80, 32, 16, False, True),
    (80, 32, 16, True, True),
    (70, 21, 5, True, True),
    (70, 21, 5, False, False),
    (16, 32, 4, False, True),
)
"""Tokens, channels, states, whether turned around, whether gated."""


def fault(form: ModuleType, device: torch.device) -> str:
    """Why `form` must not be used on `device`: a phrase; empty when values and gradients agree with the reference.

    Whatever `form` raises is such a reason: it comes from compilers, drivers and packages that are not Mixel's.
    """
    try:
        for name, worst, allowed in _errors(form, device):
            if not worst < allowed:  # NaN is a fault too
                return f"its relative error in a trial run was {worst:.0e} ({name})"
    except Exception as error:
        return reason(error)
    return ""


def reason(error: BaseException) -> str:
    """What went wrong in a trial run, as a phrase that says what to do where that is known."""
    text = str(error).strip()
    short = f"{type(error).__name__}: {text.splitlines()[0][:200]}" if text else type(error).__name__
    kind, missing = type(error).__name__, compiler.missing()
    if full(error):
        return "the graphics card's memory is full, so close other programs that use it"
    if missing and (kind in ("CalledProcessError", "FileNotFoundError") or "compiler" in text.lower()):
        return f"{missing} ({short})"
    if kind == "OutOfResources":
        return f"the graphics card is too small for its kernels ({short})"
    return f"it failed a trial run ({short})"


def _errors(form: ModuleType, device: torch.device) -> Iterator[tuple[str, float, float]]:
    """(what, largest relative error, what is allowed), one after the other."""
    for call in CALLS:
        length, channels, states, reverse, gated = call
        way = f"{', turned around' if reverse else ''}{'' if gated else ', without gate'}"
        name = f"{length} tokens, {channels} channels, {states} states{way}"
        yield name, _scan_error(form, trial(*call), device), TOLERANCE
    half = trial(*CALLS[0])
    small = [None if t is None else t.bfloat16() if t.dim() == 3 else t for t in half.tensors]
    yield "half precision", _scan_error(form, half.with_tensors(*small), device), COARSE
    if hasattr(form, "conv"):
        for reverse in (False, True):
            yield "convolution", _conv_error(form, device, reverse), TOLERANCE


def _scan_error(form: ModuleType, inputs: ScanInputs, device: torch.device) -> float:
    wide, here = inputs.to(torch.float64), _moved(inputs, device)
    exact, _ = reference.scan(wide)
    _, _, entries = torch_form.forward(wide, True, False)
    wanted = [grad for grad in torch_form.backward(wide, entries, torch.ones_like(exact), None) if grad is not None]
    leaves = [None if tensor is None else tensor.requires_grad_() for tensor in here.tensors]
    if hasattr(form, "apply"):
        y = form.apply(here.with_tensors(*leaves), False)[0]
        plain = y
        grads = list(torch.autograd.grad(y, [leaf for leaf in leaves if leaf is not None], torch.ones_like(y)))
    else:
        with torch.no_grad():
            plain = form.forward(here, False, False)[0]
            y, _, kept = form.forward(here, True, False)
            grads = [grad for grad in form.backward(here, kept, torch.ones_like(y), None) if grad is not None]
    pairs = [(plain, exact), (y, exact), *zip(grads, wanted, strict=True)]
    return float(torch.stack([_relative(found, expected) for found, expected in pairs]).max())


def _conv_error(form: ModuleType, device: torch.device, reverse: bool) -> float:
    draw = torch.Generator().manual_seed(1)
    tensors = [torch.randn(*shape, generator=draw) for shape in ((2, 70, 21), (21, 4), (21,))]
    wide = [t.double().requires_grad_() for t in tensors]
    here = [t.to(device).requires_grad_() for t in tensors]
    results = []
    for conv, (x, weight, bias) in ((form.conv, here), (reference.conv, wide)):
        y = conv(x, weight, bias, True, reverse)
        results.append([y, *torch.autograd.grad(y, [x, weight, bias], torch.ones_like(y))])
    return float(torch.stack([_relative(*pair) for pair in zip(*results, strict=True)]).max())


def _relative(found: Tensor, expected: Tensor) -> Tensor:
    wide = expected.detach()
    return (found.detach().cpu().double() - wide).abs().max() / wide.abs().max()


def _moved(inputs: ScanInputs, device: torch.device) -> ScanInputs:
    return inputs.with_tensors(*(None if t is None else t.detach().clone().to(device) for t in inputs.tensors))


def trial(length: int, channels: int, states: int, reverse: bool, gated: bool, batch: int = 2) -> ScanInputs:
    """A call on the processor with operands like those of a Mamba block, the same each time."""
    draw = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=draw)

    u, delta, z = (normal(batch, length, channels) for _ in range(3))
    B, C = (normal(batch, length, states) for _ in range(2))
    decay, skip, bias = -torch.exp(normal(channels, states)), normal(channels), normal(channels)
    return ScanInputs(u, delta - 1, decay, B, C, skip, z if gated else None, bias, None, True, reverse)
