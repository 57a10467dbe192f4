"""Parts of the fused kernel that make fewer tokens of many: half scans, token learner, token fuser, end of a scale.

``w``: sizes and addresses of a scale, ``b``: addresses of working memory, as `layout` names them.
"""

from __future__ import annotations

from typing import Any

from ...jit import inlined
from ...scan.instructions import BYTES, LANES
from ...scan.powers import exp2
from ...scan.rows import LOG2E
from ...scan.simd import get, if_negative, larger, load, load_splat, put, splat, store, zeros
from .kernel_rows import gates, norm, tops
from .layout import (
    ATTENTION,
    FIRST,
    GROUP,
    JOINED,
    KEPT,
    KEPT_VECTORS,
    LEARNER,
    LEFT,
    MIXED,
    NORM,
    NORM_BIAS,
    NOTHING,
    ROW,
    SCANNED,
    SCORES,
    SECOND,
    SEMANTIC,
    SHARES,
    STATES,
    SUM,
    TANH,
    THIRD,
    TOKENS,
    VECTORS,
    WIDTH,
)
from .products import multiply, multiply_transposed
from .vectors import at


@inlined
def half(w: int, walks: int, order: int, forth: int, y: int, y_step: int, steps: int) -> None:
    """One half scan: the tokens found at ``walks`` plus ``order``, whose entries lie ``forth`` bytes apart.

    The first token's decays are not read, since there is nothing before it.
    """
    vectors, states = at(w + VECTORS), at(w + STATES)
    inputs, skips = vectors * states * BYTES, vectors * (states + 1) * BYTES
    entering, leaving = vectors * (states + 2) * BYTES, vectors * (states + 2) * BYTES + states * 4
    for v in range(vectors):
        column = v * BYTES
        for n in range(0, states, GROUP):
            _group(
                walks,
                order,
                forth,
                (v * states + n) * BYTES,
                inputs + column,
                skips + column if n == 0 else 0,
                entering + n * 4,
                leaving + n * 4,
                y + column,
                y_step,
                steps,
            )


@inlined
def _group(
    walks: int,
    order: int,
    forth: int,
    decays: int,
    inputs: int,
    skips: int,
    entering: int,
    leaving: int,
    y: int,
    y_step: int,
    steps: int,
) -> None:
    """The recurrence of GROUP states of one vector of channels: h = decay h + input B, y = y + h C."""
    token = walks + at(order)
    B, x = token + entering, load(token + inputs)
    h0, h1, h2, h3 = x * load_splat(B), x * load_splat(B + 4), x * load_splat(B + 8), x * load_splat(B + 12)
    h4, h5, h6, h7 = x * load_splat(B + 16), x * load_splat(B + 20), x * load_splat(B + 24), x * load_splat(B + 28)
    _leave(token + leaving, load(token + skips if skips else y), y, h0, h1, h2, h3, h4, h5, h6, h7)
    for _ in range(1, steps):
        order += forth
        y += y_step
        token = walks + at(order)
        a, B, x = token + decays, token + entering, load(token + inputs)
        h0 = load(a) * h0 + x * load_splat(B)
        h1 = load(a + BYTES) * h1 + x * load_splat(B + 4)
        h2 = load(a + 2 * BYTES) * h2 + x * load_splat(B + 8)
        h3 = load(a + 3 * BYTES) * h3 + x * load_splat(B + 12)
        h4 = load(a + 4 * BYTES) * h4 + x * load_splat(B + 16)
        h5 = load(a + 5 * BYTES) * h5 + x * load_splat(B + 20)
        h6 = load(a + 6 * BYTES) * h6 + x * load_splat(B + 24)
        h7 = load(a + 7 * BYTES) * h7 + x * load_splat(B + 28)
        _leave(token + leaving, load(token + skips if skips else y), y, h0, h1, h2, h3, h4, h5, h6, h7)


@inlined
def _leave(C: int, found: Any, y: int, h0: Any, h1: Any, h2: Any, h3: Any, h4: Any, h5: Any, h6: Any, h7: Any) -> None:
    """What the states give: y = found + h C."""
    found = found + h0 * load_splat(C)
    found = found + h1 * load_splat(C + 4)
    found = found + h2 * load_splat(C + 8)
    found = found + h3 * load_splat(C + 12)
    other = h4 * load_splat(C + 16)
    other = other + h5 * load_splat(C + 20)
    other = other + h6 * load_splat(C + 24)
    other = other + h7 * load_splat(C + 28)
    store(y, found + other)


@inlined
def scan(w: int, b: int, walks: int, order: int) -> None:
    """Both half scans -> SCANNED (t, d); the centre, where both end, is their mean."""
    row, tokens, y = at(w + ROW), at(w + TOKENS), at(b + SCANNED)
    middle = tokens // 2
    half(w, walks, order, 8, y, row, middle + 1)
    for v in range(at(w + VECTORS)):
        store(at(b + THIRD) + v * BYTES, load(y + middle * row + v * BYTES))
    half(w, walks, order + (tokens - 1) * 8, -8, y + (tokens - 1) * row, -row, middle + 1)
    for v in range(at(w + VECTORS)):
        centre = y + middle * row + v * BYTES
        store(centre, (load(centre) + load(at(b + THIRD) + v * BYTES)) * splat(0.5))


@inlined
def weigh(w: int, b: int) -> None:
    """How much each token counts, its decay times its gate, into FIRST; its scores are in ATTENTION."""
    tokens, row = at(w + TOKENS), at(w + ROW)
    top, mean = at(b + FIRST), at(b + SECOND)
    tops(w, tokens, at(b + SCANNED), top)
    column = at(b + ATTENTION) + at(w + KEPT) * 4
    for t in range(tokens):
        put(mean + t * 4, get(column + t * row))
    for t in range(0, tokens, LANES):
        decay = load(at(b + LEFT) + t * 4)
        store(top + t * 4, load(top + t * 4) * decay)
        store(mean + t * 4, load(mean + t * 4) * decay)
    gates(tokens, at(w + LEARNER), top, mean)
    for t in range(0, tokens, LANES):
        store(top + t * 4, load(top + t * 4) * load(at(b + LEFT) + t * 4))


@inlined
def attend(w: int, b: int) -> None:
    """softmax over the tokens of score * weight, times weight, in place.

    But for 1 / the sum of its columns: that into SECOND (s,).
    """
    tokens, row, weights = at(w + TOKENS), at(w + ROW), at(b + FIRST)
    for v in range(at(w + KEPT_VECTORS)):
        scores = at(b + ATTENTION) + v * BYTES
        peak = load(scores) * load_splat(weights)
        for t in range(1, tokens):
            peak = larger(load(scores + t * row) * load_splat(weights + t * 4), peak)
        total = zeros()
        for t in range(tokens):
            weight = load_splat(weights + t * 4)
            power = exp2(load(scores + t * row) * weight - peak)
            total = total + power
            store(scores + t * row, power * weight)
        store(at(b + SECOND) + v * BYTES, splat(1.0) / total)


@inlined
def learn(w: int, b: int, to: int) -> None:
    """Tokens (t, d) in SCANNED -> semantic tokens (s, d), each a weighted sum of them."""
    tokens, kept, row, vectors, d = at(w + TOKENS), at(w + KEPT), at(w + ROW), at(w + VECTORS), at(w + WIDTH)
    y, attention = at(b + SCANNED), at(b + ATTENTION)
    multiply(y, at(w + SCORES), at(w + NOTHING), attention, tokens, d, at(w + KEPT_VECTORS), row)
    weigh(w, b)
    attend(w, b)
    multiply_transposed(attention, y, at(w + NOTHING), to, kept, tokens, vectors, row)


@inlined
def share(w: int, b: int, source: int, order: int, to: int) -> None:
    """How the fuser mixes semantic tokens, rows found at ``source`` plus ``order``, -> (s, s), for sums of weight 1."""
    kept, row, shares = at(w + KEPT), at(w + ROW), at(b + SECOND)
    for v in range(at(w + KEPT_VECTORS)):
        part, column = load(shares + v * BYTES), v * BYTES
        for s in range(kept):
            store(to + s * row + column, load(source + at(order + s * 8) + column) * part)


@inlined
def tanh(x: Any) -> Any:
    """(1 - e) / (1 + e) with e = e^-2|x|, and the sign of x."""
    e = exp2(if_negative(x, x, zeros() - x) * splat(2.0 * LOG2E))
    found = (splat(1.0) - e) / (splat(1.0) + e)
    return if_negative(x, zeros() - found, found)


@inlined
def finish(w: int, b: int, kind: int, kinds: int, base: int, order: int, to: int) -> None:
    """Semantic tokens of some scan types from ``kind`` on -> tokens ``to`` (kinds, s, d); their means join SUM.

    Through the joined map, mixed, plus what is found at ``base`` plus ``order``, through activation and norm.
    """
    kept, row, vectors, nothing = at(w + KEPT), at(w + ROW), at(w + VECTORS), at(w + NOTHING)
    found, part = at(b + THIRD), kept * row
    multiply(at(b + SEMANTIC), at(w + JOINED), nothing, found, kinds * kept, at(w + WIDTH), vectors, row)
    for one in range(kinds):
        multiply(at(b + MIXED) + one * part, found + one * part, nothing, to + one * part, kept, kept, vectors, row)
    with_tanh = at(w + TANH)
    for s in range(kinds * kept):
        place, more = to + s * row, base + at(order + s * 8)
        for v in range(vectors):
            x = load(place + v * BYTES) + load(more + v * BYTES)
            store(place + v * BYTES, tanh(x) if with_tanh else larger(zeros(), x))
    norm(w, b, kinds * kept, to)
    for one in range(kinds):
        _close(w, b, kept, at(b + FIRST) + one * kept * 4, kind + one, to + one * part)


@inlined
def _close(w: int, b: int, kept: int, mean: int, kind: int, to: int) -> None:
    """The norm at the end, of one scan type; the mean of its tokens joins SUM."""
    row, share, scale = at(w + ROW), load_splat(at(w + SHARES) + kind * 4), mean + at(b + SECOND) - at(b + FIRST)
    for v in range(at(w + VECTORS)):
        column, total, sum_at = to + v * BYTES, zeros(), at(b + SUM) + v * BYTES
        weight, bias = load(at(w + NORM) + v * BYTES), load(at(w + NORM_BIAS) + v * BYTES)
        for s in range(kept):
            rest = load(column + s * row) - load_splat(mean + s * 4)
            token = rest * load_splat(scale + s * 4) * weight + bias
            store(column + s * row, token)
            total = total + token
        store(sum_at, load(sum_at) + total * share)
