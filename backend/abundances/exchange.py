"""The quick way to a pixel's abundances: single exchanges on the inverse of the Gram matrix.

For endmembers that differ clearly. Whether the end is the optimum is known there; the caller takes the slower
``active_set`` where it is not reached.
"""

from __future__ import annotations

from typing import Any

from ..jit import inlined


@inlined
def exchange(
    gram: Any, start: Any, free: Any, best: Any, simplex: bool, level: float, inside: Any, inverse: Any, vectors: Any
) -> Any:
    """From the solution without x >= 0, ``best``, by single exchanges to the one with it, in x; False if it fails.

    A negative one is left out until there is none, then the one with the steepest slope comes in, until none descends.
    H, at first ``start``, is the inverse on the set (Jacobi's sweep operator): leaving out k takes H e_k x_k / H_kk
    from x and from H its part along k; taking in k goes along the conjugate direction d, to which H gains d d' / d'Gd.
    Each step is one pass over the matrix, and no division stands in it: several times faster than Cholesky factors.
    """
    s, d, h, w, x = vectors[0], vectors[1], vectors[2], vectors[3], vectors[4]
    size = len(x)
    for j in range(size):
        x[j], h[j], inside[j] = best[j], free[j] if simplex else 0.0, True
    for i in range(size):
        for j in range(size):
            inverse[i, j] = start[i, j]
    dearest = 0.0
    for _ in range(6 * size):
        worst = -1
        for j in range(size):
            if x[j] < 0:  # leaving j out costs x_j^2 / H_jj; the dearest first is seldom one that has to come back
                square = x[j] * x[j]
                if worst < 0 or square * inverse[worst, worst] > dearest * inverse[j, j]:
                    worst, dearest = j, square
        if worst >= 0:
            share = 1.0 / inverse[worst, worst]
            for j in range(size):
                s[j] = inverse[worst, j]
            length, other = x[worst] * share, h[worst] * share
            for j in range(size):
                x[j] -= s[j] * length
                h[j] -= s[j] * other
            for i in range(size):
                length = s[i] * share
                for j in range(size):
                    inverse[i, j] -= s[j] * length
            for j in range(size):
                inverse[worst, j] = 0.0
                inverse[j, worst] = 0.0
            x[worst], h[worst], inside[worst] = 0.0, 0.0, False
            continue
        for j in range(size):
            w[j] = 0.0
        for k in range(size):
            length = best[k] - x[k]
            for j in range(size):
                w[j] += gram[k, j] * length
        mu = 0.0
        if simplex:
            for j in range(size):
                mu += w[j] * x[j]
        steepest, slope = -1, level
        for j in range(size):
            if not inside[j] and w[j] - mu > slope:
                steepest, slope = j, w[j] - mu
        if steepest < 0:
            return _refined(inverse, mu, inside, w, x)
        for j in range(size):
            d[j], s[j] = -h[j], 0.0
        for k in range(size):
            length = gram[k, steepest]
            for j in range(size):
                d[j] -= inverse[k, j] * length
        d[steepest] = 1.0
        for k in range(size):
            length = d[k]
            for j in range(size):
                s[j] += gram[k, j] * length
        curve, along, other = 0.0, 0.0, 0.0
        for j in range(size):
            curve += d[j] * s[j]
            along += d[j] * w[j]
            other -= h[j] * s[j]
        if curve <= 0:
            return False
        share = 1.0 / curve
        for j in range(size):
            x[j] += d[j] * (along * share)
            if simplex:
                h[j] += d[j] * (other * share)
        for i in range(size):
            length = d[i] * share
            for j in range(size):
                inverse[i, j] += d[j] * length
        inside[steepest] = True
    return False


@inlined
def _refined(inverse: Any, mu: float, inside: Any, w: Any, x: Any) -> Any:
    """One Newton step on the set, which takes the rounding of all exchanges out of x; False if x < 0 then."""
    size = len(x)
    for k in range(size):
        if inside[k]:
            slope = w[k] - mu
            for j in range(size):
                x[j] += inverse[k, j] * slope
    least = 0.0
    for j in range(size):
        least = min(least, x[j])
    return least >= 0.0
