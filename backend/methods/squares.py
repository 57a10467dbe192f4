"""In which order pixels are read: cut into fixed squares of the scene, sorted in each by their abundances. No weights.

Letters: b tiles, h rows, w cols, d features, r endmembers, s pixels a side of a square, n squares, t = s * s tokens.

The authors' code ranks the pixels of the whole image for each endmember and reads the best of them; so an order, and
with it the class of a pixel, changes with everything else in the window. Here the squares lie at multiples of s from
the scene's first pixel (every other block of the network: half a square further on), pixels are ranked within their
square only, and each of them is read. A window that holds a square whole reads it as the whole scene does; only pixels
whose abundances differ by less than the rounding of a product, 1e-6 or so, may change places from window to window.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Squares:
    """The squares that tiles of h x w pixels touch. ``before``: rows and cols the first one lies outside them."""

    side: int
    shape: tuple[int, int]
    before: tuple[int, int]

    @classmethod
    def at(cls, origin: tuple[int, int], shape: tuple[int, int], side: int, shift: int) -> Squares:
        """Those of tiles whose first pixel is the scene's pixel ``origin`` (row, col); the grid moved by ``shift``."""
        row, col = ((place - shift) % side for place in origin)
        return cls(side, shape, (row, col))

    @property
    def numbers(self) -> tuple[int, int]:
        """How many squares there are in rows and cols."""
        rows, cols = (-(-(size + first) // self.side) for size, first in zip(self.shape, self.before, strict=True))
        return rows, cols

    def cut(self, values: Tensor) -> Tensor:
        """(b, h, w, d) -> (n, t, d), row-major in each square; 0 outside the tiles."""
        (h, w), (top, left), (rows, cols) = self.shape, self.before, self.numbers
        right, bottom = cols * self.side - w - left, rows * self.side - h - top
        padded = functional.pad(values, (0, 0, left, right, top, bottom))
        parts = padded.view(len(values), rows, self.side, cols, self.side, -1).transpose(2, 3)
        return parts.reshape(-1, self.side**2, values.shape[-1])

    def join(self, tokens: Tensor) -> Tensor:
        """(n, t, d) -> (b, h, w, d): the inverse of :meth:`cut`."""
        (h, w), (top, left), (rows, cols) = self.shape, self.before, self.numbers
        parts = tokens.view(-1, rows, cols, self.side, self.side, tokens.shape[-1]).transpose(2, 3)
        whole = parts.reshape(parts.shape[0], rows * self.side, cols * self.side, tokens.shape[-1])
        return whole[:, top : top + h, left : left + w]


def alternating(origin: tuple[int, int], shape: tuple[int, int], side: int, blocks: int) -> list[Squares]:
    """The squares of each block of a network: every other one's are moved by half a square."""
    return [Squares.at(origin, shape, side, number % 2 * side // 2) for number in range(blocks)]


def guided_order(abundances: Tensor, valid: Tensor) -> Tensor:
    """The order of tokens (n, t): by dominant endmember, the most abundant first; tokens without data come last.

    abundances (n, t, r), valid (n, t). Pixels that are as abundant as each other stay in the order of rows.
    """
    share, dominant = abundances.detach().max(dim=-1)
    key = dominant + (1 - share)  # a largest share is above 0, so that clusters do not run into each other
    return key.masked_fill(~valid, torch.inf).argsort(dim=1, stable=True)


def raster_order(valid: Tensor) -> Tensor | None:
    """The order of tokens (n, t) without guidance: rows from left to right; tokens without data come last.

    None if they stand so already.
    """
    return None if bool(valid.all()) else (~valid).to(torch.uint8).argsort(dim=1, stable=True)


def taken(tokens: Tensor, order: Tensor) -> Tensor:
    """The tokens (n, t, d) in an order (n, t)."""
    n, t, d = tokens.shape
    rows = (order + torch.arange(n, device=order.device)[:, None] * t).flatten()
    return tokens.reshape(n * t, d).index_select(0, rows).view(n, t, d)


def put_back(tokens: Tensor, order: Tensor) -> Tensor:
    """The inverse of :func:`taken`."""
    return taken(tokens, order.argsort(dim=1))


def needed(grids: list[Squares], wanted: Tensor) -> list[Tensor]:
    """The numbers of the squares to be read, block after block, for the sake of wanted pixels (b, h, w) of the last."""
    found = []
    for squares in reversed(grids):
        hit = squares.cut(wanted[..., None]).any(dim=1)
        found.append(torch.nonzero(hit[:, 0])[:, 0])
        wanted = squares.join(hit[:, None].expand(-1, squares.side**2, -1))[..., 0]
    return found[::-1]


def reach(side: int, blocks: int) -> int:
    """How many pixels to each side of a pixel its feature depends on, after so many blocks of shifted squares."""
    return side - 1 + (blocks - 1) * (side // 2)
