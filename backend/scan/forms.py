"""Which forms of the scan there are, which one runs where, and why. Computes nothing.

A form is a module with `NAME`, `forward(inputs, keep)` and `backward(inputs, entries, dy, dlast)`.
Nothing is replaced in silence: `chosen_form` gives the sentence for the report and the events.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType

import torch

from . import torch_form


@dataclass(frozen=True)
class Choice:
    """A form's name and the sentence that says why it runs, or why it does not."""

    name: str
    sentence: str
    available: bool = True


def forms(device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32) -> list[Choice]:
    """All forms, the fastest first, each with whether it can run on `device` in `dtype` and why."""
    return [
        Choice("torch", "The chunked form in plain torch operators runs on every device."),
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
    return torch_form
