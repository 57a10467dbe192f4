"""From reflectance as it lies in a cube to embedded pixels, forward on the CPU, for mapping. As in `layer_kernels`."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..jit import inlined, kernel
from .fused_kernel import FOUR, product
from .fused_parts import gelus
from .instructions import BYTES, LANES
from .layer_kernels import moments, scaled
from .rows import read, write
from .scan_parts import aligned
from .simd import if_negative, larger, load, load_splat, splat, store, zeros


@inlined
def _centred(source: int, band: int, bands: int, mean: int, left: int, target: int) -> None:
    """PAIR pixels of every band, `band` bytes apart, less its mean, side by side; zeros for those beyond `left`."""
    for i in range(bands):
        middle, at = load_splat(mean + i * 4), source + i * band
        if left >= 2 * LANES:
            x0, x1 = load(at), load(at + BYTES)
        else:
            x0, x1 = read(at, left), zeros()
            if left > LANES:
                x1 = read(at + BYTES, left - LANES)
        store(target + i * 2 * BYTES, x0 - middle)
        store(target + i * 2 * BYTES + BYTES, x1 - middle)


@inlined
def _clipped(x: Any, extreme: Any) -> Any:
    """x in [-extreme, extreme], NaN at its lower end."""
    x = larger(x, zeros() - extreme)
    return if_negative(extreme - x, extreme, x)


@inlined
def _projected(C: int, bands: int, projection: int, groups: int, extreme: float, target: int) -> None:
    """Clipped components (FOUR groups, pixels) of a PAIR's centred spectra at C (bands, pixels)."""
    most, w = splat(extreme), projection
    for g in range(groups):
        a0, a1, a2, a3 = zeros(), zeros(), zeros(), zeros()
        b0, b1, b2, b3 = zeros(), zeros(), zeros(), zeros()
        for i in range(bands):
            x, y = load(C + i * 2 * BYTES), load(C + i * 2 * BYTES + BYTES)
            w0, w1, w2, w3 = load_splat(w), load_splat(w + 4), load_splat(w + 8), load_splat(w + 12)
            a0, b0, a1, b1 = a0 + x * w0, b0 + y * w0, a1 + x * w1, b1 + y * w1
            a2, b2, a3, b3 = a2 + x * w2, b2 + y * w2, a3 + x * w3, b3 + y * w3
            w += 16
        to = target + g * 8 * BYTES
        store(to, _clipped(a0, most))
        store(to + BYTES, _clipped(b0, most))
        store(to + 2 * BYTES, _clipped(a1, most))
        store(to + 3 * BYTES, _clipped(b1, most))
        store(to + 4 * BYTES, _clipped(a2, most))
        store(to + 5 * BYTES, _clipped(b2, most))
        store(to + 6 * BYTES, _clipped(a3, most))
        store(to + 7 * BYTES, _clipped(b3, most))


@kernel
def embed(
    start: int, stop: int, sizes: Any, spectra: Any, extreme: float, linear: Any, norm: Any, eps: float, valid: int,
    target: Any
) -> None:  # fmt: skip
    """gelu(norm(linear(components))) of pixels start..stop, 0 where not valid (float32), to rows of an image.

    The image begins with pixel `start` and has `cols` pixels a row, whole vectors each.
    """
    bands, band, inputs, vectors, count, cols = sizes
    reflectance, mean, projection = spectra
    base, of_row, of_pixel = target
    wide, pair = vectors * BYTES, 2 * LANES
    groups = (inputs + FOUR - 1) // FOUR
    scratch = np.empty(2 * BYTES + pair * wide + (bands + groups * FOUR) * 2 * BYTES + 64, np.uint8)
    at = aligned(scratch.ctypes.data)
    OUT = at + 2 * BYTES
    C = OUT + pair * wide
    K = C + bands * 2 * BYTES
    for p in range(start, stop, pair):
        steps = min(pair, stop - p)
        _centred(reflectance + p * 4, band, bands, mean, steps, C)
        _projected(C, bands, projection, groups, extreme, K)
        product(K, 4, steps, linear[0], inputs, OUT, wide, vectors, 2 * BYTES)
        for j in range(0, steps, FOUR):
            rows = OUT + j * wide
            for i in range(FOUR):
                for v in range(vectors):
                    to = rows + i * wide + v * BYTES
                    store(to, load(to) + load(linear[1] + v * BYTES))
            moments(rows, rows + wide, rows + 2 * wide, rows + 3 * wide, count, vectors, norm[2], eps, at)
            for i in range(0, min(FOUR, steps - j), 2):
                # Before the function, which gives 0 for 0: nothing of a pixel without data may reach its partner.
                there = zeros() - load_splat(valid + (p + j + i) * 4)
                other = zeros() - load_splat(valid + min(p + j + i + 1, stop - 1) * 4)
                for v in range(vectors):
                    left, column = count - v * LANES, v * BYTES
                    a = scaled(rows + i * wide, left, column, at + i * 4, norm)
                    b = scaled(rows + (i + 1) * wide, left, column, at + i * 4 + 4, norm)
                    a, b = gelus(if_negative(there, a, zeros()), if_negative(other, b, zeros()))
                    store(rows + i * wide + column, a)
                    store(rows + (i + 1) * wide + column, b)
            for i in range(min(FOUR, steps - j)):
                pixel = p + j + i - start
                to = base + pixel // cols * of_row + pixel % cols * of_pixel
                for v in range(vectors):
                    store(to + v * BYTES, load(rows + i * wide + v * BYTES))
    scratch[0] = 0  # Numba frees an array after its last use by name; this is the last.


@kernel
def regress(
    start: int, stop: int, sizes: Any, spectra: Any, bias: int, largest: float, target: Any
) -> None:  # fmt: skip
    """Linear scores of pixels start..stop from their centred reflectance, cut at +- largest, to rows of an image.

    Weights (bands, whole vectors of classes). The image begins with pixel `start` and has `cols` pixels a row.
    """
    bands, band, classes, cols = sizes
    reflectance, mean, weights = spectra
    base, of_row, of_pixel = target
    pair, vectors, most = 2 * LANES, (classes + LANES - 1) // LANES, splat(largest)
    wide = vectors * BYTES
    scratch = np.empty(pair * wide + bands * 2 * BYTES + 64, np.uint8)
    OUT = aligned(scratch.ctypes.data)
    C = OUT + pair * wide
    for p in range(start, stop, pair):
        steps = min(pair, stop - p)
        _centred(reflectance + p * 4, band, bands, mean, steps, C)
        product(C, 4, steps, weights, bands, OUT, wide, vectors, 2 * BYTES)
        for j in range(steps):
            pixel = p + j - start
            to = base + pixel // cols * of_row + pixel % cols * of_pixel
            for v in range(vectors):
                scores = load(OUT + j * wide + v * BYTES) + load(bias + v * BYTES)
                write(to + v * BYTES, _clipped(scores, most), classes - v * LANES)
    scratch[0] = 0  # Numba frees an array after its last use by name; this is the last.
