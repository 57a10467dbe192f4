"""Tiles of a scene as the network reads them, and how those of a training step are drawn and changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..cube import Cube, Mask
from .contract import Labelled
from .patches import Normalisation


@dataclass(frozen=True)
class Tile:
    """Spectral components ``values`` (1, h, w, k) and where there are data, ``valid`` (1, h, w).

    ``origin``: the row and column of its first pixel in the scene.
    """

    values: Tensor
    valid: Tensor
    origin: tuple[int, int]


@dataclass(frozen=True)
class Known(Tile):
    """A tile with ``labels`` (1, h, w): classes from 1, 0 = not labelled."""

    labels: Tensor


@dataclass(frozen=True)
class Seen(Tile):
    """A tile with its ``reflectance`` (l, h * w)."""

    reflectance: Tensor


T = TypeVar("T", bound=Tile)


def read(cube: Cube, normalisation: Normalisation) -> Tile:
    """A cube, halo included, as a tile."""
    rows, cols = cube.valid.shape
    values = normalisation.spectra(cube, slice(None)).view(1, rows, cols, -1)
    return Tile(values, torch.from_numpy(cube.valid)[None], origin(cube))


def origin(cube: Cube) -> tuple[int, int]:
    """The row and column of a cube's first pixel in the scene, halo included."""
    top, _, left, _ = cube.window.halo
    return cube.window.row - top, cube.window.col - left


def core(cube: Cube) -> Mask:
    """Which pixels (rows, cols) hold data and are no halo."""
    found = np.zeros_like(cube.valid)
    found[cube.window.core] = cube.valid[cube.window.core]
    return found


def known(item: Labelled, normalisation: Normalisation) -> Known:
    """A labelled cube as a tile."""
    tile, labels = read(item.cube, normalisation), torch.from_numpy(item.labels.astype(np.int64))[None]
    return Known(tile.values, tile.valid, tile.origin, labels)


def seen(cube: Cube, normalisation: Normalisation) -> Seen:
    """A cube as a tile with its reflectance."""
    tile, reflectance = read(cube, normalisation), torch.from_numpy(cube.reflectance).flatten(1)
    return Seen(tile.values, tile.valid, tile.origin, reflectance)


class Draw(Generic[T]):
    """Tiles at random without end, of about ``pixels`` pixels together; each comes once before any comes twice."""

    def __init__(self, tiles: list[T], pixels: int, seed: int) -> None:
        self.tiles, self.pixels, self.generator = tiles, pixels, torch.Generator().manual_seed(seed)
        self.waiting: list[int] = []

    def __call__(self) -> list[T]:
        """The tiles of one training step: one at least, and none twice."""
        chosen: list[int] = []
        pixels = 0
        while len(chosen) < len(self.tiles):
            if not self.waiting:
                self.waiting = torch.randperm(len(self.tiles), generator=self.generator).tolist()
            pixels += self.tiles[self.waiting[-1]].valid.numel()
            if self.waiting[-1] in chosen or (chosen and pixels > self.pixels):
                break
            chosen.append(self.waiting.pop())
        return [self.tiles[number] for number in chosen]


def counted(tiles: list[Known], class_weights: Tensor) -> Tensor:
    """The weight of each tile's labelled pixels together (tiles,), for classes that weigh so much (classes,)."""
    weights = functional.pad(class_weights.cpu(), (1, 0))
    return torch.stack([weights[tile.labels].sum() for tile in tiles])


def changed(tile: Known, noise: float, side: int, generator: torch.Generator) -> Known:
    """A tile turned or mirrored by chance, on squares moved by chance, its spectra a little noisy.

    ``noise`` in standard deviations of the components: of each value alone, and of the contrast of the whole tile.
    """
    turn, flip, row, col = (int(torch.randint(size, (), generator=generator)) for size in (4, 2, side, side))

    def turned(values: Tensor) -> Tensor:
        found = values.rot90(turn, (1, 2))
        return (found.flip(2) if flip else found).contiguous()

    values = turned(tile.values)
    if noise:
        gain = 1 + noise * torch.randn((), generator=generator)
        values = values * gain + noise * torch.randn(values.shape, generator=generator)
    return Known(values, turned(tile.valid), (row, col), turned(tile.labels))
