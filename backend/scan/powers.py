"""Powers of 2 and quotients of vectors, in as few instructions as float32 precision takes."""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]

from .instructions import INT32, INTS, LANES, VECTOR, Vector, call, constant, instruction, product_sum

_ROUND = 12582912.0
"""1.5 * 2^23: adding it leaves the nearest integer in the lowest mantissa bits."""
_EXP2 = (0.6931471824645996, 0.24022281974561, 0.05550558342534487, 0.009669691667536237, 0.0013300606194785762)
"""(2^x - 1) / x over [-1/2, 1/2]: the smallest largest error relative to 2^x with the first term held at log(2), since
an error of that shows a thousand times in a state that forgets over a thousand tokens."""

_FALLING = (0.6931471824645996, 0.24021847768060667, 0.05542359893650587, 0.009365608911206216, 0.0010135741461239182)
"""(2^x - 1) / x over [-1, 0], the first term held likewise: the smallest largest error of 2^2x relative to 1 - 2^2x,
which is the error of a state that such decays are applied to."""


def _power_parts(builder: Any, a: Any, b: Any) -> tuple[tuple[Any, Any], Any, Any]:
    """2^(a b) = 2^k (1 + rest * series): k + `_ROUND`, k, the nearest integer, rest in [-1/2, 1/2], series."""
    shifted = product_sum(builder, a, b, constant(_ROUND))
    power = builder.fsub(shifted, constant(_ROUND))
    rest = product_sum(builder, a, b, builder.fneg(power))
    return (shifted, power), rest, _series(builder, rest)


def _series(builder: Any, rest: Any, coefficients: tuple[float, ...] = _EXP2) -> Any:
    """(2^rest - 1) / rest, rest in [-1/2, 1/2], or where else the coefficients are good."""
    series = constant(coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        series = product_sum(builder, series, rest, constant(coefficient))
    return series


def _scaled(builder: Any, x: Any, integer: tuple[Any, Any]) -> Any:
    """x 2^k, k as `_power_parts` gives it; 2^k is a normal number."""
    shifted, power = integer
    if LANES == 16:
        mask, rounding = ir.Constant(ir.IntType(16), -1), ir.Constant(INT32, 4)
        return call(builder, "llvm.x86.avx512.mask.scalef.ps.512", VECTOR, [x, power, x, mask, rounding])
    exponent = builder.shl(builder.bitcast(shifted, INTS), ir.Constant(INTS, [23] * LANES))
    one = builder.bitcast(constant(1.0), INTS)
    return builder.fmul(x, builder.bitcast(builder.add(exponent, one), VECTOR))


def _exp2(builder: Any, a: Any, b: Any) -> Any:
    """2^(a b), a b in [-126, 128]."""
    integer, rest, series = _power_parts(builder, a, b)
    return _scaled(builder, product_sum(builder, series, rest, constant(1.0)), integer)


def faded(builder: Any, a: Any, b: Any) -> Any:
    """2^(a b) for a b in [-2^50, 128]; what lies below 2^-126 is that or less."""
    if LANES == 16:  # whose instruction for 2^k takes any k
        return _exp2(builder, a, b)
    low, product = constant(-126.0), builder.fmul(a, b)
    return _exp2(builder, builder.select(builder.fcmp_ordered("<", product, low), low, product), constant(1.0))


@instruction
def fading(typing: Any, a: Any, b: Any) -> Any:
    """2^(a b) for a b in [-2^50, 128]; what lies below 2^-126 is that or less."""
    return Vector(Vector, Vector), lambda context, builder, sig, args: faded(builder, *args)


@instruction
def exp2(typing: Any, x: Any) -> Any:
    """2^x to 1.6e-7 relative. Below -126 it stays at 2^-126, from 128 on it is inf; NaN stays NaN; 2^0 is 1."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        low, high = constant(-126.0), constant(128.0)
        x = builder.select(builder.fcmp_ordered("<", args[0], low), low, args[0])
        x = builder.select(builder.fcmp_ordered(">", x, high), high, x)
        power = _exp2(builder, x, constant(1.0))
        # Shifting a NaN's bits could make a number of it.
        return builder.select(builder.fcmp_unordered("uno", args[0], args[0]), args[0], power)

    return Vector(Vector), build


@instruction
def exp2_bounded(typing: Any, x: Any) -> Any:
    """2^x for x known to lie in [-126, 128]; anything outside gives nonsense."""
    return Vector(Vector), lambda context, builder, sig, args: _exp2(builder, args[0], constant(1.0))


@instruction
def power(typing: Any, a: Any, b: Any) -> Any:
    """2^(a b) for a b known to lie in [-126, 128]; the product is not rounded."""
    return Vector(Vector, Vector), lambda context, builder, sig, args: _exp2(builder, *args)


@instruction
def whole(typing: Any, a: Any, b: Any) -> Any:
    """The integer nearest to a b, known to lie in [-126, 126], as `scaled` takes it."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        (shifted, power), _, _ = _power_parts(builder, *args)
        return power if LANES == 16 else shifted

    return Vector(Vector, Vector), build


@instruction
def scaled(typing: Any, x: Any, integer: Any) -> Any:
    """x 2^k with k from `whole`."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _scaled(builder, args[0], (args[1], args[1]))

    return Vector(Vector, Vector), build


@instruction
def power_whole(typing: Any, a: Any, b: Any) -> Any:
    """2^k with k the integer nearest to a b, which is known to lie in [-126, 126]."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        integer, _, _ = _power_parts(builder, *args)
        return _scaled(builder, constant(1.0), integer)

    return Vector(Vector, Vector), build


@instruction
def power_rest(typing: Any, a: Any, b: Any) -> Any:
    """2^(a b - k) - 1 with k the integer nearest to a b: precise also where the power is nearly 1."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        _, rest, series = _power_parts(builder, *args)
        return builder.fmul(rest, series)

    return Vector(Vector, Vector), build


@instruction
def power_near(typing: Any, a: Any, b: Any) -> Any:
    """2^(a b) - 1 for a b known to lie in [-1/2, 1/2]."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        rest = builder.fmul(*args)
        return builder.fmul(rest, _series(builder, rest))

    return Vector(Vector, Vector), build


@instruction
def power_falling(typing: Any, a: Any, b: Any) -> Any:
    """2^(a b) - 1 for a b known to lie in [-1, 0]."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        rest = builder.fmul(*args)
        return builder.fmul(rest, _series(builder, rest, _FALLING))

    return Vector(Vector, Vector), build


@instruction
def quotient(typing: Any, a: Any, b: Any) -> Any:
    """a / b to 1e-7 relative, b in [1, 2^126] or NaN: an estimate made better is quicker than a division."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        a, b = args
        if LANES != 16:
            return builder.fdiv(a, b)
        mask = ir.Constant(ir.IntType(16), -1)
        inverse = call(builder, "llvm.x86.avx512.rcp14.ps.512", VECTOR, [b, constant(0.0), mask])
        found = builder.fmul(a, inverse)
        missing = product_sum(builder, builder.fneg(found), b, a)
        return product_sum(builder, missing, inverse, found)

    return Vector(Vector, Vector), build
