"""The scan in plain torch operators, for devices that have no kernel of ours (Apple's, for example).

Tokens are cut into segments that bound the memory; only the state at the entry of each segment is kept, and the
backward computes the inside again. Letters as in `reference`.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional

from .inputs import ScanInputs, state_dtype
from .reference import step_sizes

SEGMENT_ELEMENTS = 2**23
"""State values (b, tokens, d, n) held at once; four such arrays live during the backward."""

Gradients = tuple[Tensor | None, ...]


def recurrence(decay: Tensor, values: Tensor, state: Tensor) -> Tensor:
    """h_t = decay_t h_{t-1} + values_t for all t, from h_{-1} = state; overwrites `values` with h and uses up `decay`.

    decay, values (b, l, d, n); state (b, d, n). Two levels: about sqrt(l) steps over all chunks side by side, then
    about sqrt(l) steps that carry the state from chunk to chunk. Decays are multiplied, never divided, so nothing
    overflows.
    """
    length = values.shape[1]
    step = max(1, int(length**0.5))
    whole = length // step * step
    if whole:
        h = values[:, :whole].view(values.shape[0], whole // step, step, *values.shape[2:])
        product = decay[:, :whole].view(h.shape)
        for t in range(1, step):
            h[:, :, t].addcmul_(product[:, :, t], h[:, :, t - 1])
            product[:, :, t].mul_(product[:, :, t - 1])
        for k in range(h.shape[1]):
            h[:, k].addcmul_(product[:, k], state[:, None])
            state = h[:, k, -1]
    for t in range(whole, length):
        values[:, t].addcmul_(decay[:, t], state)
        state = values[:, t]
    return values


def forward(inputs: ScanInputs, keep: bool, last: bool) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Output (b, l, d), the last state (b, d, n) when `last`, and the segments' entry states when `keep`.

    Entry states are (segments, b, d, n).
    """
    call = _ordered(inputs)
    batch, _, channels, states = call.sizes
    state = call.u.new_zeros(batch, channels, states) if call.initial_state is None else call.initial_state
    rows, entries = [], []
    for part in _segments(call):
        entries.append(state)
        h = _states(_part(call, part), state)
        rows.append(torch.einsum("blds,bls->bld", h, call.C[:, part]))
        state = h[:, -1]
    y = torch.cat(rows, 1) if rows else torch.zeros_like(call.u)
    if call.D is not None:
        y = torch.addcmul(y, call.u, call.D)
    if call.z is not None:
        y = y * functional.silu(call.z)
    y = y.flip(1) if inputs.reverse else y
    kept = torch.stack(entries) if keep and entries else None
    return y.to(inputs.u.dtype), state.clone() if last else None, kept


def backward(inputs: ScanInputs, entries: Tensor | None, dy: Tensor, dlast: Tensor | None) -> Gradients:
    """Gradients of the nine tensors of `inputs`, from dy (b, l, d) and dlast (b, d, n)."""
    call = _ordered(inputs)
    dout = (dy.flip(1) if inputs.reverse else dy).to(call.u.dtype)
    batch, _, channels, states = call.sizes
    carry = call.u.new_zeros(batch, channels, states) if dlast is None else dlast.to(call.u.dtype)
    dA = torch.zeros_like(call.A)
    parts = list(_segments(call))
    rows: list[tuple[Tensor, ...]] = []
    for k in range(len(parts) - 1, -1, -1):
        part = parts[k]
        if entries is None:
            raise ValueError("The scan was run without keeping its states; run it with gradients switched on.")
        grads, carry, dA_part = _segment_backward(_part(call, part), entries[k], dout[:, part], carry)
        rows.insert(0, grads)
        dA += dA_part
    columns = [torch.cat(column, 1) for column in zip(*rows, strict=True)] if rows else None
    if columns is None:
        columns = [torch.zeros_like(t) for t in (call.u, call.delta, call.B, call.C, call.u, call.u)]
    du, ddelta, dB, dC, dz, dskip = columns
    sequences = [row.flip(1) if inputs.reverse else row for row in (du, ddelta, dB, dC, dz)]
    du_, ddelta_, dB_, dC_, dz_ = sequences
    return (
        du_,
        ddelta_,
        dA,
        dB_,
        dC_,
        None if call.D is None else dskip.sum((0, 1)),
        None if call.z is None else dz_,
        None if call.delta_bias is None else ddelta.sum((0, 1)),
        None if call.initial_state is None else carry,
    )


def _segment_backward(
    call: ScanInputs, entry: Tensor, dout: Tensor, carry: Tensor
) -> tuple[tuple[Tensor, ...], Tensor, Tensor]:
    """(du, ddelta, dB, dC, dz, dD per token) of one segment, the state's gradient at its entry, and dA."""
    raw = call.delta if call.delta_bias is None else call.delta + call.delta_bias
    delta = step_sizes(call)
    h = _states(call, entry)
    dz, dy = dout, dout
    if call.z is not None:
        gate = torch.sigmoid(call.z)
        y = torch.einsum("blds,bls->bld", h, call.C)
        y = y if call.D is None else torch.addcmul(y, call.u, call.D)
        dz = dout * y * gate * (1 + call.z * (1 - gate))
        dy = dout * call.z * gate
    dC = torch.einsum("bld,blds->bls", dy, h)
    decay = torch.exp(delta[..., None] * call.A)
    # The adjoint runs backwards: g_t = dy_t C_t + decay_{t+1} g_{t+1}.
    g = dy[..., None] * call.C[:, :, None, :]
    g[:, -1] += carry
    later = torch.cat((torch.ones_like(decay[:, :1]), decay[:, 1:].flip(1)), 1)
    g = recurrence(later, g.flip(1), torch.zeros_like(carry)).flip(1)
    before = torch.cat((entry[:, None], h[:, :-1]), 1)
    fade = g * decay
    carry = fade[:, 0].clone()
    fade *= before
    dinput = torch.einsum("blds,bls->bld", g, call.B)
    dB = torch.einsum("blds,bld->bls", g, delta * call.u)
    dA = torch.einsum("blds,bld->ds", fade, delta)
    ddelta = torch.einsum("blds,ds->bld", fade, call.A) + dinput * call.u
    du = dinput * delta if call.D is None else torch.addcmul(dinput * delta, dy, call.D)
    ddelta = ddelta * torch.sigmoid(raw) if call.delta_softplus else ddelta
    return (du, ddelta, dB, dC, dz, dy * call.u), carry, dA


def _states(call: ScanInputs, entry: Tensor) -> Tensor:
    """All states (b, l, d, n) of one segment."""
    delta = step_sizes(call)
    values = (delta * call.u)[..., None] * call.B[:, :, None, :]
    return recurrence(torch.exp(delta[..., None] * call.A), values, entry)


def _ordered(inputs: ScanInputs) -> ScanInputs:
    """The call in computing precision, its sequences turned around when the scan runs backwards."""
    call = inputs.to(state_dtype(inputs.u.dtype))
    return _sequences(call, lambda rows: rows.flip(1)) if call.reverse else call


def _part(call: ScanInputs, part: slice) -> ScanInputs:
    return _sequences(call, lambda rows: rows[:, part])


def _sequences(call: ScanInputs, change) -> ScanInputs:  # type: ignore[no-untyped-def]
    u, delta, A, B, C, D, z, bias, state = call.tensors
    z = None if z is None else change(z)
    return call.with_tensors(change(u), change(delta), A, change(B), change(C), D, z, bias, state)


def _segments(call: ScanInputs) -> Iterator[slice]:
    batch, length, channels, states = call.sizes
    tokens = max(1, SEGMENT_ELEMENTS // max(1, batch * channels * states))
    for first in range(0, length, tokens):
        yield slice(first, min(first + tokens, length))
