"""An area of a scene as a job file gives it: the features of a vector layer, or a mask raster on the scene's grid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioError

from ..cube import WHOLE_TILES, Mask, Window
from ..links import check_file
from .burn import batches
from .layer import read_layer
from .lying import check_grid
from .pixels import Grid
from .placing import place
from .single import blocks, check_band, opened

WHAT = "mask raster"
LEAST_SIDE = 16
"""Pixels a side of the smallest tiles: smaller ones take long to read, and networks look at pixels' surroundings."""


@dataclass(frozen=True)
class Area:
    """Which pixels of a scene belong to an area, at one bit a pixel.

    ``bits`` (rows, bytes): eight columns a byte, the leftmost in the highest bit. ``notices``: what was left out.
    """

    bits: NDArray[np.uint8]
    cols: int
    notices: list[str] = field(default_factory=list)

    @property
    def pixels(self) -> int:
        """How many pixels belong to the area."""
        return int(np.bitwise_count(self.bits).sum(dtype=np.int64))

    def mask(self, window: Window) -> Mask:
        """Which pixels of a window's core (rows, cols) belong to the area."""
        first, last = window.col // 8, -(-(window.col + window.cols) // 8)
        part = self.bits[window.row : window.row + window.rows, first:last]
        start = window.col - 8 * first
        return np.unpackbits(part, axis=1)[:, start : start + window.cols].astype(bool)

    def windows(self, num_tiles: int, size: int) -> list[Window]:
        """Tiles of one shape that hold all of the area, at most ``size`` pixels a side, in the order to sample it by.

        The order is drawn at random and always the same: a tile comes the earlier, the more of the area it holds. An
        area within three tiles comes as one; one so thin that ``num_tiles`` of them would miss most of it in smaller
        tiles. Tiles at the right and lower end of the scene may overlap their neighbours.
        """
        rows, cols = len(self.bits), self.cols
        if size >= max(rows, cols):
            return [Window(0, 0, rows, cols)]
        around = self._around()
        if around.rows * around.cols <= WHOLE_TILES * size**2:
            return [around]
        side = max(8, size // 8 * 8)
        found = self.tiles(side)
        room = num_tiles * size**2
        while side >= 2 * LEAST_SIDE and len(found) * side**2 > room and 2 * self.pixels < len(found) * side**2:
            side = side // 16 * 8
            found = self.tiles(side)
        keys = np.random.default_rng(0).random(len(found)) ** (1 / found[:, 2])  # Efraimidis and Spirakis (2006)
        height, width = min(side, rows), min(side, cols)
        return [
            Window(min(row, rows - height), min(col, cols - width), height, width)
            for row, col, _ in found[np.argsort(-keys)].tolist()
        ]

    def tiles(self, size: int) -> NDArray[np.int64]:
        """First row, first column and pixels of the area (tiles, 3) of the scene's tiles that touch it.

        ``size``: a multiple of 8.
        """
        found, lefts = [np.empty((0, 3), np.int64)], np.arange(0, self.bits.shape[1], size // 8)
        for top in range(0, len(self.bits), size):
            strip = np.bitwise_count(self.bits[top : top + size]).sum(axis=0, dtype=np.int64)
            counts = np.add.reduceat(strip, lefts)
            filled = counts > 0
            found.append(np.column_stack([np.full(filled.sum(), top), 8 * lefts[filled], counts[filled]]))
        return np.concatenate(found)

    def _around(self) -> Window:
        """The smallest part of the scene that holds the area and, where the scene is as large, LEAST_SIDE pixels."""
        edges = []
        for touched, length in (
            (self.bits.any(axis=1), len(self.bits)),
            (np.unpackbits(np.bitwise_or.reduce(self.bits, axis=0))[: self.cols], self.cols),
        ):
            first, last = np.flatnonzero(touched)[[0, -1]].tolist()
            size = min(length, max(LEAST_SIDE, last + 1 - first))
            edges.append((min(first, length - size), size))
        (row, height), (col, width) = edges
        return Window(row, col, height, width)


def read_area(given: Mapping[str, Any], grid: Grid) -> Area:
    """The pixels of a scene that an input of the kind ``area`` chooses (see :class:`backend.tasks.Input`).

    ``{"path": text}`` is a mask raster on the scene's grid, where every value but 0 and nodata counts, or a vector
    layer of any coordinate system; ``"layer"`` names one of several in the file. A polygon takes the pixels whose
    centre it holds, a line all it touches, a point its own. ValueError, a sentence, if something of it is of a wrong
    type, it cannot be read, or no pixel of the scene lies inside.
    """
    unknown = sorted(set(given) - {"path", "layer"})
    if unknown:
        raise ValueError(f"An area in a job file has no {unknown[0]!r}; it has path and layer.")
    if given.get("layer") is not None and not isinstance(given["layer"], str):
        raise ValueError("The area's 'layer' in the job file must be a text.")
    if given.get("layer") or not _is_raster(given["path"]):
        return _of_layer(given["path"], given.get("layer"), grid)
    return _of_raster(given["path"], grid)


def _is_raster(path: str) -> bool:
    check_file(Path(path))
    try:
        with rasterio.open(path):
            return True
    except (RasterioError, UnicodeEncodeError):
        return False


def _of_layer(path: str, layer: str | None, grid: Grid) -> Area:
    placed, bits, taking = place(read_layer(path, layer, None), grid), _blank(grid), set[int]()
    for flat, owners in batches(placed.parts[placed.touching], grid.rows, grid.cols):
        _set(bits, flat, grid.cols)
        taking.update(np.unique(owners).tolist())
    if not taking:
        raise ValueError(placed.nowhere())
    return Area(bits, grid.cols, [*placed.notices, *placed.misses(placed.touching[sorted(taking)].tolist())])


def _of_raster(path: str, grid: Grid) -> Area:
    bits = _blank(grid)
    with opened(path, WHAT) as dataset:
        check_band(dataset, WHAT)
        notices = check_grid(dataset, grid, WHAT)
        for row, col, values, there in blocks(dataset):
            rows, cols = np.nonzero(there & (values != 0))
            _set(bits, (rows + row) * np.int64(grid.cols) + cols + col, grid.cols)
    if not bits.any():
        raise ValueError("The mask raster chooses no pixel: it holds only 0 and nodata.")
    return Area(bits, grid.cols, notices)


def _blank(grid: Grid) -> NDArray[np.uint8]:
    return np.zeros((grid.rows, -(-grid.cols // 8)), np.uint8)


def _set(bits: NDArray[np.uint8], flat: NDArray[np.int64], cols: int) -> None:
    """Set the bits of pixels by their number in the scene, row * cols + col."""
    rows, cols_of = np.divmod(flat, cols)
    places = rows * bits.shape[1] + cols_of // 8
    np.bitwise_or.at(bits.reshape(-1), places, np.uint8(128) >> (cols_of % 8).astype(np.uint8))
