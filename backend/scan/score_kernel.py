"""From the features of an image-level network to shares of classes, forward on the CPU. As in `layer_kernels`."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..jit import inlined, kernel
from .fused_kernel import FOUR, product
from .instructions import BYTES, LANES
from .layer_kernels import moments, scaled
from .powers import fading
from .rows import LOG2E, read, write
from .scan_parts import aligned
from .simd import get, load, splat, store, zeros


@inlined
def _softmax(row: int, bias: int, there: int, scores: int, classes: int, at: int) -> None:
    """scores = softmax(scores + row + bias); `there`: 1 for every class, 0 behind the last; `at`: room for a vector."""
    vectors = (classes + LANES - 1) // LANES
    for v in range(vectors):
        column = v * BYTES
        own = read(scores + column, classes - v * LANES)
        store(row + column, load(row + column) + load(bias + column) + own)
    top = get(row)
    for i in range(1, classes):
        top = max(top, get(row + i * 4))
    total = zeros()
    for v in range(vectors):
        column = v * BYTES
        real = load(there + column)
        power = fading((load(row + column) - splat(top)) * real, splat(LOG2E)) * real
        store(row + column, power)
        total = total + power
    store(at, total)
    whole = get(at)
    for i in range(1, LANES):
        whole += get(at + i * 4)
    share = splat(1.0 / whole)
    for v in range(vectors):
        write(scores + v * BYTES, load(row + v * BYTES) * share, classes - v * LANES)


@kernel
def classify(
    start: int, stop: int, sizes: Any, norm: Any, eps: float, head: Any, there: int, part: Any, board: Any
) -> None:
    """Squares start..stop of a board of scores become softmax(scores + head(norm(features in the same squares)))."""
    count, vectors, side, cols, classes = sizes
    base, of_row, of_col, of_line, of_pixel = part
    ends = (classes + LANES - 1) // LANES
    wide, end = vectors * BYTES, ends * BYTES
    lines = (side + FOUR - 1) // FOUR * FOUR
    scratch = np.empty(2 * BYTES + lines * (wide + end) + 64, np.uint8)
    at = aligned(scratch.ctypes.data)
    M = at + 2 * BYTES
    OUT = M + lines * wide
    for number in range(start, stop):
        square = base + number // cols * of_row + number % cols * of_col
        target = board[0] + number // cols * board[1] + number % cols * board[2]
        for line in range(side):
            pixel = square + line * of_line
            for j in range(0, side, FOUR):
                s1, s2 = pixel + min(j + 1, side - 1) * of_pixel, pixel + min(j + 2, side - 1) * of_pixel
                s3 = pixel + min(j + 3, side - 1) * of_pixel
                moments(pixel + j * of_pixel, s1, s2, s3, count, vectors, norm[2], eps, at)
                for i in range(min(FOUR, side - j)):
                    for v in range(vectors):
                        found = scaled(pixel + (j + i) * of_pixel, count - v * LANES, v * BYTES, at + i * 4, norm)
                        store(M + (j + i) * wide + v * BYTES, found)
            product(M, wide, side, head[0], count, OUT, end, ends)
            for j in range(side):
                _softmax(OUT + j * end, head[1], there, target + line * board[3] + j * board[4], classes, at)
    scratch[0] = 0  # Numba frees an array after its last use by name; this is the last.
