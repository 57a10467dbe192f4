"""What image-level networks are made of: a stem, and blocks that scan pixels and the channels of each pixel.

Letters: b tiles, h rows, w cols, k components, d width, n squares, t pixels of a square. Shared by methods; after
Li and others, MambaHSI, IEEE TGRS 62 (2024), with normalisation per pixel so that windows join without seams.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..scan import Linear, MambaBlock
from .squares import put_back, taken

GROUPS = 4
"""Groups of channels of one pixel that the spectral scan reads as tokens."""


class Stem(nn.Module):
    """Components to features: a linear map of each pixel, then its neighbours mixed in by a convolution with a skip."""

    def __init__(self, components: int, width: int, side: int) -> None:
        super().__init__()
        self.embed, self.norm = Linear(components, width), nn.LayerNorm(width)
        self.depthwise = nn.Conv2d(width, width, side, padding=side // 2, groups=width)
        self.pointwise = Linear(width, width)

    def forward(self, values: Tensor, valid: Tensor) -> Tensor:
        """(b, h, w, k) -> (b, h, w, d); what is not valid counts as what lies outside the scene."""
        side = self.depthwise.kernel_size[0] // 2
        features = self.embedded(values, valid)
        return self.mixed(functional.pad(features, (0, 0, side, side, side, side)))

    def embedded(self, values: Tensor, valid: Tensor) -> Tensor:
        """Each pixel by itself: (..., k), valid (...) -> (..., d)."""
        return functional.gelu(self.norm(self.embed(values))) * valid[..., None]

    def mixed(self, features: Tensor) -> Tensor:
        """Embedded pixels (b, h, w, d) with half a kernel more to each side -> (b, h, w, d) without it."""
        side = self.depthwise.kernel_size[0] // 2
        rows, cols = features.shape[1] - side, features.shape[2] - side
        depthwise = self.depthwise
        around = functional.conv2d(
            features.permute(0, 3, 1, 2), depthwise.weight, depthwise.bias, groups=depthwise.groups
        ).permute(0, 2, 3, 1)
        mixed: Tensor = features[:, side:rows, side:cols] + self.pointwise(functional.gelu(around))
        return mixed


class Block(nn.Module):
    """A scan over the pixels of each square, a scan over each pixel's groups of channels, fused: (n, t, d) -> same.

    ``s1, s2 = softmax(theta)``: how much each of the two counts.
    """

    def __init__(self, width: int, states: int) -> None:
        super().__init__()
        half = width // 2
        self.forwards, self.backwards = MambaBlock(half, states), MambaBlock(half, states, reverse=True)
        self.spectral = MambaBlock(width // GROUPS, min(states, GROUPS))  # a few tokens need no more
        self.before, self.norms = nn.LayerNorm(width), nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.theta, self.fuse = nn.Parameter(torch.zeros(2)), Linear(width, width)

    def forward(self, tokens: Tensor, valid: Tensor | None, order: Tensor | None) -> Tensor:
        """Tokens of squares, where they hold data (n, t), and the order (n, t) they are read in.

        ``valid`` None: everywhere; ``order`` None: as they are.
        """
        normal = self.before(tokens)
        if valid is not None:
            normal = normal * valid[..., None]
        first, second = (normal if order is None else taken(normal, order)).chunk(2, dim=-1)
        scanned = torch.cat([self.forwards(first), self.backwards(second)], dim=-1)
        spatial = scanned if order is None else put_back(scanned, order)
        groups = normal.reshape(-1, GROUPS, normal.shape[-1] // GROUPS)
        return self.fused(tokens, spatial, self.spectral(groups).view(tokens.shape))

    def fused(self, tokens: Tensor, spatial: Tensor, spectral: Tensor) -> Tensor:
        """Tokens and what the two scans made of them (n, t, d) -> the block's output."""
        spatial, spectral = (
            functional.gelu(norm(one)) for norm, one in zip(self.norms, (spatial, spectral), strict=True)
        )
        share = torch.softmax(self.theta, dim=0)[0]
        fused: Tensor = tokens + self.fuse(torch.lerp(spectral, spatial, share))
        return fused
