"""A whole Mamba block forward on the CPU in one kernel, for mapping: nothing of a token leaves the first-level cache.

A task is one sequence. Its tokens are taken a chunk at a time through both projections, the convolution, the
recurrence and the gate. Tables of rows as in `rows`; weights come packed, see `fused`. Letters: d inner channels in
`vectors` whole vectors, n states padded to whole groups, k taps, r rank of the step sizes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..jit import inlined, kernel
from .fused_parts import power_clamped, silus
from .instructions import BYTES, LANES
from .powers import power
from .rows import softplus, write
from .scan_parts import BOUND, GROUP, aligned, rows_at
from .simd import all_within, larger, load, load_splat, store, zeros

FOUR = 4
"""Tokens that a product works on at once; buffers of tokens have so many rows or a multiple."""


@inlined
def product(
    source: int, row: int, steps: int, weights: int, inputs: int, target: int, target_row: int, vectors: int,
    apart: int = 4
) -> None:  # fmt: skip
    """Rows at `target` = rows at `source` (steps, inputs) times weights (inputs, vectors).

    The last row stands for those that lack to a whole FOUR; `target` has room for them. `apart`: bytes from one value
    of a row to the next.
    """
    wide = vectors * BYTES
    for t in range(0, steps, FOUR):
        s0 = source + t * row
        s1 = source + min(t + 1, steps - 1) * row
        s2 = source + min(t + 2, steps - 1) * row
        s3 = source + min(t + 3, steps - 1) * row
        y = target + t * target_row
        for v in range(0, vectors - 1, 2):
            w = weights + v * BYTES
            a0, a1, a2, a3 = zeros(), zeros(), zeros(), zeros()
            b0, b1, b2, b3 = zeros(), zeros(), zeros(), zeros()
            for i in range(inputs):
                w0, w1 = load(w), load(w + BYTES)
                x0, x1 = load_splat(s0 + i * apart), load_splat(s1 + i * apart)
                x2, x3 = load_splat(s2 + i * apart), load_splat(s3 + i * apart)
                a0, b0 = a0 + x0 * w0, b0 + x0 * w1
                a1, b1 = a1 + x1 * w0, b1 + x1 * w1
                a2, b2 = a2 + x2 * w0, b2 + x2 * w1
                a3, b3 = a3 + x3 * w0, b3 + x3 * w1
                w += wide
            to = y + v * BYTES
            store(to, a0)
            store(to + BYTES, b0)
            store(to + target_row, a1)
            store(to + target_row + BYTES, b1)
            store(to + 2 * target_row, a2)
            store(to + 2 * target_row + BYTES, b2)
            store(to + 3 * target_row, a3)
            store(to + 3 * target_row + BYTES, b3)
        if vectors % 2:
            w = weights + (vectors - 1) * BYTES
            a0, a1, a2, a3 = zeros(), zeros(), zeros(), zeros()
            b0, b1, b2, b3 = zeros(), zeros(), zeros(), zeros()
            for i in range(0, inputs - 1, 2):  # two sums for each, so that none waits for the one before
                w0, w1, i0 = load(w), load(w + wide), i * apart
                i1 = i0 + apart
                a0, b0 = a0 + load_splat(s0 + i0) * w0, b0 + load_splat(s0 + i1) * w1
                a1, b1 = a1 + load_splat(s1 + i0) * w0, b1 + load_splat(s1 + i1) * w1
                a2, b2 = a2 + load_splat(s2 + i0) * w0, b2 + load_splat(s2 + i1) * w1
                a3, b3 = a3 + load_splat(s3 + i0) * w0, b3 + load_splat(s3 + i1) * w1
                w += 2 * wide
            if inputs % 2:
                w0, i0 = load(w), (inputs - 1) * apart
                a0, a1 = a0 + load_splat(s0 + i0) * w0, a1 + load_splat(s1 + i0) * w0
                a2, a3 = a2 + load_splat(s2 + i0) * w0, a3 + load_splat(s3 + i0) * w0
            a0, a1, a2, a3 = a0 + b0, a1 + b1, a2 + b2, a3 + b3
            to = y + (vectors - 1) * BYTES
            store(to, a0)
            store(to + target_row, a1)
            store(to + 2 * target_row, a2)
            store(to + 3 * target_row, a3)


@inlined
def convolve(
    x: int, row: int, sequences: int, steps: int, fresh: bool, weights: int, wide: int, taps: int, bias: int, u: int
) -> None:
    """One vector of channels: u = silu(convolution of x) with rows of u `wide` bytes apart, and the gate in its place.

    The gate stands `wide` bytes behind x. Unless `fresh`, the taps - 1 tokens before x's first one stand below it.
    """
    shift = load(bias)
    if taps == 4:
        w0, w1, w2, w3 = load(weights), load(weights + wide), load(weights + 2 * wide), load(weights + 3 * wide)
        for _ in range(sequences):
            x0, x1, x2 = zeros(), zeros(), zeros()
            if not fresh:
                x0, x1, x2 = load(x - 3 * row), load(x - 2 * row), load(x - row)
            for _ in range(steps):
                x3 = load(x)
                out = shift + x0 * w0 + x1 * w1 + x2 * w2 + x3 * w3
                x0, x1, x2 = x1, x2, x3
                out, gate = silus(out, load(x + wide))
                store(u, out)
                store(x + wide, gate)
                x += row
                u += wide
    else:
        for _ in range(sequences):
            for t in range(steps):
                out = shift
                for j in range(taps):
                    back = taps - 1 - j
                    if back <= t or not fresh:
                        out = out + load(weights + j * wide) * load(x - back * row)
                out, gate = silus(out, load(x + wide))
                store(u, out)
                store(x + wide, gate)
                x += row
                u += wide


def _advance(raised: Any) -> Any:
    """The recurrence of GROUP states over a chunk, `raised(x, y)` being 2^(x y); it begins with states of 0."""

    @inlined
    def advance(
        A: int, wide: int, H: int, sequences: int, fresh: bool, DL: int, DU: int, Y: int, B: int, C: int, row: int,
        steps: int
    ) -> None:  # fmt: skip
        a0, a1, a2, a3 = load(A), load(A + wide), load(A + 2 * wide), load(A + 3 * wide)
        h0, h1, h2, h3 = load(H), load(H + BYTES), load(H + 2 * BYTES), load(H + 3 * BYTES)
        rest = steps - 1 if fresh else steps
        for _ in range(sequences):
            if fresh:
                du = load(DU)
                h0, h1 = du * load_splat(B), du * load_splat(B + 4)
                h2, h3 = du * load_splat(B + 8), du * load_splat(B + 12)
                y = load(Y) + h0 * load_splat(C) + h1 * load_splat(C + 4)
                store(Y, y + h2 * load_splat(C + 8) + h3 * load_splat(C + 12))
                DL, DU, Y, B, C = DL + BYTES, DU + BYTES, Y + BYTES, B + row, C + row
            for _ in range(rest):
                dl, du, y = load(DL), load(DU), load(Y)
                h0 = raised(dl, a0) * h0 + du * load_splat(B)
                h1 = raised(dl, a1) * h1 + du * load_splat(B + 4)
                h2 = raised(dl, a2) * h2 + du * load_splat(B + 8)
                h3 = raised(dl, a3) * h3 + du * load_splat(B + 12)
                y = y + h0 * load_splat(C)
                y = y + h1 * load_splat(C + 4)
                y = y + h2 * load_splat(C + 8)
                y = y + h3 * load_splat(C + 12)
                store(Y, y)
                DL, DU, Y, B, C = DL + BYTES, DU + BYTES, Y + BYTES, B + row, C + row
        store(H, h0)
        store(H + BYTES, h1)
        store(H + 2 * BYTES, h2)
        store(H + 3 * BYTES, h3)

    return advance


_clamped = _advance(power_clamped)
_bounded = _advance(power)


@inlined
def recur(
    addresses: Any, wide: int, v: int, U: int, P: int, p_row: int, rank: int, padded: int, H: int, sequences: int,
    fresh: bool, DL: int, DU: int, Y: int, steps: int
) -> None:  # fmt: skip
    """One vector of channels: step sizes from the row of B, C and low rank at P, then the recurrence into Y."""
    column = v * BYTES
    steps_weights, steps_bias, A, peaks, D = addresses
    shift, skip, peak = load(steps_bias + column), load(D + column), zeros()
    for t in range(sequences * steps):
        low = P + t * p_row + 2 * padded * 4
        step = shift
        for i in range(rank):
            step = step + load_splat(low + i * 4) * load(steps_weights + i * wide + column)
        step, x = softplus(step), load(U + t * wide + column)
        peak = larger(step, peak)
        store(DL + t * BYTES, step)
        store(DU + t * BYTES, step * x)
        store(Y + t * BYTES, skip * x)
    bounded = all_within(peak * load(peaks + column), BOUND)
    for g in range(0, padded, GROUP):
        a, h, b = A + g * wide + column, H + g * BYTES, P + g * 4
        c = b + padded * 4
        if bounded:
            _bounded(a, wide, h, sequences, fresh, DL, DU, Y, b, c, p_row, steps)
        else:
            _clamped(a, wide, h, sequences, fresh, DL, DU, Y, b, c, p_row, steps)


@kernel
def forward(start: int, stop: int, sizes: Any, addresses: Any, x: Any, y: Any) -> None:
    """Sequences start..stop of the block, `together` at a time: 1, or whole ones whose rows are evenly apart."""
    length, width, vectors, padded, taps, rank, middle, ends, chunk, together = sizes
    into, filters, shifts, between, out, recurrence = addresses
    wide, p_row, y_row = vectors * BYTES, middle * BYTES, ends * BYTES
    most = min(chunk, length) * together
    rows = (most + FOUR - 1) // FOUR * FOUR
    size = (taps - 1 + rows) * 2 * wide + rows * (wide + p_row + y_row) + 3 * most * BYTES + vectors * padded * BYTES
    scratch = np.zeros(size + 64, np.uint8)
    past = aligned(scratch.ctypes.data)
    X = past + (taps - 1) * 2 * wide
    U = X + rows * 2 * wide
    P = U + rows * wide
    OUT = P + rows * p_row
    DL = OUT + rows * y_row
    DU, Y, H = DL + most * BYTES, DL + 2 * most * BYTES, DL + 3 * most * BYTES
    for batch in range(start, stop, together):
        count = min(together, stop - batch)
        for first in range(0, length, chunk):
            steps, fresh = min(chunk, length - first), first == 0
            tokens = count * steps
            product(rows_at(x, batch, first), x[2], tokens, into, width, X, 2 * wide, 2 * vectors)
            for v in range(vectors):
                at = v * BYTES
                convolve(X + at, 2 * wide, count, steps, fresh, filters + at, wide, taps, shifts + at, U + at)
            product(U, wide, tokens, between, vectors * LANES, P, p_row, middle)
            for v in range(vectors):
                states = H + v * padded * BYTES
                recur(recurrence, wide, v, U, P, p_row, rank, padded, states, count, fresh, DL, DU, Y, steps)
                for t in range(tokens):
                    gate = load(X + t * 2 * wide + wide + v * BYTES)
                    store(U + t * wide + v * BYTES, load(Y + t * BYTES) * gate)
            product(U, wide, tokens, out, vectors * LANES, OUT, y_row, ends)
            for t in range(tokens):
                to = rows_at(y, batch + t // steps, first + t % steps)
                for v in range(ends):
                    write(to + v * BYTES, load(OUT + t * y_row + v * BYTES), width - v * LANES)
            if first + steps < length:
                for t in range(taps - 1):
                    for v in range(vectors):
                        store(past + t * 2 * wide + v * BYTES, load(past + (steps + t) * 2 * wide + v * BYTES))
    scratch[0] = 0  # Numba frees an array after its last use by name; this is the last.
