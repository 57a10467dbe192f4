"""A window of a scene mapped in pieces that stay in the processor's caches, one single-threaded worker a core.

Letters: b tiles (one), h rows, w cols, d width, n squares, t pixels of a square, s pixels a side of one.
The features of the window lie on a board with a margin of one square to each side. So the squares of every grid are
parts of it, and a block reads and writes them in their place. What the margin holds means nothing; it is not valid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional

from .parallel import each
from .spatial_spectral import Block, Mapping, Stem, mapping
from .squares import Squares, needed

STRIP, PIECE = 4096, 4096
"""Pixels that are made features of at a time, and pixels that a block reads at a time, about."""
CPU = torch.device("cpu")

Order = Callable[["Piece", Tensor], Tensor | None]
"""Gives the order (n, t) in which a piece's tokens are read, by their validity (n, t); None: as they are."""


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
        return board.unflatten(1, (cols, side)).unflatten(0, (rows, side)).transpose(1, 2)

    def cut(self, board: Tensor) -> Tensor:
        """Its tokens (n, t, ...), a copy."""
        part = self.of(board)
        return part.reshape(-1, self.squares.side**2, *part.shape[4:])

    def put(self, board: Tensor, tokens: Tensor) -> None:
        """Write tokens (n, t, ...) where they came from."""
        part = self.of(board)
        part.copy_(tokens.view(part.shape))


def board(side: int, shape: tuple[int, int], *channels: int) -> Tensor:
    """Zeros (h + 2 s, w + 2 s, channels) for a window of h x w pixels."""
    rows, cols = (size + 2 * side for size in shape)
    return torch.zeros(rows, cols, *channels)


def framed(mask: Tensor, side: int) -> Tensor:
    """A mask (h, w) of a window as a board: False in the margin."""
    return functional.pad(mask, (side, side, side, side))


def window(board: Tensor, side: int) -> Tensor:
    """The window's own part of a board, without the margin: a view."""
    return board[side:-side, side:-side]


def strips(rows: int, cols: int, pixels: int = STRIP) -> list[tuple[int, int]]:
    """First and last rows of strips of about so many pixels."""
    parts = max(1, round(rows * cols / pixels))
    return list(pairwise(round(part * rows / parts) for part in range(parts + 1)))


def pieces(squares: Squares, chosen: Tensor, pixels: int = PIECE) -> list[Piece]:
    """Pieces of about so many pixels that together hold the squares of these numbers, and some between them."""
    found = []
    wanted = torch.zeros(squares.numbers, dtype=torch.bool)
    wanted.view(-1)[chosen] = True
    height = max(1, round(pixels / (squares.numbers[1] * squares.side**2)))
    rows = torch.nonzero(wanted.any(dim=1))[:, 0].tolist()
    for first, last in _runs(rows, height):
        cols = torch.nonzero(wanted[first:last].any(dim=0))[:, 0]
        found.append(Piece(squares, (first, last), (int(cols[0]), int(cols[-1]) + 1)))
    return found


def _runs(numbers: Iterable[int], most: int) -> list[tuple[int, int]]:
    """Rising numbers as runs of neighbours, ``most`` long at most: the first of each and the one after its last."""
    found: list[tuple[int, int]] = []
    for number in numbers:
        if found and found[-1][1] == number and number - found[-1][0] < most:
            found[-1] = (found[-1][0], number + 1)
        else:
            found.append((number, number + 1))
    return found


def stem(stem: Stem, values: Callable[[slice], Tensor], valid: Tensor, use: Callable[[slice, Tensor], None]) -> None:
    """The stem over a window: components of its pixels by row-major number, validity (h, w); strip by strip.

    ``use`` is given each strip's rows and features (rows, w, d).
    """
    rows, cols = valid.shape
    margin = stem.depthwise.kernel_size[0] // 2
    embedded = torch.zeros(rows + 2 * margin, cols + 2 * margin, stem.embed.out_features)
    inner = embedded[margin : margin + rows, margin : margin + cols]
    parts = strips(rows, cols)

    def embed(part: int) -> None:
        first, last = parts[part]
        found = stem.embedded(values(slice(first * cols, last * cols)), valid[first:last].flatten())
        inner[first:last] = found.view(last - first, cols, -1)

    def mix(part: int) -> None:
        first, last = parts[part]
        use(slice(first, last), stem.mixed(embedded[None, first : last + 2 * margin])[0])

    each(len(parts), embed, CPU)
    each(len(parts), mix, CPU)


def read(
    blocks: Iterable[Block],
    grids: list[Squares],
    features: Tensor,
    valid: Tensor,
    wanted: Tensor,
    order: Order,
    finish: Callable[[Piece, Tensor], None],
) -> None:
    """All blocks over a board of features (h, w, d) that is valid (h, w), for the sake of the wanted pixels.

    wanted (b, h, w): of the window, without the margin. ``finish`` is given what the last block makes of each piece:
    (n, t, d). The board holds intermediate features afterwards.
    """
    numbers, last = needed(grids, wanted), len(grids) - 1
    for index, (block, squares) in enumerate(zip(blocks, grids, strict=True)):
        parts, form = pieces(squares, numbers[index]), mapping(block)

        def work(part: int, form: Mapping | Block = form, parts: list[Piece] = parts, index: int = index) -> None:
            piece = parts[part]
            there = piece.cut(valid)
            found = form(piece.cut(features), None if bool(there.all()) else there, order(piece, there))
            if index == last:
                finish(piece, found)
            else:
                piece.put(features, found)

        each(len(parts), work, CPU)
