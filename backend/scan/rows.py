"""What a kernel does with one row of channels before and after the recurrence: softplus, gate, their slopes.

A table of rows is (address, bytes from batch to batch, bytes from token to token); address 0 means not given.
"""

from __future__ import annotations

from typing import Any

from ..jit import inlined
from .instructions import LANES
from .powers import exp2_bounded, quotient
from .simd import if_negative, larger, load, load_part, magnitude, smaller, splat, store, store_part, zeros

LOG2E = 1.4426950408889634
LN2 = 0.6931471805599453


@inlined
def read(address: int, count: int) -> Any:
    """The vector at `address`, of which `count` lanes or more exist."""
    if count >= LANES:
        return load(address)
    return load_part(address, count)


@inlined
def write(address: int, vector: Any, count: int) -> None:
    """Write the `count` first lanes of `vector`, at most all."""
    if count >= LANES:
        store(address, vector)
    else:
        store_part(address, vector, count)


@inlined
def sigmoid(x: Any) -> Any:
    """1 / (1 + e^-x)."""
    one = splat(1.0)
    power = larger(splat(-126.0), smaller(splat(126.0), x * splat(-LOG2E)))
    return quotient(one, one + exp2_bounded(power))


@inlined
def _softplus(x: Any, e: Any) -> Any:
    """log(1 + e^x) = max(x, 0) + 2 artanh(e / (2 + e)) with e = e^-|x|: relative precision also for tiny results."""
    s = quotient(e, splat(2.0) + e)
    q = s * s
    series = q * splat(2.0 / 13.0) + splat(2.0 / 11.0)
    series = series * q + splat(2.0 / 9.0)
    series = series * q + splat(2.0 / 7.0)
    series = series * q + splat(2.0 / 5.0)
    series = series * q + splat(2.0 / 3.0)
    series = series * q + splat(2.0)
    return larger(zeros(), x) + series * s


@inlined
def _smaller_power(x: Any) -> Any:
    """e^-|x|."""
    return exp2_bounded(larger(splat(-126.0), magnitude(x) * splat(-LOG2E)))


@inlined
def softplus(x: Any) -> Any:
    """log(1 + e^x)."""
    return _softplus(x, _smaller_power(x))


@inlined
def softplus_and_slope(x: Any) -> Any:
    """log(1 + e^x) and its derivative 1 / (1 + e^-x), from one power."""
    e = _smaller_power(x)
    return _softplus(x, e), quotient(if_negative(x, e, splat(1.0)), splat(1.0) + e)
