"""The selective scan on the CPU, backward by hand. How it is cut up stands in `scan_parts`; letters as in `reference`.

With g_t = dL/dh_t and a_t = exp(delta_t A): g_t = dy_t C_t + a_{t+1} g_{t+1}; dB_t = sum_c g_t delta_t u_t;
dC_t = sum_c dy_t h_t; d(delta_t u_t) = sum_n g_t B_t; and q_t = g_t a_t h_{t-1} gives dA = sum_t q_t delta_t and
ddelta_t = sum_n q_t A.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..jit import inlined, kernel
from .instructions import BYTES, LANES
from .rows import LN2, read, sigmoid, softplus, write
from .scan_adjoint import adjoint, again_bounded, again_clamped, sum_lanes
from .scan_parts import BOUND, GROUP, aligned, copy_states, enter, leave, rows_at
from .simd import all_within, get, larger, load, magnitude, prefetch, splat, store, zeros

FLUSH = 64
"""Chunks whose parameter gradients are summed in float32 before they go to float64."""


@inlined
def _flush(parameters: Any, SA: int, c0: int, vectors: int, width: int, d: int, n: int, padded: int) -> None:
    """Add the float32 sums of A [vector][state][lane], D and bias [vector][lane] to `parameters`; set them to zero."""
    SD = SA + width * padded * BYTES
    SB = SD + width * BYTES
    for v in range(vectors):
        for lane in range(min(LANES, d - c0 - v * LANES)):
            c = c0 + v * LANES + lane
            for s in range(n):
                parameters[s, c] += get(SA + (v * padded + s) * BYTES + lane * 4)
            parameters[n, c] += get(SD + v * BYTES + lane * 4)
            parameters[n + 1, c] += get(SB + v * BYTES + lane * 4)
    for row in range(width * padded + 2 * width):
        store(SA + row * BYTES, zeros())


@kernel
def backward(
    start: int,
    stop: int,
    parameters: Any,
    sizes: Any,
    addresses: Any,
    u: Any,
    delta: Any,
    B: Any,
    C: Any,
    z: Any,
    dy: Any,
    du: Any,
    ddelta: Any,
    dB: Any,
    dC: Any,
    dz: Any,
) -> None:
    """Gradients of tasks start..stop; those of A, D and the bias are added to the float64 `parameters` (n + 2, d).

    dB and dC hold one table for each block of channels, one behind the other. Capitals are addresses.
    """
    b, length, d, n, width, chunk, softplus_asked = sizes
    A, peaks, D, bias, entries, dlast, dinitial = addresses
    padded = (n + GROUP - 1) // GROUP * GROUP
    row_bytes = (d + LANES - 1) // LANES * BYTES
    token = padded * 4
    chunks = (length + chunk - 1) // chunk
    gated = z[0] != 0
    rows = chunk * BYTES
    wide = width * rows
    states = width * padded * BYTES
    size = 8 * wide + 2 * states + 2 * width * BYTES + 5 * GROUP * rows + GROUP * BYTES + 2 * chunk * token
    scratch = np.empty(size + 64, np.uint8)
    DL = aligned(scratch.ctypes.data)
    DU, DY, Y, SLOPE = DL + wide, DL + 2 * wide, DL + 3 * wide, DL + 4 * wide
    GATE, DDU, DDL, G = DL + 5 * wide, DL + 6 * wide, DL + 7 * wide, DL + 8 * wide
    SA = G + states
    SD = SA + states
    SB = SD + width * BYTES
    SUMB = SB + width * BYTES
    SUMC, REST, WHOLE = SUMB + GROUP * rows, SUMB + 2 * GROUP * rows, SUMB + 3 * GROUP * rows
    BEFORE = SUMB + 4 * GROUP * rows
    Bs = BEFORE + GROUP * rows + GROUP * BYTES
    Cs = Bs + chunk * token
    fits = np.zeros(width, np.bool_)
    for row in range(width * (padded + 2)):
        store(SA + row * BYTES, zeros())
    pending = 0
    for task in range(start, stop):
        block = task // b
        batch = task - block * b
        c0 = block * width * LANES
        vectors = min(width, (d - c0 + LANES - 1) // LANES)
        enter(dlast, G, batch, c0, vectors, d, n, padded)
        for k in range(chunks - 1, -1, -1):
            first = k * chunk
            steps = min(chunk, length - first)
            copy_states(B, batch, first, steps, n, padded, Bs)
            copy_states(C, batch, first, steps, n, padded, Cs)
            for v in range(vectors):
                column = (c0 + v * LANES) * 4
                count = d - c0 - v * LANES
                skip = read(D + column, count) if D else zeros()
                shift = read(bias + column, count) if bias else zeros()
                from_u, from_delta = rows_at(u, batch, first) + column, rows_at(delta, batch, first) + column
                from_z, from_dy = rows_at(z, batch, first) + column, rows_at(dy, batch, first) + column
                peak, broken = zeros(), zeros()
                if k > 0:
                    earlier = entries + (batch * chunks + k - 1) * padded * row_bytes + column
                    for s in range(padded):
                        prefetch(earlier + s * row_bytes)
                for t in range(steps):
                    at = v * rows + t * BYTES
                    # Tokens come backwards, which no processor foresees: ask for the chunk before this one.
                    back = (t - chunk) if k > 0 else 0
                    prefetch(from_u + back * u[2])
                    prefetch(from_delta + back * delta[2])
                    prefetch(from_z + back * z[2])
                    prefetch(from_dy + back * dy[2])
                    x = read(from_u + t * u[2], count)
                    step = read(from_delta + t * delta[2], count) + shift
                    if softplus_asked:
                        store(SLOPE + at, sigmoid(step))
                        step = softplus(step)
                    peak = larger(magnitude(step), peak)
                    broken = broken + (step - step)
                    out = read(from_dy + t * dy[2], count)
                    if gated:
                        gate = read(from_z + t * z[2], count)
                        s = sigmoid(gate)
                        store(GATE + at, out * s * (splat(1.0) + gate * (splat(1.0) - s)))
                        store(Y + at, skip * x)
                        out = out * gate * s
                    store(DL + at, step)
                    store(DU + at, step * x)
                    store(DY + at, out)
                    store(DDU + at, zeros())
                    store(DDL + at, zeros())
                fits[v] = all_within(peak * load(peaks + column) + broken, BOUND)
            for g in range(0, padded, GROUP):
                b_, c_ = Bs + g * 4, Cs + g * 4
                for v in range(vectors):
                    column = (c0 + v * LANES) * 4
                    at, state = v * rows, (v * padded + g) * BYTES
                    a_ = A + g * row_bytes + column
                    entry = entries + ((batch * chunks + k) * padded + g) * row_bytes + column
                    dl, x, out = DL + at, DU + at, Y + at
                    if fits[v]:
                        again_bounded(
                            a_, entry, row_bytes, dl, x, out, b_, c_, token, steps, gated, BEFORE, REST, WHOLE
                        )
                    else:
                        again_clamped(
                            a_, entry, row_bytes, dl, x, out, b_, c_, token, steps, gated, BEFORE, REST, WHOLE
                        )
                    adjoint(
                        a_,
                        G + state,
                        SA + state,
                        row_bytes,
                        dl,
                        x,
                        DY + at,
                        DDU + at,
                        DDL + at,
                        b_,
                        c_,
                        token,
                        steps,
                        BEFORE,
                        REST,
                        WHOLE,
                        SUMB,
                        SUMC,
                        v == 0,
                    )
                of_block = block * b + batch
                sum_lanes(SUMB, rows_at(dB, of_block, first) + g * 4, dB[2], steps, min(GROUP, n - g))
                sum_lanes(SUMC, rows_at(dC, of_block, first) + g * 4, dC[2], steps, min(GROUP, n - g))
            for v in range(vectors):
                column = (c0 + v * LANES) * 4
                count = d - c0 - v * LANES
                skip = read(D + column, count) if D else zeros()
                from_u, to_u = rows_at(u, batch, first) + column, rows_at(du, batch, first) + column
                to_delta, to_z = rows_at(ddelta, batch, first) + column, rows_at(dz, batch, first) + column
                sum_D, sum_bias = load(SD + v * BYTES), load(SB + v * BYTES)
                for t in range(steps):
                    at = v * rows + t * BYTES
                    x, out, ddu = read(from_u + t * u[2], count), load(DY + at), load(DDU + at)
                    write(to_u + t * du[2], ddu * load(DL + at) + out * skip, count)
                    step = ddu * x + load(DDL + at) * splat(LN2)
                    if softplus_asked:
                        step = step * load(SLOPE + at)
                    write(to_delta + t * ddelta[2], step, count)
                    if gated:
                        write(to_z + t * dz[2], load(GATE + at) * load(Y + at), count)
                    sum_D = sum_D + out * x
                    sum_bias = sum_bias + step
                store(SD + v * BYTES, sum_D)
                store(SB + v * BYTES, sum_bias)
            pending += 1
            if pending == FLUSH:
                _flush(parameters, SA, c0, vectors, width, d, n, padded)
                pending = 0
        if task + 1 == stop or (task + 1) // b != block:
            _flush(parameters, SA, c0, vectors, width, d, n, padded)
            pending = 0
        if dinitial:
            leave(dinitial, G, batch, c0, vectors, d, n, padded)
    scratch[0] = 0  # Numba frees an array after its last use by name; this is the last.
