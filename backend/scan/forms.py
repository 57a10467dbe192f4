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

from . import trials

LABELS = {"triton": "Triton form", "mamba_ssm": "mamba_ssm form", "torch": "chunked form in plain torch operators"}


@dataclass(frozen=True)
class Choice:
    """A form's name and the sentence that says why it runs, or why it does not."""

    name: str
    sentence: str
    available: bool = True


def forms(device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32) -> list[Choice]:
    """All forms, the fastest first, each with whether it can run on `device` in `dtype` and why.

    On the CPU the order is that of the benchmarks, on other devices that of a trial on this machine.
    """
    where = torch.device(device)
    slow = Choice("reference", "The sequential form is slow and meant for tests; it runs only when asked for by name.")
    if where.type == "cpu":
        plain = Choice("torch", "The chunked form in plain torch operators runs on cpu.")
        extra = [Choice("triton", "Triton's interpreter is on, for tests.")] if _interpreted() else []
        return [_numba(dtype), plain, *extra, slow]
    return [*_tried(where, dtype), slow]


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
    chosen = chosen_form(device, dtype, initial_state).name
    if chosen == "reference" and device.type != "cpu":
        raise ValueError(f"The selective scan does not run on {device}; choose the device 'cpu'.")
    return chosen


def _module(name: str) -> ModuleType:
    return import_module(f"{__package__}.{name}_form")


def _tried(device: torch.device, dtype: torch.dtype) -> list[Choice]:
    """The forms of graphics cards: those that passed the trial by their time in it, then the others."""
    found = trials.tried(device)
    faults = {name: found[name].fault for name in LABELS}
    if dtype == torch.float64:
        narrow = dict.fromkeys(("triton", "mamba_ssm"), "it computes in float32, not in float64")
        faults = {name: fault or narrow.get(name, "") for name, fault in faults.items()}
    passed = sorted((name for name, fault in faults.items() if not fault), key=lambda name: found[name].seconds)
    failed = [
        Choice(name, f"The {LABELS[name]} is not used: {fault}.", False) for name, fault in faults.items() if fault
    ]
    times = ", ".join(f"{name} {1e3 * found[name].seconds:.2g} ms" for name in passed)
    why = "agreed with the reference in a trial run" + (f" and was the fastest ({times})" if len(passed) > 1 else "")
    able = [
        Choice(name, f"The {LABELS[name]} {why if number == 0 else 'was slower in a trial run'}.")
        for number, name in enumerate(passed)
    ]
    return [*failed, *able]


def _interpreted() -> bool:
    """Whether Triton's interpreter may run the Triton form on the CPU."""
    return os.environ.get("TRITON_INTERPRET") == "1" and find_spec("triton") is not None


def _numba(dtype: torch.dtype) -> Choice:
    """The compiled form: on the CPU, in float32 and smaller, where Numba is installed."""
    if dtype == torch.float64:
        return Choice("numba", "The compiled Numba form computes in float32, not in float64.", False)
    if not _numba_loads():
        return Choice("numba", "The compiled Numba form is missing: install numba beside torch to be faster.", False)
    return Choice("numba", "The selective scan runs compiled (Numba) on the processor.")


@cache
def _numba_loads() -> bool:
    """Whether Numba is there; asked without importing it, which takes a second."""
    return find_spec("numba") is not None
