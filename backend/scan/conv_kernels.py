"""The causal depthwise convolution with SiLU on the CPU, forward and backward.

A task is one sequence and one vector of channels. Four taps, as in every Mamba block, slide through registers; other
widths read the past again. Weights come transposed: (k, d), padded to whole vectors.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..jit import inlined, kernel
from .instructions import BYTES, LANES
from .rows import read, sigmoid, write
from .scan_parts import aligned, rows_at
from .simd import get, load, splat, store, zeros

FLUSH = 1024
"""Tokens, at most twice, whose weight gradients are summed in float32 before they go to float64."""


@inlined
def _tap(x: int, row: int, t: int, count: int) -> Any:
    """Token t of a column of rows at address x; zeros before the first token."""
    if t < 0:
        return zeros()
    return read(x + t * row, count)


@inlined
def _weighted(x: int, row: int, t: int, count: int, W: int, row_bytes: int, taps: int, bias: Any) -> Any:
    """bias + sum_j weight_j x_{t-k+1+j}."""
    total = bias
    for j in range(taps):
        s = t - taps + 1 + j
        if s >= 0:
            total = total + load(W + j * row_bytes) * read(x + s * row, count)
    return total


@kernel
def forward(start: int, stop: int, sizes: Any, addresses: Any, x: Any, y: Any) -> None:
    """Tasks start..stop of the convolution."""
    b, length, d, taps, silu = sizes
    W, bias = addresses
    row_bytes = (d + LANES - 1) // LANES * BYTES
    block = start // max(1, b)
    batch = start - block * b - 1
    for _ in range(start, stop):
        batch += 1
        if batch == b:
            block, batch = block + 1, 0
        column, count = block * BYTES, d - block * LANES
        shift = read(bias + column, count) if bias else zeros()
        from_x, to_y, row = rows_at(x, batch, 0) + column, rows_at(y, batch, 0) + column, x[2]
        weights = W + column
        w0, w1, w2, w3 = zeros(), zeros(), zeros(), zeros()
        if taps == 4:
            w0, w1 = load(weights), load(weights + row_bytes)
            w2, w3 = load(weights + 2 * row_bytes), load(weights + 3 * row_bytes)
        x0, x1, x2 = zeros(), zeros(), zeros()
        for t in range(length):
            if taps == 4:
                x3 = read(from_x + t * row, count)
                out = shift + x0 * w0 + x1 * w1 + x2 * w2 + x3 * w3
                x0, x1, x2 = x1, x2, x3
            else:
                out = _weighted(from_x, row, t, count, weights, row_bytes, taps, shift)
            if silu:
                out = out * sigmoid(out)
            write(to_y + t * y[2], out, count)


@inlined
def _slope(out: Any) -> Any:
    """The derivative of SiLU."""
    s = sigmoid(out)
    return s * (splat(1.0) + out * (splat(1.0) - s))


@inlined
def _flush(parameters: Any, SUM: int, column: int, count: int, rows: int) -> None:
    """Add float32 sums [row][lane] to the float64 table `parameters` (rows, d) and set them to zero."""
    for j in range(rows):
        for lane in range(min(LANES, count)):
            parameters[j, column // 4 + lane] += get(SUM + j * BYTES + lane * 4)
        store(SUM + j * BYTES, zeros())


@kernel
def backward(start: int, stop: int, parameters: Any, sizes: Any, addresses: Any, x: Any, dy: Any, dx: Any) -> None:
    """Gradients of tasks start..stop; those of weights and bias are added to the float64 table (k + 1, d).

    dp_t = dy_t silu'(p_t) with p the sum before SiLU; dx_t = sum_j weight_j dp_{t+k-1-j};
    dweight_j = sum_t dp_t x_{t-k+1+j}.
    """
    b, length, d, taps, silu = sizes
    W, bias = addresses
    row_bytes = (d + LANES - 1) // LANES * BYTES
    scratch = np.empty((2 * taps + 2) * BYTES + 64, np.uint8)
    SUM = aligned(scratch.ctypes.data)
    RING = SUM + (taps + 1) * BYTES
    for j in range(taps + 1):
        store(SUM + j * BYTES, zeros())
    pending = 0
    block = start // max(1, b)
    batch = start - block * b - 1
    for task in range(start, stop):
        batch += 1
        if batch == b:
            block, batch = block + 1, 0
        column, count = block * BYTES, d - block * LANES
        shift = read(bias + column, count) if bias else zeros()
        from_x, row = rows_at(x, batch, 0) + column, x[2]
        from_dy, to_dx = rows_at(dy, batch, 0) + column, rows_at(dx, batch, 0) + column
        weights = W + column
        for last in range(length, 0, -FLUSH):
            bottom = max(0, last - FLUSH)
            if taps == 4:
                w0, w1 = load(weights), load(weights + row_bytes)
                w2, w3 = load(weights + 2 * row_bytes), load(weights + 3 * row_bytes)
                s0, s1, s2, s3 = load(SUM), load(SUM + BYTES), load(SUM + 2 * BYTES), load(SUM + 3 * BYTES)
                s4 = load(SUM + 4 * BYTES)
                x3, x2 = _tap(from_x, row, last - 1, count), _tap(from_x, row, last - 2, count)
                x1 = _tap(from_x, row, last - 3, count)
                d1, d2, d3 = zeros(), zeros(), zeros()
                if last < length:
                    d1, d2, d3 = load(RING), load(RING + BYTES), load(RING + 2 * BYTES)
                for t in range(last - 1, bottom - 1, -1):
                    x0 = _tap(from_x, row, t - 3, count)
                    d0 = read(from_dy + t * dy[2], count)
                    if silu:
                        d0 = d0 * _slope(shift + x0 * w0 + x1 * w1 + x2 * w2 + x3 * w3)
                    write(to_dx + t * dx[2], d0 * w3 + d1 * w2 + d2 * w1 + d3 * w0, count)
                    s0, s1, s2, s3, s4 = s0 + d0 * x0, s1 + d0 * x1, s2 + d0 * x2, s3 + d0 * x3, s4 + d0
                    x3, x2, x1 = x2, x1, x0
                    d3, d2, d1 = d2, d1, d0
                store(RING, d1)
                store(RING + BYTES, d2)
                store(RING + 2 * BYTES, d3)
                store(SUM, s0)
                store(SUM + BYTES, s1)
                store(SUM + 2 * BYTES, s2)
                store(SUM + 3 * BYTES, s3)
                store(SUM + 4 * BYTES, s4)
            else:
                for t in range(last - 1, bottom - 1, -1):
                    d0 = read(from_dy + t * dy[2], count)
                    if silu:
                        d0 = d0 * _slope(_weighted(from_x, row, t, count, weights, row_bytes, taps, shift))
                    store(RING + t % taps * BYTES, d0)
                    out = zeros()
                    for j in range(min(taps, length - t)):
                        out = out + load(RING + (t + j) % taps * BYTES) * load(weights + (taps - 1 - j) * row_bytes)
                    for j in range(min(taps, t + 1)):
                        to = SUM + (taps - 1 - j) * BYTES
                        store(to, load(to) + d0 * read(from_x + (t - j) * row, count))
                    write(to_dx + t * dx[2], out, count)
                    store(SUM + taps * BYTES, load(SUM + taps * BYTES) + d0)
            pending += last - bottom
            if pending >= FLUSH:
                _flush(parameters, SUM, column, count, taps + 1)
                pending = 0
        if task + 1 == stop or batch + 1 == b:
            _flush(parameters, SUM, column, count, taps + 1)
            pending = 0
    scratch[0] = 0  # Numba frees an array after its last use by name; this is the last.
