"""What the fused kernel needs of vectors beyond the scan's: the largest lane, square roots, addresses from memory."""

from __future__ import annotations

from typing import Any

from numba.core import types

from ...scan.instructions import INT64, LANES, VECTOR, Vector, call, instruction, lanes, pointer


@instruction
def largest(typing: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    """The largest lanes of four vectors, in the first four lanes of the result."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        even, odd = lanes(list(range(0, 2 * LANES, 2))), lanes(list(range(1, 2 * LANES, 2)))

        def fold(x: Any, y: Any) -> Any:
            first, second = builder.shuffle_vector(x, y, even), builder.shuffle_vector(x, y, odd)
            return builder.select(builder.fcmp_ordered(">", first, second), first, second)

        found = fold(fold(args[0], args[1]), fold(args[2], args[3]))
        for _ in range(LANES.bit_length() - 3):
            found = fold(found, found)
        return found

    return Vector(Vector, Vector, Vector, Vector), build


@instruction
def root(typing: Any, x: Any) -> Any:
    """The square root, lane by lane."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return call(builder, f"llvm.sqrt.v{LANES}f32", VECTOR, list(args))

    return Vector(Vector), build


@instruction
def at(typing: Any, address: Any) -> Any:
    """The one integer of 8 bytes at `address`."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.load(pointer(builder, args[0], INT64), align=8)

    return types.int64(types.int64), build
