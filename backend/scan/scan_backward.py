"""The selective scan on the CPU, backward by hand. How it is cut up stands in `scan_parts`; letters as in `reference`.

With g_t = dL/dh_t and a_t = exp(delta_t A): g_t = dy_t C_t + a_{t+1} g_{t+1}; dB_t = sum_c g_t delta_t u_t;
dC_t = sum_c dy_t h_t; d(delta_t u_t) = sum_n g_t B_t; and q_t = g_t a_t h_{t-1} gives dA = sum_t q_t delta_t and
ddelta_t = sum_n q_t A.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..jit import inlined, kernel
from .rows import LN2, read, sigmoid, softplus, write
from .scan_parts import BOUND, GROUP, aligned, copy_states, enter, leave, rows_at
from .simd import (
    BYTES,
    LANES,
    all_within,
    exp2,
    get,
    if_negative,
    larger,
    load,
    load_splat,
    magnitude,
    power_rest,
    power_whole,
    prefetch,
    splat,
    store,
    sums,
    zeros,
)

FLUSH = 64
"""Chunks whose parameter gradients are summed in float32 before they go to float64."""


@inlined
def _load4(address: int, stride: int) -> Any:
    return load(address), load(address + stride), load(address + 2 * stride), load(address + 3 * stride)


@inlined
def _store4(address: int, a: Any, b: Any, c: Any, d: Any) -> None:
    store(address, a)
    store(address + BYTES, b)
    store(address + 2 * BYTES, c)
    store(address + 3 * BYTES, d)


@inlined
def _bounded_decay(dl: Any, a: Any) -> Any:
    """2^(dl a) as w (1 + r): r and w."""
    return power_rest(dl, a), power_whole(dl, a)


@inlined
def _clamped_decay(dl: Any, a: Any) -> Any:
    """The same for any numbers; for small ones to the last bit what `_bounded_decay` gives."""
    x = dl * a
    beyond = splat(BOUND) - magnitude(x)
    return if_negative(beyond, zeros(), power_rest(dl, a)), if_negative(beyond, exp2(x), power_whole(dl, a))


def _again(decay: Any) -> Any:
    """GROUP states over a chunk once more: keeps h_{t-1} and the decays, and y where a gate needs it.

    `decay` takes a step and A. A decay is kept as w (1 + r), because near 1 a product would lose what it differs by.
    """

    @inlined
    def again(
        A: int,
        entry: int,
        row_bytes: int,
        DL: int,
        DU: int,
        Y: int,
        B: int,
        C: int,
        token: int,
        steps: int,
        gated: bool,
        BEFORE: int,
        REST: int,
        WHOLE: int,
    ) -> None:
        a0, a1, a2, a3 = _load4(A, row_bytes)
        h0, h1, h2, h3 = _load4(entry, row_bytes)
        for _ in range(steps):
            dl, du = load(DL), load(DU)
            _store4(BEFORE, h0, h1, h2, h3)
            (r0, w0), (r1, w1), (r2, w2), (r3, w3) = decay(dl, a0), decay(dl, a1), decay(dl, a2), decay(dl, a3)
            _store4(REST, r0, r1, r2, r3)
            _store4(WHOLE, w0, w1, w2, w3)
            h0 = (h0 + r0 * h0) * w0 + du * load_splat(B)
            h1 = (h1 + r1 * h1) * w1 + du * load_splat(B + 4)
            h2 = (h2 + r2 * h2) * w2 + du * load_splat(B + 8)
            h3 = (h3 + r3 * h3) * w3 + du * load_splat(B + 12)
            if gated:
                y = load(Y)
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
            BEFORE += GROUP * BYTES
            REST += GROUP * BYTES
            WHOLE += GROUP * BYTES
        _store4(BEFORE, h0, h1, h2, h3)

    return again


_clamped = _again(_clamped_decay)
_bounded = _again(_bounded_decay)


@inlined
def _adjoint(
    A: int,
    G: int,
    SA: int,
    row_bytes: int,
    DL: int,
    DU: int,
    DY: int,
    DDU: int,
    DDL: int,
    B: int,
    C: int,
    token: int,
    steps: int,
    BEFORE: int,
    REST: int,
    WHOLE: int,
    SUMB: int,
    SUMC: int,
    fresh: bool,
) -> None:
    """The adjoint recurrence of GROUP states over a chunk, last token first; SUMB and SUMC are begun when `fresh`."""
    a0, a1, a2, a3 = _load4(A, row_bytes)
    g0, g1, g2, g3 = _load4(G, BYTES)
    s0, s1, s2, s3 = _load4(SA, BYTES)
    for t in range(steps - 1, -1, -1):
        row, keep = t * BYTES, t * GROUP * BYTES
        b, c = B + t * token, C + t * token
        dl, du, dy = load(DL + row), load(DU + row), load(DY + row)
        g0 = g0 + dy * load_splat(c)
        g1 = g1 + dy * load_splat(c + 4)
        g2 = g2 + dy * load_splat(c + 8)
        g3 = g3 + dy * load_splat(c + 12)
        h0, h1, h2, h3 = _load4(BEFORE + keep + GROUP * BYTES, BYTES)
        if fresh:
            _store4(SUMC + keep, dy * h0, dy * h1, dy * h2, dy * h3)
            _store4(SUMB + keep, du * g0, du * g1, du * g2, du * g3)
        else:
            x0, x1, x2, x3 = _load4(SUMC + keep, BYTES)
            _store4(SUMC + keep, x0 + dy * h0, x1 + dy * h1, x2 + dy * h2, x3 + dy * h3)
            x0, x1, x2, x3 = _load4(SUMB + keep, BYTES)
            _store4(SUMB + keep, x0 + du * g0, x1 + du * g1, x2 + du * g2, x3 + du * g3)
        ddu = load(DDU + row)
        ddu = ddu + g0 * load_splat(b)
        ddu = ddu + g1 * load_splat(b + 4)
        ddu = ddu + g2 * load_splat(b + 8)
        ddu = ddu + g3 * load_splat(b + 12)
        store(DDU + row, ddu)
        r0, r1, r2, r3 = _load4(REST + keep, BYTES)
        w0, w1, w2, w3 = _load4(WHOLE + keep, BYTES)
        h0, h1, h2, h3 = _load4(BEFORE + keep, BYTES)
        g0, g1, g2, g3 = (g0 + g0 * r0) * w0, (g1 + g1 * r1) * w1, (g2 + g2 * r2) * w2, (g3 + g3 * r3) * w3
        q0, q1, q2, q3 = g0 * h0, g1 * h1, g2 * h2, g3 * h3
        s0, s1, s2, s3 = s0 + q0 * dl, s1 + q1 * dl, s2 + q2 * dl, s3 + q3 * dl
        ddl = load(DDL + row)
        ddl = ddl + q0 * a0
        ddl = ddl + q1 * a1
        ddl = ddl + q2 * a2
        ddl = ddl + q3 * a3
        store(DDL + row, ddl)
    _store4(G, g0, g1, g2, g3)
    _store4(SA, s0, s1, s2, s3)


@inlined
def _sum_lanes(SUM: int, to: int, stride: int, steps: int, count: int) -> None:
    """[token][state][lane] summed over the lanes into rows of `count` states."""
    for t in range(steps):
        a, b, c, d = _load4(SUM + t * GROUP * BYTES, BYTES)
        write(to + t * stride, sums(a, b, c, d), count)


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
                        _bounded(a_, entry, row_bytes, dl, x, out, b_, c_, token, steps, gated, BEFORE, REST, WHOLE)
                    else:
                        _clamped(a_, entry, row_bytes, dl, x, out, b_, c_, token, steps, gated, BEFORE, REST, WHOLE)
                    _adjoint(
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
                _sum_lanes(SUMB, rows_at(dB, of_block, first) + g * 4, dB[2], steps, min(GROUP, n - g))
                _sum_lanes(SUMC, rows_at(dC, of_block, first) + g * 4, dC[2], steps, min(GROUP, n - g))
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
