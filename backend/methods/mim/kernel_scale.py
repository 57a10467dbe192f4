"""Parts of the fused kernel that make fewer tokens of many: half scans, token learner, token fuser, end of a scale.

``w``: sizes and addresses of a scale, ``b``: addresses of working memory, as `layout` names them.
"""

from __future__ import annotations

from typing import Any

from ...jit import inlined
from ...scan.instructions import BYTES, LANES
from ...scan.powers import exp2, fading
from ...scan.rows import LOG2E
from ...scan.simd import get, if_negative, larger, load, load_splat, put, splat, store, zeros
from .kernel_rows import gates, norm, tops
from .layout import (
    ATTENTION,
    FIRST,
    INNER,
    JOINED,
    KEPT,
    KEPT_VECTORS,
    LEARNER,
    LEFT,
    MIXED,
    NORM,
    NORM_BIAS,
    NOTHING,
    OTHER,
    ROW,
    ROW_ORDER,
    SCANNED,
    SCORES,
    SECOND,
    SEMANTIC,
    SHARES,
    SKIP,
    STATES,
    SUM,
    TANH,
    THIRD,
    TOKENS,
    VECTORS,
    WIDTH,
)
from .products import multiply, multiply_transposed
from .recurrence import half_scan, raised_half_scan
from .vectors import at


def _scan(half: Any) -> Any:
    @inlined
    def scan(w: int, b: int, decays: int, inputs: int, skips: int, entering: int, order: int) -> None:
        """Both half scans -> SCANNED (t, d); the centre, where both end, is their mean."""
        row, tokens, y, kept = at(w + ROW), at(w + TOKENS), at(b + SCANNED), at(b + FIRST)
        middle = tokens // 2
        for back in range(2):
            start, sign = back * (tokens - 1), 1 - 2 * back
            half(
                w, decays, inputs, skips, entering, order + start * 8, sign * 8, y + start * row, sign * row, middle + 1
            )
            for v in range(at(w + VECTORS)):
                centre, other = y + middle * row + v * BYTES, kept + v * BYTES
                if back:
                    store(centre, (load(centre) + load(other)) * splat(0.5))
                else:
                    store(other, load(centre))

    return scan


_table_scan, _raised_scan = _scan(half_scan), _scan(raised_half_scan)


@inlined
def scan(w: int, b: int, walks: int, order: int) -> None:
    """Both half scans over tokens of the table, found at ``walks`` plus ``order``."""
    vectors = at(w + VECTORS)
    inputs = walks + vectors * at(w + STATES) * BYTES
    skips = inputs + vectors * BYTES
    _table_scan(w, b, walks, inputs, skips, skips + vectors * BYTES, order)


@inlined
def raised_scan(w: int, b: int, begin: int) -> None:
    """Both half scans over tokens that `prepare` has left in their order, ``begin`` bytes from the first one."""
    steps, u, driven = at(b + THIRD) + begin, at(b + INNER) + begin, at(b + OTHER) + begin
    _raised_scan(w, b, steps, u, at(w + SKIP), driven, at(w + ROW_ORDER))


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
    tokens, row, weights, one = at(w + TOKENS), at(w + ROW), at(b + FIRST), splat(1.0)
    for v in range(at(w + KEPT_VECTORS)):
        scores = at(b + ATTENTION) + v * BYTES
        peak = load(scores) * load_splat(weights)
        other = peak  # tokens are odd
        for t in range(1, tokens, 2):
            place = scores + t * row
            peak = larger(load(place) * load_splat(weights + t * 4), peak)
            other = larger(load(place + row) * load_splat(weights + t * 4 + 4), other)
        peak = larger(peak, other)
        total = zeros()
        for t in range(tokens):
            weight = load_splat(weights + t * 4)
            power = fading(load(scores + t * row) * weight - peak, one)
            total = total + power
            store(scores + t * row, power * weight)
        store(at(b + SECOND) + v * BYTES, one / total)


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
