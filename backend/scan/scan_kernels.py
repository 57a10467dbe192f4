"""The selective scan on the CPU, forward. How it is cut up stands in `scan_parts`; letters as in `reference`."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..jit import inlined, kernel
from .instructions import BYTES, LANES
from .powers import decayed, exp2, power_near
from .rows import read, sigmoid, softplus, write
from .scan_parts import BOUND, GROUP, NEAR, aligned, copy_states, enter, fastest, leave, rows_at, settle
from .simd import all_within, if_negative, larger, load, load_splat, magnitude, prefetch, splat, store, zeros


@inlined
def _clamped_decay(h: Any, dl: Any, a: Any) -> Any:
    """h 2^(dl a) for any numbers; for small ones to the last bit what `decayed` gives."""
    x = dl * a
    return if_negative(splat(BOUND) - magnitude(x), exp2(x) * h, decayed(h, dl, a))


def _advance(decay: Any) -> Any:
    """The recurrence of GROUP states over a chunk; `decay` takes a state, a step and A."""

    @inlined
    def advance(
        A: int,
        H: int,
        LOW: int,
        row_bytes: int,
        DL: int,
        DU: int,
        Y: int,
        B: int,
        C: int,
        token: int,
        steps: int,
        wanted: int,
        row: int,
    ) -> None:
        a0, a1 = load(A), load(A + row_bytes)
        a2, a3 = load(A + 2 * row_bytes), load(A + 3 * row_bytes)
        h0, h1 = load(H) + load(LOW), load(H + BYTES) + load(LOW + BYTES)
        h2, h3 = load(H + 2 * BYTES) + load(LOW + 2 * BYTES), load(H + 3 * BYTES) + load(LOW + 3 * BYTES)
        for _ in range(steps):
            dl, du, y = load(DL), load(DU), load(Y)
            h0 = decay(h0, dl, a0) + du * load_splat(B)
            h1 = decay(h1, dl, a1) + du * load_splat(B + 4)
            h2 = decay(h2, dl, a2) + du * load_splat(B + 8)
            h3 = decay(h3, dl, a3) + du * load_splat(B + 12)
            y = y + h0 * load_splat(C)
            y = y + h1 * load_splat(C + 4)
            y = y + h2 * load_splat(C + 8)
            y = y + h3 * load_splat(C + 12)
            store(Y, y)
            DL += BYTES
            DU += BYTES
            Y += BYTES
            B += token
            C += token
            prefetch(wanted)
            wanted += row
        store(H, h0)
        store(H + BYTES, h1)
        store(H + 2 * BYTES, h2)
        store(H + 3 * BYTES, h3)
        for s in range(GROUP):
            store(LOW + s * BYTES, zeros())

    return advance


_clamped = _advance(_clamped_decay)
_bounded = _advance(decayed)


@inlined
def _near(
    A: int,
    H: int,
    LOW: int,
    row_bytes: int,
    DL: int,
    DU: int,
    Y: int,
    B: int,
    C: int,
    token: int,
    steps: int,
    wanted: int,
    row: int,
) -> None:
    """`advance` where all decays are near 1: a state's change d over the chunk is summed apart from the state h that it
    began with, so that the little a slow state forgets and gains in a step is not lost. It is quicker too.
    """
    a0, a1, a2, a3 = load(A), load(A + row_bytes), load(A + 2 * row_bytes), load(A + 3 * row_bytes)
    h0, h1, h2, h3 = load(H), load(H + BYTES), load(H + 2 * BYTES), load(H + 3 * BYTES)
    d0, d1, d2, d3 = load(LOW), load(LOW + BYTES), load(LOW + 2 * BYTES), load(LOW + 3 * BYTES)
    s0, s1, s2, s3 = h0 + d0, h1 + d1, h2 + d2, h3 + d3
    for _ in range(steps):
        dl, du, y = load(DL), load(DU), load(Y)
        d0 = d0 + du * load_splat(B) + power_near(dl, a0) * s0
        d1 = d1 + du * load_splat(B + 4) + power_near(dl, a1) * s1
        d2 = d2 + du * load_splat(B + 8) + power_near(dl, a2) * s2
        d3 = d3 + du * load_splat(B + 12) + power_near(dl, a3) * s3
        s0, s1, s2, s3 = h0 + d0, h1 + d1, h2 + d2, h3 + d3
        y = y + s0 * load_splat(C)
        y = y + s1 * load_splat(C + 4)
        y = y + s2 * load_splat(C + 8)
        y = y + s3 * load_splat(C + 12)
        store(Y, y)
        DL += BYTES
        DU += BYTES
        Y += BYTES
        B += token
        C += token
        prefetch(wanted)
        wanted += row
    settle(H, LOW, h0, d0)
    settle(H + BYTES, LOW + BYTES, h1, d1)
    settle(H + 2 * BYTES, LOW + 2 * BYTES, h2, d2)
    settle(H + 3 * BYTES, LOW + 3 * BYTES, h3, d3)


@inlined
def _keep(entry: int, H: int, row_bytes: int, padded: int) -> None:
    """States of one vector of channels to the table of chunk entries."""
    for s in range(padded):
        store(entry + s * row_bytes, load(H + s * BYTES))


@kernel
def forward(
    start: int, stop: int, sizes: Any, addresses: Any, u: Any, delta: Any, B: Any, C: Any, z: Any, y: Any
) -> None:
    """Tasks start..stop of the scan. Capitals are addresses: of parameters, and of rows in this task's scratch."""
    b, length, d, n, width, chunk, softplus_asked = sizes
    A, D, bias, initial, last, entries = addresses
    padded = (n + GROUP - 1) // GROUP * GROUP
    row_bytes = (d + LANES - 1) // LANES * BYTES
    token = padded * 4
    chunks = (length + chunk - 1) // chunk
    rows = chunk * BYTES
    states_bytes, groups_bytes = padded * BYTES, padded // GROUP * BYTES
    size = 3 * rows + 2 * chunk * token + width * (2 * states_bytes + groups_bytes)
    scratch = np.empty(size + 64, np.uint8)
    DL = aligned(scratch.ctypes.data)
    DU, Y, H = DL + rows, DL + 2 * rows, DL + 3 * rows
    LOW = H + width * states_bytes
    MOST = LOW + width * states_bytes
    Bs = MOST + width * groups_bytes
    Cs = Bs + chunk * token
    for task in range(start, stop):
        block = task // b
        batch = task - block * b
        c0 = block * width * LANES
        vectors = min(width, (d - c0 + LANES - 1) // LANES)
        enter(initial, H, batch, c0, vectors, d, n, padded)
        enter(0, LOW, batch, c0, vectors, d, n, padded)
        for v in range(vectors):
            fastest(A + (c0 + v * LANES) * 4, row_bytes, padded, MOST + v * groups_bytes)
        for k in range(chunks):
            first = k * chunk
            steps = min(chunk, length - first)
            copy_states(B, batch, first, steps, n, padded, Bs)
            copy_states(C, batch, first, steps, n, padded, Cs)
            for v in range(vectors):
                column = (c0 + v * LANES) * 4
                count = d - c0 - v * LANES
                states, low = H + v * states_bytes, LOW + v * states_bytes
                if entries:
                    _keep(entries + (batch * chunks + k) * padded * row_bytes + column, states, row_bytes, padded)
                skip = read(D + column, count) if D else zeros()
                shift = read(bias + column, count) if bias else zeros()
                from_u = rows_at(u, batch, first) + column
                from_delta = rows_at(delta, batch, first) + column
                from_z, to_y = rows_at(z, batch, first) + column, rows_at(y, batch, first) + column
                peak, broken = zeros(), zeros()
                # Pieces of rows are no stream that a processor foresees: ask for the chunk after this one, where there
                # are groups enough one operand in each; all at once they would queue up.
                ahead = chunk if k + 1 < chunks else 0
                spread = padded >= 4 * GROUP
                for t in range(steps):
                    if not spread:
                        prefetch(from_u + (t + ahead) * u[2])
                        prefetch(from_delta + (t + ahead) * delta[2])
                        prefetch(from_z + (t + ahead) * z[2])
                    x = read(from_u + t * u[2], count)
                    step = read(from_delta + t * delta[2], count) + shift
                    if softplus_asked:
                        step = softplus(step)
                    peak = larger(magnitude(step), peak)
                    broken = broken + (step - step)
                    store(DL + t * BYTES, step)
                    store(DU + t * BYTES, step * x)
                    store(Y + t * BYTES, skip * x)
                peak = peak + broken
                for g in range(0, padded, GROUP):
                    from_A, from_H, b_, c_ = A + g * row_bytes + column, states + g * BYTES, Bs + g * 4, Cs + g * 4
                    if g == 0:
                        wanted, row = from_u + ahead * u[2], u[2]
                    elif g == GROUP:
                        wanted, row = from_delta + ahead * delta[2], delta[2]
                    elif g == 2 * GROUP:
                        wanted, row = from_z + ahead * z[2], z[2]
                    else:
                        wanted, row = to_y + ahead * y[2], y[2]
                    from_low = low + g * BYTES
                    exponent = peak * load(MOST + v * groups_bytes + g // GROUP * BYTES)
                    if all_within(exponent, NEAR):
                        _near(from_A, from_H, from_low, row_bytes, DL, DU, Y, b_, c_, token, steps, wanted, row)
                    elif all_within(exponent, BOUND):
                        _bounded(from_A, from_H, from_low, row_bytes, DL, DU, Y, b_, c_, token, steps, wanted, row)
                    else:
                        _clamped(from_A, from_H, from_low, row_bytes, DL, DU, Y, b_, c_, token, steps, wanted, row)
                for t in range(steps):
                    out = load(Y + t * BYTES)
                    if z[0]:
                        gate = read(from_z + t * z[2], count)
                        out = out * gate * sigmoid(gate)
                    write(to_y + t * y[2], out, count)
        if last:
            leave(last, H, batch, c0, vectors, d, n, padded)
    scratch[0] = 0  # Numba frees an array after its last use by name; this is the last.
