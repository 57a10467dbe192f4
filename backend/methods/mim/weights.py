"""A scale's weights as the fused kernel reads them: joined, transposed, padded to whole vectors, at fixed addresses.

Letters as in `layout`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...scan.instructions import BYTES, LANES
from ...scan.rows import LOG2E
from . import layout
from .blocks import MimBlock
from .orders import TYPES, pools

Array = NDArray[np.floating[Any]]
LINE = 64
"""Bytes that arrays are aligned to."""


def vectors(count: int) -> int:
    """Whole vectors that hold so many numbers."""
    return -(-count // LANES)


class Memory:
    """Arrays that stay where they are, and their addresses."""

    def __init__(self) -> None:
        self.kept: list[Any] = []

    def bytes(self, count: int) -> int:
        """The address of so many bytes, aligned."""
        self.kept.append(np.empty(count + LINE, np.uint8))
        return -(-int(self.kept[-1].ctypes.data) // LINE) * LINE

    def floats(self, values: Any, row: int) -> int:
        """The address of a matrix, or one row, in rows of so many bytes, zeros behind."""
        matrix = np.atleast_2d(np.asarray(values, dtype=np.float32))
        step = max(row, vectors(matrix.shape[1]) * BYTES)
        address = self.bytes(len(matrix) * step)
        begin = address - self.kept[-1].ctypes.data
        view = self.kept[-1][begin : begin + len(matrix) * step].view(np.float32).reshape(len(matrix), -1)
        view[:] = 0
        view[:, : matrix.shape[1]] = matrix
        return address

    def integers(self, values: Any) -> int:
        """The address of integers of 8 bytes; the last one is repeated, since tokens are taken four at a time."""
        flat = np.asarray(values, dtype=np.int64).ravel()
        self.kept.append(np.concatenate([flat, np.repeat(flat[-1:], 4)]))
        return int(self.kept[-1].ctypes.data)


@dataclass(frozen=True)
class Sizes:
    """Of a network; the same in all its scales."""

    width: int
    states: int
    rank: int
    widest: int
    """Tokens that the largest scale keeps."""

    @property
    def padded(self) -> int:
        """States in whole groups."""
        return -(-self.states // layout.GROUP) * layout.GROUP

    @property
    def row(self) -> int:
        """Bytes of a row that holds any of a token's features, its scores, or what the half scans are driven by."""
        return vectors(max(self.width, self.widest + 1, 2 * self.padded + self.rank)) * BYTES

    @property
    def walk(self) -> int:
        """Bytes of what a token of the first scale brings to the half scans."""
        return (vectors(self.width) * (self.padded + 2) + vectors(2 * self.padded)) * BYTES


def scale(sizes: Sizes, memory: Memory, block: MimBlock, tokens: int, kept: int, shares: Tensor) -> NDArray[np.int64]:
    """All of `layout` that describes one scale."""
    found, width = np.zeros(layout.FIELDS // 8, np.int64), sizes.width
    plain = {
        layout.TOKENS: tokens,
        layout.KEPT: kept,
        layout.WIDTH: width,
        layout.VECTORS: vectors(width),
        layout.KEPT_VECTORS: vectors(kept + 1),
        layout.STATES: sizes.padded,
        layout.RANK: sizes.rank,
        layout.DRIVEN: vectors(2 * sizes.padded + sizes.rank),
        layout.ROW: sizes.row,
        layout.WALK: sizes.walk,
        layout.TANH: block.activation is torch.tanh,
        layout.MASKED: block.decay_mask,
    }
    for place, size in plain.items():
        found[place // 8] = size
    weights = {**_constants(sizes, block, tokens), **_scanning(sizes, block), **_mixing(sizes, block)}
    for place, values in weights.items():
        found[place // 8] = memory.floats(values, sizes.row)
    found[layout.SHARES // 8] = memory.floats(shares.detach().numpy() / kept, sizes.row)
    places = pools(tokens, kept)
    found[layout.POOLS // 8] = memory.integers([(one.start * sizes.row, len(one)) for one in places])
    found[layout.POOL_SHARES // 8] = memory.floats([1 / len(one) for one in places], sizes.row)
    for place, step in ((layout.ROW_ORDER, sizes.row), (layout.ORDER, 4)):
        found[place // 8] = memory.integers(np.arange(max(tokens, TYPES * kept)) * step)
    return found


def _constants(sizes: Sizes, block: MimBlock, tokens: int) -> dict[int, Array]:
    """What every scale has, whatever its weights."""
    width, padding = sizes.width, vectors(sizes.width) * LANES - sizes.width
    lowest = np.finfo(np.float32).min / 2
    whole = vectors(tokens) * LANES
    decay = _numbers(block.decay) if block.decay_mask else np.ones(tokens)
    return {
        layout.NOTHING: np.zeros(sizes.row // 4),
        layout.REAL: np.ones(width),
        layout.LOWEST: np.concatenate([np.zeros(width), np.full(padding, lowest)]),
        layout.DECAY: decay,
        layout.SLACK: np.concatenate([np.full(tokens, 1e-8), np.zeros(whole - tokens)]),
    }


def _scanning(sizes: Sizes, block: MimBlock) -> dict[int, Array]:
    """The half scans' weights."""
    scans, padding = block.scans, sizes.padded - sizes.states
    scale, shift = _numbers(block.norm.weight), _numbers(block.norm.bias)
    scan, drive = _numbers(block.to_scan.weight), _numbers(scans.drive.weight)
    low, B, C = np.split(drive, [sizes.rank, sizes.rank + sizes.states])
    nothing = np.zeros((padding, sizes.width))
    rates = -np.exp(_numbers(scans.A_log)).T * LOG2E
    return {
        layout.SCAN: (scan * scale).T,
        layout.SCAN_BIAS: _product(scan, shift[:, None])[:, 0] + _numbers(block.to_scan.bias),
        layout.DRIVE: np.concatenate([B, nothing, C, nothing, low]).T,
        layout.STEPS: _numbers(scans.steps.weight).T,
        layout.STEPS_BIAS: _numbers(scans.steps.bias),
        layout.RATES: _by_vector(np.concatenate([rates, nothing])),
        layout.SKIP: _numbers(scans.D),
    }


def _mixing(sizes: Sizes, block: MimBlock) -> dict[int, Array]:
    """The weights of token learner and fuser, and of the scale's end."""
    learner, fuser = block.learner, block.fuser
    scale, shift = _numbers(block.norm.weight), _numbers(block.norm.bias)
    gate, out = _numbers(block.to_gate.weight), _numbers(block.out.weight)
    mean = np.full((1, sizes.width), 1 / sizes.width)
    return {
        layout.LEARNER: _three(learner.gate),
        layout.SCORES: np.concatenate([_numbers(learner.scores) * LOG2E, mean]).T,
        layout.JOINED: _product(out, _numbers(learner.values.weight)).T,
        layout.GATE: (gate * scale).T,
        layout.GATE_BIAS: _product(gate, shift[:, None])[:, 0] + _numbers(block.to_gate.bias),
        layout.FUSER: _three(fuser.gate),
        layout.WEIGHTS: np.concatenate([_numbers(fuser.weights.weight), mean]).T,
        layout.WEIGHTS_BIAS: _numbers(fuser.weights.bias),
        layout.MIXING: _numbers(fuser.mixing),
        layout.OUT: out.T,
        layout.RESIDUAL: _numbers(block.to_residual.weight).T,
        layout.BASE_BIAS: _numbers(block.out.bias) + _numbers(block.to_residual.bias),
        layout.NORM: _numbers(block.out_norm.weight),
        layout.NORM_BIAS: _numbers(block.out_norm.bias),
    }


def _numbers(values: Tensor) -> NDArray[np.float64]:
    """A weight in double precision, in which weights are joined."""
    return values.detach().cpu().double().numpy()


def _by_vector(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows (n, d) as vectors (V, n), one after the other."""
    whole = vectors(rows.shape[1]) * LANES
    grown = np.concatenate([rows, np.zeros((len(rows), whole - rows.shape[1]))], axis=1)
    return grown.reshape(len(rows), -1, LANES).transpose(1, 0, 2).ravel()


def _three(gate: Any) -> NDArray[np.float64]:
    return np.concatenate([_numbers(gate.weight), _numbers(gate.bias).reshape(1)])


def _product(left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """The matrix product, with the same bits each time: a library's depend on where its operands happen to lie."""
    total = np.zeros((len(left), right.shape[1]))
    for column, row in zip(left.T, right, strict=True):
        total += column[:, None] * row
    return total
