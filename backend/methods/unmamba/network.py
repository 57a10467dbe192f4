"""UNMamba's network, repaired: every pixel is normalised on its own and every scene size fits.

Letters: b tiles, h rows, w cols, l bands, d feature width, r endmembers, k random spectra per endmember.
Where this differs from the code the authors released (the paper's full text was not at hand), and why:

* The released network reads the image as one raster sequence, forward only; what a pixel then sees of the row above
  depends on the image's width. Here rows and columns are sequences of their own, in turn from block to block, and half
  of the channels reads each of them backwards: the first pixel sees as much as the last, and a window with a halo gives
  what the whole scene gives.
* Its spectral branch has weights as wide as the image is large. Here it scans the channel groups of one pixel.
* GroupNorm over the image is LayerNorm over the channels of one pixel. BatchNorm before the softmax stays, because it
  keeps every endmember in play from the first step on, but it is evaluated as it was trained: after training its
  statistics are taken anew from the whole sample (``calibrate``) and are constants of the scene from then on.
* Endmembers are kept positive by softplus instead of a clamp that the next step undoes, and the random spectra they are
  means of start as random pixels of the scene instead of noise, which needs fewer steps to become smooth.
* No abundance map is dropped in training: dropping whole maps breaks their sum of one.
* Weights start as torch and mamba_ssm start them, not by Kaiming and Xavier sweeps over all layers; the learning rate
  falls along a cosine, not in steps; a large scene is learnt from in tiles.
* The step sizes of the spatial scans start larger than in language models: what lies ten pixels away is nearly
  forgotten, so that a halo of 16 pixels is enough to make windows join without seams.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...scan import Linear, MambaBlock, norm_silu
from .config import Config

SHARPNESS = 20.0
"""Of the softplus that keeps endmembers positive: reflectances above 0.2 of the scale pass as they are."""
STEPS = (0.3, 2.0)
"""Range of the spatial scans' step sizes at the start; a pixel ten away is nearly forgotten."""


class SpatialScan(nn.Module):
    """Features + Mamba along the rows (or columns) of a tile, half of the channels in each direction: (b, h, w, d)."""

    def __init__(self, width: int, along_rows: bool) -> None:
        super().__init__()
        self.along_rows = along_rows
        self.forwards = MambaBlock(width // 2, steps=STEPS)
        self.backwards = MambaBlock(width // 2, steps=STEPS, reverse=True)
        self.project = Linear(width, width)
        self.norm = nn.LayerNorm(width)

    def forward(self, features: Tensor) -> Tensor:
        lines = features if self.along_rows else features.transpose(1, 2)
        first, second = lines.flatten(0, 1).chunk(2, dim=-1)
        scanned = torch.cat([self.forwards(first.contiguous()), self.backwards(second.contiguous())], dim=-1)
        grown = norm_silu(self.project(scanned).view(lines.shape), self.norm, lines)
        return grown if self.along_rows else grown.transpose(1, 2)


class SpectralScan(nn.Module):
    """Mamba over the channel groups of each pixel, mixed with what stands there: (b, h, w, d) -> same."""

    def __init__(self, width: int, groups: int) -> None:
        super().__init__()
        self.groups = groups
        self.mamba = MambaBlock(width // groups)
        self.norm = nn.LayerNorm(width)

    def forward(self, spatial: Tensor, features: Tensor, mix: Tensor) -> Tensor:
        """mix[0] spatial + mix[1] (spatial + spectral) + features."""
        tokens = spatial.reshape(-1, self.groups, spatial.shape[-1] // self.groups)
        scanned = self.mamba(tokens).view(spatial.shape)
        return norm_silu(scanned, self.norm, spatial, features, gain=mix[1], keep=mix.sum())


class Block(nn.Module):
    """One cascaded block: spatial scan, spectral scan, and the two mixed by learnt weights."""

    def __init__(self, width: int, groups: int, along_rows: bool) -> None:
        super().__init__()
        self.spatial = SpatialScan(width, along_rows)
        self.spectral = SpectralScan(width, groups)
        self.mix = nn.Parameter(torch.tensor([0.5, 0.5]))

    def forward(self, features: Tensor) -> Tensor:
        mixed: Tensor = self.spectral(self.spatial(features), features, self.mix)
        return mixed


class Unmamba(nn.Module):
    """Abundances of every pixel and the endmembers of the scene.

    Input (b, l, h, w) in units of the scene's scale (about 0..1), of any ``shape`` (h, w). ``pixels`` (n, l) are valid
    pixels of the scene in the same units.
    """

    mean: Tensor

    def __init__(self, config: Config, pixels: Tensor, shape: tuple[int, int]) -> None:
        super().__init__()
        width, r = config.width, config.num_endmembers
        self.temperature = config.temperature
        self.stem = Linear(pixels.shape[1], width)
        self.stem_norm = nn.LayerNorm(width)
        self.blocks = nn.ModuleList(Block(width, 4, index % 2 == 0) for index in range(config.num_blocks))
        self.head = nn.Sequential(
            nn.LayerNorm(width),
            Linear(width, 2 * width),
            nn.SiLU(),
            nn.LayerNorm(2 * width),
            Linear(2 * width, r),
        )
        self.balance = nn.BatchNorm1d(r, momentum=None)
        drawn = pixels[torch.randint(len(pixels), (r, config.num_spectra))]
        drawn = SHARPNESS * drawn.clamp_min(1e-4)
        self.spectra = nn.Parameter((drawn + torch.log(-torch.expm1(-drawn))) / SHARPNESS)
        self.weights = nn.Parameter(torch.ones(r, config.num_spectra))
        self.register_buffer("mean", pixels.mean(dim=0))

    def endmembers(self) -> Tensor:
        """(r, l), positive: the mean of k weighted random spectra."""
        means = torch.einsum("rk,rkl->rl", self.weights, self.spectra) / self.weights.shape[1]
        return functional.softplus(means, beta=SHARPNESS)

    def forward(self, tiles: Tensor) -> Tensor:
        """Abundances (b, r, h, w): non-negative, summing to one over r."""
        features = norm_silu(self.stem(tiles.permute(0, 2, 3, 1)), self.stem_norm)
        for block in self.blocks:
            features = block(features)
        logits = self.balance(self.head(features).flatten(0, 2)).view(*features.shape[:3], -1)
        return torch.softmax(self.temperature * logits, dim=-1).permute(0, 3, 1, 2)

    def calibrate(self, batches: Iterable[Tensor]) -> None:
        """Fix the statistics before the softmax to those of these tiles, seen with the weights as they are now."""
        self.balance.reset_running_stats()
        self.balance.train()
        with torch.no_grad():
            for tiles in batches:
                self(tiles)
        self.balance.eval()
