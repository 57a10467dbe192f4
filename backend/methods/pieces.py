"""A window of a scene cut into pieces that stay in the processor's caches while a block reads them. No weights.

Letters: h rows, w cols, n squares, t pixels of a square, s pixels a side of one.
The features of the window lie on a board with a margin of one square to each side. So the squares of every grid are
parts of it, and a block reads and writes them in their place. What the margin holds means nothing; it is not valid.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional

from .squares import Squares

FEWEST, MOST = 1024, 8192
"""Pixels of a piece or a strip, about: fewer cost more to hand out than to read, more leave cores without work."""


@dataclass(frozen=True)
class Piece:
    """Neighbouring squares of a grid: from the first square (row, col) up to and without the last one."""

    squares: Squares
    rows: tuple[int, int]
    cols: tuple[int, int]

    def of(self, board: Tensor) -> Tensor:
        """Its part of a board (h, w, ...): a view (rows, cols, s, s, ...)."""
        side, before = self.squares.side, self.squares.before
        for axis, (first, last) in enumerate((self.rows, self.cols)):
            start = side - before[axis]
            board = board.narrow(axis, start + first * side, (last - first) * side)
        rows, cols = (last - first for first, last in (self.rows, self.cols))
        split = board.view(rows, side, cols, side, *board.shape[2:])
        return split.transpose(1, 2)

    def cut(self, board: Tensor) -> Tensor:
        """Its tokens (n, t, ...), a copy."""
        part = self.of(board)
        return part.reshape(-1, self.squares.side**2, *part.shape[4:])

    def put(self, board: Tensor, tokens: Tensor) -> None:
        """Write tokens (n, t, ...) where they came from."""
        part = self.of(board)
        part.copy_(tokens.view(part.shape))


def framed(rows: int, cols: int, channels: int, margin: int) -> Tensor:
    """An image (h + 2 margin, w + 2 margin, channels) of nothing yet, with zeros in the margin."""
    found = torch.empty(rows + 2 * margin, cols + 2 * margin, channels)
    for axis, size in enumerate((rows, cols)):
        found.narrow(axis, 0, margin).zero_()
        found.narrow(axis, size + margin, margin).zero_()
    return found


def surrounded(mask: Tensor, side: int) -> Tensor:
    """A mask (h, w) of a window as a board: False in the margin."""
    return functional.pad(mask, (side, side, side, side))


def window(board: Tensor, side: int) -> Tensor:
    """The window's own part of a board, without the margin: a view."""
    rows, cols = board.shape[0] - side, board.shape[1] - side
    return board[side:rows, side:cols]


def strips(rows: int, cols: int) -> list[tuple[int, int]]:
    """First and last rows of strips of about as many pixels each."""
    parts = min(rows, max(1, round(rows * cols / _pixels(rows * cols))))
    return list(pairwise(round(part * rows / parts) for part in range(parts + 1)))


def pieces(squares: Squares, chosen: Tensor) -> list[Piece]:
    """Pieces that together hold the squares of these numbers, and some between them."""
    found, area = [], squares.side**2
    wanted = torch.zeros(squares.numbers, dtype=torch.bool)
    wanted.view(-1)[chosen] = True
    height = max(1, round(_pixels(len(chosen) * area) / (squares.numbers[1] * area)))
    rows = torch.nonzero(wanted.any(dim=1))[:, 0].tolist()
    for first, last in _runs(rows, height):
        cols = torch.nonzero(wanted[first:last].any(dim=0))[:, 0]
        found.append(Piece(squares, (first, last), (int(cols[0]), int(cols[-1]) + 1)))
    return found


def _pixels(all_pixels: int) -> int:
    """Of a piece, so that every thread gets several."""
    return min(MOST, max(FEWEST, all_pixels // (4 * torch.get_num_threads())))


def _runs(numbers: Iterable[int], most: int) -> list[tuple[int, int]]:
    """Rising numbers as runs of neighbours, ``most`` long at most: the first of each and the one after its last."""
    found: list[tuple[int, int]] = []
    for number in numbers:
        if found and found[-1][1] == number and number - found[-1][0] < most:
            found[-1] = (found[-1][0], number + 1)
        else:
            found.append((number, number + 1))
    return found
