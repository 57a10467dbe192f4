"""The scan on the CPU through compiled kernels: tables of rows for the kernels, tasks for the threads.

Computes in float32; the arithmetic stands in `scan_kernels`.
"""

from __future__ import annotations

import os
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from . import pool, scan_backward, scan_kernels
from .inputs import ScanInputs
from .instructions import LANES
from .rows import LOG2E
from .scan_parts import GROUP

Table = tuple[int, int, int]
ABSENT: Table = (0, 0, 0)
SMALL = 2**14
"""State updates below which waking a thread costs more than it gains."""
CORES = os.cpu_count() or 1
PARTS = 16
"""A batch is cut into at most so many parts; fixed, so that sums do not depend on the number of threads."""


def table(tensor: Tensor | None, reverse: bool = False) -> Table:
    """(address, bytes to the next batch, bytes to the next token) of a (b, l, channels) tensor; turned if `reverse`."""
    if tensor is None:
        return ABSENT
    size = tensor.element_size()
    batch, row = tensor.stride(0) * size, tensor.stride(1) * size
    if reverse:
        return tensor.data_ptr() + (tensor.shape[1] - 1) * row, batch, -row
    return tensor.data_ptr(), batch, row


def wide(tensor: Tensor | None) -> Tensor | None:
    """float32 with neighbouring channels side by side; copied only when it is not so already."""
    if tensor is None:
        return None
    tensor = tensor.detach() if tensor.dtype == torch.float32 else tensor.detach().float()
    return tensor if tensor.shape[-1] <= 1 or tensor.stride(-1) == 1 else tensor.contiguous()


def address(tensor: Tensor | None) -> int:
    """Where a contiguous tensor begins; 0 for None."""
    return 0 if tensor is None else tensor.data_ptr()


def parts_of(tasks: int, work: int) -> list[tuple[int, int]]:
    """Tasks cut into ranges of nearly equal length; one range when all of it is little work."""
    count = 1 if work < SMALL else min(tasks, PARTS)
    if count == 1:
        return [(0, tasks)]
    bounds = np.linspace(0, tasks, count + 1).astype(int).tolist()
    return list(pairwise(bounds))


def _chunk(length: int, once: bool) -> int:
    """Tokens taken at a time: 16, or what cuts a short sequence evenly (20 into one chunk, 49 into three of 17).

    Twice as many in a forward `once` for all, which has less to keep in the first-level cache than a backward.
    """
    chunks = max(1, -(-length // 20))
    whole = 32 if once else 16
    return whole if length > 128 else max(1, -(-length // chunks))


class _Call:
    """A call's tensors as the kernels want them, alive as long as the kernels run."""

    def __init__(self, inputs: ScanInputs, once: bool = False) -> None:
        self.sizes = inputs.sizes
        batch, length, channels, states = self.sizes
        u, delta, _, B, C, D, z, bias, initial = (wide(t) for t in inputs.tensors)
        self.reverse, self.softplus = inputs.reverse, inputs.delta_softplus
        self.vectors = -(-channels // LANES)
        self.padded = -(-states // GROUP) * GROUP
        self.A = inputs.A.detach().t() * LOG2E
        if (self.padded, self.vectors * LANES) != (states, channels) or self.A.dtype != torch.float32:
            padding = (0, self.vectors * LANES - channels, 0, self.padded - states)
            self.A = functional.pad(self.A.float(), padding)
        self.A = self.A.contiguous()
        self.D, self.bias, self.initial = (None if t is None else t.contiguous() for t in (D, bias, initial))
        self.rows = (u, delta, B, C, z)
        self.tables = tuple(table(rows, inputs.reverse) for rows in self.rows)
        self.width = self._width(batch)
        self.blocks = -(-self.vectors // self.width) if self.vectors else 0
        self.parts = parts_of(self.blocks * batch, batch * length * channels * states)
        self.chunk = _chunk(length, once)
        self.chunks = -(-length // self.chunk)

    def _width(self, batch: int) -> int:
        """Vectors of channels in one task: enough tasks for every core, but no more than the caches hold."""
        return max(1, min(4, self.vectors, self.vectors * batch // CORES))

    @property
    def kernel_sizes(self) -> tuple[int, ...]:
        return (*self.sizes, self.width, self.chunk, int(self.softplus))


def forward(inputs: ScanInputs, keep: bool, last: bool) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Output (b, l, d), the last state (b, d, n) when `last`, and the chunks' entry states when `keep`.

    Entry states are (b, chunks, n, d), with n and d padded to whole groups and vectors.
    """
    call = _Call(inputs, once=not keep)
    batch, length, channels, states = call.sizes
    y = torch.empty(batch, length, channels)
    end = torch.empty(batch, channels, states) if last else None
    entries = torch.empty(batch, call.chunks, call.padded, call.vectors * LANES) if keep else None
    addresses = tuple(address(t) for t in (call.A, call.D, call.bias, call.initial, end, entries))
    out = table(y, call.reverse)

    def work(part: int) -> None:
        scan_kernels.forward(*call.parts[part], call.kernel_sizes, addresses, *call.tables, out)

    pool.run(len(call.parts), work)
    return y.to(inputs.u.dtype), end, entries


def backward(inputs: ScanInputs, entries: Tensor | None, dy: Tensor, dlast: Tensor | None) -> tuple[Tensor | None, ...]:
    """Gradients of the nine tensors of `inputs`, from dy (b, l, d) and dlast (b, d, n)."""
    call = _Call(inputs)
    batch, length, channels, states = call.sizes
    dout, dend = wide(dy), None if dlast is None else dlast.float().contiguous()
    du, ddelta = torch.empty(batch, length, channels), torch.empty(batch, length, channels)
    dz = None if inputs.z is None else torch.empty(batch, length, channels)
    dB, dC = (torch.empty(call.blocks * batch, length, states) for _ in range(2))
    dinitial = None if inputs.initial_state is None else torch.empty(batch, channels, states)
    sums = np.zeros((max(1, len(call.parts)), states + 2, channels))
    addresses = tuple(address(t) for t in (call.A, call.D, call.bias, entries, dend, dinitial))
    tables = [table(rows, call.reverse) for rows in (dout, du, ddelta, dB, dC, dz)]

    def work(part: int) -> None:
        scan_backward.backward(*call.parts[part], sums[part], call.kernel_sizes, addresses, *call.tables, *tables)

    pool.run(len(call.parts), work)
    total = torch.from_numpy(sums.sum(0)).float()
    return (
        du,
        ddelta,
        total[:states].t(),
        _over_blocks(dB, call.blocks),
        _over_blocks(dC, call.blocks),
        None if inputs.D is None else total[states],
        dz,
        None if inputs.delta_bias is None else total[states + 1],
        dinitial,
    )


def _over_blocks(rows: Tensor, blocks: int) -> Tensor:
    """The sum over channel blocks of (blocks * b, l, n)."""
    if blocks <= 1:
        return rows
    return rows.view(blocks, rows.shape[0] // blocks, *rows.shape[1:]).sum(0)


def conv(x: Tensor, weight: Tensor, bias: Tensor | None, silu: bool, reverse: bool) -> Tensor:
    """The causal convolution in compiled form."""
    from .numba_conv import Conv

    return Conv.apply(x, weight, bias, silu, reverse)  # type: ignore[no-untyped-call, no-any-return]


def norm_silu(x: Tensor, *others: Tensor | float | None) -> Tensor:
    """LayerNorm with SiLU in compiled form."""
    from .numba_norm import NormSilu

    return NormSilu.apply(x, *others)  # type: ignore[no-untyped-call, no-any-return]
