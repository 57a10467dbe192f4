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
from .rows import LN2, read, sigmoid, softplus_and_slope, write
from .scan_adjoint import (
    DDL,
    DDU,
    DL,
    DU,
    DY,
    GATE,
    KEEP,
    ROW,
    SLOPE,
    SUMB,
    SUMC,
    Y,
    adjoint,
    adjoint_near,
    again,
    again_near,
    decays_bounded,
    decays_clamped,
    decays_near,
    sum_lanes,
)
from .scan_parts import BOUND, GROUP, NEAR, aligned, copy_states, enter, fastest, leave, rows_at
from .simd import all_within, get, larger, load, magnitude, splat, store, zeros

FLUSH = 64
"""Chunks whose parameter gradients are summed in float32 before they go to float64."""


@inlined
def _flush(parameters: Any, SA: int, c0: int, vectors: int, width: int, d: int, n: int, padded: int) -> None:
    """Add the float32 sums of A [vector][state][lane], then of D and bias [vector][both][lane], to `parameters`, and
    set them to zero.
    """
    SD = SA + width * padded * BYTES
    for v in range(vectors):
        for lane in range(min(LANES, d - c0 - v * LANES)):
            c = c0 + v * LANES + lane
            for s in range(n):
                parameters[s, c] += get(SA + (v * padded + s) * BYTES + lane * 4)
            parameters[n, c] += get(SD + 2 * v * BYTES + lane * 4)
            parameters[n + 1, c] += get(SD + (2 * v + 1) * BYTES + lane * 4)
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
    A, D, bias, entries, dlast, dinitial = addresses
    padded = (n + GROUP - 1) // GROUP * GROUP
    row_bytes = (d + LANES - 1) // LANES * BYTES
    token = padded * 4
    chunks = (length + chunk - 1) // chunk
    gated = z[0] != 0
    states = width * padded * BYTES
    of_vector = chunk * ROW
    groups = padded // GROUP * BYTES
    size = width * of_vector + chunk * KEEP + 3 * states + width * (groups + 3 * BYTES) + 2 * chunk * token
    scratch = np.empty(size + 64, np.uint8)
    rows = aligned(scratch.ctypes.data)
    keep = rows + width * of_vector
    G = keep + chunk * KEEP
    SA = G + states
    LOW = SA + states + 2 * width * BYTES
    MOST = LOW + states
    PEAK = MOST + width * groups
    Bs = PEAK + width * BYTES
    Cs = Bs + chunk * token
    for row in range(width * (padded + 2)):
        store(SA + row * BYTES, zeros())
    pending = 0
    for task in range(start, stop):
        block = task // b
        batch = task - block * b
        c0 = block * width * LANES
        vectors = min(width, (d - c0 + LANES - 1) // LANES)
        enter(dlast, G, batch, c0, vectors, d, n, padded)
        enter(0, LOW, batch, c0, vectors, d, n, padded)
        if task == start or batch == 0:  # a block's sequences follow one another
            for v in range(vectors):
                fastest(A + (c0 + v * LANES) * 4, row_bytes, padded, MOST + v * groups)
        for k in range(chunks - 1, -1, -1):
            first = k * chunk
            steps = min(chunk, length - first)
            copy_states(B, batch, first, steps, n, padded, Bs, token)
            copy_states(C, batch, first, steps, n, padded, Cs, token)
            back = chunk if k > 0 else 0
            for v in range(vectors):
                column, count = (c0 + v * LANES) * 4, d - c0 - v * LANES
                skip = read(D + column, count) if D else zeros()
                shift = read(bias + column, count) if bias else zeros()
                from_u, from_delta = rows_at(u, batch, first) + column, rows_at(delta, batch, first) + column
                from_z, from_dy = rows_at(z, batch, first) + column, rows_at(dy, batch, first) + column
                peak, broken = zeros(), zeros()
                row = rows + v * of_vector
                for t in range(steps):
                    x = read(from_u + t * u[2], count)
                    step = read(from_delta + t * delta[2], count) + shift
                    out = read(from_dy + t * dy[2], count)
                    if softplus_asked:
                        step, slope = softplus_and_slope(step)
                        store(row + SLOPE, slope)
                    peak = larger(magnitude(step), peak)
                    broken = broken + (step - step)
                    if gated:
                        gate = read(from_z + t * z[2], count)
                        s = sigmoid(gate)
                        store(row + GATE, out * s * (splat(1.0) + gate * (splat(1.0) - s)))
                        store(row + Y, skip * x)
                        out = out * gate * s
                    store(row + DL, step)
                    store(row + DU, step * x)
                    store(row + DY, out)
                    store(row + DDU, zeros())
                    store(row + DDL, zeros())
                    row += ROW
                store(PEAK + v * BYTES, peak + broken)
            for g in range(0, padded, GROUP):
                b_, c_ = Bs + g * 4, Cs + g * 4
                for v in range(vectors):
                    column, row, state = (c0 + v * LANES) * 4, rows + v * of_vector, (v * padded + g) * BYTES
                    a_ = A + g * row_bytes + column
                    entry = entries + ((batch * chunks + k) * padded + g) * row_bytes + column
                    # Pieces of rows that come backwards are no stream that a processor foresees: while one group is
                    # computed, one operand of the chunk before is asked for, and one result's rows of this chunk.
                    source, target = u, du
                    if g == GROUP:
                        source, target = delta, ddelta
                    elif g == 2 * GROUP:
                        source, target = z, dz
                    elif g == 3 * GROUP:
                        source, target = dy, du
                    wanted = rows_at(source, batch, first - back) + column
                    exponent = load(PEAK + v * BYTES) * load(MOST + v * groups + g // GROUP * BYTES)
                    near = all_within(exponent, NEAR)
                    if near:
                        decays_near(a_, row_bytes, row, keep, steps)
                        again_near(entry, row_bytes, row, keep, b_, c_, token, steps, gated, v == 0, wanted, source[2])
                    else:
                        if all_within(exponent, BOUND):
                            decays_bounded(a_, row_bytes, row, keep, steps)
                        else:
                            decays_clamped(a_, row_bytes, row, keep, steps)
                        again(entry, row_bytes, row, keep, b_, c_, token, steps, gated, v == 0, wanted, source[2])
                    wanted, stride = rows_at(target, batch, first + steps - 1) + column, target[2]
                    if g == 3 * GROUP and k > 0:
                        wanted, stride = entries + ((batch * chunks + k) * padded - 1) * row_bytes + column, row_bytes
                    g_, low, sa = G + state, LOW + state, SA + state
                    if near:
                        adjoint_near(
                            a_, g_, low, sa, row_bytes, row, keep, b_, c_, token, steps, v == 0, wanted, stride
                        )
                    else:
                        adjoint(a_, g_, low, sa, row_bytes, row, keep, b_, c_, token, steps, v == 0, wanted, stride)
                of_block = block * b + batch
                sum_lanes(keep + SUMB, rows_at(dB, of_block, first) + g * 4, dB[2], steps, min(GROUP, n - g))
                sum_lanes(keep + SUMC, rows_at(dC, of_block, first) + g * 4, dC[2], steps, min(GROUP, n - g))
            for v in range(vectors):
                column, count = (c0 + v * LANES) * 4, d - c0 - v * LANES
                skip = read(D + column, count) if D else zeros()
                from_u, to_u = rows_at(u, batch, first) + column, rows_at(du, batch, first) + column
                to_delta, to_z = rows_at(ddelta, batch, first) + column, rows_at(dz, batch, first) + column
                of_D = SA + states + 2 * v * BYTES
                sum_D, sum_bias = load(of_D), load(of_D + BYTES)
                row = rows + v * of_vector
                for t in range(steps):
                    x, out, ddu = read(from_u + t * u[2], count), load(row + DY), load(row + DDU)
                    write(to_u + t * du[2], ddu * load(row + DL) + out * skip, count)
                    step = ddu * x + load(row + DDL) * splat(LN2)
                    if softplus_asked:
                        step = step * load(row + SLOPE)
                    write(to_delta + t * ddelta[2], step, count)
                    if gated:
                        write(to_z + t * dz[2], load(row + GATE) * load(row + Y), count)
                    sum_D = sum_D + out * x
                    sum_bias = sum_bias + step
                    row += ROW
                store(of_D, sum_D)
                store(of_D + BYTES, sum_bias)
            pending += 1
            if pending == FLUSH:
                _flush(parameters, SA, c0, vectors, width, d, n, padded)
                pending = 0
        if task + 1 == stop or batch + 1 == b:
            _flush(parameters, SA, c0, vectors, width, d, n, padded)
            pending = 0
        if dinitial:
            leave(dinitial, G, batch, c0, vectors, d, n, padded)
    scratch[0] = 0  # Numba frees an array after its last use by name; this is the last.
