"""Work cut to what a graphics card's memory holds just now; another program, or a second QGIS, may use it too."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from functools import partial
from typing import Any, TypeVar

import numpy as np
import torch

from .cube import Array, Cube, Window

USED = 0.7
"""Of the free memory: pieces are not all alike, and memory gets cut up."""
FEWEST = 64
"""Pixels of a window that are not cut any further."""
FULL = (
    "The graphics card's memory is full. Close other programs that use it, choose a smaller feature width or batch, or "
    "choose the device 'cpu'."
)
MAPPING = ("classify", "unmix", "unmix_and_classify")
"""What fitted methods do with a window."""

Arrays = tuple[Array, ...]
Found = TypeVar("Found")


class CardFull(ValueError):
    """A graphics card's memory is full, however small the part: a sentence for the user."""

    def __init__(self, text: str = FULL) -> None:
        super().__init__(text)


class OnCard:
    """A network fitted on a graphics card; if the card gives up while it maps, it goes on on the processor."""

    def __init__(self, fitted: Any, device: torch.device, notice: Callable[[str], None]) -> None:
        """``notice`` hears why the card was left. A copy is made now: what a broken card holds cannot be read."""
        self._fitted, self._device, self._notice = fitted, device, notice
        self._spare = deepcopy(fitted)
        self._spare.to_processor()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._fitted, name)
        return partial(self._tried, name) if name in MAPPING and on_card(self._device) else found

    def _tried(self, name: str, cube: Cube) -> Any:
        try:
            return getattr(self._fitted, name)(cube)
        except Exception as error:
            text = failure(error, self._device)
            if not text:
                raise
        self._fitted, left, self._device = self._spare, self._device, torch.device("cpu")
        release(left)
        self._notice(f"{text}, so the processor is used from here on.")
        return getattr(self._fitted, name)(cube)


def failure(error: Exception, device: torch.device) -> str:
    """What went wrong with a graphics card, as the beginning of a sentence; empty if it was not the card."""
    if isinstance(error, CardFull) or (on_card(device) and full(error)):
        return FULL.split(". ")[0]
    if isinstance(error, (ValueError, OSError)) or not on_card(device):  # refusals, and a reader that has gone
        return ""
    first = next(iter(str(error).strip().splitlines()), "")[:200]
    return f"The graphics card failed ({type(error).__name__}{': ' if first else ''}{first})"


def on_card(device: torch.device) -> bool:
    """Whether work on this device goes the way of graphics cards; all that depends on it asks here."""
    return device.type != "cpu"


def free(device: torch.device) -> float:
    """Bytes that may still be taken on a device: what its driver calls free and what torch holds in stock.

    Infinite on the processor, whose memory the operating system shares out.
    """
    if device.type == "cuda":
        stock = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return float(torch.cuda.mem_get_info(device)[0] + max(0, stock))
    if device.type == "mps":
        return float(torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
    return math.inf


def release(device: torch.device) -> None:
    """Give what torch holds in stock back to the card, for other programs; a card that is broken takes nothing."""
    with suppress(RuntimeError):
        if device.type == "cuda":
            torch.cuda.empty_cache()
        elif device.type == "mps":
            torch.mps.empty_cache()


def full(error: BaseException) -> bool:
    """Whether an error says that a graphics card's memory is full."""
    return isinstance(error, torch.OutOfMemoryError) or any(
        words in str(error)
        for words in (
            "out of memory",
            "CUBLAS_STATUS_ALLOC_FAILED",
            "CUBLAS_STATUS_NOT_INITIALIZED",  # most often for want of memory
            "CUDNN_STATUS_ALLOC_FAILED",
        )
    )


class Room:
    """Windows cut so that each part fits; what one part took tells how large the next may be."""

    def __init__(self, device: torch.device) -> None:
        self.device = torch.device(device)
        self.most, self.each = math.inf, 0.0

    def mapped(self, cube: Cube, halo: int, work: Callable[[Cube], Arrays]) -> Arrays:
        """What ``work`` gives for a cube (arrays (..., rows, cols), NaN in the halo), in as many parts as it takes.

        ``halo``: how far a pixel's result depends on others. A part that does not fit is halved and tried again;
        ValueError, a sentence, if even a small one does not.
        """
        if not on_card(self.device):
            return work(cube)
        pixels = cube.window.rows * cube.window.cols
        if pixels > FEWEST and pixels > self._fitting():
            return self._halves(cube, halo, work)
        try:
            return self._measured(cube, work)
        except RuntimeError as error:
            if not full(error):
                raise
        # Outside of the handler, whose traceback keeps the tensors that were in the way.
        release(self.device)
        if pixels <= FEWEST:
            raise CardFull
        self.most = pixels / 2
        return self._halves(cube, halo, work)

    def _fitting(self) -> float:
        """Pixels that fit by what is known."""
        return min(self.most, USED * free(self.device) / self.each if self.each else math.inf)

    def _measured(self, cube: Cube, work: Callable[[Cube], Arrays]) -> Arrays:
        if self.device.type != "cuda":
            return work(cube)
        before = torch.cuda.memory_allocated(self.device)
        torch.cuda.reset_peak_memory_stats(self.device)
        found = work(cube)
        taken = torch.cuda.max_memory_allocated(self.device) - before
        self.each = max(self.each, taken / max(1, cube.valid.size))
        return found

    def _halves(self, cube: Cube, halo: int, work: Callable[[Cube], Arrays]) -> Arrays:
        whole: Arrays = ()
        for part in halves(cube, halo):
            found = self.mapped(part, halo, work)
            if not whole:
                whole = tuple(np.full((*one.shape[:-2], *cube.valid.shape), np.nan, one.dtype) for one in found)
            rows, cols = _core(cube.window, part.window)
            for target, one in zip(whole, found, strict=True):
                target[..., rows, cols] = one[..., part.window.core[0], part.window.core[1]]
        return whole


def whole(device: torch.device, work: Callable[[], Arrays]) -> Arrays:
    """``work()``, which cannot be cut. ValueError, a sentence, if it does not fit."""
    try:
        return work()
    except RuntimeError as error:
        if not on_card(device) or not full(error):
            raise
    release(device)
    raise CardFull


def halves(cube: Cube, halo: int) -> list[Cube]:
    """A cube as two, cut across its longer side, each with as much halo as there is, ``halo`` at most."""
    window = cube.window
    along_rows = window.rows >= window.cols
    size = window.rows if along_rows else window.cols
    return [_part(cube, halo, along_rows, first, last) for first, last in ((0, size // 2), (size // 2, size))]


def _part(cube: Cube, halo: int, along_rows: bool, first: int, last: int) -> Cube:
    window = cube.window
    size, lead, tail = (
        (window.rows, window.halo[0], window.halo[1]) if along_rows else (window.cols, window.halo[2], window.halo[3])
    )
    before, after = min(halo, lead + first), min(halo, tail + size - last)
    taken = slice(lead + first - before, lead + last + after)
    if along_rows:
        moved = Window(window.row + first, window.col, last - first, window.cols, (before, after, *window.halo[2:]))
        return Cube(moved, cube.reflectance[:, taken], cube.valid[taken])
    moved = Window(window.row, window.col + first, window.rows, last - first, (*window.halo[:2], before, after))
    return Cube(moved, cube.reflectance[:, :, taken], cube.valid[:, taken])


def _core(whole: Window, part: Window) -> tuple[slice, slice]:
    """Where a part's core lies within what was read of the whole."""
    row, col = part.row - whole.row + whole.halo[0], part.col - whole.col + whole.halo[2]
    return slice(row, row + part.rows), slice(col, col + part.cols)


def batch(device: torch.device, bytes_each: float, most: int, least: int = 64) -> int:
    """How many pieces of so many bytes are worked on together: what fits, between ``least`` and ``most``."""
    room = free(device)
    return most if math.isinf(room) else int(max(least, min(most, USED * room // bytes_each)))


def in_batches(count: int, size: int, work: Callable[[slice], None], device: torch.device) -> None:
    """Call ``work`` for the pieces 0 to count, ``size`` together; fewer and again after out of memory.

    ValueError, a sentence, if not even one piece fits.
    """
    first = 0
    while first < count:
        try:
            work(slice(first, min(first + size, count)))
            first += size
            continue
        except RuntimeError as error:
            if not full(error):
                raise
        release(device)
        if size == 1:
            raise CardFull
        size //= 2


def fitted(
    fit: Callable[[torch.device], Found], device: torch.device, fall_back: bool, notice: Callable[[str], None]
) -> Found:
    """``fit(device)``; if the card gives up and ``fall_back`` allows it, ``fit`` on the processor, which is told.

    CardFull, a sentence, if the card's memory is full and the processor is not allowed.
    """
    try:
        return fit(device)
    except Exception as error:
        text = failure(error, device)
        if not text or not (fall_back or isinstance(error, CardFull) or full(error)):
            raise
    # Outside of the handler, whose traceback keeps the tensors that were in the way.
    release(device)
    if not fall_back:
        raise CardFull
    notice(f"{text}, so the processor is used instead.")
    return fit(torch.device("cpu"))
