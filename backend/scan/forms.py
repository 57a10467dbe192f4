"""Which forms of the scan there are, which one runs where, and why. Computes nothing.

A form called x is the module `x_form` with `forward(inputs, keep, last)` and `backward(inputs, entries, dy, dlast)`,
and with `conv` or `norm_silu` where it has its own; or with `apply(inputs, last)`, which brings its own gradient.
It is imported at first use.
Nothing is replaced in silence: `chosen_form` gives the sentence for the report and the events.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

import torch

from . import proof


@dataclass(frozen=True)
class Choice:
    """A form's name and the sentence that says why it runs, or why it does not."""

    name: str
    sentence: str
    available: bool = True


def forms(device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32) -> list[Choice]:
    """All forms, the fastest first, each with whether it can run on `device` in `dtype` and why."""
    where = torch.device(device)
    plain = Choice("torch", f"The chunked form in plain torch operators runs on {where.type}.")
    slow = Choice("reference", "The sequential form is slow and meant for tests; it runs only when asked for by name.")
    if where.type == "cuda":
        return [_optional("triton", where, dtype), _optional("mamba_ssm", where, dtype), plain, slow]
    extra = [Choice("triton", "Triton's interpreter is on, for tests.")] if _interpreted(where) else []
    return [_numba(where.type, dtype), plain, *extra, slow]


def chosen_form(
    device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32, initial_state: bool = False
) -> Choice:
    """The form that `selective_scan` takes by itself on `device` for `dtype`, and why.

    With `initial_state` only forms that can begin from a state are considered.
    """
    listed = forms(device, dtype)
    able = [form for form in listed if form.available and not (initial_state and form.name == "mamba_ssm")]
    passed = [form.sentence for form in listed[: listed.index(able[0])] if not form.available]
    return Choice(able[0].name, " ".join([able[0].sentence, *passed]))


def form_module(name: str | None, device: torch.device, dtype: torch.dtype, initial_state: bool = False) -> ModuleType:
    """The module of the form called `name`, or of the chosen one. ValueError when it cannot run here."""
    if name is None:
        return _module(_chosen_name(device, dtype, initial_state))
    listed = {form.name: form for form in forms(device, dtype)}
    if name not in listed:
        raise ValueError(f"There is no scan form called {name}; choose one of {', '.join(listed)}.")
    if not listed[name].available:
        raise ValueError(f"The scan form {name} cannot run here. {listed[name].sentence}")
    return _module(name)


@cache
def _chosen_name(device: torch.device, dtype: torch.dtype, initial_state: bool) -> str:
    return chosen_form(device, dtype, initial_state).name


def _module(name: str) -> ModuleType:
    return import_module(f"{__package__}.{name}_form")


@cache
def _optional(name: str, device: torch.device, dtype: torch.dtype) -> Choice:
    """A form that needs a package users may not have, and must prove itself on this machine first."""
    package = {"triton": "Triton", "mamba_ssm": "mamba_ssm"}[name]
    needed = {"triton": ("triton",), "mamba_ssm": ("mamba_ssm", "causal_conv1d")}[name]
    if any(find_spec(part) is None for part in needed):
        return Choice(name, f"The {package} form is missing: {' and '.join(needed)} cannot be imported.", False)
    if dtype == torch.float64:
        return Choice(name, f"The {package} form computes in float32, not in float64.", False)
    try:
        fault = proof.fault(_module(name), device)
    except proof.FAILURES as error:
        fault = f"it cannot be imported ({type(error).__name__})"
    if fault:
        return Choice(name, f"The {package} form is not used: {fault}.", False)
    return Choice(name, f"The {package} form is the fastest here and agreed with the reference in a trial run.")


def _interpreted(device: torch.device) -> bool:
    """Whether Triton's interpreter may run the Triton form on the CPU."""
    wanted = device.type == "cpu" and os.environ.get("TRITON_INTERPRET") == "1"
    return wanted and find_spec("triton") is not None


def _numba(kind: str, dtype: torch.dtype) -> Choice:
    """The compiled form: on the CPU, in float32 and smaller, where Numba is installed."""
    if kind != "cpu":
        return Choice("numba", f"The compiled Numba form runs on the CPU only, not on {kind}.", False)
    if dtype == torch.float64:
        return Choice("numba", "The compiled Numba form computes in float32, not in float64.", False)
    if not _numba_loads():
        return Choice("numba", "The compiled Numba form is missing: install numba beside torch to be faster.", False)
    return Choice("numba", "The selective scan runs compiled (Numba) on the processor.")


@cache
def _numba_loads() -> bool:
    """Whether Numba is there; asked without importing it, which takes a second."""
    return find_spec("numba") is not None
