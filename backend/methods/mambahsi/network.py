"""MambaHSI's network: blocks of a spatial scan over pixels and a spectral scan over each pixel's channels.

Letters: b tiles, h rows, w cols, k components, d width, c classes. What differs from the authors' code, and why:

* Pixels are read in squares at fixed places of the scene, every other block's moved by half a square, forwards and
  backwards, instead of as one sequence of the whole image: so a class depends on a bounded neighbourhood, and windows
  with that much around them give what the whole scene gives.
* Normalisation is per pixel (LayerNorm); theirs, over channels and image (GroupNorm), changes with the window.
* No pooling to a quarter of the resolution: fields narrower than four pixels would blur. Squares keep the cost low.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...cube import Cube
from ...scan import Linear
from .. import mapping, pieces
from ..patches import Normalisation
from ..pieces import Piece
from ..regression import Regression
from ..spatial_spectral import Block, Stem
from ..squares import alternating, needed, raster_order, reach
from ..tiles import origin
from .config import Config


class MambaHsi(nn.Module):
    """Class scores of every pixel of tiles of any size."""

    def __init__(self, config: Config, components: int, num_classes: int) -> None:
        super().__init__()
        self.side = config.square
        self.stem = Stem(components, config.width, config.stem)
        self.blocks = nn.ModuleList(Block(config.width, config.states) for _ in range(config.num_blocks))
        self.norm, self.dropout = nn.LayerNorm(config.width), nn.Dropout(config.dropout)
        self.head = Linear(config.width, num_classes)

    def forward(self, values: Tensor, valid: Tensor, origin: tuple[int, int], wanted: Tensor | None = None) -> Tensor:
        """Components (b, h, w, k) and validity (b, h, w) -> class scores (b, h, w, c).

        ``origin``: the tiles' first pixel in the scene. ``wanted`` (b, h, w): pixels whose scores are asked for, by
        default all with data; the others' mean nothing.
        """
        features = self.stem(values, valid)
        grids = alternating(origin, (valid.shape[1], valid.shape[2]), self.side, len(self.blocks))
        numbers = needed(grids, valid if wanted is None else wanted)
        for block, squares, chosen in zip(self.blocks, grids, numbers, strict=True):
            tokens, there = squares.cut(features), squares.cut(valid[..., None])[chosen, :, 0]
            read = block(tokens[chosen], None if bool(there.all()) else there, raster_order(there))
            features = squares.join(tokens.index_copy(0, chosen, read))
        scores: Tensor = self.head(self.dropout(self.norm(features)))
        return scores

    def mapped(self, cube: Cube, normalisation: Normalisation, regression: Regression, wanted: Tensor) -> Tensor:
        """Class probabilities (c, h, w) of the wanted pixels (h, w) of a cube, on the CPU; NaN for the others."""
        side, shape = self.side, cube.valid.shape
        features = pieces.framed(shape[0], shape[1], self.head.in_features, side)
        valid = pieces.surrounded(torch.from_numpy(cube.valid), side)
        scores, classified = mapping.regressed(regression, cube, side), mapping.classified(self.norm, self.head)

        def finish(piece: Piece) -> None:
            classified(piece.of(features), piece.of(scores))

        mapping.stem(self.stem, cube, normalisation, pieces.window(features, side))
        grids = alternating(origin(cube), (shape[0], shape[1]), side, len(self.blocks))
        mapping.read(self.blocks, grids, features, valid, wanted, finish)
        return pieces.window(scores, side).masked_fill_(~wanted[..., None], torch.nan).permute(2, 0, 1)


def halo(config: Config) -> int:
    """How many pixels to each side of a pixel its class depends on."""
    return reach(config.square, config.num_blocks) + config.stem // 2
