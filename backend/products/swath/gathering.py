"""Values of a swath for the pixels of a map of which line and sample are known: the nearest pixel, nothing mixed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...cube import Window

WASTE, SMALL = 3, 24
"""A window is halved while its pixels' box in the swath is so many times larger than what is needed of it, and its
longer side is longer than so many pixels."""
Places = NDArray[np.int64]


def gather(
    out: NDArray[Any],
    read: Callable[[Window], NDArray[Any]],
    lines: Places,
    samples: Places,
    swath: tuple[int, int],
    nothing: float,
) -> None:
    """Fill ``out`` (layers, rows, cols): with ``nothing`` where no pixel of the swath lies.

    ``lines``, ``samples`` (rows, cols): from 0, below 0 where nothing lies; ``read`` gives (layers, rows, cols) of a
    box of the swath, whose size is ``swath``. IndexError if a place lies outside it.
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
    part = read(box).reshape(len(out), -1)
    flat = (lines - top) * box.cols + samples - left  # of what is not seen any
    if out.flags.c_contiguous and out.dtype == part.dtype:
        part.take(flat, axis=1, out=out, mode="clip")
    else:
        out[...] = part.take(flat, axis=1, mode="clip")
    if not seen.all():
        np.copyto(out, nothing, where=~seen, casting="unsafe")


def _halves(shape: tuple[int, ...]) -> list[tuple[slice, slice]]:
    rows, cols = shape
    every = slice(None)
    if rows >= cols:
        return [(slice(0, rows // 2), every), (slice(rows // 2, rows), every)]
    return [(every, slice(0, cols // 2)), (every, slice(cols // 2, cols))]
