"""An area of a scene as a job file gives it: the features of a vector layer, or a mask raster on the scene's grid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioError

from ..cube import Mask, Window
from .burn import strips
from .layer import read_layer
from .pixels import Grid
from .placing import place
from .raster import blocks, check_grid, opened

WHAT = "mask raster"


@dataclass(frozen=True)
class Area:
    """Which pixels of a scene belong to an area, at one bit a pixel.

    ``bits`` (rows, bytes): eight columns a byte, the leftmost in the highest bit. ``notices``: what was left out.
    """

    bits: NDArray[np.uint8]
    cols: int
    notices: list[str] = field(default_factory=list)

    def mask(self, window: Window) -> Mask:
        """Which pixels of a window's core (rows, cols) belong to the area."""
        first, last = window.col // 8, -(-(window.col + window.cols) // 8)
        part = self.bits[window.row : window.row + window.rows, first:last]
        start = window.col - 8 * first
        return np.unpackbits(part, axis=1)[:, start : start + window.cols].astype(bool)

    def tiles(self, size: int) -> NDArray[np.int64]:
        """First row and column (tiles, 2) of the tiles of the scene that touch the area; ``size``: a multiple of 8."""
        found, lefts = [np.empty((0, 2), np.int64)], np.arange(0, self.bits.shape[1], size // 8)
        for top in range(0, len(self.bits), size):
            filled = np.maximum.reduceat(self.bits[top : top + size].max(axis=0), lefts) > 0
            found.append(np.column_stack([np.full(filled.sum(), top), 8 * lefts[filled]]))
        return np.concatenate(found)


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
    try:
        with rasterio.open(path):
            return True
    except (RasterioError, UnicodeEncodeError):
        return False


def _of_layer(path: str, layer: str | None, grid: Grid) -> Area:
    placed, bits, taking = place(read_layer(path, layer, None), grid), _blank(grid), []
    for part in placed.touching:
        for flat in strips(placed.parts[part], grid.rows, grid.cols):
            _set(bits, flat, grid.cols)
            if len(flat):
                taking.append(part)
    if not taking:
        raise ValueError(placed.nowhere())
    return Area(bits, grid.cols, [*placed.notices, *placed.misses(taking)])


def _of_raster(path: str, grid: Grid) -> Area:
    bits = _blank(grid)
    with opened(path, WHAT) as dataset:
        notices = check_grid(dataset, grid, WHAT)
        for row, col, values in blocks(dataset):
            rows, cols = np.nonzero(values)
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
