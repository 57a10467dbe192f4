"""Vectors of float32 inside Numba kernels: operators, loads and stores, comparisons.

Addresses are plain integers and in bytes. Holds no kernel; powers stand in `powers`.
"""

from __future__ import annotations

import operator
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import types
from numba.core.imputils import lower_builtin
from numba.core.typing.templates import ConcreteTemplate, infer_global, signature

from .instructions import (
    FLOAT,
    FUSE,
    INT32,
    INTS,
    LANES,
    VECTOR,
    Vector,
    call,
    constant,
    instruction,
    lanes,
    pointer,
    splatted,
)

_MASK = ir.VectorType(ir.IntType(1), LANES)


def _operator(function: Any, build: Any) -> None:
    class Template(ConcreteTemplate):
        cases = (signature(Vector, Vector, Vector),)  # type: ignore[no-untyped-call]

    infer_global(function)(Template)  # type: ignore[no-untyped-call]
    lower_builtin(function, Vector, Vector)(lambda context, builder, sig, args: build(builder, *args))  # type: ignore[no-untyped-call]


_operator(operator.add, lambda builder, a, b: builder.fadd(a, b, flags=FUSE))
_operator(operator.sub, lambda builder, a, b: builder.fsub(a, b, flags=FUSE))
_operator(operator.mul, lambda builder, a, b: builder.fmul(a, b, flags=FUSE))
_operator(operator.truediv, lambda builder, a, b: builder.fdiv(a, b))


def _mask(builder: Any, count: Any) -> Any:
    """Lanes below `count`."""
    bound = builder.trunc(count, INT32)
    one = builder.insert_element(ir.Constant(INTS, ir.Undefined), bound, ir.Constant(INT32, 0))
    bounds = builder.shuffle_vector(one, one, lanes([0] * LANES))
    return builder.icmp_signed("<", ir.Constant(INTS, list(range(LANES))), bounds)


@instruction
def load(typing: Any, address: Any) -> Any:
    """The vector at `address`."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.load(pointer(builder, args[0]), align=4)

    return Vector(types.int64), build


@instruction
def store(typing: Any, address: Any, vector: Any) -> Any:
    """Write `vector` at `address`."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        builder.store(args[1], pointer(builder, args[0]), align=4)
        return context.get_dummy_value()

    return types.void(types.int64, Vector), build


@instruction
def prefetch(typing: Any, address: Any) -> Any:
    """Ask for the cache line at `address`; any address is harmless."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        hints = [ir.Constant(INT32, value) for value in (0, 3, 1)]  # to read, to keep, data
        call(builder, "llvm.prefetch.p0", ir.VoidType(), [pointer(builder, args[0]), *hints])
        return context.get_dummy_value()

    return types.void(types.int64), build


@instruction
def load_part(typing: Any, address: Any, count: Any) -> Any:
    """The first `count` values at `address`, zeros after them; reads nothing beyond."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        arguments = [
            pointer(builder, args[0]),
            ir.Constant(INT32, 4),
            _mask(builder, args[1]),
            constant(0.0),
        ]
        return call(builder, f"llvm.masked.load.v{LANES}f32.p0", VECTOR, arguments)

    return Vector(types.int64, types.int64), build


@instruction
def store_part(typing: Any, address: Any, vector: Any, count: Any) -> Any:
    """Write the first `count` values of `vector` at `address` and nothing beyond."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        arguments = [args[1], pointer(builder, args[0]), ir.Constant(INT32, 4), _mask(builder, args[2])]
        call(builder, f"llvm.masked.store.v{LANES}f32.p0", ir.VoidType(), arguments)
        return context.get_dummy_value()

    return types.void(types.int64, Vector, types.int64), build


@instruction
def load_splat(typing: Any, address: Any) -> Any:
    """The one value at `address` in every lane."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return splatted(builder, builder.load(pointer(builder, args[0], FLOAT), align=4))

    return Vector(types.int64), build


@instruction
def splat(typing: Any, value: Any) -> Any:
    """`value` in every lane."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return splatted(builder, builder.fptrunc(args[0], FLOAT))

    return Vector(types.float64), build


@instruction
def get(typing: Any, address: Any) -> Any:
    """The one value at `address`."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.load(pointer(builder, args[0], FLOAT), align=4)

    return types.float32(types.int64), build


@instruction
def put(typing: Any, address: Any, value: Any) -> Any:
    """Write the one float32 `value` at `address`."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        builder.store(args[1], pointer(builder, args[0], FLOAT), align=4)
        return context.get_dummy_value()

    return types.void(types.int64, types.float32), build


@instruction
def zeros(typing: Any) -> Any:
    """0 in every lane."""
    return Vector(), lambda context, builder, sig, args: constant(0.0)


@instruction
def larger(typing: Any, a: Any, b: Any) -> Any:
    """max(a, b) lane by lane; b where either is NaN."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.select(builder.fcmp_ordered(">", *args), *args)

    return Vector(Vector, Vector), build


@instruction
def smaller(typing: Any, a: Any, b: Any) -> Any:
    """min(a, b) lane by lane; b where either is NaN."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.select(builder.fcmp_ordered("<", *args), *args)

    return Vector(Vector, Vector), build


@instruction
def magnitude(typing: Any, x: Any) -> Any:
    """|x|."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return call(builder, f"llvm.fabs.v{LANES}f32", VECTOR, [args[0]])

    return Vector(Vector), build


@instruction
def if_negative(typing: Any, test: Any, yes: Any, no: Any) -> Any:
    """`yes` where `test` < 0, else `no`."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.select(builder.fcmp_ordered("<", args[0], constant(0.0)), args[1], args[2])

    return Vector(Vector, Vector, Vector), build


@instruction
def all_within(typing: Any, vector: Any, bound: Any) -> Any:
    """True when every lane lies in [-bound, bound]; False when one is NaN."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        bound = splatted(builder, builder.fptrunc(args[1], FLOAT))
        low = builder.fsub(constant(0.0), bound)
        inside = builder.and_(builder.fcmp_ordered("<=", args[0], bound), builder.fcmp_ordered(">=", args[0], low))
        bits = builder.bitcast(inside, ir.IntType(LANES))
        return builder.icmp_unsigned("==", bits, ir.Constant(ir.IntType(LANES), 2**LANES - 1))

    return types.boolean(Vector, types.float64), build


@instruction
def sums(typing: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    """The sums over the lanes of four vectors, in the first four lanes of the result."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        def fold(x: Any, y: Any, distance: int) -> Any:
            """Lane i of x, or of y where bit `distance` of i is set, plus the lane at that distance from it."""
            own = [i + LANES if i & distance else i for i in range(LANES)]
            partners = lanes([i ^ distance for i in own])
            return builder.fadd(builder.shuffle_vector(x, y, lanes(own)), builder.shuffle_vector(x, y, partners))

        total = fold(fold(args[0], args[1], 1), fold(args[2], args[3], 1), 2)
        for level in range(2, LANES.bit_length() - 1):
            total = fold(total, total, 1 << level)
        return total

    return Vector(Vector, Vector, Vector, Vector), build
