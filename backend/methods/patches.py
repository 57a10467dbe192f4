"""Spectra made ready for the network: normalised, and cut into patches that reach beyond the scene by reflection.

Letters: n pixels, b patches, k components, q pixels a side of all that one class depends on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter
from torch import Tensor
from torch.nn import functional

from ..cube import Array, Cube
from ..room import in_batches
from .contract import Labelled

EXTREME = 10.0
"""Components are cut here, in standard deviations: one broken pixel must not rule the patches it lies in."""
SMALLEST = 1e-9
"""Share of the largest variance below which a component is rounding error."""


@dataclass(frozen=True)
class Normalisation:
    """Whitened principal components of the labelled training pixels, of them alone.

    ``mean`` and ``scale`` (bands,): the standard score of each band; ``projection`` (bands, components): from there to
    components of variance 1.
    """

    mean: Array
    scale: Array
    projection: Array

    @classmethod
    def of(cls, pixels: Array, components: int) -> Normalisation:
        """That of pixels (pixels, bands), with so many components or the fewer that they have."""
        mean, scale = pixels.mean(axis=0, dtype=np.float64), pixels.std(axis=0, dtype=np.float64)
        scale = np.where(scale <= 1e-6 * np.abs(mean), 1, scale)
        scores = (pixels - mean) / scale
        variances, vectors = np.linalg.eigh(scores.T @ scores / len(scores))
        order = np.argsort(-variances)[:components]
        large = variances[order] > SMALLEST * max(float(variances.max()), 1.0)
        kept = order[large] if large.any() else order[:1]
        projection = vectors[:, kept] / (np.sqrt(variances[kept]) if large.any() else 1)
        return cls(mean.astype(np.float32), scale.astype(np.float32), projection.astype(np.float32))

    @property
    def folded(self) -> Array:
        """(bands, components): from reflectance less its mean to components."""
        return np.asarray(self.projection / self.scale[:, None])

    def spectra(self, cube: Cube, chosen: NDArray[np.int64] | slice) -> Tensor:
        """Components (n, components) of the chosen pixels, by row-major number; nodata is 0, the mean."""
        values = torch.from_numpy(cube.reflectance.reshape(len(self.mean), -1)[:, chosen])
        # The mean goes first, in the order of the file: taken off the products it would cost digits.
        centred = values - torch.from_numpy(self.mean)[:, None]
        scores = centred.t() @ torch.from_numpy(self.folded)
        valid = torch.from_numpy(cube.valid.reshape(-1)[chosen])
        return scores.clamp_(-EXTREME, EXTREME).masked_fill_(~valid[:, None], 0)


def reflected(rows: int, cols: int, margin: int) -> NDArray[np.int64]:
    """Row-major pixel numbers (rows + 2 margin, cols + 2 margin) of an image that is mirrored at its borders.

    The border pixel itself is not doubled; an image smaller than the margin is mirrored over and over.
    """
    along, across = (np.pad(np.arange(size), margin, mode="reflect") for size in (rows, cols))
    return along[:, None] * cols + across


def symmetries(side: int) -> Tensor:
    """Row-major positions (8, side * side): a square turned and mirrored in every way, first as it is."""
    grid = np.arange(side * side).reshape(side, side)
    return torch.from_numpy(np.stack([np.rot90(view, turn).ravel() for view in (grid, grid.T) for turn in range(4)]))


class Normalising(Protocol):
    """Makes a cube's spectra ready for a network."""

    def spectra(self, cube: Cube, chosen: NDArray[np.int64] | slice) -> Tensor:
        """Features (n, k) of the chosen pixels, by row-major number."""


class Patches:
    """Labelled pixels with their surroundings; which pixels a patch holds is found when it is drawn.

    ``table`` (n, k) holds each pixel once, and only those that lie in a patch; ``grid`` (pixels,) the places in it of
    all tiles, each with its mirrored margins. ``corner``, ``stride``, ``classes`` (b,): where in the grid a patch
    starts, how far apart its rows are there, and its class from 0.
    """

    def __init__(self, labelled: list[Labelled], normalisation: Normalising, reach: int) -> None:
        self.side = 2 * reach + 1
        tables, grids, corners, strides, classes, known, passed = [], [], [], [], [], 0, 0
        for item in labelled:
            used, grid = _surroundings(item, reach)
            rows, cols = np.nonzero(item.labels > 0)
            tables.append(normalisation.spectra(item.cube, used))
            grids.append(torch.from_numpy((grid + known).ravel()))
            corners.append(torch.from_numpy(passed + rows * grid.shape[1] + cols))
            strides.append(torch.full((len(rows),), grid.shape[1], dtype=torch.int32))
            classes.append(torch.from_numpy(item.classes.astype(np.int64) - 1))
            known, passed = known + len(used), passed + grid.size
        self.table, self.grid, self.classes = torch.cat(tables), torch.cat(grids), torch.cat(classes)
        self.corner, self.stride = torch.cat(corners), torch.cat(strides)

    def __len__(self) -> int:
        return len(self.classes)

    def index(self, part: Tensor | slice) -> Tensor:
        """Where in the table the pixels of some patches are (b, q * q)."""
        span = torch.arange(self.side)
        at = self.corner[part, None, None] + span[:, None] * self.stride[part, None, None] + span
        return self.grid[at.flatten(1)].long()

    def part(self, part: slice) -> tuple[Tensor, Tensor]:
        """Components (b, q * q, k) and classes (b,) of some patches."""
        return self.table[self.index(part)], self.classes[part]


def mean_loss(patches: Patches, scores: Callable[[Tensor], Tensor], weights: Tensor, size: int) -> float:
    """The mean cross-entropy of all patches, weighted by class; ``size`` of them together, fewer if the card is full.

    ``scores`` gives (b, classes) for components (b, q * q, k) on the device of ``weights`` (classes,).
    """
    sums: list[tuple[float, float]] = []

    def work(part: slice) -> None:
        components, targets = (one.to(weights.device) for one in patches.part(part))
        total = functional.cross_entropy(scores(components), targets, weights, reduction="sum")
        sums.append((float(total), float(weights[targets].sum())))

    in_batches(len(patches), size, work, weights.device)
    total, share = sum(loss for loss, _ in sums), sum(weight for _, weight in sums)
    return total / max(share, 1e-12)


class Draw:
    """Batches of patches at random without end, each patch turned and mirrored by chance, with a little noise.

    Every patch comes once before any comes twice. Noise is in standard deviations: of each value alone and, twice as
    strong, of the brightness of a whole patch, as light and shade change it.
    """

    def __init__(self, patches: Patches, size: int, noise: float, seed: int) -> None:
        self.patches, self.size, self.noise = patches, size, noise
        self.generator = torch.Generator().manual_seed(seed)
        self.symmetries = symmetries(patches.side)
        self.order = torch.empty(0, dtype=torch.long)

    def __call__(self) -> tuple[Tensor, Tensor]:
        """Components (b, q * q, k) and classes (b,) of one training step."""
        while len(self.order) < self.size:
            self.order = torch.cat([self.order, torch.randperm(len(self.patches), generator=self.generator)])
        part, self.order = self.order[: self.size], self.order[self.size :]
        turned = self.symmetries[torch.randint(8, (len(part),), generator=self.generator)]
        spectra = self.patches.table[self.patches.index(part).gather(1, turned)]
        if self.noise:
            gain = 1 + self.noise * torch.randn((len(part), 1, 1), generator=self.generator)
            spectra = spectra * gain + self.noise * torch.randn(spectra.shape, generator=self.generator)
        return spectra, self.patches.classes[part]


def _surroundings(item: Labelled, reach: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """The pixels that lie in a patch, and the place among them of every pixel (rows + 2 reach, cols + 2 reach).

    Pixels in no patch have a place that means nothing.
    """
    rows, cols = item.labels.shape
    grid = reflected(rows, cols, reach)
    near = maximum_filter(np.pad(item.labels > 0, reach), 2 * reach + 1)
    used = np.zeros(item.labels.size, dtype=bool)
    used[grid[near]] = True
    return np.flatnonzero(used), (used.cumsum(dtype=np.int32) - 1)[grid]
