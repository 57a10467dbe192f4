"""The network of the unmixing-guided Mamba, with the errors of the authors' code repaired.

Letters: b tiles, h rows, w cols, k components, l bands, d width, r endmembers, v variants of each, c classes.
The paper's full text was not at hand; of its abstract and its authors' code this keeps the shared stem, the two
streams, endmembers with variants, tokens in the order of abundances, spatial and spectral scans and the losses. What
differs from the code, and why:

* Every pixel is read, and in an order that does not depend on the window (see ``squares.py``). Their code reads the
  best tenth of the pixels and, at random even when predicting, some of the others; the rest is never scanned.
* All endmembers share one pair of scans, forwards and backwards, instead of one Mamba for each; an embedding of the
  abundances tells the tokens of one cluster from those of another. It has a gradient, which an order has not: so the
  classes teach the abundances as the paper's joint training means it.
* Abundances are a softmax instead of absolute values divided by their sum, whose slope is nothing at 0. No running mean
  of earlier abundances is mixed in: it belongs to one image and is lost when the weights are saved.
* The streams' gates are made of one channel each, which is all that the mean of 128 channels can say, and of the pixel
  itself: means over rows and columns, and positions divided by the image's size, change with the window.
* A convolution over all bands is a linear map of each pixel's spectral components and a wider one channel by channel;
  the head looks at single pixels.
* BatchNorm and statistics of the image are LayerNorm over the channels of one pixel.
* Without guidance, classification sees nothing of the unmixing: tokens are read row by row, abundances enter neither
  tokens nor head, and the unmixing reads the stem's features without a gradient into them.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...scan import Linear
from ..spatial_spectral import Block, Stem
from ..squares import Squares, alternating, guided_order, needed, raster_order, reach
from .config import Config

SHARPNESS = 20.0
"""Of the softplus that keeps spectra positive: reflectances above 0.2 of the scale pass as they are."""
SLOWNESS = 4.0
"""The spectra move by so much less in a step than other weights: they start close to where they belong."""


@dataclass(frozen=True)
class Unmixed:
    """What the unmixing half gives: abundances (b, h, w, r) and shares of the variants (b, h, w, r, v)."""

    abundances: Tensor
    variants: Tensor


class Stream(nn.Module):
    """F + tanh(q k) v with q (d channels), k and v (one channel each) of the pixel itself: (..., d) -> same."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query, self.gates = Linear(width, width), Linear(width, 2)

    def forward(self, features: Tensor) -> Tensor:
        key, value = self.gates(features).split(1, dim=-1)
        gated: Tensor = features + torch.tanh(self.query(features) * key) * value
        return gated


class Unmixing(nn.Module):
    """Abundances and variants of every pixel from its features, and the spectra they mix.

    ``spectra`` (r, v, l): where the spectra start, in units of the scene's scale.
    """

    def __init__(self, width: int, spectra: Tensor) -> None:
        super().__init__()
        r, v, _ = spectra.shape
        self.stream = Stream(width)
        self.head = nn.Sequential(nn.LayerNorm(width), Linear(width, 64), nn.GELU(), Linear(64, 32), nn.GELU())
        self.logits, self.variants = nn.Linear(32, r), nn.Linear(32, r * v)
        start = SHARPNESS * spectra.clamp_min(1e-4)
        self.raw = nn.Parameter((start + torch.log(-torch.expm1(-start))) / SHARPNESS * SLOWNESS)

    def spectra(self) -> Tensor:
        """(r, v, l), positive."""
        return functional.softplus(self.raw / SLOWNESS, beta=SHARPNESS)

    def forward(self, features: Tensor) -> Unmixed:
        """Features (b, h, w, d) -> abundances and shares of the variants, each >= 0 and summing to one."""
        hidden = self.head(self.stream(features))
        variants = self.variants(hidden).unflatten(-1, self.raw.shape[:2])
        return Unmixed(torch.softmax(self.logits(hidden), dim=-1), torch.softmax(variants, dim=-1))

    def rebuilt(self, unmixed: Unmixed) -> Tensor:
        """The spectra (b, h, w, l) that abundances and variants mix: sum_k a_k sum_v w_kv s_kv."""
        shares = (unmixed.abundances[..., None] * unmixed.variants).flatten(-2)
        return shares @ self.spectra().flatten(0, 1)


class Ugm(nn.Module):
    """Class scores, abundances and variants of every pixel of tiles of any size.

    ``spectra`` (r, v, l): where the endmembers' variants start, in units of the scene's scale.
    """

    def __init__(self, config: Config, components: int, spectra: Tensor, num_classes: int) -> None:
        super().__init__()
        width, self.side, self.guidance = config.width, config.square, config.guidance
        self.stem, self.unmixing = Stem(components, width, config.stem), Unmixing(width, spectra)
        self.stream = Stream(width)
        self.blocks = nn.ModuleList(Block(width, config.states) for _ in range(config.num_blocks))
        if self.guidance:
            self.clusters = Linear(len(spectra), width)
        self.norm, self.dropout = nn.LayerNorm(width), nn.Dropout(config.dropout)
        self.head = nn.Linear(width + (len(spectra) if self.guidance else 0), num_classes)

    def unmix(self, values: Tensor, valid: Tensor) -> Unmixed:
        """Components (b, h, w, k) and validity (b, h, w) -> abundances and variants."""
        return self._unmixed(self.stem(values, valid))

    def forward(
        self, values: Tensor, valid: Tensor, origin: tuple[int, int], wanted: Tensor | None = None
    ) -> tuple[Tensor, Unmixed]:
        """Class scores (b, h, w, c), and what :meth:`unmix` gives; ``origin``: the tiles' first pixel in the scene.

        ``wanted`` (b, h, w): pixels whose scores are asked for, by default all with data; the others' mean nothing.
        """
        features = self.stem(values, valid)
        unmixed = self._unmixed(features)
        features = self.guided(features, unmixed)
        grids = self.grids(origin, (valid.shape[1], valid.shape[2]))
        numbers = needed(grids, valid if wanted is None else wanted)
        for block, squares, chosen in zip(self.blocks, grids, numbers, strict=True):
            tokens, there = squares.cut(features), squares.cut(valid[..., None])[chosen, :, 0]
            shares = squares.cut(unmixed.abundances)[chosen]
            order = guided_order(shares, there) if self.guidance else raster_order(there)
            read = block(tokens[chosen], None if bool(there.all()) else there, order)
            features = squares.join(tokens.index_copy(0, chosen, read))
        return self.scores(self.norm(features), unmixed.abundances), unmixed

    def guided(self, features: Tensor, unmixed: Unmixed) -> Tensor:
        """The stem's features as the first block reads them."""
        features = self.stream(features)
        return features + self.clusters(unmixed.abundances) if self.guidance else features

    def scores(self, features: Tensor, abundances: Tensor) -> Tensor:
        """Class scores (..., c) of normalised features (..., d) and abundances (..., r)."""
        seen = torch.cat([features, abundances], dim=-1) if self.guidance else features
        scores: Tensor = self.head(self.dropout(seen))
        return scores

    def grids(self, origin: tuple[int, int], shape: tuple[int, int]) -> list[Squares]:
        """The squares of each block."""
        return alternating(origin, shape, self.side, len(self.blocks))

    def _unmixed(self, features: Tensor) -> Unmixed:
        found: Unmixed = self.unmixing(features if self.guidance else features.detach())
        return found


def halo(config: Config) -> int:
    """How many pixels to each side of a pixel its class depends on."""
    return reach(config.square, config.num_blocks) + config.stem // 2
