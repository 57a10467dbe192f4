"""What a selective scan is given, checked once for every form. Holds no arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor


@dataclass(frozen=True)
class ScanInputs:
    """The operands of one scan, channels last.

    u, delta, z (b, l, d); A (d, n); B, C (b, l, n); D, delta_bias (d,); initial_state (b, d, n).
    With `reverse` the scan runs from the last token to the first; initial_state then belongs to the token after the
    last one.
    """

    u: Tensor
    delta: Tensor
    A: Tensor
    B: Tensor
    C: Tensor
    D: Tensor | None
    z: Tensor | None
    delta_bias: Tensor | None
    initial_state: Tensor | None
    delta_softplus: bool
    reverse: bool

    @property
    def sizes(self) -> tuple[int, int, int, int]:
        """(b, l, d, n)."""
        batch, length, channels = self.u.shape
        return batch, length, channels, self.A.shape[1]

    @property
    def tensors(self) -> tuple[Tensor | None, ...]:
        """The nine tensor operands in the order of the fields, None where one is not given."""
        return tuple(getattr(self, name) for name in TENSOR_NAMES)

    def with_tensors(self, *tensors: Tensor | None) -> ScanInputs:
        """The same call with other tensors, in the order of `tensors`."""
        return from_tensors(tensors, self.delta_softplus, self.reverse)

    def to(self, dtype: torch.dtype) -> ScanInputs:
        """Every tensor in `dtype`; those that have it already are not copied."""
        return self.with_tensors(*(None if tensor is None else tensor.to(dtype) for tensor in self.tensors))


TENSOR_NAMES = tuple(field.name for field in fields(ScanInputs))[:9]


def from_tensors(tensors: Sequence[Tensor | None], delta_softplus: bool, reverse: bool) -> ScanInputs:
    """A call from its tensors in the order of `TENSOR_NAMES`."""
    u, delta, A, B, C, D, z, delta_bias, initial_state = tensors
    if u is None or delta is None or A is None or B is None or C is None:
        raise ValueError("selective_scan needs u, delta, A, B and C; give all five.")
    return ScanInputs(u, delta, A, B, C, D, z, delta_bias, initial_state, delta_softplus, reverse)


def state_dtype(dtype: torch.dtype) -> torch.dtype:
    """The precision a scan is computed in: float64 stays, everything smaller becomes float32."""
    return torch.float64 if dtype == torch.float64 else torch.float32


def check(inputs: ScanInputs) -> None:
    """Raise ValueError with a sentence when a shape or a device does not fit."""
    if inputs.u.dim() != 3 or inputs.A.dim() != 2:
        raise ValueError(
            f"selective_scan needs u as (b, l, d) and A as (d, n), but got {tuple(inputs.u.shape)} and "
            f"{tuple(inputs.A.shape)}; add the missing axes."
        )
    batch, length, channels, states = inputs.sizes
    expected = {
        "u": (batch, length, channels),
        "delta": (batch, length, channels),
        "A": (channels, states),
        "B": (batch, length, states),
        "C": (batch, length, states),
        "D": (channels,),
        "z": (batch, length, channels),
        "delta_bias": (channels,),
        "initial_state": (batch, channels, states),
    }
    for name, tensor in zip(TENSOR_NAMES, inputs.tensors, strict=True):
        if tensor is None:
            continue
        if tuple(tensor.shape) != expected[name]:
            raise ValueError(
                f"selective_scan needs {name} of shape {expected[name]} to fit u and A, but got "
                f"{tuple(tensor.shape)}; arrays are channels last."
            )
        if tensor.device != inputs.u.device:
            raise ValueError(
                f"selective_scan got {name} on {tensor.device} and u on {inputs.u.device}; move both to one device."
            )
        if not tensor.is_floating_point():
            raise ValueError(f"selective_scan needs {name} as real floating point, but got {tensor.dtype}; convert it.")
