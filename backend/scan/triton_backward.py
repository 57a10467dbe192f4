"""The gradient of the selective scan in Triton; cut up as in `triton_kernels`, equations as in `scan_backward`."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import triton
import triton.language as tl

from .triton_kernels import _compose, _place, _rows, _sigmoid, _softplus, _steps, _table


@triton.jit  # type: ignore[untyped-decorator, unused-ignore]
def backward(
    u, u_b, u_l, delta, delta_b, delta_l, B, B_b, B_l, C, C_b, C_l, z, z_b, z_l, dy, dy_b, dy_l,
    A, D, bias, kept, incoming, du, ddelta, dz, dB, dC, dA, dD, dbias, outgoing,
    batches, length, d, n, segment, segments, tiles, blocks,
    T: tl.constexpr, DB: tl.constexpr, N: tl.constexpr, SOFTPLUS: tl.constexpr, REVERSE: tl.constexpr,
    GATED: tl.constexpr, SKIP: tl.constexpr, ONLY_CARRY: tl.constexpr,
):  # fmt: skip
    """Gradients of one segment from the adjoint `incoming` (b, segments, d, n) behind its last token.

    The adjoint before its first token goes to `outgoing`; with ONLY_CARRY nothing else is written. dB and dC come once
    for each block of channels, dA, dD and dbias once for each segment; the caller sums them.
    """
    batch, part, block = _place(segments, blocks)
    c, s = block * DB + tl.arange(0, DB), tl.arange(0, N)
    in_c, in_s = c < d, s < n
    both = in_c[:, None] & in_s[None, :]
    a = tl.load(A + c[:, None] * n + s[None, :], mask=both, other=0.0)
    shift = tl.load(bias + c, mask=in_c, other=0.0)
    at = (batch * segments + part) * d
    carry = tl.load(incoming + (at + c[:, None]) * n + s[None, :], mask=both, other=0.0)
    sum_A = tl.zeros((DB, N), tl.float32)
    sum_D = tl.zeros((DB,), tl.float32)
    sum_bias = tl.zeros((DB,), tl.float32)
    first_row = tl.arange(0, T)[:, None, None] == 0
    last_row = tl.arange(0, T)[:, None, None] == T - 1
    for back in range(0, segment, T):
        tile = segment - T - back
        t = part * segment + tile + tl.arange(0, T)
        in_t = (t < length) & (t < (part + 1) * segment)
        rows = _rows(t, length, REVERSE)
        inside = in_t[:, None] & in_c[None, :]
        in_n = in_t[:, None] & in_s[None, :]
        raw = _table(delta, delta_b, delta_l, batch, rows, c, inside) + shift[None, :]
        step = tl.where(inside, _softplus(raw) if SOFTPLUS else raw, 0.0)
        value = _table(u, u_b, u_l, batch, rows, c, inside)
        b, out_of = _table(B, B_b, B_l, batch, rows, s, in_n), _table(C, C_b, C_l, batch, rows, s, in_n)
        out = _table(dy, dy_b, dy_l, batch, rows, c, inside)
        decay = tl.exp2(step[:, :, None] * a[None, :, :])
        skip = tl.load(D + c, mask=in_c, other=0.0)[None, :] if SKIP else tl.zeros((1, DB), tl.float32)
        through = out
        gate = tl.zeros((T, DB), tl.float32)
        if GATED:
            gate = _table(z, z_b, z_l, batch, rows, c, inside)
            through = out * gate * _sigmoid(gate)
        # The decay that leads on from token t is that of t + 1, which inside a tile stands one row further down.
        on = part * segment + tile + 1 + tl.arange(0, T)
        in_on = (on < length) & (on < part * segment + tile + T)
        onward = in_on[:, None] & in_c[None, :]
        next_raw = _table(delta, delta_b, delta_l, batch, _rows(on, length, REVERSE), c, onward)
        next_decay = tl.exp2(_steps(next_raw, shift, onward, SOFTPLUS)[:, :, None] * a[None, :, :])
        source = through[:, :, None] * out_of[:, None, :] + tl.where(last_row, carry[None, :, :], 0.0)
        _, g = tl.associative_scan((next_decay, source), 0, _compose, reverse=True)
        if not ONLY_CARRY:
            number = (part * segment + tile) // T
            from_kept = kept + ((batch * tiles + number) * d + c[:, None]) * n + s[None, :]
            entry = tl.load(from_kept, mask=both, other=0.0)
            x = (step * value)[:, :, None] * b[:, None, :]
            product, h = tl.associative_scan((decay, x), 0, _compose)
            h = h + product * entry[None, :, :]
            if GATED:
                s_gate = _sigmoid(gate)
                before_gate = tl.sum(h * out_of[:, None, :], axis=2) + skip * value
                slope = s_gate * (1.0 + gate * (1.0 - s_gate))
                tl.store(dz + (batch * length + rows[:, None]) * d + c[None, :], out * before_gate * slope, mask=inside)
            to_n = ((block * batches + batch) * length + rows[:, None]) * n + s[None, :]
            tl.store(dC + to_n, tl.sum(through[:, :, None] * h, axis=1), mask=in_n)
            tl.store(dB + to_n, tl.sum(g * (step * value)[:, :, None], axis=1), mask=in_n)
            # h_t - x_t is a_t h_{t-1}, without a second scan for h_{t-1}.
            q = g * (h - x)
            sum_A += tl.sum(q * step[:, :, None], axis=0)
            dinput = tl.sum(g * b[:, None, :], axis=2)
            dstep = dinput * value + tl.sum(q * a[None, :, :], axis=2) * 0.6931471805599453
            if SOFTPLUS:
                dstep *= _sigmoid(raw)
            dstep = tl.where(inside, dstep, 0.0)
            to = (batch * length + rows[:, None]) * d + c[None, :]
            tl.store(du + to, dinput * step + through * skip, mask=inside)
            tl.store(ddelta + to, dstep, mask=inside)
            sum_D += tl.sum(through * value, axis=0)
            sum_bias += tl.sum(dstep, axis=0)
        carry = tl.sum(tl.where(first_row, g * decay, 0.0), axis=0)
    tl.store(outgoing + (at + c[:, None]) * n + s[None, :], carry, mask=both)
    if not ONLY_CARRY:
        tl.store(dA + (at + c[:, None]) * n + s[None, :], sum_A, mask=both)
        tl.store(dD + at + c, sum_D, mask=in_c)
        tl.store(dbias + at + c, sum_bias, mask=in_c)
