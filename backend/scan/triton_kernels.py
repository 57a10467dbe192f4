"""The selective scan in Triton. Letters as in `reference`; A comes multiplied by log2(e).

A program takes one sequence, one segment of its tokens and DB channels, with all N states; neighbouring programs take
neighbouring channels of the same tokens, which lie side by side. It walks over its segment in tiles of T tokens:
inside a tile all tokens are done at once by an associative scan, between tiles the state is carried. Segments run side
by side, so each needs its entry state: a first pass (`summarise`) gives what a segment makes of a zero state, and the
whole segment decays by exp(A sum delta), so the carry over segments is a short recurrence. With `reverse` token t is
row l-1-t.

Numbers of programs, tokens and channels are 64 bits wide before anything is multiplied, and the grid has one axis: on
the others CUDA starts no more than 65,535 programs.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit  # type: ignore[untyped-decorator, unused-ignore]
def _compose(a1, x1, a2, x2):
    """Two steps h -> a h + x, one after the other."""
    return a1 * a2, a2 * x1 + x2


@triton.jit  # type: ignore[untyped-decorator, unused-ignore]
def _softplus(x):
    """max(x, 0) + log(1 + e), the logarithm as 2 artanh(e / (2 + e)) with e = e^-|x|."""
    e = tl.exp(-tl.abs(x))
    s = e / (2.0 + e)
    q = s * s
    series = q * (q * (q * (q * (q * (2.0 / 13) + 2.0 / 11) + 2.0 / 9) + 2.0 / 7) + 2.0 / 5) + 2.0 / 3
    # fmax drops NaN, so the positive part is chosen by a comparison that NaN fails.
    return tl.where(x < 0, 0.0, x) + s * (series * q + 2.0)


@triton.jit  # type: ignore[untyped-decorator, unused-ignore]
def _sigmoid(x):
    return 1.0 / (1.0 + tl.exp(-x))


@triton.jit  # type: ignore[untyped-decorator, unused-ignore]
def _rows(t, length, REVERSE: tl.constexpr):
    """Where tokens lie in memory."""
    return (length - 1 - t) if REVERSE else t


@triton.jit  # type: ignore[untyped-decorator, unused-ignore]
def _table(address, batch_stride, row_stride, batch, rows, columns, mask):
    """A tile (rows, columns) of a (b, l, columns) table as float32; zeros outside."""
    at = address + batch * batch_stride + rows[:, None] * row_stride + columns[None, :]
    return tl.load(at, mask=mask, other=0.0).to(tl.float32)


@triton.jit  # type: ignore[untyped-decorator, unused-ignore]
def _steps(raw, bias, inside, SOFTPLUS: tl.constexpr):
    """delta of a tile; 0 outside, which leaves the state as it is."""
    delta = raw + bias[None, :]
    if SOFTPLUS:
        delta = _softplus(delta)
    return tl.where(inside, delta, 0.0)


@triton.jit  # type: ignore[untyped-decorator, unused-ignore]
def _last_row(tile, T: tl.constexpr):
    """The last token of a tile (T, ...)."""
    at = tl.arange(0, T)[:, None, None] == T - 1
    return tl.sum(tl.where(at, tile, 0.0), axis=0)


@triton.jit  # type: ignore[untyped-decorator, unused-ignore]
def _place(segments, blocks):
    """(sequence, segment, block of channels) of this program, 64 bits wide."""
    program = tl.program_id(0).to(tl.int64)
    rest = program // blocks
    return rest // segments, rest % segments, program % blocks


@triton.jit  # type: ignore[untyped-decorator, unused-ignore]
def summarise(
    u, u_b, u_l, delta, delta_b, delta_l, B, B_b, B_l, A, bias, ends, sums,
    length, d, n, segment, segments, blocks,
    T: tl.constexpr, DB: tl.constexpr, N: tl.constexpr, SOFTPLUS: tl.constexpr, REVERSE: tl.constexpr,
):  # fmt: skip
    """What each segment makes of a zero state (b, segments, d, n), and its sum of delta (b, segments, d)."""
    batch, part, block = _place(segments, blocks)
    c, s = block * DB + tl.arange(0, DB), tl.arange(0, N)
    in_c, in_s = c < d, s < n
    a = tl.load(A + c[:, None] * n + s[None, :], mask=in_c[:, None] & in_s[None, :], other=0.0)
    shift = tl.load(bias + c, mask=in_c, other=0.0)
    state = tl.zeros((DB, N), tl.float32)
    total = tl.zeros((DB,), tl.float32)
    for tile in range(0, segment, T):
        t = part * segment + tile + tl.arange(0, T)
        in_t = (t < length) & (t < (part + 1) * segment)
        rows = _rows(t, length, REVERSE)
        inside = in_t[:, None] & in_c[None, :]
        step = _steps(_table(delta, delta_b, delta_l, batch, rows, c, inside), shift, inside, SOFTPLUS)
        x = step * _table(u, u_b, u_l, batch, rows, c, inside)
        b = _table(B, B_b, B_l, batch, rows, s, in_t[:, None] & in_s[None, :])
        decay = tl.exp2(step[:, :, None] * a[None, :, :])
        product, h = tl.associative_scan((decay, x[:, :, None] * b[:, None, :]), 0, _compose)
        state = _last_row(product, T) * state + _last_row(h, T)
        total += tl.sum(step, axis=0)
    at = batch * segments + part
    tl.store(ends + (at * d + c[:, None]) * n + s[None, :], state, mask=in_c[:, None] & in_s[None, :])
    tl.store(sums + at * d + c, total, mask=in_c)


@triton.jit  # type: ignore[untyped-decorator, unused-ignore]
def forward(
    u, u_b, u_l, delta, delta_b, delta_l, B, B_b, B_l, C, C_b, C_l, z, z_b, z_l, A, D, bias, entries, kept, y, last,
    length, d, n, segment, segments, tiles, blocks,
    T: tl.constexpr, DB: tl.constexpr, N: tl.constexpr, SOFTPLUS: tl.constexpr, REVERSE: tl.constexpr,
    GATED: tl.constexpr, SKIP: tl.constexpr, KEEP: tl.constexpr,
):  # fmt: skip
    """y (b, l, d), the state at the entry of every tile (b, tiles, d, n) when KEEP, and the last state (b, d, n)."""
    batch, part, block = _place(segments, blocks)
    c, s = block * DB + tl.arange(0, DB), tl.arange(0, N)
    in_c, in_s = c < d, s < n
    both = in_c[:, None] & in_s[None, :]
    a = tl.load(A + c[:, None] * n + s[None, :], mask=both, other=0.0)
    shift = tl.load(bias + c, mask=in_c, other=0.0)
    at = (batch * segments + part) * d
    state = tl.load(entries + (at + c[:, None]) * n + s[None, :], mask=both, other=0.0)
    for tile in range(0, segment, T):
        t = part * segment + tile + tl.arange(0, T)
        in_t = (t < length) & (t < (part + 1) * segment)
        rows = _rows(t, length, REVERSE)
        inside = in_t[:, None] & in_c[None, :]
        if KEEP:
            number = (part * segment + tile) // T
            to = kept + ((batch * tiles + number) * d + c[:, None]) * n + s[None, :]
            tl.store(to, state, mask=both)
        step = _steps(_table(delta, delta_b, delta_l, batch, rows, c, inside), shift, inside, SOFTPLUS)
        value = _table(u, u_b, u_l, batch, rows, c, inside)
        in_n = in_t[:, None] & in_s[None, :]
        b, out_of = _table(B, B_b, B_l, batch, rows, s, in_n), _table(C, C_b, C_l, batch, rows, s, in_n)
        decay = tl.exp2(step[:, :, None] * a[None, :, :])
        product, h = tl.associative_scan((decay, (step * value)[:, :, None] * b[:, None, :]), 0, _compose)
        h = h + product * state[None, :, :]
        state = _last_row(h, T)
        out = tl.sum(h * out_of[:, None, :], axis=2)
        if SKIP:
            out += tl.load(D + c, mask=in_c, other=0.0)[None, :] * value
        if GATED:
            gate = _table(z, z_b, z_l, batch, rows, c, inside)
            out *= gate * _sigmoid(gate)
        tl.store(y + (batch * length + rows[:, None]) * d + c[None, :], out, mask=inside)
    if part == segments - 1:
        tl.store(last + (batch * d + c[:, None]) * n + s[None, :], state, mask=both)
