"""Mamba-in-Mamba's network, built after the paper's figures with the released code's errors repaired.

Letters: n pixels, b patches, p pixels a side of a patch, t = p * p tokens, s tokens kept, d width, c classes.
Every pixel is embedded once, not once in every patch it lies in: so is all else that a pixel brings to the first scale.
What differs from the code the authors released, and why:

* Both half scans end at the centre and their outputs lie in the order of the patch again; the released versions scan
  the whole sequence, or one direction twice, or leave one half turned round.
* The decay mask is 1 at the centre and falls to both sides. Released, it lies one token beside the centre and is
  divided away by a softmax, to the same 1/t for every token. Its part by likeness compares the scale's input tokens.
* Tokens are fused by a transpose; released, axes are renamed (``view``), which scrambles tokens and channels.
* Each scale has a head in the loss and weights of its own. The scales are the patch's p * p tokens, whose feature is
  the centre pixel, and the 25, 9 and 1 tokens that the blocks leave. A block on one token would have nothing to scan.
* No convolution along the tokens, as in two of the released versions: neighbours are mixed in the plane by the stem of
  the figures (depthwise, pointwise, skip), once for all patches. So a class depends on a few pixels around the patch.
* One output a class, and none for "undefined".
"""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...scan import Linear
from .blocks import MimBlock
from .config import Config
from .orders import TYPES, halves, pools, scan_orders, token_counts


class Table(NamedTuple):
    """All that a pixel brings to any patch it lies in, pixel by pixel."""

    features: Tensor
    """(n, d), after the stem."""
    scanned: Tensor
    """(n, 2d + 2 states) for the first scale's half scans."""
    beside: Tensor
    """(n, 2d) for what goes beside them."""


class Stem(nn.Module):
    """Spectra to features: a linear map of each pixel, then its neighbours mixed in by a convolution with a skip."""

    def __init__(self, features: int, width: int, side: int) -> None:
        super().__init__()
        self.margin = side // 2
        self.embed, self.norm = Linear(features, width), nn.LayerNorm(width)
        self.depthwise = nn.Conv2d(width, width, side, groups=width)
        self.pointwise = Linear(width, width)

    def pixels(self, values: Tensor) -> Tensor:
        """Normalised pixels (n, features) -> (n, d)."""
        return functional.silu(self.norm(self.embed(values)))

    def forward(self, grid: Tensor) -> Tensor:
        """Embedded pixels (b, h, w, d) -> the same without the margin the convolution needs to each side."""
        around = self.depthwise(grid.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        rows, cols = (slice(self.margin, size - self.margin) for size in grid.shape[1:3])
        mixed: Tensor = grid[:, rows, cols] + self.pointwise(functional.silu(around))
        return mixed


class Mim(nn.Module):
    """Patches of embedded pixels to class scores."""

    orders: Tensor
    """(4, p * p): the tokens of the scan types."""
    walks: Tensor
    """(4 * 2 * m): the same as half scans."""
    pooled: Tensor
    """The tokens that are pooled for the first scale's gates, pool after pool, type after type."""
    starts: Tensor
    """(4 * s): where each pool begins among them."""

    def __init__(self, config: Config, features: int, num_classes: int) -> None:
        super().__init__()
        width, self.counts = config.width, token_counts(config.patch)
        options = (config.states, config.dropout, config.decay_mask, config.activation)
        self.stem = Stem(features, width, config.stem)
        self.blocks = nn.ModuleList(
            MimBlock(width, tokens, kept, *options) for tokens, kept in zip(self.counts, self.counts[1:], strict=False)
        )
        self.fusion = nn.Parameter(torch.zeros(len(self.blocks), TYPES))
        self.heads = nn.ModuleList(nn.Linear(width, num_classes) for _ in self.counts)
        self.head = nn.Linear(width, num_classes)
        self.dropout = nn.Dropout(config.dropout)
        orders, places = scan_orders(config.patch), pools(self.counts[0], self.counts[1])
        self.register_buffer("orders", orders, persistent=False)
        self.register_buffer("walks", orders[:, halves(self.counts[0])].flatten(), persistent=False)
        self.register_buffer("pooled", torch.cat([order[list(one)] for order in orders for one in places]), False)
        starts = torch.tensor([0, *(len(one) for _ in orders for one in places)]).cumsum(0)[:-1]
        self.register_buffer("starts", starts, persistent=False)

    def table(self, grid: Tensor) -> Table:
        """Embedded pixels (b, h, w, d), with the stem's margin -> the table of the inner pixels, row-major."""
        features = self.stem(grid).flatten(0, 2)
        return Table(features, *self._block(0).project(features))

    def forward(self, table: Table, index: Tensor) -> list[Tensor]:
        """A feature (b, d) of every scale, the patch's first; index (b, p * p): rows of the table, row-major."""
        batch = len(index)
        scales = [table.features[index[:, index.shape[1] // 2]]]
        tokens = self._first(table, index)
        for number in range(len(self.blocks)):
            if number:
                tokens = self._block(number).next(tokens)
            # Weighted fusion of the scan types, then the mean over tokens.
            shares = torch.softmax(self.fusion[number], dim=0)
            scales.append(shares @ tokens.mean(dim=1).view(batch, TYPES, -1))
        return scales

    def scores(self, scales: list[Tensor]) -> Tensor:
        """The class scores (b, c) of all scales together, before the softmax."""
        found: Tensor = self.head(self.dropout(torch.stack(scales).sum(dim=0)))
        return found

    def loss(self, scales: list[Tensor], classes: Tensor, weights: Tensor, smoothing: float) -> Tensor:
        """The mean cross-entropy of all scales together and of each scale; classes (b,) from 0, weights (c,)."""
        single = [head(self.dropout(scale)) for head, scale in zip(self.heads, scales, strict=True)]
        losses = [
            functional.cross_entropy(scores, classes, weights, label_smoothing=smoothing)
            for scores in (self.scores(scales), *single)
        ]
        return torch.stack(losses).mean()

    def _block(self, number: int) -> MimBlock:
        return cast(MimBlock, self.blocks[number])

    def _first(self, table: Table, index: Tensor) -> Tensor:
        """The first scale: what the table holds, gathered in the order of each scan type; (4b, s, d)."""
        block, sequences, (tokens, kept) = self._block(0), len(index) * TYPES, self.counts[:2]
        walks = table.scanned.index_select(0, index[:, self.walks].flatten())
        starts = torch.arange(len(index), device=index.device)[:, None] * len(self.pooled) + self.starts
        pooled = index[:, self.pooled].flatten()
        beside = functional.embedding_bag(pooled, table.beside, starts.flatten(), mode="mean")
        features = table.features.index_select(0, index.flatten()).view(*index.shape, -1)
        likeness = block.mask(features)[:, self.orders].view(sequences, tokens)
        first: Tensor = block(walks.view(sequences, 2, tokens // 2 + 1, -1), beside.view(sequences, kept, -1), likeness)
        return first
