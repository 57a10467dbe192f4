"""What the forward and the backward kernel share: their sizes, and the way of states in and out of them.

A task is one sequence and `width` vectors of channels. Its tokens are taken a chunk (about 16) at a time; inside a
chunk the loops run over channels, then GROUP states at once, then tokens: the states of a group stay in registers while
everything a chunk touches stays in the first-level cache. The state at every chunk's entry is kept; the backward
computes the inside again. A comes multiplied by log2(e), transposed and padded: (n, d) with whole vectors and groups.
"""

from __future__ import annotations

from math import inf
from typing import Any

from ..jit import inlined
from .instructions import BYTES, LANES
from .rows import read, write
from .simd import get, if_negative, larger, load, magnitude, put, splat, store, zeros

GROUP = 4
BOUND = 126.0
"""Decay exponents within it need no clamping, which saves a tenth of the time."""
NEAR = 0.5
"""Decay exponents within it need no powers of two: all decays are near 1."""
FALL = 2.0
"""Nor do those down to its negative, where none is positive."""


@inlined
def aligned(address: int) -> int:
    """The next address that a vector may stand at."""
    return (address + 63) // 64 * 64


@inlined
def rows_at(table: Any, batch: int, token: int) -> int:
    """Address of a token's row in a table of rows; 0 when the table is absent."""
    return table[0] + batch * table[1] + token * table[2]  # type: ignore[no-any-return]


@inlined
def copy_states(
    table: Any, batch: int, first: int, steps: int, states: int, padded: int, target: int, token: int
) -> None:
    """B or C of `steps` tokens to rows `token` bytes apart, zeros behind the last state."""
    base = rows_at(table, batch, first)
    for t in range(steps):
        source, row = base + t * table[2], target + t * token
        for n in range(0, states, LANES):
            if n + LANES <= padded:
                store(row + n * 4, read(source + n * 4, states - n))
            else:
                write(row + n * 4, read(source + n * 4, states - n), padded - n)


@inlined
def enter(state: int, H: int, batch: int, c0: int, vectors: int, d: int, n: int, padded: int) -> None:
    """H [vector][state][lane] from states (b, d, n) at address `state`, or zeros; zeros in all padding."""
    for row in range(vectors * padded):
        store(H + row * BYTES, zeros())
    if state:
        for c in range(c0, min(d, c0 + vectors * LANES)):
            source = state + (batch * d + c) * n * 4
            target = H + (c - c0) // LANES * padded * BYTES + (c - c0) % LANES * 4
            for s in range(n):
                put(target + s * BYTES, get(source + s * 4))


@inlined
def leave(state: int, H: int, batch: int, c0: int, vectors: int, d: int, n: int, padded: int) -> None:
    """States (b, d, n) at address `state` from H [vector][state][lane]."""
    for c in range(c0, min(d, c0 + vectors * LANES)):
        target = state + (batch * d + c) * n * 4
        source = H + (c - c0) // LANES * padded * BYTES + (c - c0) % LANES * 4
        for s in range(n):
            put(target + s * 4, get(source + s * BYTES))


@inlined
def fastest(A: int, row_bytes: int, padded: int, MOST: int) -> None:
    """The largest |A| of every group of states [group][lane]; NaN where one is."""
    for g in range(0, padded, GROUP):
        most, broken = zeros(), zeros()
        for s in range(g, g + GROUP):
            a = load(A + s * row_bytes)
            most = larger(magnitude(a), most)
            broken = broken + (a - a)
        store(MOST + g // GROUP * BYTES, most + broken)


@inlined
def rises(A: int, row_bytes: int, padded: int, RISES: int) -> None:
    """0 for every group of states [group][lane] where no A is positive, infinity where one is."""
    for g in range(0, padded, GROUP):
        most = zeros()
        for s in range(g, g + GROUP):
            most = larger(load(A + s * row_bytes), most)
        store(RISES + g // GROUP * BYTES, if_negative(zeros() - most, splat(inf), zeros()))


@inlined
def settle(H: int, LOW: int, h: Any, d: Any) -> None:
    """h + d as the nearest number at H and what it lacks at LOW, as Knuth adds."""
    total = h + d
    added = total - h
    store(H, total)
    store(LOW, (h - (total - added)) + (d - added))
