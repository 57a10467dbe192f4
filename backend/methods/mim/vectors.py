"""What the fused kernel needs of vectors beyond the scan's: the largest lane, square roots, addresses from memory.

And the few words in which new instructions are written.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import types
from numba.core.extending import intrinsic

from ...scan.simd import _EXP2, _ROUND, LANES, Vector

FLOAT, BYTE, INT32, INT64 = ir.FloatType(), ir.IntType(8), ir.IntType(32), ir.IntType(64)
VECTOR, INTS = ir.VectorType(FLOAT, LANES), ir.VectorType(INT32, LANES)


def instruction(function: Any) -> Any:
    """Numba's `intrinsic`, whose own annotations say nothing of how kernels call the result."""
    return intrinsic(function)


def integer(value: int) -> Any:
    """A constant."""
    return ir.Constant(INT64, value)


def pointer(builder: Any, address: Any, kind: Any = VECTOR) -> Any:
    """An address as a pointer to `kind`."""
    return builder.inttoptr(address, kind.as_pointer())


def _lanes(places: list[int]) -> Any:
    return ir.Constant(ir.VectorType(INT32, len(places)), places)


def splat_of(builder: Any, value: Any) -> Any:
    """One value in every lane."""
    one = builder.insert_element(ir.Constant(VECTOR, ir.Undefined), value, ir.Constant(INT32, 0))
    return builder.shuffle_vector(one, one, _lanes([0] * LANES))


def fused_add(builder: Any, a: Any, b: Any, c: Any) -> Any:
    """a b + c in one step."""
    return builder.fadd(c, builder.fmul(a, b, flags=("contract",)), flags=("contract",))


@instruction
def largest(typing: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    """The largest lanes of four vectors, in the first four lanes of the result."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        even, odd = _lanes(list(range(0, 2 * LANES, 2))), _lanes(list(range(1, 2 * LANES, 2)))

        def fold(x: Any, y: Any) -> Any:
            first, second = builder.shuffle_vector(x, y, even), builder.shuffle_vector(x, y, odd)
            return builder.select(builder.fcmp_ordered(">", first, second), first, second)

        found = fold(fold(args[0], args[1]), fold(args[2], args[3]))
        for _ in range(LANES.bit_length() - 3):
            found = fold(found, found)
        return found

    return Vector(Vector, Vector, Vector, Vector), build


@instruction
def smaller(typing: Any, a: Any, b: Any) -> Any:
    """min(a, b) lane by lane; b where either is NaN."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.select(builder.fcmp_ordered("<", *args), *args)

    return Vector(Vector, Vector), build


@instruction
def root(typing: Any, x: Any) -> Any:
    """The square root, lane by lane."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        name = f"llvm.sqrt.v{LANES}f32"
        function = builder.module.globals.get(name)
        function = function or ir.Function(builder.module, ir.FunctionType(VECTOR, [VECTOR]), name)
        return builder.call(function, args)

    return Vector(Vector), build


@instruction
def power(typing: Any, a: Any, b: Any) -> Any:
    """2^(a b) for a b known to lie in [-126, 128], two instructions shorter than the product and its power."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        name, kind = f"llvm.fmuladd.v{LANES}f32", ir.FunctionType(VECTOR, [VECTOR] * 3)
        multiply_add = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
        magic = ir.Constant(VECTOR, [_ROUND] * LANES)
        shifted = builder.call(multiply_add, [*args, magic])
        rest = builder.call(multiply_add, [*args, builder.fsub(magic, shifted)])
        series = ir.Constant(VECTOR, [_EXP2[-1]] * LANES)
        for coefficient in (*_EXP2[-2::-1], 1.0):
            series = fused_add(builder, series, rest, ir.Constant(VECTOR, [coefficient] * LANES))
        exponent = builder.shl(builder.bitcast(shifted, INTS), ir.Constant(INTS, [23] * LANES))
        return builder.bitcast(builder.add(builder.bitcast(series, INTS), exponent), VECTOR)

    return Vector(Vector, Vector), build


@instruction
def at(typing: Any, address: Any) -> Any:
    """The one integer of 8 bytes at `address`."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.load(pointer(builder, args[0], INT64), align=8)

    return types.int64(types.int64), build
