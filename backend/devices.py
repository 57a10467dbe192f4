"""Where networks run: the processor, or a graphics card that showed in a trial that it is right and faster."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

import torch

from .scan import trials
from .scan.forms import LABELS

REPAIR = "Choose the device 'auto' or 'cpu', or repair the backend's Python on the Python page of Mixel's panel."


@dataclass(frozen=True)
class Chosen:
    """A device, how it is called, and the sentence that says why it was taken."""

    device: torch.device
    name: str
    sentence: str


os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
# Read when cuBLAS starts: without it, its products are not the same each time.
torch.backends.cudnn.allow_tf32 = False  # convolutions of ten bits would not be those of the processor

PROCESSOR = torch.device("cpu")


@cache
def choose(wish: str = "auto") -> Chosen:
    """The device for ``auto``, ``cpu``, ``cuda``, ``mps``, a number such as ``cuda:1`` or (part of) a card's name.

    ``auto`` takes whatever was fastest in a trial step; the others take what was asked for. ValueError says why that
    cannot be used.
    """
    wanted = wish.strip().lower()
    if wanted == "cpu":
        return Chosen(PROCESSOR, "cpu", "The processor was asked for.")
    cards, lack = _cards()
    fitting = _fitting(wanted, cards)
    if wanted != "auto" and not fitting:
        raise ValueError(_refusal(wish, [name for _, name in cards], lack))
    tried = [(device, name, trials.tried(device)) for device, name in fitting]
    able = [one for one in tried if not _fault(one[2])]
    faults = [f"{name} is not used: {_fault(found)}." for _, name, found in tried if _fault(found)]
    if wanted != "auto" and not able:
        raise ValueError(f"{' '.join(faults)} Choose the device 'auto' or 'cpu', or mend what is named.")
    if not able:
        return Chosen(PROCESSOR, "cpu", " ".join(faults or [lack or "No graphics card that torch can use was found."]))
    device, name, found = min(able, key=lambda one: one[2][trials.STEP].seconds)
    step = found[trials.STEP]
    times = f"{_milliseconds(step.seconds)} a trial step, the processor {_milliseconds(step.processor)}"
    if wanted == "auto" and step.seconds >= step.processor:
        reason = f"The processor is used, because {name} was not faster: it took {times}."
        return Chosen(PROCESSOR, "cpu", " ".join([reason, *faults]))
    _leave_memory_to_others(device)
    return Chosen(device, f"{device} ({name})", " ".join([f"{name} took {times}.", *faults]))


def _leave_memory_to_others(device: torch.device) -> None:
    """On Windows a driver lends a full card the computer's memory, many times as slow, instead of saying so."""
    if sys.platform == "win32" and device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        torch.cuda.set_per_process_memory_fraction(free / total, device)


def to_try(wish: str) -> list[str]:
    """Names of the cards that :func:`choose` is about to try for a wish."""
    wanted = wish.strip().lower()
    return [] if wanted == "cpu" else [name for _, name in _fitting(wanted, _cards()[0])]


def _cards() -> tuple[list[tuple[torch.device, str]], str]:
    """Graphics cards that torch sees, with their names; and why there is none, where torch says so."""
    fault = trials.silence() if torch.version.cuda or torch.version.hip else ""
    if fault:
        return [], f"The graphics card cannot be used: {fault}."
    try:
        return list(_seen()), ""
    except Exception as error:  # of a driver that is broken or too old
        text = str(error).strip().splitlines()
        return [], f"The graphics card cannot be used: {text[0][:200] if text else type(error).__name__}."


def _seen() -> Iterator[tuple[torch.device, str]]:
    if torch.cuda.is_available():
        for number in range(torch.cuda.device_count()):
            yield torch.device("cuda", number), torch.cuda.get_device_name(number)
    if torch.backends.mps.is_available():
        yield torch.device("mps"), "Apple's graphics processor"


def _fitting(wanted: str, cards: list[tuple[torch.device, str]]) -> list[tuple[torch.device, str]]:
    return [card for card in cards if wanted == "auto" or _fits(wanted, *card)]


def _fits(wanted: str, device: torch.device, name: str) -> bool:
    return wanted in (device.type, str(device)) or (wanted not in ("cuda", "mps") and wanted in name.lower())


def _fault(found: dict[str, trials.Tried]) -> str:
    """Why a device must not be used, as a phrase: no form of the scan runs there, or a whole step does not."""
    faults = [found[name].fault for name in LABELS if found[name].fault]
    return faults[-1] if len(faults) == len(LABELS) else found[trials.STEP].fault


def _refusal(wish: str, names: list[str], lack: str) -> str:
    if lack:
        return f"{lack} {REPAIR}"
    if wish.lower().startswith("cuda") and not names:
        return (
            "This computer's GPU cannot be used: no NVIDIA driver is found, or the backend's Python holds torch for "
            f"the CPU. {REPAIR}"
        )
    return f"There is no graphics card {wish!r} here; torch sees {', '.join(names) or 'none'}. {REPAIR}"


@contextmanager
def repeatable(device: torch.device, wanted: bool) -> Iterator[None]:
    """Within it torch takes operators that give the same each time, where it has such; slower on a graphics card.

    The scan's own kernels always do: no two of their programs add to the same number.
    """
    if device.type == "cpu" or not wanted:
        yield
        return
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of the operators that have no such form
            yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])


def promise(device: torch.device, wanted: bool) -> str:
    """What a second run with the same seed gives, in one sentence."""
    if device.type == "cpu":
        return "On this computer the same seed gives the same result, to the last digit."
    if wanted:
        return (
            "On this graphics card, driver and torch the same seed trains the same network, as long as the card's free "
            "memory allows the same parts; maps may differ in their last digits."
        )
    return (
        "On a graphics card the same seed gives nearly the same result: sums are made in an order that changes. The "
        "setting 'Same result each time' or the device 'cpu' prevents it."
    )


def _milliseconds(seconds: float) -> str:
    return f"{1e3 * seconds:.2g} ms"
