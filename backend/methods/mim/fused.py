"""The network's compiled form, for the CPU: how patches are read, working memory, and the tiles of a scene.

Gives what `network` gives, without gradients; the kernel and how it saves time stand in `kernel`. Letters as there.
"""

from __future__ import annotations

import threading
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...parallel import each
from . import layout
from .blocks import MimBlock
from .kernel import classify
from .network import Mim
from .orders import TYPES, pools, scan_orders
from .weights import LINE, Memory, Sizes, scale

LARGE = 2**23
"""Bytes of working memory for which large pages are to be had."""
HEIGHT = 40
"""Rows of the table: so many that those shared with the tile below are few."""
SIDES = (24, 32)
"""Pixels in a row of the table: whole tiles of products. The first is enough for patches of up to 9 pixels."""


class Fused:
    """A network in evaluation, on the CPU and in float32; a copy of its weights as they are now."""

    def __init__(self, network: Mim, patch: int) -> None:
        self.patch, self.memory = patch, Memory()
        blocks, counts = cast(list[MimBlock], list(network.blocks)), network.counts
        scans = blocks[0].scans
        self.width, states = scans.A_log.shape
        self.sizes = Sizes(self.width, states, scans.steps.in_features, counts[1])
        scales = zip(blocks, counts, counts[1:], torch.softmax(network.fusion, dim=1), strict=False)
        self.scales = np.stack([scale(self.sizes, self.memory, *one) for one in scales])
        self.stride = SIDES[0] if patch < 11 else SIDES[1]
        self.tokens = max(counts[0], self.stride, TYPES * counts[1])
        self.table = self._table(counts[0], counts[1])

    def sums(self, features: Tensor, valid: NDArray[np.bool_]) -> Tensor:
        """Embedded pixels (rows + p - 1, cols + p - 1, d) -> the sum of the scales' features (rows, cols, d).

        Only where ``valid`` (rows, cols); 0 elsewhere.
        """
        rows, cols = valid.shape
        result = np.zeros((rows, cols, self.width), np.float32)
        features, edge = features.contiguous(), self.patch - 1
        wide, high = self.stride - edge, HEIGHT - edge
        across, own = -(-cols // wide), threading.local()

        def work(part: int) -> None:
            top, side = part // across * high, part % across * wide
            if valid[top : top + high, side : side + wide].any():
                if not hasattr(own, "buffers"):
                    own.memory = Memory()
                    own.buffers = self._buffers(own.memory)
                buffers, at = own.buffers, (features.data_ptr(), cols, valid, top, side, result.ctypes.data)
                classify(self.scales.ctypes.data, len(self.scales), buffers.ctypes.data, self.table.ctypes.data, *at)

        each(-(-rows // high) * across, work, torch.device("cpu"))
        return torch.from_numpy(result)

    def _table(self, tokens: int, kept: int) -> NDArray[np.int64]:
        """All of `layout` that describes how patches are read."""
        memory, row, patch = self.memory, self.sizes.row, self.patch
        orders = scan_orders(patch).numpy()
        pixels = orders // patch * self.stride + orders % patch
        straight = np.arange(patch)[:, None] * self.stride + np.arange(patch)
        forms, places = pool_forms(orders, pools(tokens, kept), patch)
        members = np.zeros((len(forms), tokens), np.int64)
        for number, form in enumerate(forms):
            members[number, : len(form)] = [(r * self.stride + c) * row for r, c in form]
        sizes = [(1 + max(r for r, _ in form), 1 + max(c for _, c in form), len(form)) for form in forms]
        area = self.stride * HEIGHT
        starts = [(form * area + r * self.stride + c) * row for form, r, c in places]
        self.forms = len(forms)
        found = np.zeros(layout.TABLES // 8, np.int64)
        counts = {layout.PATCH: patch, layout.STRIDE: self.stride, layout.HEIGHT: HEIGHT, layout.SHAPES: len(forms)}
        for place, size in counts.items():
            found[place // 8] = size
        found[layout.SHAPE_SHARES // 8] = memory.floats([1 / len(form) for form in forms], row)
        for place, values in {
            layout.PATCH_PIXELS: straight * row,
            layout.TYPE_ORDER: orders * 4,
            layout.TYPE_WALKS: pixels * self.sizes.walk,
            layout.TYPE_POOLS: starts,
            layout.SHAPE_SIZES: sizes,
            layout.SHAPE_PIXELS: members,
        }.items():
            found[place // 8] = memory.integers(values)
        return found

    def _buffers(self, memory: Memory) -> NDArray[np.int64]:
        """Addresses of new working memory, all in one piece: NumPy asks the system for large pages for it."""
        area, more = self.stride * HEIGHT, 8
        rows = dict.fromkeys(range(0, layout.BUFFERS, 8), self.tokens + more)
        rows |= {layout.PIXELS: area, layout.PIXELS_NORMAL: area}
        rows |= {layout.SHAPES_MIXED: self.forms * area, layout.SHAPES_BASE: self.forms * area}
        sizes = {place: count * self.sizes.row for place, count in rows.items()}
        sizes[layout.PIXELS_WALKS] = area * self.sizes.walk
        ends = np.cumsum([sizes[place] // LINE * LINE + LINE for place in sizes])
        start = memory.bytes(max(int(ends[-1]), LARGE))
        return start + np.concatenate([[0], ends[:-1]])


def pool_forms(
    orders: NDArray[Any], places: list[range], patch: int
) -> tuple[list[tuple[tuple[int, int], ...]], list[tuple[int, int, int]]]:
    """The forms of the pools, each as (row, column) from its first corner; and each pool's form, row and column."""
    forms: dict[tuple[tuple[int, int], ...], int] = {}
    found = []
    for order in orders:
        for one in places:
            spots = [divmod(int(place), patch) for place in order[list(one)]]
            top, side = min(r for r, _ in spots), min(c for _, c in spots)
            form = tuple(sorted((r - top, c - side) for r, c in spots))
            found.append((forms.setdefault(form, len(forms)), top, side))
    return list(forms), found
