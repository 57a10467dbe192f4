"""What stands around the scan of a spectrum's pieces, forward on the CPU, for mapping. Rows as in `layer_kernels`."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np

from ..jit import inlined, kernel
from .instructions import BYTES, LANES
from .rows import read, write
from .scan_parts import aligned
from .simd import get, load, load_splat, put, splat, store, sums, zeros


@inlined
def _scale(row: int, vectors: int, count: int, eps: float, at: int) -> Any:
    """The inverse of a row's root mean square, in every lane; zeros stand behind the row's last channel."""
    a = zeros()
    for v in range(vectors):
        x = load(row + v * BYTES)
        a = a + x * x
    store(at, sums(a, a, a, a))
    put(at, 1.0 / sqrt(get(at) / count + eps))
    return load_splat(at)


@kernel
def tokens(pixels: int, bands: int, sizes: Any, places: Any, starts: Any, eps: float, rows: Any) -> None:
    """Features (pixels, t, d): weights (r, d) times the bands (pixels, l) that a token holds, plus the token's base.

    places (t, r): of each band; `normal`: the features over their root mean square, times `gain`.
    """
    count, vectors, number, pieces = sizes
    embed, bases, gain = starts
    spectra, features, normal = rows
    wide = vectors * BYTES
    scratch = np.empty(BYTES + wide + 64, np.uint8)
    at = aligned(scratch.ctypes.data)
    X = at + BYTES
    for p in range(pixels):
        for t in range(number):
            for v in range(vectors):
                x = load(bases + t * wide + v * BYTES)
                for i in range(pieces):
                    x = x + load_splat(spectra + (p * bands + places[t, i]) * 4) * load(embed + i * wide + v * BYTES)
                store(X + v * BYTES, x)
            scale, to = _scale(X, vectors, count, eps, at), (p * number + t) * count * 4
            for v in range(vectors):
                x, left = load(X + v * BYTES), count - v * LANES
                write(features + to + v * BYTES, x, left)
                write(normal + to + v * BYTES, x * scale * load(gain + v * BYTES), left)
    scratch[0] = 0  # Numba frees an array after its last use by name; this is the last.


@kernel
def pooled(pixels: int, sizes: Any, gain: int, eps: float, features: int, scanned: int, target: int) -> None:
    """The mean over tokens of (features + scanned) over their root mean square, times `gain`: (pixels, d)."""
    count, vectors, number, _ = sizes
    wide = vectors * BYTES
    scratch = np.empty(BYTES + 2 * wide + 64, np.uint8)
    at = aligned(scratch.ctypes.data)
    X = at + BYTES
    SUM = X + wide
    for p in range(pixels):
        for v in range(vectors):
            store(SUM + v * BYTES, zeros())
        for t in range(number):
            row = (p * number + t) * count * 4
            for v in range(vectors):
                column, left = v * BYTES, count - v * LANES
                store(X + column, read(features + row + column, left) + read(scanned + row + column, left))
            scale = _scale(X, vectors, count, eps, at)
            for v in range(vectors):
                store(SUM + v * BYTES, load(SUM + v * BYTES) + load(X + v * BYTES) * scale)
        for v in range(vectors):
            mean = load(SUM + v * BYTES) * load(gain + v * BYTES) * splat(1.0 / number)
            write(target + p * count * 4 + v * BYTES, mean, count - v * LANES)
    scratch[0] = 0  # Numba frees an array after its last use by name; this is the last.
