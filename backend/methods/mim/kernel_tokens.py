"""Parts of the fused kernel that prepare tokens: what they bring to the half scans, and what goes beside them.

``w``: sizes and addresses of a scale, ``b``: addresses of working memory, as `layout` names them.
"""

from __future__ import annotations

from typing import Any

from ...jit import inlined
from ...scan.instructions import BYTES, LANES
from ...scan.powers import fading
from ...scan.rows import LOG2E
from ...scan.simd import get, larger, load, load_splat, put, smaller, splat, store, zeros
from .kernel_rows import gates, logistic, silu, tops
from .layout import (
    ATTENTION,
    BASE_BIAS,
    DRIVE,
    DRIVEN,
    FIRST,
    FUSER,
    GATE,
    GATE_BIAS,
    INNER,
    KEPT,
    KEPT_VECTORS,
    MIXING,
    NOTHING,
    OTHER,
    OUT,
    RANK,
    RATES,
    RESIDUAL,
    ROW,
    SCAN,
    SCAN_BIAS,
    SECOND,
    SKIP,
    STATES,
    STEPS,
    STEPS_BIAS,
    THIRD,
    VECTORS,
    WALK,
    WEIGHTS,
    WEIGHTS_BIAS,
    WIDTH,
)
from .products import multiply
from .vectors import at


@inlined
def softplus(x: Any, e: Any) -> Any:
    """log(1 + e^x) = max(x, 0) + log(1 + e) with e = e^-|x|: to 2e-7 relative, without a division."""
    square = e * e
    # In pairs, not one after another: what takes long here is to wait for the sum before.
    low = (e * splat(-0.4999740421772003) + splat(0.9999998211860657)) + square * (
        e * splat(-0.24495461583137512) + splat(0.33275479078292847)
    )
    high = (e * splat(-0.10768166184425354) + splat(0.17745238542556763)) + square * (
        e * splat(-0.008539198897778988) + splat(0.04408959671854973)
    )
    return larger(zeros(), x) + (high * (square * square) + low) * e


@inlined
def prepare(w: int, b: int, rows: int, normal: int) -> None:
    """What normalised tokens (rows, d) bring to the half scans: u to INNER, B and C to OTHER, step sizes to THIRD."""
    row, vectors, d = at(w + ROW), at(w + VECTORS), at(w + WIDTH)
    u, driven, steps, powers = at(b + INNER), at(b + OTHER), at(b + THIRD), at(b + ATTENTION)
    multiply(normal, at(w + SCAN), at(w + SCAN_BIAS), u, rows, d, vectors, row)
    silu(u, rows * row, powers)
    multiply(u, at(w + DRIVE), at(w + NOTHING), driven, rows, d, at(w + DRIVEN), row)
    low = driven + at(w + STATES) * 8
    multiply(low, at(w + STEPS), at(w + STEPS_BIAS), steps, rows, at(w + RANK), vectors, row)
    # In two passes: in one, what waits for the power would keep the processor from what stands behind.
    for place in range(0, rows * row, BYTES):
        x = load(steps + place)
        store(powers + place, fading(smaller(x, zeros() - x), splat(LOG2E)))
    for place in range(0, rows * row, BYTES):
        store(steps + place, softplus(load(steps + place), load(powers + place)))


@inlined
def tabulate(w: int, b: int, rows: int, walks: int) -> None:
    """What `prepare` has left as rows of the table: (rows, WALK bytes)."""
    row, vectors, states, walk, skip = at(w + ROW), at(w + VECTORS), at(w + STATES), at(w + WALK), at(w + SKIP)
    for r in range(rows):
        to = walks + r * walk
        inputs = to + vectors * states * BYTES
        skips = inputs + vectors * BYTES
        for v in range(vectors):
            column = r * row + v * BYTES
            x, step, rates = load(at(b + INNER) + column), load(at(b + THIRD) + column), at(w + RATES)
            store(inputs + v * BYTES, step * x)
            store(skips + v * BYTES, load(skip + v * BYTES) * x)
            for place in range(v * states * BYTES, (v + 1) * states * BYTES, BYTES):
                store(to + place, fading(step, load(rates + place)))
        for part in range(0, 2 * states, LANES):
            store(skips + vectors * BYTES + part * 4, load(at(b + OTHER) + r * row + part * 4))


@inlined
def beside(w: int, b: int, rows: int, normal: int, tokens: int, mixed: int, base: int) -> None:
    """What pooled tokens, normalised and as they were, both (rows, d), bring beside the scan.

    ``mixed`` (rows, s): in which shares the fuser mixes the semantic tokens; ``base`` (rows, d): what is added.
    """
    row, vectors, d, kept = at(w + ROW), at(w + VECTORS), at(w + WIDTH), at(w + KEPT)
    z, weights, top, mean = at(b + INNER), at(b + OTHER), at(b + FIRST), at(b + SECOND)
    inner = at(b + OTHER)
    multiply(normal, at(w + GATE), at(w + GATE_BIAS), z, rows, d, vectors, row)
    silu(z, rows * row, inner)
    multiply(z, at(w + WEIGHTS), at(w + WEIGHTS_BIAS), weights, rows, d, at(w + KEPT_VECTORS), row)
    kept_vectors = at(w + KEPT_VECTORS)
    for r in range(rows):
        put(mean + r * 4, get(weights + r * row + kept * 4))
    logistic(weights, rows * row)
    multiply(weights, at(w + MIXING), at(w + NOTHING), mixed, rows, kept, kept_vectors, row)
    tops(w, rows, z, top)
    gates(rows, at(w + FUSER), top, mean)
    for r in range(rows):
        gate = load_splat(top + r * 4)
        for v in range(vectors):
            place = z + r * row + v * BYTES
            store(place, load(place) * gate)
    multiply(tokens, at(w + RESIDUAL), at(w + BASE_BIAS), base, rows, d, vectors, row)
    multiply(z, at(w + OUT), at(w + NOTHING), inner, rows, d, vectors, row)
    for place in range(0, rows * row, BYTES):
        store(base + place, load(base + place) + load(inner + place))
