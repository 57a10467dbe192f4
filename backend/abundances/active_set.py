"""The sure way to a pixel's abundances: an active set with a Cholesky factor that grows row by row.

Lawson and Hanson, Solving Least Squares Problems (1974), chapter 23: a set of endmembers with x > 0, to which the one
with the steepest descent is added, and from which those are taken that would become negative. The sum to one has a
Lagrange multiplier mu of its own instead of a heavily weighted row. Endmembers that depend on those in the set are
never added to it, so duplicates and more endmembers than bands do no harm.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..jit import inlined

DEPENDENT = 1e-13
"""An endmember whose part outside the span of the set is below this share of its square adds nothing to the set."""


@inlined
def one(gram: Any, c: Any, simplex: bool, least: float, work: Any) -> int:
    """The abundances of one pixel into x; gives 1 if no end was found. vectors: z = L^-1 c, v = L^-1 1, s, w, x."""
    order, inside, barred, _, vectors = work
    s, w, x = vectors[2], vectors[3], vectors[4]
    size = len(c)
    used = 0
    inside[:] = False
    if simplex:
        best = 0
        for j in range(size):
            if 0.5 * gram[j, j] - c[j] < 0.5 * gram[best, best] - c[best]:
                best = j
        _append(gram, c, best, 0, work)
        used = 1
    mu = _minimum(used, simplex, work)
    x[:] = 0.0
    for k in range(used):
        x[order[k]] = s[k]
        inside[order[k]] = True
    barred[:] = False
    for _ in range(100 + 20 * size):
        for j in range(size):
            w[j] = c[j] - mu
        for k in range(used):
            for j in range(size):
                w[j] -= gram[order[k], j] * x[order[k]]
        steepest, slope = -1, least
        for j in range(size):
            if w[j] > slope and not inside[j] and not barred[j]:
                steepest, slope = j, w[j]
        if steepest < 0:
            return 0
        barred[steepest] = True
        if not _append(gram, c, steepest, used, work):
            continue
        trial = _minimum(used + 1, simplex, work)
        if s[used] <= 0:  # the slope was rounding; s is no longer that of the set, x still is
            continue
        used, mu, inside[steepest] = used + 1, trial, True
        while True:
            blocking, length = -1, 1.0
            for k in range(used):
                if s[k] <= 0 and x[order[k]] < length * (x[order[k]] - s[k]):
                    blocking, length = k, x[order[k]] / (x[order[k]] - s[k])
            for k in range(used):
                x[order[k]] += length * (s[k] - x[order[k]]) if blocking >= 0 else s[k] - x[order[k]]
            if blocking < 0:
                break
            x[order[blocking]] = 0.0
            for k in range(used):
                s[k] = x[order[k]]
            used = _drop(gram, c, used, work)
            mu = _minimum(used, simplex, work)
        barred[:] = False
    return 1


@inlined
def _append(gram: Any, c: Any, j: int, used: int, work: Any) -> bool:
    """Endmember j into the set's last place: a row of the factor. False if it depends on those that are there."""
    order, _, _, factor, vectors = work
    z, v = vectors[0], vectors[1]
    left, product, one = gram[j, j], c[j], 1.0
    for k in range(used):
        entry = gram[j, order[k]]
        for m in range(k):
            entry -= factor[used, m] * factor[k, m]
        entry /= factor[k, k]
        factor[used, k] = entry
        left -= entry * entry
        product -= entry * z[k]
        one -= entry * v[k]
    if left <= DEPENDENT * gram[j, j]:
        return False
    root = np.sqrt(left)
    factor[used, used], z[used], v[used], order[used] = root, product / root, one / root, j
    return True


@inlined
def _minimum(used: int, simplex: bool, work: Any) -> float:
    """The least squares solution on the set, sum to one if ``simplex`` but not >= 0, into s; gives its mu."""
    _, _, _, factor, vectors = work
    z, v, s = vectors[0], vectors[1], vectors[2]
    mu = 0.0
    if simplex:
        over, under = -1.0, 0.0
        for k in range(used):
            over += v[k] * z[k]
            under += v[k] * v[k]
        mu = over / under
    for k in range(used - 1, -1, -1):
        value = z[k] - mu * v[k]
        for m in range(k + 1, used):
            value -= factor[m, k] * s[m]
        s[k] = value / factor[k, k]
    return mu


@inlined
def _drop(gram: Any, c: Any, used: int, work: Any) -> int:
    """Take those with s <= 0 out of the set and build the factor again behind the first of them; the set's size."""
    order, inside, _, _, vectors = work
    s, x = vectors[2], vectors[4]
    kept = 0
    for k in range(used):
        j = order[k]
        if s[k] > 0 and (kept == k or _append(gram, c, j, kept, work)):
            kept += 1
        else:
            inside[j], x[j] = False, 0.0
    return kept
