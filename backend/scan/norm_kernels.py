"""LayerNorm with SiLU and sums on the CPU, forward and backward, four rows of channels at once.

A table is (address, bytes from image to image, from line to line, from token to token); address 0 means not given.
A task is one line of tokens. Weights, biases and the mask of channels that exist come in whole vectors.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..jit import inlined, kernel
from .instructions import BYTES, LANES
from .layer_kernels import moments
from .rows import read, sigmoid, write
from .scan_parts import aligned
from .simd import get, load, load_splat, splat, store, sums, zeros

FOUR = 4


@inlined
def _at(table: Any, line: int, lines: int) -> int:
    """Where a line begins; of no use when the table is absent."""
    image = line // lines
    return table[0] + image * table[1] + (line - image * lines) * table[2]  # type: ignore[no-any-return]


@inlined
def _normal(source: int, left: int, at: int, there: Any) -> Any:
    """One vector of a row less its mean, times its inverse deviation."""
    return (read(source, left) - load_splat(at)) * load_splat(at + BYTES) * there


@kernel
def forward(
    start: int, stop: int, sizes: Any, norm: Any, eps: float, shares: Any, x: Any, base: Any, other: Any, y: Any
) -> None:
    """gain silu(norm(x)) + keep base + other of lines start..stop; shares = (gain, keep)."""
    lines, tokens, d, vectors = sizes
    gain, keep = splat(shares[0]), splat(shares[1])
    scratch = np.empty(2 * BYTES + 64, np.uint8)
    at = aligned(scratch.ctypes.data)
    for line in range(start, stop):
        from_x, from_base, from_other = _at(x, line, lines), _at(base, line, lines), _at(other, line, lines)
        to_y = _at(y, line, lines)
        for first in range(0, tokens, FOUR):
            count = min(FOUR, tokens - first)
            s0 = from_x + first * x[3]
            s1, s2 = s0 + min(1, count - 1) * x[3], s0 + min(2, count - 1) * x[3]
            moments(s0, s1, s2, s0 + (count - 1) * x[3], d, vectors, norm[2], eps, at)
            for i in range(count):
                t = first + i
                for v in range(vectors):
                    left, column = d - v * LANES, v * BYTES
                    n = _normal(from_x + t * x[3] + column, left, at + i * 4, splat(1.0))
                    n = n * load(norm[0] + column) + load(norm[1] + column)
                    out = n * sigmoid(n) * gain
                    if base[0]:
                        out = out + read(from_base + t * base[3] + column, left) * keep
                    if other[0]:
                        out = out + read(from_other + t * other[3] + column, left)
                    write(to_y + t * y[3] + column, out, left)
    scratch[0] = 0  # Numba frees an array after its last use by name; this is the last.


@inlined
def _flush(parameters: Any, SUM: int, d: int, vectors: int) -> None:
    """Add float32 sums [4][channel] to the float64 table `parameters` (4, d) and set them to zero."""
    for j in range(4):
        for c in range(d):
            parameters[j, c] += get(SUM + j * vectors * BYTES + c * 4)
        for v in range(vectors):
            store(SUM + (j * vectors + v) * BYTES, zeros())


@kernel
def backward(
    start: int,
    stop: int,
    parameters: Any,
    sizes: Any,
    norm: Any,
    eps: float,
    shares: Any,
    x: Any,
    base: Any,
    dy: Any,
    dx: Any,
    dbase: Any,
) -> None:
    """Gradients of lines start..stop; those of weights, biases, gain and keep are added to `parameters` (4, d).

    With r the normal row, n = r weight + bias, q = dy gain silu'(n) and g = q weight:
    dx = (g - mean(g) - r mean(g r)) / deviation.
    """
    lines, tokens, d, vectors = sizes
    gain, keep = splat(shares[0]), splat(shares[1])
    wide = vectors * BYTES
    scratch = np.zeros(4 * BYTES + (4 + 2 * FOUR) * wide + 64, np.uint8)
    at = aligned(scratch.ctypes.data)
    MEANS = at + 2 * BYTES
    SUM = at + 4 * BYTES
    R = SUM + 4 * wide
    G = R + FOUR * wide
    for line in range(start, stop):
        from_x, from_base, from_dy = _at(x, line, lines), _at(base, line, lines), _at(dy, line, lines)
        to_x, to_base = _at(dx, line, lines), _at(dbase, line, lines)
        for first in range(0, tokens, FOUR):
            count = min(FOUR, tokens - first)
            s0 = from_x + first * x[3]
            s1, s2 = s0 + min(1, count - 1) * x[3], s0 + min(2, count - 1) * x[3]
            moments(s0, s1, s2, s0 + (count - 1) * x[3], d, vectors, norm[2], eps, at)
            for v in range(vectors):
                left, column = d - v * LANES, v * BYTES
                there, weight, bias = load(norm[2] + column), load(norm[0] + column), load(norm[1] + column)
                of_weight, of_bias = load(SUM + column), load(SUM + wide + column)
                of_gain, of_keep = load(SUM + 2 * wide + column), load(SUM + 3 * wide + column)
                for i in range(count):
                    t = first + i
                    r = _normal(from_x + t * x[3] + column, left, at + i * 4, there)
                    out = read(from_dy + t * dy[3] + column, left)
                    n = r * weight + bias
                    s = sigmoid(n)
                    of_gain = of_gain + out * n * s
                    q = out * gain * s * (splat(1.0) + n * (splat(1.0) - s))
                    of_weight, of_bias = of_weight + q * r, of_bias + q
                    store(R + i * wide + column, r)
                    store(G + i * wide + column, q * weight)
                    if dbase[0]:
                        of_keep = of_keep + out * read(from_base + t * base[3] + column, left)
                        write(to_base + t * dbase[3] + column, out * keep, left)
                store(SUM + column, of_weight)
                store(SUM + wide + column, of_bias)
                store(SUM + 2 * wide + column, of_gain)
                store(SUM + 3 * wide + column, of_keep)
            a0, a1, a2, a3 = zeros(), zeros(), zeros(), zeros()
            b0, b1, b2, b3 = zeros(), zeros(), zeros(), zeros()
            for v in range(vectors):
                g, r = G + v * BYTES, R + v * BYTES
                g0, g1, g2, g3 = load(g), load(g + wide), load(g + 2 * wide), load(g + 3 * wide)
                a0, a1, a2, a3 = a0 + g0, a1 + g1, a2 + g2, a3 + g3
                b0, b1 = b0 + g0 * load(r), b1 + g1 * load(r + wide)
                b2, b3 = b2 + g2 * load(r + 2 * wide), b3 + g3 * load(r + 3 * wide)
            share = splat(1.0 / d)
            store(MEANS, sums(a0, a1, a2, a3) * share)
            store(MEANS + BYTES, sums(b0, b1, b2, b3) * share)
            for i in range(count):
                mean, slope = load_splat(MEANS + i * 4), load_splat(MEANS + BYTES + i * 4)
                inverse, to = load_splat(at + BYTES + i * 4), to_x + (first + i) * dx[3]
                for v in range(vectors):
                    place = i * wide + v * BYTES
                    found = (load(G + place) - mean - load(R + place) * slope) * inverse
                    write(to + v * BYTES, found, d - v * LANES)
        _flush(parameters, SUM, d, vectors)
    scratch[0] = 0  # Numba frees an array after its last use by name; this is the last.
