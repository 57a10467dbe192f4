"""Values of a swath for the pixels of a map of which line and sample are known: the nearest pixel, nothing mixed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..cube import Window

WASTE, SMALL = 3, 24
"""A window is halved while its pixels' box in the swath is so many times larger than what is needed of it, and its
longer side is longer than so many pixels."""
Places = NDArray[np.int64]


def gather(
    out: NDArray[Any], read: Callable[[Window], NDArray[Any]], lines: Places, samples: Places, swath: tuple[int, int]
) -> None:
    """Fill ``out`` (layers, rows, cols) where a pixel of the swath lies; the rest stays as it is.

    ``lines``, ``samples`` (rows, cols): from 0, below 0 where nothing lies; ``read`` gives (layers, rows, cols) of a
    box of the swath, whose size is ``swath``. IndexError if a place lies outside it.
    """
    seen = (lines >= 0) & (samples >= 0)
    if not seen.any():
        return
    y, x = lines[seen], samples[seen]
    if y.max() >= swath[0] or x.max() >= swath[1]:
        raise IndexError("outside the swath")
    top, left = int(y.min()), int(x.min())
    box = Window(top, left, int(y.max()) - top + 1, int(x.max()) - left + 1)
    if box.rows * box.cols > WASTE * len(y) and max(lines.shape) > SMALL:
        for half in _halves(lines.shape):
            gather(out[(slice(None), *half)], read, lines[half], samples[half], swath)
        return
    part = read(box).reshape(len(out), -1)
    flat = (y - top) * box.cols + x - left
    if seen.all():
        out[:] = part.take(flat, axis=1).reshape(out.shape)
    else:
        out[:, seen] = part.take(flat, axis=1)


def _halves(shape: tuple[int, ...]) -> list[tuple[slice, slice]]:
    rows, cols = shape
    every = slice(None)
    if rows >= cols:
        return [(slice(0, rows // 2), every), (slice(rows // 2, rows), every)]
    return [(every, slice(0, cols // 2)), (every, slice(cols // 2, cols))]
