"""Functions of vectors for mapping, with fewer instructions than the exact ones of training: to 3e-7.

Two results share one quotient wherever two are at hand.
"""

from __future__ import annotations

from typing import Any

from ..jit import inlined
from .powers import exp2, exp2_bounded, quotient
from .rows import LOG2E
from .simd import if_negative, larger, magnitude, splat

_LARGEST = 60.0
"""The larger exponent in a pair: two of them multiplied stay finite."""


@inlined
def power_clamped(a: Any, b: Any) -> Any:
    """2^(a b) for any numbers."""
    return exp2(a * b)


@inlined
def _e(x: Any) -> Any:
    """e^-x, at most 2^60."""
    x = larger(x * splat(-LOG2E), splat(-126.0))
    return exp2_bounded(if_negative(splat(_LARGEST) - x, splat(_LARGEST), x))


@inlined
def silus(x: Any, y: Any) -> Any:
    """silu(x) and silu(y) with one quotient."""
    a, b = splat(1.0) + _e(x), splat(1.0) + _e(y)
    r = quotient(splat(1.0), a * b)
    return x * (r * b), y * (r * a)


@inlined
def _normal_tail(z: Any, t: Any) -> Any:
    """Half of 1 - erf(z) from z >= 0 and t = 1 / (1 + 0.3275911 z), to 1e-7 (Abramowitz and Stegun 1964, 7.1.26)."""
    series = t * splat(1.061405429) + splat(-1.453152027)
    series = series * t + splat(1.421413741)
    series = series * t + splat(-0.284496736)
    series = series * t + splat(0.254829592)
    return series * t * exp2_bounded(larger(z * z * splat(-LOG2E), splat(-126.0))) * splat(0.5)


@inlined
def gelus(x: Any, y: Any) -> Any:
    """gelu(x) and gelu(y), each its argument times the normal distribution's function, with one quotient."""
    half, rate, one = splat(0.7071067811865476), splat(0.3275911), splat(1.0)
    u, v = magnitude(x) * half, magnitude(y) * half
    a, b = one + u * rate, one + v * rate
    r = quotient(one, a * b)
    p, q = _normal_tail(u, r * b), _normal_tail(v, r * a)
    return x * if_negative(x, p, one - p), y * if_negative(y, q, one - q)
