"""UNMamba's network, repaired: every pixel is normalised on its own and every scene size fits.

Letters: b tiles, h rows, w cols, l bands, d feature width, r endmembers.
Where this differs from the code the authors released (the paper's full text was not at hand), and why:

* The released network reads the image as one raster sequence, forward only; what a pixel then sees of the row above
  depends on the image's width. Here rows and columns are sequences of their own, in turn from block to block, and half
  of the channels reads each of them backwards: the first pixel sees as much as the last, and a window with a halo gives
  what the whole scene gives.
* Its spectral branch has weights as wide as the image is large. Here it scans the channel groups of one pixel.
* GroupNorm over the image is LayerNorm over the channels of one pixel.
* Released endmembers are means of random spectra, and abundances start anywhere: which materials are found hangs on the
  seed. Here endmembers start as means of clusters that span the scene (``endmembers.clusters``), abundances as the
  non-negative least squares of those, and the network learns by how much both are to change. BatchNorm before the
  softmax, which kept every endmember in play, is gone with its statistics, which were those of a step's pixels.
* Endmembers are kept positive by softplus instead of a clamp that the next step undoes. They change slower than the
  network's weights, or they would be gone before its abundances are of use.
* No abundance map is dropped in training: dropping whole maps breaks their sum of one.
* Weights start as torch and mamba_ssm start them, not by Kaiming and Xavier sweeps over all layers; the learning rate
  falls along a cosine, not in steps; the scene is learnt from in small squares, and the network is smaller.
* The step sizes of the spatial scans start larger than in language models: what lies ten pixels away is nearly
  forgotten, so that a halo of 16 pixels is enough to make windows join without seams.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ... import room
from ...abundances import batched
from ...abundances.least_squares import nonnegative
from ...scan import Linear, MambaBlock, norm_silu
from .config import Config

SHARPNESS = 20.0
"""Of the softplus that keeps endmembers positive: reflectances above 0.2 of the scale pass as they are."""
LEAST = 1e-4
"""No endmember starts below this reflectance, in units of the scale."""
FLOOR = 0.03
"""Added to every abundance of the least squares, so that none is out of the network's reach."""
PACE = 0.03
"""How fast endmembers change, as a share of the learning rate."""
TEMPERATURE = 3.5
"""The release's softmax scale: how fast abundances change."""
STEPS = (0.3, 2.0)
"""Range of the spatial scans' step sizes at the start; a pixel ten away is nearly forgotten."""


class SpatialScan(nn.Module):
    """Features + Mamba along the rows (or columns) of a tile, half of the channels in each direction: (b, h, w, d)."""

    def __init__(self, width: int, states: int, along_rows: bool) -> None:
        super().__init__()
        self.along_rows = along_rows
        self.forwards = MambaBlock(width // 2, states, steps=STEPS)
        self.backwards = MambaBlock(width // 2, states, steps=STEPS, reverse=True)
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

    def __init__(self, width: int, states: int, groups: int) -> None:
        super().__init__()
        self.groups = groups
        self.mamba = MambaBlock(width // groups, states)
        self.norm = nn.LayerNorm(width)

    def forward(self, spatial: Tensor, features: Tensor, mix: Tensor) -> Tensor:
        """mix[0] spatial + mix[1] (spatial + spectral) + features."""
        tokens = spatial.reshape(-1, self.groups, spatial.shape[-1] // self.groups)
        scanned = self.mamba(tokens).view(spatial.shape)
        return norm_silu(scanned, self.norm, spatial, features, gain=mix[1], keep=mix.sum())


class Block(nn.Module):
    """One cascaded block: spatial scan, spectral scan, and the two mixed by learnt weights."""

    def __init__(self, width: int, states: int, groups: int, along_rows: bool) -> None:
        super().__init__()
        self.spatial = SpatialScan(width, states, along_rows)
        self.spectral = SpectralScan(width, states, groups)
        self.mix = nn.Parameter(torch.tensor([0.5, 0.5]))

    def forward(self, features: Tensor) -> Tensor:
        mixed: Tensor = self.spectral(self.spatial(features), features, self.mix)
        return mixed


class Unmamba(nn.Module):
    """Abundances of every pixel and the endmembers of the scene.

    Input (b, l, h, w) in units of the scene's scale (about 0..1), of any shape (h, w). ``start`` (r, l) and ``mean``
    (l,), in the same units: the endmembers to begin with, and the scene's mean spectrum.
    """

    start: Tensor
    mean: Tensor

    def __init__(self, config: Config, start: Tensor, mean: Tensor) -> None:
        super().__init__()
        width, states = config.width, config.states
        r, bands = start.shape
        self.stem = Linear(bands, width)
        self.stem_norm = nn.LayerNorm(width)
        self.blocks = nn.ModuleList(Block(width, states, 4, index % 2 == 0) for index in range(config.num_blocks))
        self.head = nn.Sequential(
            nn.LayerNorm(width), Linear(width, 2 * width), nn.SiLU(), nn.LayerNorm(2 * width), Linear(2 * width, r)
        )
        for zero in self.head[-1].parameters():
            nn.init.zeros_(zero)
        self.change = nn.Parameter(torch.zeros(r, bands))
        self.register_buffer("start", start.clamp_min(LEAST))
        self.register_buffer("mean", mean)

    def endmembers(self) -> Tensor:
        """(r, l), positive: those of the start with what was learnt to change."""
        unbent = self.start + torch.log(-torch.expm1(-SHARPNESS * self.start)) / SHARPNESS
        return functional.softplus(unbent + PACE * self.change, beta=SHARPNESS)

    def forward(self, tiles: Tensor) -> Tensor:
        """Abundances (b, r, h, w): non-negative, summing to one over r."""
        pixels = tiles.permute(0, 2, 3, 1)
        features = norm_silu(self.stem(pixels), self.stem_norm)
        for block in self.blocks:
            features = block(features)
        logits = torch.log(self._first_abundances(pixels) + FLOOR) + TEMPERATURE * self.head(features)
        return torch.softmax(logits, dim=-1).permute(0, 3, 1, 2)

    def _first_abundances(self, pixels: Tensor) -> Tensor:
        """The shares (b, h, w, r) of the first endmembers in pixels (b, h, w, l), whatever their brightness."""
        values = pixels.detach().flatten(0, 2)
        if room.on_card(pixels.device) and pixels.device.type != "mps":  # which has no float64
            found = batched.nonnegative(values, self.start)
        else:
            found = torch.from_numpy(nonnegative(values.cpu().numpy(), self.start.cpu().numpy())).to(pixels.device)
        return (found / found.sum(dim=1, keepdim=True).clamp_min(1e-9)).view(*pixels.shape[:3], -1)
