"""What the backward kernel does with GROUP states over one chunk: the states once more, the adjoint, sums over lanes.

Letters and equations as in `scan_backward`; capitals are addresses.
"""

from __future__ import annotations

from typing import Any

from ..jit import inlined
from .instructions import BYTES
from .powers import exp2, power_rest, power_whole
from .rows import write
from .scan_parts import BOUND, GROUP
from .simd import if_negative, load, load_splat, magnitude, splat, store, sums, zeros


@inlined
def load4(address: int, stride: int) -> Any:
    return load(address), load(address + stride), load(address + 2 * stride), load(address + 3 * stride)


@inlined
def store4(address: int, a: Any, b: Any, c: Any, d: Any) -> None:
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
        a0, a1, a2, a3 = load4(A, row_bytes)
        h0, h1, h2, h3 = load4(entry, row_bytes)
        for _ in range(steps):
            dl, du = load(DL), load(DU)
            store4(BEFORE, h0, h1, h2, h3)
            (r0, w0), (r1, w1), (r2, w2), (r3, w3) = decay(dl, a0), decay(dl, a1), decay(dl, a2), decay(dl, a3)
            store4(REST, r0, r1, r2, r3)
            store4(WHOLE, w0, w1, w2, w3)
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
        store4(BEFORE, h0, h1, h2, h3)

    return again


again_clamped = _again(_clamped_decay)
again_bounded = _again(_bounded_decay)


@inlined
def adjoint(
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
    a0, a1, a2, a3 = load4(A, row_bytes)
    g0, g1, g2, g3 = load4(G, BYTES)
    s0, s1, s2, s3 = load4(SA, BYTES)
    for t in range(steps - 1, -1, -1):
        row, keep = t * BYTES, t * GROUP * BYTES
        b, c = B + t * token, C + t * token
        dl, du, dy = load(DL + row), load(DU + row), load(DY + row)
        g0 = g0 + dy * load_splat(c)
        g1 = g1 + dy * load_splat(c + 4)
        g2 = g2 + dy * load_splat(c + 8)
        g3 = g3 + dy * load_splat(c + 12)
        h0, h1, h2, h3 = load4(BEFORE + keep + GROUP * BYTES, BYTES)
        if fresh:
            store4(SUMC + keep, dy * h0, dy * h1, dy * h2, dy * h3)
            store4(SUMB + keep, du * g0, du * g1, du * g2, du * g3)
        else:
            x0, x1, x2, x3 = load4(SUMC + keep, BYTES)
            store4(SUMC + keep, x0 + dy * h0, x1 + dy * h1, x2 + dy * h2, x3 + dy * h3)
            x0, x1, x2, x3 = load4(SUMB + keep, BYTES)
            store4(SUMB + keep, x0 + du * g0, x1 + du * g1, x2 + du * g2, x3 + du * g3)
        ddu = load(DDU + row)
        ddu = ddu + g0 * load_splat(b)
        ddu = ddu + g1 * load_splat(b + 4)
        ddu = ddu + g2 * load_splat(b + 8)
        ddu = ddu + g3 * load_splat(b + 12)
        store(DDU + row, ddu)
        r0, r1, r2, r3 = load4(REST + keep, BYTES)
        w0, w1, w2, w3 = load4(WHOLE + keep, BYTES)
        h0, h1, h2, h3 = load4(BEFORE + keep, BYTES)
        g0, g1, g2, g3 = (g0 + g0 * r0) * w0, (g1 + g1 * r1) * w1, (g2 + g2 * r2) * w2, (g3 + g3 * r3) * w3
        q0, q1, q2, q3 = g0 * h0, g1 * h1, g2 * h2, g3 * h3
        s0, s1, s2, s3 = s0 + q0 * dl, s1 + q1 * dl, s2 + q2 * dl, s3 + q3 * dl
        ddl = load(DDL + row)
        ddl = ddl + q0 * a0
        ddl = ddl + q1 * a1
        ddl = ddl + q2 * a2
        ddl = ddl + q3 * a3
        store(DDL + row, ddl)
    store4(G, g0, g1, g2, g3)
    store4(SA, s0, s1, s2, s3)


@inlined
def sum_lanes(SUM: int, to: int, stride: int, steps: int, count: int) -> None:
    """[token][state][lane] summed over the lanes into rows of `count` states."""
    for t in range(steps):
        a, b, c, d = load4(SUM + t * GROUP * BYTES, BYTES)
        write(to + t * stride, sums(a, b, c, d), count)
