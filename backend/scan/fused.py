"""The Mamba block for mapping on the CPU: weights packed once, then one kernel call for as many sequences as wanted.

Runs in the caller's thread alone, so that each worker of a mapping has its own sequences. No gradient.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from .block import MambaBlock
from .instructions import LANES
from .numba_form import table
from .rows import LOG2E
from .scan_parts import GROUP

CHUNK = 40
"""Tokens of a sequence that are taken at a time, at the most; long sequences are cut evenly."""


class FusedMamba:
    """A block's weights as they are now, in whole vectors; gives what the block gives."""

    def __init__(self, block: MambaBlock) -> None:
        with torch.no_grad():
            self._pack(block)
        self.reverse = block.reverse

    def _pack(self, block: MambaBlock) -> None:
        width, inner, states, rank = block.out_proj.out_features, block.d_inner, block.d_state, block.dt_rank
        padded = -(-states // GROUP) * GROUP
        low, B, C = torch.split(block.x_proj.weight, [rank, states, states])
        between = torch.cat([_grown(B, padded), _grown(C, padded), low])
        halves = torch.split(block.in_proj.weight, inner)
        A = torch.exp(block.A_log).t() * -LOG2E
        taps = block.conv1d.weight[:, 0].t()
        bias = torch.zeros(inner) if block.conv1d.bias is None else block.conv1d.bias
        self.into = torch.cat([lanes(half.t()) for half in halves], dim=1).contiguous()
        self.filters, self.shifts = lanes(taps), lanes(bias[None])
        self.between = lanes(_grown(between.t(), -(-inner // LANES) * LANES))
        self.out = lanes(_grown(block.out_proj.weight.t(), -(-inner // LANES) * LANES))
        self.steps = lanes(block.dt_proj.weight.t()), lanes(block.dt_proj.bias[None])
        self.A, self.D = lanes(_grown(A, padded)), lanes(block.D[None])
        self.peaks = self.A.abs().amax(0)
        vectors, middle, ends = (one.shape[1] // LANES for one in (self.A, self.between, self.out))
        self.width = width
        self.sizes = (width, vectors, padded, len(taps), rank, middle, ends)

    def __call__(self, tokens: Tensor, found: Tensor | None = None) -> Tensor:
        """tokens (b, l, d_model), float32, neighbouring channels side by side -> same, into ``found`` where given."""
        batch, length, width = tokens.shape
        if width != self.width or tokens.dtype != torch.float32 or tokens.stride(-1) != 1:
            raise ValueError(f"This Mamba block needs float32 tokens (b, l, {self.width}), got {tuple(tokens.shape)}.")
        found = torch.empty(tokens.shape) if found is None else found
        recurrence = tuple(one.data_ptr() for one in (*self.steps, self.A, self.peaks, self.D))
        weights = (self.into, self.filters, self.shifts, self.between, self.out)
        addresses = (*(one.data_ptr() for one in weights), recurrence)
        tables = table(tokens, self.reverse), table(found, self.reverse)
        from .fused_kernel import forward

        even = not self.reverse and tokens.stride(0) == length * tokens.stride(1)
        together = max(1, CHUNK // max(1, length)) if even else 1
        chunk = max(1, -(-length // max(1, -(-length // CHUNK))))
        forward(0, batch, (length, *self.sizes, chunk, together), addresses, *tables)
        return found


def lanes(rows: Tensor) -> Tensor:
    """(i, d) with zeros up to whole vectors."""
    return functional.pad(rows.float(), (0, -rows.shape[1] % LANES)).contiguous()


def _grown(rows: Tensor, number: int) -> Tensor:
    """(i, d) with zeros up to (number, d)."""
    return functional.pad(rows, (0, 0, 0, number - rows.shape[0]))
