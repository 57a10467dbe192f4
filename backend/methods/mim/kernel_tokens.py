"""Parts of the fused kernel that prepare tokens: what they bring to the half scans, and what goes beside them.

``w``: sizes and addresses of a scale, ``b``: addresses of working memory, as `layout` names them.
"""

from __future__ import annotations

from typing import Any

from ...jit import inlined
from ...scan.instructions import BYTES, LANES
from ...scan.powers import exp2_bounded, power
from ...scan.rows import LOG2E
from ...scan.simd import all_within, get, larger, load, load_splat, put, smaller, splat, store, zeros
from .kernel_rows import gates, logistic, silu, tops
from .layout import (
    BASE_BIAS,
    DRIVE,
    DRIVEN,
    FASTEST,
    FIRST,
    FUSER,
    GATE,
    GATE_BIAS,
    GROUP,
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
def step_size(x: Any) -> Any:
    """softplus, log(1 + e^x) = max(x, 0) + log(1 + e) with e = e^-|x|: to 2e-7 relative, without a division."""
    e = exp2_bounded(larger(smaller(x, zeros() - x) * splat(LOG2E), splat(-126.0)))
    series = e * splat(-0.008539198897778988) + splat(0.04408959671854973)
    series = series * e + splat(-0.10768166184425354)
    series = series * e + splat(0.17745238542556763)
    series = series * e + splat(-0.24495461583137512)
    series = series * e + splat(0.33275479078292847)
    series = series * e + splat(-0.4999740421772003)
    series = series * e + splat(0.9999998211860657)
    return larger(zeros(), x) + series * e


@inlined
def prepare(w: int, b: int, rows: int, normal: int, walks: int) -> None:
    """What normalised tokens (rows, d) bring to the half scans but for decays -> (rows, WALK bytes).

    Leaves the step sizes in THIRD for them.
    """
    row, vectors, d = at(w + ROW), at(w + VECTORS), at(w + WIDTH)
    u, driven, delta = at(b + INNER), at(b + OTHER), at(b + THIRD)
    multiply(normal, at(w + SCAN), at(w + SCAN_BIAS), u, rows, d, vectors, row)
    silu(u, rows * row)
    multiply(u, at(w + DRIVE), at(w + NOTHING), driven, rows, d, at(w + DRIVEN), row)
    low = driven + at(w + STATES) * 8
    multiply(low, at(w + STEPS), at(w + STEPS_BIAS), delta, rows, at(w + RANK), vectors, row)
    bring(w, rows, u, driven, delta, walks)


@inlined
def bring(w: int, rows: int, u: int, driven: int, delta: int, walks: int) -> None:
    """Step sizes, in place, and each token's input, skip, B and C."""
    row, vectors, states, walk, skip = at(w + ROW), at(w + VECTORS), at(w + STATES), at(w + WALK), at(w + SKIP)
    for r in range(rows):
        inputs = walks + r * walk + vectors * states * BYTES
        skips = inputs + vectors * BYTES
        for v in range(vectors):
            place = r * row + v * BYTES
            x, step = load(u + place), step_size(load(delta + place))
            store(delta + place, step)
            store(inputs + v * BYTES, step * x)
            store(skips + v * BYTES, load(skip + v * BYTES) * x)
        for part in range(0, 2 * states, LANES):
            store(skips + vectors * BYTES + part * 4, load(driven + r * row + part * 4))


@inlined
def decays(w: int, begin: int, end: int, delta: int, walks: int) -> None:
    """The decays of tokens begin..end, by their step sizes: 2^(step rate), at least 2^-126. Rates are negative."""
    row, vectors, states, walk = at(w + ROW), at(w + VECTORS), at(w + STATES), at(w + WALK)
    rates, fastest, low = at(w + RATES), at(w + FASTEST), splat(-126.0)
    for r in range(begin, end):
        for v in range(vectors):
            step, rate = load(delta + r * row + v * BYTES), rates + v * BYTES
            to = walks + r * walk + v * states * BYTES
            bounded = all_within(step * load(fastest + v * BYTES), 126.0)
            for _ in range(0, states, GROUP):
                if bounded:
                    for n in range(GROUP):
                        store(to + n * BYTES, power(step, load(rate + n * row)))
                else:
                    for n in range(GROUP):
                        store(to + n * BYTES, exp2_bounded(larger(step * load(rate + n * row), low)))
                to += GROUP * BYTES
                rate += GROUP * row


@inlined
def beside(w: int, b: int, rows: int, normal: int, tokens: int, mixed: int, base: int) -> None:
    """What pooled tokens, normalised and as they were, both (rows, d), bring beside the scan.

    ``mixed`` (rows, s): in which shares the fuser mixes the semantic tokens; ``base`` (rows, d): what is added.
    """
    row, vectors, d, kept = at(w + ROW), at(w + VECTORS), at(w + WIDTH), at(w + KEPT)
    z, weights, top, mean = at(b + INNER), at(b + OTHER), at(b + FIRST), at(b + SECOND)
    inner = at(b + OTHER)
    multiply(normal, at(w + GATE), at(w + GATE_BIAS), z, rows, d, vectors, row)
    silu(z, rows * row)
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
