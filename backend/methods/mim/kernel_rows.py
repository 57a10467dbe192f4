"""Parts of the fused kernel that take rows of features one by one: norms, gates, likeness to the centre.

``w``: sizes and addresses of a scale, ``b``: addresses of working memory, as `layout` names them.
"""

from __future__ import annotations

from typing import Any

from ...jit import inlined
from ...scan.instructions import BYTES, LANES
from ...scan.powers import exp2, fading, quotient
from ...scan.rows import LOG2E, sigmoid
from ...scan.simd import get, larger, load, load_part, load_splat, put, splat, store, store_part, sums, zeros
from .layout import DECAY, FIRST, LOWEST, REAL, ROW, SECOND, SLACK, TOKENS, VECTORS, WIDTH
from .vectors import at, largest, root

EPSILON = 1e-5
"""Of the layer norms."""


@inlined
def row_sum(address: int, vectors: int) -> Any:
    """The sum of a row's vectors; two are the usual number, and a loop of two costs more than they do."""
    if vectors == 2:
        return load(address) + load(address + BYTES)
    total = load(address)
    for v in range(1, vectors):
        total = total + load(address + v * BYTES)
    return total


@inlined
def row_largest(address: int, lowest: int, vectors: int) -> Any:
    """The largest of a row's vectors; what lies behind the width does not count."""
    if vectors == 2:
        return larger(load(address) + load(lowest), load(address + BYTES) + load(lowest + BYTES))
    found = load(address) + load(lowest)
    for v in range(1, vectors):
        found = larger(load(address + v * BYTES) + load(lowest + v * BYTES), found)
    return found


@inlined
def row_square(address: int, mean: Any, real: int, vectors: int) -> Any:
    """The sum over a row's vectors of (x - mean)^2."""
    if vectors == 2:
        rest = load(address) - mean
        last = (load(address + BYTES) - mean) * load(real + BYTES)
        return rest * rest + last * last
    total = zeros()
    for v in range(vectors):
        rest = (load(address + v * BYTES) - mean) * load(real + v * BYTES)
        total = total + rest * rest
    return total


@inlined
def means(w: int, rows: int, source: int, to: int) -> None:
    """The mean feature of rows (rows, d) -> (rows,), four at a time."""
    row, vectors, share = at(w + ROW), at(w + VECTORS), splat(1.0 / at(w + WIDTH))
    for r in range(0, rows, 4):
        x = source + r * row
        one, two = row_sum(x, vectors), row_sum(x + row, vectors)
        three, four = row_sum(x + 2 * row, vectors), row_sum(x + 3 * row, vectors)
        store_part(to + r * 4, sums(one, two, three, four) * share, 4)


@inlined
def tops(w: int, rows: int, source: int, to: int) -> None:
    """The largest feature of rows (rows, d) -> (rows,)."""
    row, vectors, low = at(w + ROW), at(w + VECTORS), at(w + LOWEST)
    for r in range(0, rows, 4):
        x = source + r * row
        one, two = row_largest(x, low, vectors), row_largest(x + row, low, vectors)
        three, four = row_largest(x + 2 * row, low, vectors), row_largest(x + 3 * row, low, vectors)
        store_part(to + r * 4, largest(one, two, three, four), 4)


@inlined
def norm(w: int, b: int, rows: int, source: int) -> None:
    """What the rows (rows, d) must lose and be multiplied by to have mean 0 and variance 1: into FIRST and SECOND."""
    row, vectors, real = at(w + ROW), at(w + VECTORS), at(w + REAL)
    share = splat(1.0 / at(w + WIDTH))
    mean, scale = at(b + FIRST), at(b + SECOND)
    means(w, rows, source, mean)
    for r in range(0, rows, 4):
        x, m = source + r * row, mean + r * 4
        one = row_square(x, load_splat(m), real, vectors)
        two = row_square(x + row, load_splat(m + 4), real, vectors)
        three = row_square(x + 2 * row, load_splat(m + 8), real, vectors)
        four = row_square(x + 3 * row, load_splat(m + 12), real, vectors)
        store_part(scale + r * 4, sums(one, two, three, four), 4)
    for r in range(0, rows, LANES):
        variance = load(scale + r * 4) * share
        store(scale + r * 4, splat(1.0) / root(variance + splat(EPSILON)))


@inlined
def normalise(w: int, b: int, rows: int, source: int, to: int) -> None:
    """Rows (rows, d) with mean 0 and variance 1, without the norm's weights."""
    norm(w, b, rows, source)
    row, vectors, means_at, scales_at = at(w + ROW), at(w + VECTORS), at(b + FIRST), at(b + SECOND)
    for r in range(rows):
        mean, scale = load_splat(means_at + r * 4), load_splat(scales_at + r * 4)
        for v in range(vectors):
            place = r * row + v * BYTES
            store(to + place, (load(source + place) - mean) * scale)


@inlined
def exponential(x: Any) -> Any:
    """e^-x, at most 2^126."""
    return fading(larger(x, splat(-126.0 / LOG2E)), splat(-LOG2E))


@inlined
def silu(address: int, size: int, room: int) -> None:
    """x / (1 + e^-x) in place, of so many bytes; ``room`` for as many more.

    In two passes: in one, what waits for the power would keep the processor from what stands behind.
    """
    one, apart = splat(1.0), room - address
    for place in range(address, address + size, BYTES):
        store(place + apart, one + exponential(load(place)))
    for place in range(address, address + size, BYTES):
        store(place, quotient(load(place), load(place + apart)))


@inlined
def logistic(address: int, size: int) -> None:
    """1 / (1 + e^-x) in place, of so many bytes."""
    one = splat(1.0)
    for place in range(address, address + size, BYTES):
        store(place, quotient(one, one + exponential(load(place))))


@inlined
def gates(rows: int, weights: int, top: int, mean: int) -> None:
    """sigmoid(w0 * largest + w1 * mean + bias) of all tokens, in place of the largest."""
    first, second, bias = load_splat(weights), load_splat(weights + 4), load_splat(weights + 8)
    for r in range(0, rows, LANES):
        x = load(top + r * 4) * first + load(mean + r * 4) * second + bias
        store(top + r * 4, sigmoid(x))


@inlined
def squares(w: int, tokens: int, places: int, count: int, centre: int, to: int) -> None:
    """|y - y_centre|^2 of tokens found at ``tokens`` plus ``places`` -> (count,)."""
    vectors = at(w + VECTORS)
    for t in range(0, count, 4):
        where = places + t * 8
        one, two = _apart(tokens + at(where), centre, vectors), _apart(tokens + at(where + 8), centre, vectors)
        three = _apart(tokens + at(where + 16), centre, vectors)
        four = _apart(tokens + at(where + 24), centre, vectors)
        store_part(to + t * 4, sums(one, two, three, four), 4)


@inlined
def _apart(x: int, y: int, vectors: int) -> Any:
    if vectors == 2:
        near, far = load(x) - load(y), load(x + BYTES) - load(y + BYTES)
        return near * near + far * far
    total = zeros()
    for v in range(vectors):
        rest = load(x + v * BYTES) - load(y + v * BYTES)
        total = total + rest * rest
    return total


@inlined
def likeness(w: int, b: int, tokens: int, places: int, centre: int, to: int) -> None:
    """exp(-(|y - y_centre| / rho)^2 / 2) of every token (t,), with rho the mean of |y - y_centre|."""
    count = at(w + TOKENS)
    squares(w, tokens, places, count, centre, to)
    total = zeros()
    for t in range(0, count, LANES):
        total = total + root(load_part(to + t * 4, count - t) + load(at(w + SLACK) + t * 4))
    store(at(b + FIRST), sums(total, zeros(), zeros(), zeros()))
    rho = load_splat(at(b + FIRST)) * splat(1.0 / count)
    factor = splat(-0.5 * LOG2E) / (rho * rho)
    for t in range(0, count, LANES):
        store(to + t * 4, exp2(load(to + t * 4) * factor))


@inlined
def left(w: int, like: int, order: int, to: int) -> None:
    """How much of each token is left (t,): by likeness, found at ``like`` plus ``order``, and by place."""
    count, decay = at(w + TOKENS), at(w + DECAY)
    for t in range(count):
        put(to + t * 4, get(like + at(order + t * 8)))
    for t in range(0, count, LANES):
        store(to + t * 4, load(to + t * 4) * load(decay + t * 4))
