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
    """log(1 + e^x) = max(x, 0) + log1p(e) with e = e^-|x|: relative precision also for tiny results.

    The terms are summed in pairs, since a row is too short to hide a long chain of them.
    """
    square = e * e
    fourth = square * square
    a = splat(0.9999999698795106) + splat(-0.49999493139844187) * e
    b = splat(0.33319096794407443) + splat(-0.24842982109482148) * e
    c = splat(0.19106006353760574) + splat(-0.13663244930153123) * e
    d = splat(0.0782259416911533) + splat(-0.029505232523708447) * e
    low, high = a + b * square, c + d * square
    series = low + (high + splat(0.005232692703955182) * fourth) * fourth
    return larger(zeros(), x) + series * e


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
