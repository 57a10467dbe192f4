"""In which order a patch is read, how far each place counts, and how many tokens each scale keeps. No weights here.

Letters: p pixels a side of a patch, t tokens, s tokens kept, m = (t + 1) / 2 tokens of a half scan that ends at the
centre, d features.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

SCALES = (25, 9, 1)
"""Tokens of the scales below the patch's own; odd, so that each has a centre."""
TYPES = 4
"""Scan types: the patch, its transpose, its mirror image, and the patch turned by a quarter clockwise."""


def token_counts(patch: int) -> list[int]:
    """Tokens of the scales: the patch's p * p pixels, then those of 25, 9 and 1 that are fewer."""
    return [patch * patch, *(count for count in SCALES if count < patch * patch)]


def scan_orders(patch: int) -> Tensor:
    """Row-major positions (4, p * p): each scan type as a snake, every other row read from its end.

    The centre is the middle token of all four, so that both halves of each end there.
    """
    grid = np.arange(patch * patch).reshape(patch, patch)
    views = (grid, grid.T, np.fliplr(grid), np.rot90(grid, -1))
    return torch.from_numpy(np.stack([_snake(view) for view in views]))


def index_decay(tokens: int) -> Tensor:
    """Gaussian decay by place (t,): 1 at the centre, falling along both halves.

    exp(-(i - i0)^2 / (2 sigma^2)) with i0 the centre and sigma the mean of |i - i0| over a half.
    """
    distance = (torch.arange(tokens) - tokens // 2).abs().float()
    sigma = distance[: tokens // 2 + 1].mean()
    return torch.exp(-distance.square() / (2 * sigma.square()))


def feature_decay(features: Tensor) -> Tensor:
    """Gaussian decay by unlikeness to the centre: features (b, t, d) -> (b, t), 1 at the centre, the middle token.

    exp(-(|y_i - y_0| / rho)^2 / 2) with rho the mean of |y_i - y_0|; 1 everywhere if all tokens are alike.
    """
    middle = features.shape[1] // 2
    squares = (features - features[:, middle : middle + 1]).square().sum(dim=-1)
    rho = (squares + 1e-8).sqrt().mean(dim=-1, keepdim=True)  # the root of 0 has no slope
    return torch.exp(-squares / (2 * rho.square()))


def halves(tokens: int) -> Tensor:
    """Places (2, m) of the half scans: from the first token to the centre, and from the last one to the centre."""
    places = torch.arange(tokens)
    return torch.stack([places[: tokens // 2 + 1], places.flip(0)[: tokens // 2 + 1]])


def pools(tokens: int, kept: int) -> list[range]:
    """The places each of the s kept tokens is the mean of, as torch's adaptive average pooling chooses them."""
    return [range(tokens * one // kept, -(-tokens * (one + 1) // kept)) for one in range(kept)]


def pooling(tokens: int, kept: int) -> Tensor:
    """The same as a matrix (s, t)."""
    matrix = torch.zeros(kept, tokens)
    for row, places in zip(matrix, pools(tokens, kept), strict=True):
        row[places.start : places.stop] = 1 / len(places)
    return matrix


def _snake(grid: NDArray[Any]) -> NDArray[Any]:
    rows = grid.copy()
    rows[1::2] = rows[1::2, ::-1]
    return rows.ravel()
