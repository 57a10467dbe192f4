"""The words in which the vectors' instructions are written: types, constants, calls. Holds no instruction itself.

Numba's own vectoriser needs array indices that it can prove harmless; here the vector is in the source, so a kernel
compiles to the same instructions on every processor.
"""

from __future__ import annotations

from typing import Any

import llvmlite.binding as llvm  # type: ignore[import-untyped]
from llvmlite import ir
from numba.core import types
from numba.core.extending import intrinsic, models, register_model


def _native_lanes() -> int:
    """float32 values in one register: 16 with AVX-512, 8 with AVX2, else 4 (NEON, SSE)."""
    features = llvm.get_host_cpu_features()
    if features.get("avx512f") and features.get("avx512dq"):
        return 16
    return 8 if features.get("avx2") else 4


LANES = _native_lanes()
BYTES = 4 * LANES

FLOAT, INT32, INT64 = ir.FloatType(), ir.IntType(32), ir.IntType(64)
VECTOR = ir.VectorType(FLOAT, LANES)
INTS = ir.VectorType(INT32, LANES)
FUSE = ("contract",)
"""A product and the sum it goes into may be rounded once."""


class VectorType(types.Type):
    """LANES float32 values in a register."""

    def __init__(self) -> None:
        super().__init__(name=f"float32x{LANES}")


Vector = VectorType()


@register_model(VectorType)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, VECTOR)  # type: ignore[no-untyped-call]


def instruction(function: Any) -> Any:
    """Numba's `intrinsic`, whose own annotations say nothing of how kernels call the result."""
    return intrinsic(function)


def constant(value: float) -> ir.Constant:
    """One number in every lane."""
    return ir.Constant(VECTOR, [value] * LANES)


def lanes(places: list[int]) -> ir.Constant:
    """Places of lanes, for a shuffle."""
    return ir.Constant(ir.VectorType(INT32, len(places)), places)


def pointer(builder: Any, address: Any, kind: Any = VECTOR) -> Any:
    """An address as a pointer to `kind`."""
    return builder.inttoptr(address, kind.as_pointer())


def splatted(builder: Any, value: Any) -> Any:
    """One value of the builder's in every lane."""
    one = builder.insert_element(ir.Constant(VECTOR, ir.Undefined), value, ir.Constant(INT32, 0))
    return builder.shuffle_vector(one, one, lanes([0] * LANES))


def call(builder: Any, name: str, result: Any, arguments: list[Any]) -> Any:
    """Call one of LLVM's own functions."""
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    function = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
    return builder.call(function, arguments)


def product_sum(builder: Any, a: Any, b: Any, c: Any) -> Any:
    """a b + c of vectors, rounded once where the processor can."""
    return call(builder, f"llvm.fmuladd.v{LANES}f32", VECTOR, [a, b, c])
