"""The selective scan on the CPU, forward. How it is cut up stands in `scan_parts`; letters as in `reference`."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..jit import inlined, kernel
from .instructions import BYTES, LANES
from .rows import read, sigmoid, softplus, write
from .scan_advance import DL, DU, ROW, Y, advance_bounded, advance_clamped, advance_falling, advance_near
from .scan_parts import BOUND, FALL, GROUP, NEAR, aligned, copy_states, enter, fastest, leave, rises, rows_at
from .simd import all_within, larger, load, magnitude, prefetch, store, zeros


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
    apart = padded * 4
    token = 2 * apart
    chunks = (length + chunk - 1) // chunk
    states_bytes, groups_bytes = padded * BYTES, padded // GROUP * BYTES
    size = (chunk + 1) * ROW + chunk * token + 2 * width * (states_bytes + groups_bytes)
    scratch = np.zeros(size + 64, np.uint8)
    rows = aligned(scratch.ctypes.data)
    H = rows + (chunk + 1) * ROW
    LOW = H + width * states_bytes
    MOST = LOW + width * states_bytes
    RISES = MOST + width * groups_bytes
    Bs = RISES + width * groups_bytes
    for task in range(start, stop):
        block = task // b
        batch = task - block * b
        c0 = block * width * LANES
        vectors = min(width, (d - c0 + LANES - 1) // LANES)
        enter(initial, H, batch, c0, vectors, d, n, padded)
        enter(0, LOW, batch, c0, vectors, d, n, padded)
        if task == start or batch == 0:  # a block's sequences follow one another
            for v in range(vectors):
                fastest(A + (c0 + v * LANES) * 4, row_bytes, padded, MOST + v * groups_bytes)
                rises(A + (c0 + v * LANES) * 4, row_bytes, padded, RISES + v * groups_bytes)
        for k in range(chunks):
            first = k * chunk
            steps = min(chunk, length - first)
            copy_states(B, batch, first, steps, n, padded, Bs, token)
            copy_states(C, batch, first, steps, n, padded, Bs + apart, token)
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
                peak = zeros()  # passes over NaN, which stays NaN in every way of advancing
                # Pieces of rows are no stream that a processor foresees: ask for the chunk after this one, where there
                # are groups enough one operand in each; all at once they would queue up.
                ahead = chunk if k + 1 < chunks else 0
                spread = padded >= 4 * GROUP
                row = rows
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
                    store(row + DL, step)
                    store(row + DU, step * x)
                    store(row + Y, skip * x)
                    row += ROW
                for g in range(0, padded, GROUP):
                    wanted, stride = to_y + ahead * y[2], y[2]
                    if g == 0:
                        wanted, stride = from_u + ahead * u[2], u[2]
                    elif g == GROUP:
                        wanted, stride = from_delta + ahead * delta[2], delta[2]
                    elif g == 2 * GROUP:
                        wanted, stride = from_z + ahead * z[2], z[2]
                    a_, h_, low_, b_ = A + g * row_bytes + column, states + g * BYTES, low + g * BYTES, Bs + g * 4
                    of_group = v * groups_bytes + g // GROUP * BYTES
                    exponent = peak * load(MOST + of_group)
                    if all_within(exponent, NEAR):
                        advance_near(a_, h_, low_, row_bytes, rows, b_, apart, token, steps, wanted, stride)
                    elif softplus_asked and all_within(exponent + load(RISES + of_group), FALL):
                        advance_falling(a_, h_, low_, row_bytes, rows, b_, apart, token, steps, wanted, stride)
                    elif all_within(exponent, BOUND):
                        advance_bounded(a_, h_, low_, row_bytes, rows, b_, apart, token, steps, wanted, stride)
                    else:
                        advance_clamped(a_, h_, low_, row_bytes, rows, b_, apart, token, steps, wanted, stride)
                row = rows
                for t in range(steps):
                    out = load(row + Y)
                    if z[0]:
                        gate = read(from_z + t * z[2], count)
                        out = out * gate * sigmoid(gate)
                    write(to_y + t * y[2], out, count)
                    row += ROW
        if last:
            leave(last, H, batch, c0, vectors, d, n, padded)
    scratch[0] = 0  # Numba frees an array after its last use by name; this is the last.
