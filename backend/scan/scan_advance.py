"""GROUP states of one vector of channels over a chunk, forward, for `scan_kernels`.

A token's row is [DL, DU, Y]. Its decays depend on nothing before them, so they are computed while the recurrence works
on the token before: a long chain of instructions less in every round. The row behind the last token is therefore read
too, whatever stands there. Capitals are addresses or offsets; C lies `apart` bytes behind B.
"""

from __future__ import annotations

from typing import Any

from ..jit import inlined
from .instructions import BYTES
from .powers import exp2, power_falling, power_near, power_rest, power_whole, scaled, whole
from .scan_parts import BOUND, GROUP, settle
from .simd import if_negative, load, load_splat, magnitude, prefetch, splat, store, zeros

DL, DU, Y = (part * BYTES for part in range(3))
ROW = 3 * BYTES


@inlined
def load4(address: int, stride: int) -> Any:
    """The four vectors `stride` bytes apart from `address` on."""
    return load(address), load(address + stride), load(address + 2 * stride), load(address + 3 * stride)


@inlined
def store4(address: int, a: Any, b: Any, c: Any, d: Any) -> None:
    """Write four vectors one behind the other."""
    store(address, a)
    store(address + BYTES, b)
    store(address + 2 * BYTES, c)
    store(address + 3 * BYTES, d)


@inlined
def dot4(total: Any, a: Any, b: Any, c: Any, d: Any, address: int) -> Any:
    """total + the four vectors times the four numbers at `address`."""
    total = total + a * load_splat(address)
    total = total + b * load_splat(address + 4)
    total = total + c * load_splat(address + 8)
    return total + d * load_splat(address + 12)


@inlined
def clamped_decay(dl: Any, a: Any) -> Any:
    """2^(dl a) as w (1 + r), for any numbers: r and w; for small ones to the last bit what `_bounded` computes with."""
    x = dl * a
    beyond = splat(BOUND) - magnitude(x)
    return if_negative(beyond, zeros(), power_rest(dl, a)), if_negative(beyond, exp2(x), power_whole(dl, a))


@inlined
def _clamped(h: Any, r: Any, w: Any) -> Any:
    return (h + h * r) * w


@inlined
def _bounded_decay(dl: Any, a: Any) -> Any:
    return power_rest(dl, a), whole(dl, a)


@inlined
def _bounded(h: Any, r: Any, w: Any) -> Any:
    return scaled(h + h * r, w)


@inlined
def _falling_decay(dl: Any, half: Any) -> Any:
    """The decay's root less 1, twice: a pair like the others."""
    r = power_falling(dl, half)
    return r, r


@inlined
def _falling(h: Any, r: Any, w: Any) -> Any:
    h = h + h * r
    return h + h * w


def _advance(decay: Any, after: Any, share: float) -> Any:
    """The recurrence. `decay` takes a step and that share of A; `after` gives what is left of a state."""

    @inlined
    def advance(
        A: int,
        H: int,
        LOW: int,
        row_bytes: int,
        row: int,
        B: int,
        apart: int,
        token: int,
        steps: int,
        wanted: int,
        wanted_row: int,
    ) -> None:
        a0, a1, a2, a3 = load4(A, row_bytes)
        part = splat(share)
        a0, a1, a2, a3 = a0 * part, a1 * part, a2 * part, a3 * part
        h0, h1, h2, h3 = load4(H, BYTES)
        d0, d1, d2, d3 = load4(LOW, BYTES)
        h0, h1, h2, h3 = h0 + d0, h1 + d1, h2 + d2, h3 + d3
        dl = load(row + DL)
        (r0, w0), (r1, w1), (r2, w2), (r3, w3) = decay(dl, a0), decay(dl, a1), decay(dl, a2), decay(dl, a3)
        for _ in range(steps):
            du, dl = load(row + DU), load(row + ROW + DL)
            h0 = after(h0, r0, w0) + du * load_splat(B)
            h1 = after(h1, r1, w1) + du * load_splat(B + 4)
            h2 = after(h2, r2, w2) + du * load_splat(B + 8)
            h3 = after(h3, r3, w3) + du * load_splat(B + 12)
            (r0, w0), (r1, w1), (r2, w2), (r3, w3) = decay(dl, a0), decay(dl, a1), decay(dl, a2), decay(dl, a3)
            store(row + Y, dot4(load(row + Y), h0, h1, h2, h3, B + apart))
            prefetch(wanted)
            wanted += wanted_row
            row += ROW
            B += token
        store4(H, h0, h1, h2, h3)
        for s in range(GROUP):
            store(LOW + s * BYTES, zeros())

    return advance


advance_clamped = _advance(clamped_decay, _clamped, 1.0)
advance_bounded = _advance(_bounded_decay, _bounded, 1.0)
advance_falling = _advance(_falling_decay, _falling, 0.5)


@inlined
def advance_near(
    A: int,
    H: int,
    LOW: int,
    row_bytes: int,
    row: int,
    B: int,
    apart: int,
    token: int,
    steps: int,
    wanted: int,
    wanted_row: int,
) -> None:
    """`advance` where all decays are near 1: a state's change d over the chunk is summed apart from the state h that it
    began with, so that the little a slow state forgets and gains in a step is not lost.
    """
    a0, a1, a2, a3 = load4(A, row_bytes)
    h0, h1, h2, h3 = load4(H, BYTES)
    d0, d1, d2, d3 = load4(LOW, BYTES)
    s0, s1, s2, s3 = h0 + d0, h1 + d1, h2 + d2, h3 + d3
    dl = load(row + DL)
    r0, r1, r2, r3 = power_near(dl, a0), power_near(dl, a1), power_near(dl, a2), power_near(dl, a3)
    for _ in range(steps):
        du, dl = load(row + DU), load(row + ROW + DL)
        d0 = d0 + du * load_splat(B) + r0 * s0
        d1 = d1 + du * load_splat(B + 4) + r1 * s1
        d2 = d2 + du * load_splat(B + 8) + r2 * s2
        d3 = d3 + du * load_splat(B + 12) + r3 * s3
        s0, s1, s2, s3 = h0 + d0, h1 + d1, h2 + d2, h3 + d3
        r0, r1, r2, r3 = power_near(dl, a0), power_near(dl, a1), power_near(dl, a2), power_near(dl, a3)
        store(row + Y, dot4(load(row + Y), s0, s1, s2, s3, B + apart))
        prefetch(wanted)
        wanted += wanted_row
        row += ROW
        B += token
    settle(H, LOW, h0, d0)
    settle(H + BYTES, LOW + BYTES, h1, d1)
    settle(H + 2 * BYTES, LOW + 2 * BYTES, h2, d2)
    settle(H + 3 * BYTES, LOW + 3 * BYTES, h3, d3)
