"""What stands around the scans of an image-level network, forward on the CPU, for mapping.

Rows are pixels with `count` channels each, in `vectors` whole vectors; weights come packed, zeros behind the last
channel. FOUR pixels are worked on at once; where fewer are left, the last one stands for those that lack.
"""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np

from ..jit import inlined, kernel
from .fused_kernel import FOUR, product
from .fused_parts import gelus
from .instructions import BYTES, LANES
from .rows import read, write
from .scan_parts import aligned
from .simd import get, load, load_splat, put, splat, store, sums, zeros

EIGHT = 8


@inlined
def moments(s0: int, s1: int, s2: int, s3: int, count: int, vectors: int, ones: int, eps: float, at: int) -> None:
    """The means of four rows at `at`, the inverses of their standard deviations a vector further on."""
    a, b, c, d = zeros(), zeros(), zeros(), zeros()
    for v in range(vectors):
        left, column = count - v * LANES, v * BYTES
        a, b = a + read(s0 + column, left), b + read(s1 + column, left)
        c, d = c + read(s2 + column, left), d + read(s3 + column, left)
    store(at, sums(a, b, c, d) * splat(1.0 / count))
    m0, m1, m2, m3 = load_splat(at), load_splat(at + 4), load_splat(at + 8), load_splat(at + 12)
    a, b, c, d = zeros(), zeros(), zeros(), zeros()
    for v in range(vectors):
        left, column = count - v * LANES, v * BYTES
        there = load(ones + column)
        x0, x1 = (read(s0 + column, left) - m0) * there, (read(s1 + column, left) - m1) * there
        x2, x3 = (read(s2 + column, left) - m2) * there, (read(s3 + column, left) - m3) * there
        a, b, c, d = a + x0 * x0, b + x1 * x1, c + x2 * x2, d + x3 * x3
    store(at + BYTES, sums(a, b, c, d) * splat(1.0 / count))
    for i in range(FOUR):
        put(at + BYTES + i * 4, 1.0 / sqrt(get(at + BYTES + i * 4) + eps))


@inlined
def scaled(source: int, left: int, column: int, at: int, norm: Any) -> Any:
    """One vector of a normalised row, whose mean stands at `at`."""
    gain = load_splat(at + BYTES) * load(norm[0] + column)
    return (read(source + column, left) - load_splat(at)) * gain + load(norm[1] + column)


@kernel
def normalise(start: int, stop: int, sizes: Any, norm: Any, eps: float, part: Any, valid: int, target: int) -> None:
    """Squares start..stop of a board, normalised, to rows of their own; times validity (float32) where it is given."""
    count, vectors, side, cols = sizes
    base, of_row, of_col, of_line, of_pixel = part
    scratch = np.empty(2 * BYTES + 64, np.uint8)
    at = aligned(scratch.ctypes.data)
    for number in range(start, stop):
        square = base + number // cols * of_row + number % cols * of_col
        for line in range(side):
            pixel = square + line * of_line
            first = (number * side + line) * side
            for j in range(0, side, FOUR):
                s1, s2 = pixel + min(j + 1, side - 1) * of_pixel, pixel + min(j + 2, side - 1) * of_pixel
                s3 = pixel + min(j + 3, side - 1) * of_pixel
                moments(pixel + j * of_pixel, s1, s2, s3, count, vectors, norm[2], eps, at)
                for i in range(min(FOUR, side - j)):
                    there = load_splat(valid + (first + j + i) * 4) if valid else splat(1.0)
                    for v in range(vectors):
                        found = scaled(pixel + (j + i) * of_pixel, count - v * LANES, v * BYTES, at + i * 4, norm)
                        to = target + (first + j + i) * count * 4 + v * BYTES
                        write(to, found * there, count - v * LANES)
    scratch[0] = 0  # Numba frees an array after its last use by name; this is the last.


@kernel
def merge(start: int, stop: int, sizes: Any, norms: Any, eps: float, fuse: Any, sources: Any, part: Any) -> None:
    """Squares start..stop of a board grow by fuse(sum of gelu(norm(source)) over both sources (squares, pixels, d)).

    Shares of the sources stand in the last place of their `norms`.
    """
    count, vectors, side, cols = sizes
    base, of_row, of_col, of_line, of_pixel = part
    wide = vectors * BYTES
    lines, row = (side + FOUR - 1) // FOUR * FOUR, count * 4
    scratch = np.empty(4 * BYTES + 2 * lines * wide + 64, np.uint8)
    at = aligned(scratch.ctypes.data)
    M = at + 4 * BYTES
    OUT = M + lines * wide
    share0, share1 = load_splat(norms[0][3]), load_splat(norms[1][3])
    for number in range(start, stop):
        square = base + number // cols * of_row + number % cols * of_col
        for line in range(side):
            first = (number * side + line) * side
            for j in range(0, side, FOUR):
                for which in range(2):
                    s0 = sources[which] + (first + j) * row
                    s1, s2 = s0 + (min(j + 1, side - 1) - j) * row, s0 + (min(j + 2, side - 1) - j) * row
                    s3 = s0 + (min(j + 3, side - 1) - j) * row
                    moments(s0, s1, s2, s3, count, vectors, norms[which][2], eps, at + which * 2 * BYTES)
                for i in range(min(FOUR, side - j)):
                    s0, s1 = sources[0] + (first + j + i) * row, sources[1] + (first + j + i) * row
                    for v in range(vectors):
                        left, column = count - v * LANES, v * BYTES
                        a = scaled(s0, left, column, at + i * 4, norms[0])
                        b = scaled(s1, left, column, at + 2 * BYTES + i * 4, norms[1])
                        a, b = gelus(a, b)
                        store(M + (j + i) * wide + column, a * share0 + b * share1)
            product(M, wide, side, fuse[0], count, OUT, wide, vectors)
            for j in range(side):
                pixel = square + line * of_line + j * of_pixel
                for v in range(vectors):
                    left = count - v * LANES
                    grown = load(OUT + j * wide + v * BYTES) + load(fuse[1] + v * BYTES)
                    write(pixel + v * BYTES, read(pixel + v * BYTES, left) + grown, left)
    scratch[0] = 0  # Numba frees an array after its last use by name; this is the last.


@kernel
def around(
    rows: int, cols: int, vectors: int, count: int, side: int, filters: Any, linear: Any, source: Any, target: Any
) -> None:
    """x + linear(gelu(depthwise(x))) of an image's rows; the source begins half a kernel before the target's."""
    base, of_row, of_pixel = source
    wide, half = vectors * BYTES, side // 2
    scratch = np.empty(2 * EIGHT * wide + 64, np.uint8)
    M = aligned(scratch.ctypes.data)
    OUT = M + EIGHT * wide
    for r in range(rows):
        for c in range(0, cols, EIGHT):
            steps = min(EIGHT, cols - c)
            pixel = base + r * of_row + c * of_pixel
            o1, o2, o3 = min(1, steps - 1) * of_pixel, min(2, steps - 1) * of_pixel, min(3, steps - 1) * of_pixel
            o4, o5, o6 = min(4, steps - 1) * of_pixel, min(5, steps - 1) * of_pixel, min(6, steps - 1) * of_pixel
            o7 = min(7, steps - 1) * of_pixel
            for v in range(vectors):
                column = v * BYTES
                a0 = load(filters[1] + column)
                a1, a2, a3, a4, a5, a6, a7 = a0, a0, a0, a0, a0, a0, a0
                w = filters[0] + column
                for i in range(side):
                    x = pixel + i * of_row + column
                    for _ in range(side):
                        weight = load(w)
                        a0, a1 = a0 + load(x) * weight, a1 + load(x + o1) * weight
                        a2, a3 = a2 + load(x + o2) * weight, a3 + load(x + o3) * weight
                        a4, a5 = a4 + load(x + o4) * weight, a5 + load(x + o5) * weight
                        a6, a7 = a6 + load(x + o6) * weight, a7 + load(x + o7) * weight
                        x += of_pixel
                        w += wide
                to = M + column
                a0, a1 = gelus(a0, a1)
                store(to, a0)
                store(to + wide, a1)
                a2, a3 = gelus(a2, a3)
                store(to + 2 * wide, a2)
                store(to + 3 * wide, a3)
                a4, a5 = gelus(a4, a5)
                store(to + 4 * wide, a4)
                store(to + 5 * wide, a5)
                a6, a7 = gelus(a6, a7)
                store(to + 6 * wide, a6)
                store(to + 7 * wide, a7)
            product(M, wide, steps, linear[0], count, OUT, wide, vectors)
            for i in range(steps):
                own = pixel + half * of_row + (half + i) * of_pixel
                to = target[0] + r * target[1] + (c + i) * target[2]
                for v in range(vectors):
                    grown = load(OUT + i * wide + v * BYTES) + load(linear[1] + v * BYTES)
                    write(to + v * BYTES, load(own + v * BYTES) + grown, count - v * LANES)
    scratch[0] = 0  # Numba frees an array after its last use by name; this is the last.
