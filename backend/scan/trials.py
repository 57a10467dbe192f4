"""The scan's forms tried and timed on a device, in a process of its own.

A compiler that is missing, a driver that hangs, a kernel that ends the process or leaves the device unusable: whatever
breaks there, this process goes on and knows what broke. ``python -m backend.trial DEVICE FORM...`` is that process; it
prints one JSON object for each form, as soon as it knows, and one for a step of a Mamba block.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import statistics
import subprocess  # nosec B404 # starts this Python with a fixed list of arguments
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import torch

from . import proof

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 600.0
"""Seconds for all of it: the first time on a machine, Triton compiles some twenty kernels of up to ten seconds."""
ASKED = 60.0
"""Seconds for the driver to say which cards there are."""
ASK = "import torch; torch.cuda.is_available() and torch.cuda.get_device_name(0)"
NEEDED = {"triton": ("triton",), "mamba_ssm": ("mamba_ssm", "causal_conv1d"), "torch": ()}
"""Packages of the forms that run on graphics cards."""
STEP = "step"
SHAPE = (64, 64, 16, False, True, 256)
"""Tokens, channels, states, direction, gate and sequences of the call that is timed."""
TOKENS = (256, 32, 64)
"""Sequences, tokens and width of the step that is timed: 8192 pixels."""
ROUNDS = 5
STEP_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Tried:
    """What a trial gave: why it must not be used, a phrase, empty if it may; and how long a forward and backward took.

    ``processor``: the seconds of the same on the processor, for the step alone.
    """

    fault: str = ""
    seconds: float = 0.0
    processor: float = 0.0


_known: dict[str, dict[str, Tried]] = {}


def tried(device: torch.device) -> dict[str, Tried]:
    """What is known of every form on a device other than the CPU, and of the step; tried at the first question."""
    name = _name(device)
    if name not in _known:
        _known[name] = _try(name, "mps" if device.type == "mps" else "")
    return _known[name]


def know(device: torch.device, found: dict[str, Tried]) -> None:
    """Settle what there is to know of a device, without a trial."""
    _known[_name(device)] = found


def forget() -> None:
    """Try every device anew."""
    _known.clear()


def _name(device: torch.device) -> str:
    """One name for one device: a tensor's may have a number where the device that was asked for has none."""
    if device.type == "cuda" and device.index is None:
        return f"cuda:{torch.cuda.current_device()}"
    return device.type if device.type == "mps" else str(device)


def _try(device: str, only_torch: str) -> dict[str, Tried]:
    found, left = {}, []
    for name, needed in NEEDED.items():
        lacking = [part for part in needed if find_spec(part) is None]
        if lacking:
            found[name] = Tried(f"{' and '.join(lacking)} cannot be imported")
        elif only_torch and needed:
            found[name] = Tried(f"it does not run on {only_torch}")
        else:
            left.append(name)
    left.append(STEP)
    ends = time.monotonic() + LIMIT
    while left:
        patience = ends - time.monotonic()
        if patience <= 0:  # a driver that hangs does so with every form
            found.update({name: Tried(f"its trial gave no answer for {LIMIT:.0f} seconds") for name in left})
            break
        told, ending = run([device, *(name for name in NEEDED if name in left or not found[name].fault)], patience)
        found.update({name: one for name, one in told.items() if name in left})
        left = [name for name in left if name not in found]
        if left:  # the one it was at when it ended; the others are tried without it
            found[left.pop(0)] = Tried(f"its trial run {ending}")
    return _with_another_form(device, found, ends)


def _with_another_form(device: str, found: dict[str, Tried], ends: float) -> dict[str, Tried]:
    """Try the step again without the form it failed with, as long as there is another one and time."""
    while found[STEP].fault and time.monotonic() < ends:
        able = sorted((name for name in NEEDED if not found[name].fault), key=lambda name: found[name].seconds)
        if len(able) < 2:
            break
        found[able[0]] = Tried(f"a step with it failed: {found[STEP].fault}")
        told, ending = run([device, *able[1:]], ends - time.monotonic())
        found[STEP] = told.get(STEP, Tried(f"its trial run {ending}"))
    return found


@cache
def silence() -> str:
    """Why the cards' driver must not be asked in this process, as a phrase: it hangs or crashes. Empty if it may be."""
    try:
        done = subprocess.run(  # nosec B603 # a list of arguments, no shell
            [sys.executable, "-c", ASK],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=ASKED,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"its driver gave no answer for {ASKED:.0f} seconds"
    except OSError as error:
        return f"its driver cannot be asked ({error})"
    return f"its driver ended the process that asked it with {_ending(done.returncode)}" if done.returncode < 0 else ""


def run(arguments: list[str], limit: float = LIMIT) -> tuple[dict[str, Tried], str]:
    """One such process: what it told, and how it ended, as a phrase."""
    command = [sys.executable, "-m", "backend.trial", *arguments]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path[1:]))}
    try:
        done = subprocess.run(  # nosec B603 # a list of arguments, no shell
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=limit,
            check=False,
        )
        output, code = done.stdout, done.returncode
        last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        ending = f"ended with {_ending(code)}" + (f" ({last[0][:200]})" if last else "")
    except subprocess.TimeoutExpired as error:
        output, ending = error.stdout or b"", f"gave no answer for {limit:.0f} seconds"
    except OSError as error:
        output, ending = b"", f"could not be started ({error})"
    told = {}
    for line in output.decode("utf-8", "replace").splitlines():
        with contextlib.suppress(ValueError, TypeError, KeyError, AttributeError):
            content = json.loads(line)
            name = content.pop("form")
            told[str(name)] = Tried(**content)
    return told, ending


def _ending(code: int) -> str:
    with contextlib.suppress(ValueError):
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"
    return f"exit code {code}"


def trial(device: torch.device, names: list[str]) -> Iterator[tuple[str, Tried]]:
    """Try these forms, then a step with the fastest of them, here and now; an error is a fault, never an exception."""
    found: dict[str, Tried] = {}
    for name in names:
        found[name] = _guarded(lambda name=name: _form(name, device))  # type: ignore[misc]
        yield name, found[name]
    know(device, {**{name: Tried("not tried here") for name in NEEDED}, **found})
    yield STEP, _guarded(lambda: _step(device))


def _guarded(ask: Callable[[], Tried]) -> Tried:
    try:
        return ask()
    except Exception as error:  # of compilers, drivers and packages that are not Mixel's
        return Tried(proof.reason(error))


def _form(name: str, device: torch.device) -> Tried:
    form = import_module(f"{__package__}.{name}_form")
    fault = proof.fault(form, device)
    if fault:
        return Tried(fault)
    inputs = proof.trial(*SHAPE)
    here = inputs.with_tensors(*(None if t is None else t.to(device).requires_grad_() for t in inputs.tensors))

    def call() -> None:
        if hasattr(form, "apply"):
            y = form.apply(here, False)[0]
            torch.autograd.grad(y, [t for t in here.tensors if t is not None], torch.ones_like(y))
        else:
            with torch.no_grad():
                y, _, kept = form.forward(here, True, False)
                form.backward(here, kept, torch.ones_like(y), None)

    return Tried("", _seconds(call, device))


def _step(device: torch.device) -> Tried:
    """A forward and backward of a Mamba block on the device and on the processor, which must agree."""
    from .block import MambaBlock

    torch.manual_seed(0)
    block, tokens = MambaBlock(TOKENS[2], 16), torch.randn(TOKENS)
    times, grads = [], []
    for where in (device, torch.device("cpu")):
        block.to(where).zero_grad(set_to_none=True)
        here = tokens.to(where)

        def call(here: torch.Tensor = here) -> None:
            block.zero_grad(set_to_none=True)
            block(here).square().sum().backward()

        times.append(_seconds(call, where))
        grads.append([one.grad.cpu() for one in block.parameters() if one.grad is not None])
    worst = torch.stack([(a - b).abs().max() / b.abs().max() for a, b in zip(*grads, strict=True)]).max().item()
    if not worst < STEP_TOLERANCE:
        return Tried(f"its relative error in a trial step was {worst:.0e}")
    return Tried("", *times)


def _seconds(call: Callable[[], None], device: torch.device) -> float:
    """The median of some calls after one that warms up."""
    times = []
    for _ in range(ROUNDS + 1):
        synchronise(device)
        begin = time.perf_counter()
        call()
        synchronise(device)
        times.append(time.perf_counter() - begin)
    return statistics.median(times[1:])


def synchronise(device: torch.device) -> None:
    """Wait until a device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
