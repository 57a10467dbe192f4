"""Values of a swath for the pixels of a map of which line and sample are known: the nearest pixel, nothing mixed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...cube import Window

WASTE, SMALL = 3, 24
"""A window is halved while its pixels' box in the swath is so many times larger than what is needed of it, and its
longer side is longer than so many pixels."""
AT_ONCE = 512
"""Pixels whose spectra are turned into bands at a time: they stay in the processor's cache."""
Places = NDArray[np.int64]


@dataclass(frozen=True)
class Part:
    """Layers of a box of a swath in the order of the file, and which of them are wanted where."""

    values: NDArray[Any]
    """(layers, rows, cols), however it lies in memory."""
    where: Places
    """Layers of the result."""
    which: Places
    """Layers of ``values`` that belong there, as many."""

    @classmethod
    def of(cls, values: NDArray[Any]) -> Part:
        """All layers as they are."""
        every = np.arange(len(values))
        return cls(values, every, every)

    def lay(self, values: NDArray[Any], out: NDArray[Any]) -> None:
        """Lay layers of ``values`` (as many as the part's, any pixels) into ``out``, neighbours at once."""
        together = (np.diff(self.where) == 1) & (np.diff(self.which) == 1)
        for run in np.split(np.arange(len(self.where)), np.flatnonzero(~together) + 1):
            if len(run):
                first, last = run[0], run[-1]
                out[self.where[first] : self.where[last] + 1] = values[self.which[first] : self.which[last] + 1]

    def take(self, flat: Places, out: NDArray[Any]) -> None:
        """Lay the pixels of these numbers (rows, cols) into ``out``; what lies outside is anything."""
        spectra = self.values.transpose(1, 2, 0)
        if spectra.flags.c_contiguous and len(self.values) > 1:
            spectra, step = spectra.reshape(-1, len(self.values)), max(AT_ONCE // flat.shape[1], 1)
            for row in range(0, len(flat), step):
                some = flat[row : row + step]
                taken = spectra.take(some.ravel(), axis=0, mode="clip")
                self.lay(taken.T.reshape(-1, *some.shape), out[:, row : row + step])
            return
        layers = self.values.reshape(len(self.values), -1)
        for where, which in zip(self.where, self.which, strict=True):
            out[where] = layers[which].take(flat, mode="clip")


def gather(
    out: NDArray[Any],
    read: Callable[[Window], Iterable[Part]],
    lines: Places,
    samples: Places,
    swath: tuple[int, int],
    nothing: float,
) -> None:
    """Fill ``out`` (layers, rows, cols): with ``nothing`` where no pixel of the swath lies.

    ``lines``, ``samples`` (rows, cols): from 0, below 0 where nothing lies; ``read`` gives the
    layers of a box of the swath, whose size is ``swath``. IndexError if a place lies outside it.
    """
    seen = (lines >= 0) & (samples >= 0)
    if not seen.any():
        out[...] = nothing
        return
    y, x = lines[seen], samples[seen]
    if y.max() >= swath[0] or x.max() >= swath[1]:
        raise IndexError("outside the swath")
    top, left = int(y.min()), int(x.min())
    box = Window(top, left, int(y.max()) - top + 1, int(x.max()) - left + 1)
    if box.rows * box.cols > WASTE * len(y) and max(lines.shape) > SMALL:
        for half in _halves(lines.shape):
            gather(out[(slice(None), *half)], read, lines[half], samples[half], swath, nothing)
        return
    flat = (lines - top) * box.cols + samples - left  # of what is not seen any
    for part in read(box):
        part.take(flat, out)
    if not seen.all():
        np.copyto(out, nothing, where=~seen, casting="unsafe")


def _halves(shape: tuple[int, ...]) -> list[tuple[slice, slice]]:
    rows, cols = shape
    every = slice(None)
    if rows >= cols:
        return [(slice(0, rows // 2), every), (slice(rows // 2, rows), every)]
    return [(every, slice(0, cols // 2)), (every, slice(cols // 2, cols))]
