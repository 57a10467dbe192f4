"""Vectors of float32 inside Numba kernels: a type, its operators, and the few functions the scan needs.

Numba's own vectoriser needs array indices that it can prove harmless; here the vector is in the source, so a kernel
compiles to the same instructions on every processor. Addresses are plain integers and in bytes. Holds no kernel.
"""

from __future__ import annotations

import operator
from typing import Any

import llvmlite.binding as llvm  # type: ignore[import-untyped]
from llvmlite import ir
from numba.core import types
from numba.core.extending import intrinsic, models, register_model
from numba.core.imputils import lower_builtin
from numba.core.typing.templates import ConcreteTemplate, infer_global, signature


def _native_lanes() -> int:
    """float32 values in one register: 16 with AVX-512, 8 with AVX2, else 4 (NEON, SSE)."""
    features = llvm.get_host_cpu_features()
    if features.get("avx512f") and features.get("avx512dq"):
        return 16
    return 8 if features.get("avx2") else 4


LANES = _native_lanes()
BYTES = 4 * LANES

_FLOAT = ir.FloatType()
_INT = ir.IntType(32)
_VECTOR = ir.VectorType(_FLOAT, LANES)
_INTS = ir.VectorType(_INT, LANES)
_MASK = ir.VectorType(ir.IntType(1), LANES)
_FUSE = ("contract",)


class VectorType(types.Type):
    """LANES float32 values in a register."""

    def __init__(self) -> None:
        super().__init__(name=f"float32x{LANES}")


Vector = VectorType()


@register_model(VectorType)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _VECTOR)  # type: ignore[no-untyped-call]


def _operator(function: Any, build: Any) -> None:
    class Template(ConcreteTemplate):
        cases = (signature(Vector, Vector, Vector),)  # type: ignore[no-untyped-call]

    infer_global(function)(Template)  # type: ignore[no-untyped-call]
    lower_builtin(function, Vector, Vector)(lambda context, builder, sig, args: build(builder, *args))  # type: ignore[no-untyped-call]


_operator(operator.add, lambda builder, a, b: builder.fadd(a, b, flags=_FUSE))
_operator(operator.sub, lambda builder, a, b: builder.fsub(a, b, flags=_FUSE))
_operator(operator.mul, lambda builder, a, b: builder.fmul(a, b, flags=_FUSE))
_operator(operator.truediv, lambda builder, a, b: builder.fdiv(a, b))


def _constant(value: float) -> ir.Constant:
    return ir.Constant(_VECTOR, [value] * LANES)


def _pointer(builder: Any, address: Any, kind: Any = _VECTOR) -> Any:
    return builder.inttoptr(address, kind.as_pointer())


def _splat(builder: Any, value: Any) -> Any:
    one = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), value, ir.Constant(_INT, 0))
    return builder.shuffle_vector(one, one, ir.Constant(_INTS, [0] * LANES))


def _mask(builder: Any, count: Any) -> Any:
    """Lanes below `count`."""
    bound = builder.trunc(count, _INT)
    one = builder.insert_element(ir.Constant(_INTS, ir.Undefined), bound, ir.Constant(_INT, 0))
    bounds = builder.shuffle_vector(one, one, ir.Constant(_INTS, [0] * LANES))
    return builder.icmp_signed("<", ir.Constant(_INTS, list(range(LANES))), bounds)


def _call(builder: Any, name: str, result: Any, arguments: list[Any]) -> Any:
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    function = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
    return builder.call(function, arguments)


def _instruction(function: Any) -> Any:
    """Numba's `intrinsic`, whose own annotations say nothing of how kernels call the result."""
    return intrinsic(function)


@_instruction
def load(typing: Any, address: Any) -> Any:
    """The vector at `address`."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.load(_pointer(builder, args[0]), align=4)

    return Vector(types.int64), build


@_instruction
def store(typing: Any, address: Any, vector: Any) -> Any:
    """Write `vector` at `address`."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        builder.store(args[1], _pointer(builder, args[0]), align=4)
        return context.get_dummy_value()

    return types.void(types.int64, Vector), build


@_instruction
def prefetch(typing: Any, address: Any) -> Any:
    """Ask for the cache line at `address`; any address is harmless."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        hints = [ir.Constant(_INT, value) for value in (0, 3, 1)]  # to read, to keep, data
        _call(builder, "llvm.prefetch.p0", ir.VoidType(), [_pointer(builder, args[0]), *hints])
        return context.get_dummy_value()

    return types.void(types.int64), build


@_instruction
def load_part(typing: Any, address: Any, count: Any) -> Any:
    """The first `count` values at `address`, zeros after them; reads nothing beyond."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        arguments = [
            _pointer(builder, args[0]),
            ir.Constant(_INT, 4),
            _mask(builder, args[1]),
            _constant(0.0),
        ]
        return _call(builder, f"llvm.masked.load.v{LANES}f32.p0", _VECTOR, arguments)

    return Vector(types.int64, types.int64), build


@_instruction
def store_part(typing: Any, address: Any, vector: Any, count: Any) -> Any:
    """Write the first `count` values of `vector` at `address` and nothing beyond."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        arguments = [args[1], _pointer(builder, args[0]), ir.Constant(_INT, 4), _mask(builder, args[2])]
        _call(builder, f"llvm.masked.store.v{LANES}f32.p0", ir.VoidType(), arguments)
        return context.get_dummy_value()

    return types.void(types.int64, Vector, types.int64), build


@_instruction
def load_splat(typing: Any, address: Any) -> Any:
    """The one value at `address` in every lane."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _splat(builder, builder.load(_pointer(builder, args[0], _FLOAT), align=4))

    return Vector(types.int64), build


@_instruction
def splat(typing: Any, value: Any) -> Any:
    """`value` in every lane."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _splat(builder, builder.fptrunc(args[0], _FLOAT))

    return Vector(types.float64), build


@_instruction
def get(typing: Any, address: Any) -> Any:
    """The one value at `address`."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.load(_pointer(builder, args[0], _FLOAT), align=4)

    return types.float32(types.int64), build


@_instruction
def put(typing: Any, address: Any, value: Any) -> Any:
    """Write the one float32 `value` at `address`."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        builder.store(args[1], _pointer(builder, args[0], _FLOAT), align=4)
        return context.get_dummy_value()

    return types.void(types.int64, types.float32), build


@_instruction
def zeros(typing: Any) -> Any:
    """0 in every lane."""
    return Vector(), lambda context, builder, sig, args: _constant(0.0)


@_instruction
def larger(typing: Any, a: Any, b: Any) -> Any:
    """max(a, b) lane by lane; b where either is NaN."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.select(builder.fcmp_ordered(">", *args), *args)

    return Vector(Vector, Vector), build


@_instruction
def smaller(typing: Any, a: Any, b: Any) -> Any:
    """min(a, b) lane by lane; b where either is NaN."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.select(builder.fcmp_ordered("<", *args), *args)

    return Vector(Vector, Vector), build


@_instruction
def magnitude(typing: Any, x: Any) -> Any:
    """|x|."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _call(builder, f"llvm.fabs.v{LANES}f32", _VECTOR, [args[0]])

    return Vector(Vector), build


@_instruction
def quotient(typing: Any, a: Any, b: Any) -> Any:
    """a / b to 1e-7 relative, b in [1, 2^126] or NaN: an estimate made better is quicker than a division."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        a, b = args
        if LANES != 16:
            return builder.fdiv(a, b)
        mask = ir.Constant(ir.IntType(16), -1)
        inverse = _call(builder, "llvm.x86.avx512.rcp14.ps.512", _VECTOR, [b, _constant(0.0), mask])
        found = builder.fmul(a, inverse)
        missing = _product_sum(builder, builder.fneg(found), b, a)
        return _product_sum(builder, missing, inverse, found)

    return Vector(Vector, Vector), build


@_instruction
def if_negative(typing: Any, test: Any, yes: Any, no: Any) -> Any:
    """`yes` where `test` < 0, else `no`."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.select(builder.fcmp_ordered("<", args[0], _constant(0.0)), args[1], args[2])

    return Vector(Vector, Vector, Vector), build


@_instruction
def all_within(typing: Any, vector: Any, bound: Any) -> Any:
    """True when every lane lies in [-bound, bound]; False when one is NaN."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        bound = _splat(builder, builder.fptrunc(args[1], _FLOAT))
        low = builder.fsub(_constant(0.0), bound)
        inside = builder.and_(builder.fcmp_ordered("<=", args[0], bound), builder.fcmp_ordered(">=", args[0], low))
        bits = builder.bitcast(inside, ir.IntType(LANES))
        return builder.icmp_unsigned("==", bits, ir.Constant(ir.IntType(LANES), 2**LANES - 1))

    return types.boolean(Vector, types.float64), build


_ROUND = 12582912.0
"""1.5 * 2^23: adding it leaves the nearest integer in the lowest mantissa bits."""
_EXP2 = (0.6931470036506653, 0.24022242426872253, 0.05550733581185341, 0.009671512991189957, 0.001326472731307149)
"""(2^x - 1) / x over [-1/2, 1/2]: the smallest largest error relative to 2^x."""


def _product_sum(builder: Any, a: Any, b: Any, c: Any) -> Any:
    """a b + c, rounded once where the processor can."""
    return _call(builder, f"llvm.fmuladd.v{LANES}f32", _VECTOR, [a, b, c])


def _power_parts(builder: Any, a: Any, b: Any) -> tuple[tuple[Any, Any], Any, Any]:
    """2^(a b) = 2^k (1 + rest * series): k + `_ROUND`, k, the nearest integer, rest in [-1/2, 1/2], series."""
    shifted = _product_sum(builder, a, b, _constant(_ROUND))
    power = builder.fsub(shifted, _constant(_ROUND))
    rest = _product_sum(builder, a, b, builder.fneg(power))
    series = _constant(_EXP2[-1])
    for coefficient in _EXP2[-2::-1]:
        series = _product_sum(builder, series, rest, _constant(coefficient))
    return (shifted, power), rest, series


def _scaled(builder: Any, x: Any, integer: tuple[Any, Any]) -> Any:
    """x 2^k, k as `_power_parts` gives it; 2^k is a normal number."""
    shifted, power = integer
    if LANES == 16:
        mask, rounding = ir.Constant(ir.IntType(16), -1), ir.Constant(_INT, 4)
        return _call(builder, "llvm.x86.avx512.mask.scalef.ps.512", _VECTOR, [x, power, x, mask, rounding])
    exponent = builder.shl(builder.bitcast(shifted, _INTS), ir.Constant(_INTS, [23] * LANES))
    one = builder.bitcast(_constant(1.0), _INTS)
    return builder.fmul(x, builder.bitcast(builder.add(exponent, one), _VECTOR))


def _exp2(builder: Any, a: Any, b: Any) -> Any:
    """2^(a b), a b in [-126, 128]."""
    integer, rest, series = _power_parts(builder, a, b)
    return _scaled(builder, _product_sum(builder, series, rest, _constant(1.0)), integer)


@_instruction
def exp2(typing: Any, x: Any) -> Any:
    """2^x to 1.6e-7 relative. Below -126 it stays at 2^-126, from 128 on it is inf; NaN stays NaN; 2^0 is 1."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        low, high = _constant(-126.0), _constant(128.0)
        x = builder.select(builder.fcmp_ordered("<", args[0], low), low, args[0])
        x = builder.select(builder.fcmp_ordered(">", x, high), high, x)
        power = _exp2(builder, x, _constant(1.0))
        # Shifting a NaN's bits could make a number of it.
        return builder.select(builder.fcmp_unordered("uno", args[0], args[0]), args[0], power)

    return Vector(Vector), build


@_instruction
def exp2_bounded(typing: Any, x: Any) -> Any:
    """2^x for x known to lie in [-126, 128]; anything outside gives nonsense."""
    return Vector(Vector), lambda context, builder, sig, args: _exp2(builder, args[0], _constant(1.0))


@_instruction
def decayed(typing: Any, x: Any, a: Any, b: Any) -> Any:
    """x 2^(a b) for a b known to lie in [-126, 126].

    As x + x (2^(a b) - 1) where a b is small: a power of nearly 1 would lose what it differs by.
    """

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        integer, rest, series = _power_parts(builder, args[1], args[2])
        less = builder.fmul(rest, series)
        return _scaled(builder, _product_sum(builder, args[0], less, args[0]), integer)

    return Vector(Vector, Vector, Vector), build


@_instruction
def power_whole(typing: Any, a: Any, b: Any) -> Any:
    """2^k with k the integer nearest to a b, which is known to lie in [-126, 126]."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        integer, _, _ = _power_parts(builder, *args)
        return _scaled(builder, _constant(1.0), integer)

    return Vector(Vector, Vector), build


@_instruction
def power_rest(typing: Any, a: Any, b: Any) -> Any:
    """2^(a b - k) - 1 with k the integer nearest to a b: precise also where the power is nearly 1."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        _, rest, series = _power_parts(builder, *args)
        return builder.fmul(rest, series)

    return Vector(Vector, Vector), build


@_instruction
def sums(typing: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    """The sums over the lanes of four vectors, in the first four lanes of the result."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        even = ir.Constant(_INTS, list(range(0, 2 * LANES, 2)))
        odd = ir.Constant(_INTS, list(range(1, 2 * LANES, 2)))

        def fold(x: Any, y: Any) -> Any:
            return builder.fadd(builder.shuffle_vector(x, y, even), builder.shuffle_vector(x, y, odd))

        total = fold(fold(args[0], args[1]), fold(args[2], args[3]))
        for _ in range(LANES.bit_length() - 3):
            total = fold(total, total)
        return total

    return Vector(Vector, Vector, Vector, Vector), build
