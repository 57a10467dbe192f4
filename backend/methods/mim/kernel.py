"""The whole network from embedded pixels to the sum of all scales' features, compiled: a tile of patches at a time.

Same results as `network`, on the CPU, without gradients. What is done once and not again and again:

* per pixel: all that it brings to the first scale's scans, with the decays of all states: a step of the recurrence is
  then two multiplications and additions. Scans walk through this table by index. Later scales have no two tokens
  alike; there the recurrence raises the decays itself, so that they need no memory.
* per pixel and form of a pool: the gates and the residual of the first scale depend on the pooled pixels only, and of
  the 100 pools of a patch of 7 pixels there are 8 forms (straight or bent, of two pixels or three).
* linear maps in a row are one: the norm's weights with what follows, the learner's values with the map at the end.

All else stays in the first-level cache, one scan type of one patch at a time. Letters as in `layout`.
"""

from __future__ import annotations

from typing import Any

from ...jit import inlined, kernel
from ...scan.instructions import BYTES, LANES
from ...scan.simd import load, load_part, load_splat, store, store_part, zeros
from .kernel_rows import left, likeness, normalise
from .kernel_scale import finish, learn, raised_scan, scan, share
from .kernel_tokens import beside, prepare, tabulate
from .layout import (
    BASE,
    DECAY,
    FIELDS,
    HEIGHT,
    KEPT,
    LEFT,
    LIKE,
    MASKED,
    MIXED,
    NORMAL,
    ORDER,
    PATCH,
    PATCH_LIKE,
    PATCH_PIXELS,
    PIXELS,
    PIXELS_NORMAL,
    PIXELS_WALKS,
    POOL_SHARES,
    POOLED,
    POOLED_TOKENS,
    POOLS,
    ROW,
    ROW_ORDER,
    SEMANTIC,
    SHAPE_PIXELS,
    SHAPE_SHARES,
    SHAPE_SIZES,
    SHAPES,
    SHAPES_BASE,
    SHAPES_MIXED,
    STRIDE,
    SUM,
    TOKENS,
    TOKENS_IN,
    TOKENS_OUT,
    TYPE_ORDER,
    TYPE_POOLS,
    TYPE_WALKS,
    VECTORS,
    WALK,
    WIDTH,
)
from .orders import TYPES
from .vectors import at

MANY = 25
"""Tokens of a scale whose scan types are taken one by one."""


@inlined
def copy(source: int, to: int, size: int) -> None:
    """So many bytes, rounded up to vectors."""
    for place in range(0, size, BYTES):
        store(to + place, load(source + place))


@inlined
def pixels(w: int, b: int, g: int, features: int, next_row: int, rows: int, cols: int) -> None:
    """The table's pixels (rows, cols): features read, normalised, made ready for the scans."""
    row, d, stride = at(w + ROW), at(w + WIDTH), at(g + STRIDE)
    for r in range(rows):
        to = at(b + PIXELS) + r * stride * row
        for c in range(cols):
            source = features + r * next_row + c * d * 4
            for v in range(at(w + VECTORS)):
                store(to + c * row + v * BYTES, load_part(source + v * BYTES, d - v * LANES))
        normal = at(b + PIXELS_NORMAL) + r * stride * row
        normalise(w, b, stride, to, normal)
        walks = at(b + PIXELS_WALKS) + r * stride * at(w + WALK)
        prepare(w, b, stride, normal)
        tabulate(w, b, stride, walks)


@inlined
def shapes(w: int, b: int, g: int, rows: int, cols: int) -> None:
    """What pools of every form bring beside the scan, by their first pixel."""
    row, stride, area = at(w + ROW), at(g + STRIDE), at(g + STRIDE) * at(g + HEIGHT)
    normal, tokens = at(b + POOLED), at(b + POOLED_TOKENS)
    for k in range(at(g + SHAPES)):
        size, part = at(g + SHAPE_SIZES) + k * 24, load_splat(at(g + SHAPE_SHARES) + k * 4)
        high, wide, count = at(size), at(size + 8), at(size + 16)
        members = at(g + SHAPE_PIXELS) + k * at(w + TOKENS) * 8
        for r in range(rows - high + 1):
            for c in range(cols - wide + 1):
                here = (r * stride + c) * row
                mean(w, at(b + PIXELS_NORMAL) + here, members, count, part, normal + c * row)
                mean(w, at(b + PIXELS) + here, members, count, part, tokens + c * row)
            place = (k * area + r * stride) * row
            beside(w, b, stride, normal, tokens, at(b + SHAPES_MIXED) + place, at(b + SHAPES_BASE) + place)


@inlined
def mean(w: int, source: int, members: int, count: int, part: Any, to: int) -> None:
    """The mean of ``count`` rows found at ``source`` plus ``members``; ``part`` is 1 / count."""
    vectors = at(w + VECTORS)
    if vectors == 2:
        here = source + at(members)
        near, far = load(here), load(here + BYTES)
        for one in range(1, count):
            here = source + at(members + one * 8)
            near, far = near + load(here), far + load(here + BYTES)
        store(to, near * part)
        store(to + BYTES, far * part)
        return
    for v in range(vectors):
        total = zeros()
        for one in range(count):
            total = total + load(source + at(members + one * 8) + v * BYTES)
        store(to + v * BYTES, total * part)


@inlined
def first(w: int, b: int, g: int, corner: int, kind: int, to: int) -> None:
    """The first scale of one scan type, of the patch whose first pixel is ``corner`` -> tokens (s, d)."""
    row, kept, tokens, pools = at(w + ROW), at(w + KEPT), at(w + TOKENS), at(g + TYPE_POOLS)
    masked(w, at(b + PATCH_LIKE), at(g + TYPE_ORDER) + kind * tokens * 8, at(b + LEFT))
    scan(w, b, at(b + PIXELS_WALKS) + corner * at(w + WALK), at(g + TYPE_WALKS) + kind * tokens * 8)
    learn(w, b, at(b + SEMANTIC))
    pools += kind * kept * 8
    share(w, b, at(b + SHAPES_MIXED) + corner * row, pools, at(b + MIXED))
    finish(w, b, kind, 1, at(b + SHAPES_BASE) + corner * row, pools, to)


@inlined
def masked(w: int, like: int, order: int, to: int) -> None:
    """How much of each token is left (t,)."""
    if at(w + MASKED):
        left(w, like, order, to)
    else:
        copy(at(w + DECAY), to, at(w + TOKENS) * 4)


@inlined
def later(w: int, b: int, tokens: int, to: int) -> None:
    """A later scale: tokens (4, t, d) -> (4, s, d)."""
    row, count, kept = at(w + ROW), at(w + TOKENS), at(w + KEPT)
    normal, semantic = at(b + NORMAL), at(b + SEMANTIC)
    normalise(w, b, TYPES * count, tokens, normal)
    pool(w, b, normal, tokens)
    beside(w, b, TYPES * kept, at(b + POOLED), at(b + POOLED_TOKENS), at(b + MIXED), at(b + BASE))
    # Few tokens are prepared all at once; many type by type, or the first-level cache would not hold them.
    group = 1 if count >= MANY else TYPES
    for kind in range(0, TYPES, group):
        prepare(w, b, group * count, normal + kind * count * row)
        for one in range(kind, kind + group):
            here = tokens + one * count * row
            if at(w + MASKED):
                likeness(w, b, here, at(w + ROW_ORDER), here + count // 2 * row, at(b + LIKE))
            masked(w, at(b + LIKE), at(w + ORDER), at(b + LEFT))
            raised_scan(w, b, (one - kind) * count * row)
            learn(w, b, semantic + one * kept * row)
            mixed = at(b + MIXED) + one * kept * row
            share(w, b, mixed, at(w + ROW_ORDER), mixed)
    finish(w, b, 0, TYPES, at(b + BASE), at(w + ROW_ORDER), to)


@inlined
def pool(w: int, b: int, normal: int, tokens: int) -> None:
    """The means of tokens (4, t, d), after the norm and as they were, pool by pool: (4, s, d)."""
    row, kept, pools, shares = at(w + ROW), at(w + KEPT), at(w + POOLS), at(w + POOL_SHARES)
    order, pooled, plain = at(w + ROW_ORDER), at(b + POOLED), at(b + POOLED_TOKENS)
    for kind in range(TYPES):
        first_one = kind * at(w + TOKENS) * row
        for s in range(kept):
            begin, size, part = first_one + at(pools + s * 16), at(pools + s * 16 + 8), load_splat(shares + s * 4)
            place = (kind * kept + s) * row
            mean(w, normal + begin, order, size, part, pooled + place)
            mean(w, tokens + begin, order, size, part, plain + place)


@inlined
def patch(scales: int, count: int, b: int, g: int, corner: int, result: int) -> None:
    """One patch: the sum of its scales' features (d,) to ``result``."""
    w = scales
    row, d, part = at(w + ROW), at(w + WIDTH), at(w + KEPT) * at(w + ROW)
    begin = at(b + PIXELS) + corner * row
    centre = begin + at(at(g + PATCH_PIXELS) + at(w + TOKENS) // 2 * 8)
    copy(centre, at(b + SUM), row)
    if at(w + MASKED):
        likeness(w, b, begin, at(g + PATCH_PIXELS), centre, at(b + PATCH_LIKE))
    source, to = at(b + TOKENS_IN), at(b + TOKENS_OUT)
    for kind in range(TYPES):
        first(w, b, g, corner, kind, source + kind * part)
    for k in range(1, count):
        later(scales + k * FIELDS, b, source, to)
        source, to = to, source
    for v in range(at(w + VECTORS)):
        store_part(result + v * BYTES, load(at(b + SUM) + v * BYTES), d - v * LANES)


@kernel
def classify(
    scales: int, count: int, b: int, g: int, features: int, across: int, valid: Any, top: int, side: int, result: int
) -> None:
    """Patches whose centre is valid, in the tile at (top, side): the sums of their scales' features to ``result``.

    ``features``: (rows + p - 1, across + p - 1, d) of a scene with its margin; ``valid`` (rows, across); ``result``
    (rows, across, d); ``scales``, ``count`` of them, ``b``, ``g``: tables of sizes and addresses, see `layout`.
    """
    w = scales
    d, edge, stride = at(w + WIDTH), at(g + PATCH) - 1, at(g + STRIDE)
    rows, cols = min(at(g + HEIGHT), len(valid) + edge - top), min(stride, across + edge - side)
    next_row = (across + edge) * d * 4
    pixels(w, b, g, features + top * next_row + side * d * 4, next_row, rows, cols)
    shapes(w, b, g, rows, cols)
    for r in range(rows - edge):
        for c in range(cols - edge):
            if valid[top + r, side + c]:
                patch(scales, count, b, g, r * stride + c, result + ((top + r) * across + side + c) * d * 4)
