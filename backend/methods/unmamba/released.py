"""UNMamba's network as its authors released it, with its faults, to compare against; not for new work.

Kept on purpose: normalisation over the whole image, one forward raster sequence, spectral weights as wide as the pooled
image that are never trained, SSM weights overwritten by a Xavier sweep, whole abundance maps dropped in training,
BatchNorm before the softmax, spectra clamped before the step and not after it. The scaling of the
scene, the spectral angle without arccos, the learning-rate schedule and the order of the endmembers are Mixel's own, as
in the repaired variant. Sizes and weights of the loss are the release's, whatever is set for the repaired variant.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...scan import MambaBlock
from .config import Config

POOL = 16
DROPOUT = 0.01
WIDTH, BLOCKS, SPECTRA, TEMPERATURE = 64, 3, 50, 3.5
"""Channels, depth, spectra that an endmember is the mean of, and the softmax's scale."""


def as_released(config: Config) -> Config:
    """The settings with the weights of the loss that the release has for Jasper Ridge."""
    return replace(config, weight_mse=1.0, weight_angle=1.0, weight_spread=1.0, weight_sparse=1e-6)


class ReleasedBlock(nn.Module):
    """The cascaded block: (1, d, h, w) -> same; ``tokens`` is the number of pooled pixels."""

    def __init__(self, width: int, tokens: int) -> None:
        super().__init__()
        self.spatial = MambaBlock(width)
        self.spatial_project = nn.Linear(width, width)
        self.spatial_norm = nn.LayerNorm(width)
        self.spectral = MambaBlock(tokens)
        self.spectral_project = nn.Linear(tokens, tokens)
        self.spectral_norm = nn.LayerNorm(tokens)
        self.mix = nn.Parameter(torch.tensor([0.5, 0.5]))

    def frozen(self) -> list[nn.Module]:
        """What the release builds after its optimiser, so that it stays at its random start."""
        return [self.spectral, self.spectral_project, self.spectral_norm]

    def forward(self, features: Tensor) -> Tensor:
        _, width, rows, cols = features.shape
        raster = features.flatten(2).transpose(1, 2)
        scanned = functional.silu(self.spatial_norm(self.spatial_project(self.spatial(raster))))
        spatial = features + scanned.transpose(1, 2).reshape(features.shape)
        pooled = functional.avg_pool2d(spatial, POOL)
        tokens = pooled.flatten(2)
        mixed = functional.silu(self.spectral_norm(self.spectral_project(self.spectral(tokens))))
        grown = functional.interpolate(mixed.view(1, width, *pooled.shape[2:]), size=(rows, cols), mode="bilinear")
        return self.mix[0] * spatial + self.mix[1] * (spatial + grown) + features


class ReleasedUnmamba(nn.Module):
    """Same interface as :class:`~.network.Unmamba`, for one image of one shape (rows, cols); starts anywhere."""

    mean: Tensor

    def __init__(self, config: Config, mean: Tensor, shape: tuple[int, int]) -> None:
        super().__init__()
        width, r, bands, self.shape = WIDTH, config.num_endmembers, len(mean), shape
        tokens = math.ceil(shape[0] / POOL) * math.ceil(shape[1] / POOL)
        self.stem = nn.Sequential(nn.Conv2d(bands, width, 1), nn.GroupNorm(4, width), nn.SiLU())
        self.blocks = nn.ModuleList(ReleasedBlock(width, tokens) for _ in range(BLOCKS))
        self.head = nn.Sequential(
            nn.Conv2d(width, 2 * width, 1), nn.GroupNorm(4, 2 * width), nn.SiLU(), nn.Conv2d(2 * width, r, 1)
        )
        self.norm = nn.BatchNorm2d(r)
        self.spectra = nn.Parameter(torch.randn(r, SPECTRA, bands))
        self.weights = nn.Parameter(torch.ones(r, SPECTRA))
        self.register_buffer("mean", mean)
        self._start_as_released()

    def endmembers(self) -> Tensor:
        """(r, l): the mean of k weighted spectra; nothing keeps it positive."""
        return torch.einsum("rk,rkl->rl", self.weights, self.spectra) / self.weights.shape[1]

    def forward(self, tiles: Tensor) -> Tensor:
        """Abundances (1, r, h, w). ValueError for an image of another shape than the one learnt from."""
        rows, cols = tiles.shape[2:]
        if (rows, cols) != self.shape:
            raise ValueError(f"The released UNMamba works on the image it was trained on, {self.shape}, and no other.")
        down, right = -rows % POOL, -cols % POOL
        mode = "reflect" if down < rows and right < cols else "replicate"
        features = self.stem(functional.pad(tiles, (0, right, 0, down), mode=mode))
        for block in self.blocks:
            features = block(features)
        abundances = torch.softmax(TEMPERATURE * self.norm(self.head(features)), dim=1)
        if self.training:
            abundances = functional.dropout2d(abundances, DROPOUT)
        return abundances[:, :, :rows, :cols]

    def _start_as_released(self) -> None:
        blocks = [module for module in self.modules() if isinstance(module, ReleasedBlock)]
        frozen = [module for block in blocks for part in block.frozen() for module in part.modules()]
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
            elif isinstance(module, nn.Linear) and module not in frozen:
                nn.init.xavier_uniform_(module.weight)
        for module in frozen:
            module.requires_grad_(False)
        self.spectra.register_post_accumulate_grad_hook(_clamp)  # type: ignore[no-untyped-call]


def _clamp(spectra: Tensor) -> None:
    spectra.data.clamp_(1e-7, 1)
