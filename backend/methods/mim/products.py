"""Matrix products inside the fused kernel: small matrices, all in the first-level cache, results in registers.

Every row of every matrix begins ``row`` bytes after the one before it. With 32 registers of 16 lanes a tile is one
vector wide and 25 rows tall: then the broadcast of the left factor is part of the multiplication, which leaves 1.2
instructions a product where tiles of 8 rows and two vectors need 1.9.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import types

from ...jit import inlined
from ...scan.instructions import BYTES, FLOAT, INT64, LANES, VECTOR, instruction, pointer, product_sum, splatted

TALL, LOW, FEW, WIDE = (24, 8, 4, 1) if LANES == 16 else (4, 2, 1, 2)
"""Rows of tiles, and vectors across. The taller two come with one row more too: tokens are odd squares, 8 k + 1."""
COMMON = 128
"""Bytes of a row at the usual widths: as a constant it saves an instruction a product."""


def integer(value: int) -> Any:
    """A constant."""
    return ir.Constant(INT64, value)


class _Tile:
    """Emits C (rows, wide) = bias (wide,) + A (rows, depth) B (depth, wide), or A^T (depth, rows) for A."""

    def __init__(self, builder: Any, rows: int, wide: int, transposed: bool, row: Any) -> None:
        self.builder, self.row = builder, row
        self.a_row, self.a_step = (integer(4), row) if transposed else (row, integer(4))
        self.rows, self.wide = rows, wide

    def emit(self, A: Any, B: Any, bias: Any, C: Any, depth: Any) -> None:
        """The loop over the depth, which is 1 or more."""
        builder = self.builder
        begun = self._vectors(bias, 1) * self.rows
        before, loop, after = builder.block, builder.append_basic_block(), builder.append_basic_block()
        builder.branch(loop)
        builder.position_at_end(loop)
        state = [builder.phi(one.type) for one in (depth, A, B, *begun)]
        left, a, b = state[:3]
        total = self._products(a, b, state[3:])
        left = builder.sub(left, integer(1))
        following = (left, builder.add(a, self.a_step), builder.add(b, self.row), *total)
        for phi, first, value in zip(state, (depth, A, B, *begun), following, strict=True):
            phi.add_incoming(first, before)
            phi.add_incoming(value, loop)
        builder.cbranch(builder.icmp_signed(">", left, integer(0)), loop, after)
        builder.position_at_end(after)
        for number, value in enumerate(total):
            r, v = divmod(number, self.wide)
            builder.store(value, self._spot(C, self.row, r, v), align=4)

    def _spot(self, base: Any, row: Any, r: int, v: int = 0, kind: Any = VECTOR) -> Any:
        """Vector v of row r; as one pointer and a distance, which is part of an instruction where it is constant."""
        distance = self.builder.add(self.builder.mul(row, integer(r)), integer(v * BYTES))
        place = self.builder.gep(pointer(self.builder, base, ir.IntType(8)), [distance])
        return self.builder.bitcast(place, kind.as_pointer())

    def _vectors(self, base: Any, rows: int) -> list[Any]:
        places = [(r, v) for r in range(rows) for v in range(self.wide)]
        return [self.builder.load(self._spot(base, self.row, *place), align=4) for place in places]

    def _products(self, a: Any, b: Any, total: list[Any]) -> list[Any]:
        builder, found, right = self.builder, [], self._vectors(b, 1)
        for r in range(self.rows):
            left = splatted(builder, builder.load(self._spot(a, self.a_row, r, kind=FLOAT), align=4))
            for v in range(self.wide):
                found.append(product_sum(builder, left, right[v], total[r * self.wide + v]))
        return found


def _tile(rows: int, wide: int, transposed: bool, constant: int) -> Any:
    """One tile as an instruction for kernels; ``constant``: bytes of a row if they are known, else 0."""

    def tile(typing: Any, A: Any, B: Any, bias: Any, C: Any, depth: Any, row: Any) -> tuple[Any, Any]:
        def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            step = integer(constant) if constant else args[5]
            _Tile(builder, rows, wide, transposed, step).emit(*args[:5])
            return context.get_dummy_value()

        return types.void(*[types.int64] * 6), build

    return instruction(tile)


def _column(wide: int, transposed: bool, constant: int) -> Any:
    """All rows of some vectors of the result."""
    tall, taller, low, lower, few, one = (
        _tile(rows, wide, transposed, constant) for rows in (TALL, TALL + 1, LOW, LOW + 1, FEW, 1)
    )

    @inlined
    def column(A: int, B: int, bias: int, C: int, rows: int, depth: int, row: int) -> None:
        r = 0
        while r < rows:
            left = rows - r
            a = A + r * 4 if transposed else A + r * row
            c = C + r * row
            if left == TALL + 1:
                taller(a, B, bias, c, depth, row)
                r += TALL + 1
            elif left >= TALL:
                tall(a, B, bias, c, depth, row)
                r += TALL
            elif left == LOW + 1:
                lower(a, B, bias, c, depth, row)
                r += LOW + 1
            elif left >= LOW:
                low(a, B, bias, c, depth, row)
                r += LOW
            elif left >= FEW:
                few(a, B, bias, c, depth, row)
                r += FEW
            else:
                one(a, B, bias, c, depth, row)
                r += 1

    return column


def _product(transposed: bool, constant: int) -> Any:
    wide, narrow = _column(WIDE, transposed, constant), _column(1, transposed, constant)

    @inlined
    def product(A: int, B: int, bias: int, C: int, rows: int, depth: int, vectors: int, row: int) -> None:
        v = 0
        while v + WIDE <= vectors:
            wide(A, B + v * BYTES, bias + v * BYTES, C + v * BYTES, rows, depth, row)
            v += WIDE
        if WIDE > 1:
            while v < vectors:
                narrow(A, B + v * BYTES, bias + v * BYTES, C + v * BYTES, rows, depth, row)
                v += 1

    return product


def _either() -> Any:
    common, other = _product(False, COMMON), _product(False, 0)

    @inlined
    def multiply(A: int, B: int, bias: int, C: int, rows: int, depth: int, vectors: int, row: int) -> None:
        if row == COMMON:
            common(A, B, bias, C, rows, depth, vectors, row)
        else:
            other(A, B, bias, C, rows, depth, vectors, row)

    return multiply


multiply = _either()
"""C (rows, vectors) = bias (vectors,) + A (rows, depth) B (depth, vectors)."""
multiply_transposed = _product(True, 0)
"""The same with A (depth, rows)."""
