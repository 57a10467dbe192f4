"""GROUP states of one vector of channels over a chunk for `scan_backward`: once more forward, then back.

What a token needs lies side by side, so that one address serves a whole loop and no two tables share cache sets:
a row [DL, DU, DY, Y, DDU, DDL, SLOPE, GATE] for each token and vector of channels, and for each token of the group at
hand its keep [r_t, w_t, a_t h_{t-1}, sums for dB, sums for dC], GROUP vectors each. A decay is kept as w_t (1 + r_t),
because near 1 a product would lose what it differs by. Capitals are addresses or offsets.
"""

from __future__ import annotations

from typing import Any

from ..jit import inlined
from .instructions import BYTES
from .powers import power_near, power_rest, power_whole
from .rows import write
from .scan_advance import clamped_decay, dot4, load4, store4
from .scan_parts import GROUP, settle
from .simd import load, load_splat, prefetch, store, sums, zeros

DL, DU, DY, Y, DDU, DDL, SLOPE, GATE = (part * BYTES for part in range(8))
ROW = 8 * BYTES
REST, WHOLE, CARRIED, SUMB, SUMC = (part * GROUP * BYTES for part in range(5))
KEEP = 5 * GROUP * BYTES


@inlined
def _add_products(to: int, fresh: bool, x: Any, a: Any, b: Any, c: Any, d: Any) -> None:
    """Four vectors times x, added to the four at `to`, or put there when `fresh`."""
    if fresh:
        store4(to, x * a, x * b, x * c, x * d)
    else:
        s0, s1, s2, s3 = load4(to, BYTES)
        store4(to, s0 + x * a, s1 + x * b, s2 + x * c, s3 + x * d)


@inlined
def _bounded_decay(dl: Any, a: Any) -> Any:
    """2^(dl a) as w (1 + r): r and w."""
    return power_rest(dl, a), power_whole(dl, a)


def _decays(decay: Any) -> Any:
    """a_t over a chunk; `decay` takes a step and A. Apart from the recurrence, whose latency it would share."""

    @inlined
    def decays(A: int, row_bytes: int, row: int, keep: int, steps: int) -> None:
        a0, a1, a2, a3 = load4(A, row_bytes)
        for _ in range(steps):
            dl = load(row + DL)
            (r0, w0), (r1, w1), (r2, w2), (r3, w3) = decay(dl, a0), decay(dl, a1), decay(dl, a2), decay(dl, a3)
            store4(keep + REST, r0, r1, r2, r3)
            store4(keep + WHOLE, w0, w1, w2, w3)
            row += ROW
            keep += KEEP

    return decays


decays_clamped = _decays(clamped_decay)
decays_bounded = _decays(_bounded_decay)


@inlined
def decays_near(A: int, row_bytes: int, row: int, keep: int, steps: int) -> None:
    """The same where every w is 1, and is not kept."""
    a0, a1, a2, a3 = load4(A, row_bytes)
    for _ in range(steps):
        dl = load(row + DL)
        store4(keep + REST, power_near(dl, a0), power_near(dl, a1), power_near(dl, a2), power_near(dl, a3))
        row += ROW
        keep += KEEP


def _again(near: bool) -> Any:
    """The states over a chunk once more; y only where a gate needs it."""

    @inlined
    def again(
        entry: int,
        row_bytes: int,
        row: int,
        keep: int,
        B: int,
        C: int,
        token: int,
        steps: int,
        gated: bool,
        fresh: bool,
        wanted: int,
        wanted_row: int,
    ) -> None:
        h0, h1, h2, h3 = load4(entry, row_bytes)
        for _ in range(steps):
            du = load(row + DU)
            r0, r1, r2, r3 = load4(keep + REST, BYTES)
            h0, h1, h2, h3 = h0 + h0 * r0, h1 + h1 * r1, h2 + h2 * r2, h3 + h3 * r3
            if not near:
                w0, w1, w2, w3 = load4(keep + WHOLE, BYTES)
                h0, h1, h2, h3 = h0 * w0, h1 * w1, h2 * w2, h3 * w3
            store4(keep + CARRIED, h0, h1, h2, h3)
            h0 = h0 + du * load_splat(B)
            h1 = h1 + du * load_splat(B + 4)
            h2 = h2 + du * load_splat(B + 8)
            h3 = h3 + du * load_splat(B + 12)
            _add_products(keep + SUMC, fresh, load(row + DY), h0, h1, h2, h3)
            if gated:
                store(row + Y, dot4(load(row + Y), h0, h1, h2, h3, C))
            prefetch(wanted)
            wanted += wanted_row
            row += ROW
            keep += KEEP
            B += token
            C += token

    return again


again = _again(False)
again_near = _again(True)


def _adjoint(near: bool) -> Any:
    """The adjoint recurrence over a chunk, last token first.

    G holds g, LOW what g lacks, SA the sums for dA [state][lane]. Where decays are `near` 1 the change d of g over the
    chunk is summed apart, as `scan_kernels` does for h.
    """

    @inlined
    def adjoint(
        A: int,
        G: int,
        LOW: int,
        SA: int,
        row_bytes: int,
        row: int,
        keep: int,
        B: int,
        C: int,
        token: int,
        steps: int,
        fresh: bool,
        wanted: int,
        wanted_row: int,
    ) -> None:
        a0, a1, a2, a3 = load4(A, row_bytes)
        e0, e1, e2, e3 = load4(G, BYTES)
        d0, d1, d2, d3 = load4(LOW, BYTES)
        s0, s1, s2, s3 = load4(SA, BYTES)
        if not near:
            d0, d1, d2, d3 = e0 + d0, e1 + d1, e2 + d2, e3 + d3
        row += (steps - 1) * ROW
        keep += (steps - 1) * KEEP
        B += (steps - 1) * token
        C += (steps - 1) * token
        for _ in range(steps):
            dl, dy = load(row + DL), load(row + DY)
            d0 = d0 + dy * load_splat(C)
            d1 = d1 + dy * load_splat(C + 4)
            d2 = d2 + dy * load_splat(C + 8)
            d3 = d3 + dy * load_splat(C + 12)
            g0, g1, g2, g3 = d0, d1, d2, d3
            if near:
                g0, g1, g2, g3 = e0 + d0, e1 + d1, e2 + d2, e3 + d3
            _add_products(keep + SUMB, fresh, load(row + DU), g0, g1, g2, g3)
            store(row + DDU, dot4(load(row + DDU), g0, g1, g2, g3, B))
            q0, q1, q2, q3 = load4(keep + CARRIED, BYTES)
            q0, q1, q2, q3 = g0 * q0, g1 * q1, g2 * q2, g3 * q3
            s0, s1, s2, s3 = s0 + q0 * dl, s1 + q1 * dl, s2 + q2 * dl, s3 + q3 * dl
            ddl = load(row + DDL)
            ddl = ddl + q0 * a0
            ddl = ddl + q1 * a1
            ddl = ddl + q2 * a2
            ddl = ddl + q3 * a3
            store(row + DDL, ddl)
            r0, r1, r2, r3 = load4(keep + REST, BYTES)
            d0, d1, d2, d3 = d0 + g0 * r0, d1 + g1 * r1, d2 + g2 * r2, d3 + g3 * r3
            if not near:
                w0, w1, w2, w3 = load4(keep + WHOLE, BYTES)
                d0, d1, d2, d3 = d0 * w0, d1 * w1, d2 * w2, d3 * w3
            prefetch(wanted)
            wanted -= wanted_row
            row -= ROW
            keep -= KEEP
            B -= token
            C -= token
        if not near:
            e0, e1, e2, e3 = zeros(), zeros(), zeros(), zeros()
        settle(G, LOW, e0, d0)
        settle(G + BYTES, LOW + BYTES, e1, d1)
        settle(G + 2 * BYTES, LOW + 2 * BYTES, e2, d2)
        settle(G + 3 * BYTES, LOW + 3 * BYTES, e3, d3)
        store4(SA, s0, s1, s2, s3)

    return adjoint


adjoint = _adjoint(False)
adjoint_near = _adjoint(True)


@inlined
def sum_lanes(from_keep: int, to: int, stride: int, steps: int, count: int) -> None:
    """Sums for dB or dC of a chunk over the lanes, into rows of `count` states."""
    for t in range(steps):
        a, b, c, d = load4(from_keep + t * KEEP, BYTES)
        write(to + t * stride, sums(a, b, c, d), count)
