"""Which forms of the scan there are, which one runs where, and why. Computes nothing.

A form called x is the module `x_form` with `forward(inputs, keep, last)` and `backward(inputs, entries, dy, dlast)`,
and with `conv` where it has a convolution of its own; it is imported at first use.
Nothing is replaced in silence: `chosen_form` gives the sentence for the report and the events.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

import torch


@dataclass(frozen=True)
class Choice:
    """A form's name and the sentence that says why it runs, or why it does not."""

    name: str
    sentence: str
    available: bool = True


def forms(device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32) -> list[Choice]:
    """All forms, the fastest first, each with whether it can run on `device` in `dtype` and why."""
    kind = torch.device(device).type
    return [
        _numba(kind, dtype),
        Choice("torch", f"The chunked form in plain torch operators runs on {kind}."),
        Choice("reference", "The sequential form is slow and meant for tests; it runs only when asked for by name."),
    ]


def chosen_form(device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32) -> Choice:
    """The form that `selective_scan` takes by itself on `device` for `dtype`, and why."""
    listed = forms(device, dtype)
    chosen = next(form for form in listed if form.available)
    passed = [form.sentence for form in listed[: listed.index(chosen)]]
    return Choice(chosen.name, " ".join([chosen.sentence, *passed]))


def form_module(name: str | None, device: torch.device, dtype: torch.dtype) -> ModuleType:
    """The module of the form called `name`, or of the chosen one. ValueError when it cannot run here."""
    listed = {form.name: form for form in forms(device, dtype)}
    name = chosen_form(device, dtype).name if name is None else name
    if name not in listed:
        raise ValueError(f"There is no scan form called {name}; choose one of {', '.join(listed)}.")
    if not listed[name].available:
        raise ValueError(f"The scan form {name} cannot run here. {listed[name].sentence}")
    return import_module(f"{__package__}.{name}_form")


def _numba(kind: str, dtype: torch.dtype) -> Choice:
    """The compiled form: on the CPU, in float32 and smaller, where Numba is installed."""
    if kind != "cpu":
        return Choice("numba", f"The compiled Numba form runs on the CPU only, not on {kind}.", False)
    if dtype == torch.float64:
        return Choice("numba", "The compiled Numba form computes in float32, not in float64.", False)
    if not _numba_loads():
        return Choice("numba", "The compiled Numba form is missing: install numba beside torch to be faster.", False)
    return Choice("numba", "The compiled Numba form is the fastest on the CPU.")


@cache
def _numba_loads() -> bool:
    """Whether Numba is there; asked without importing it, which takes a second."""
    return find_spec("numba") is not None
