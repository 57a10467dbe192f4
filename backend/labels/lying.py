"""Whether a raster lies on a scene's own grid, pixel on pixel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from rasterio.control import GroundControlPoint

from ..control import WARP_FIRST
from ..products.raster import place
from ..products.rasters.raw_files import fields_of, header_file
from .pixels import Grid

SHIFT = 0.01
"""Rasters that lie this part of a pixel apart are the same."""
ONTO = "Bring it onto the scene's grid first (nearest neighbour)."


def raster_grid(dataset: Any) -> Grid:
    """Where an open raster lies, by what places a scene too."""
    found, _ = place(dataset, fields_of(header_file(dataset, Path(dataset.name))))
    return Grid.of(found, dataset.height, dataset.width)


def check_grid(dataset: Any, grid: Grid, what: str) -> list[str]:
    """What is to be said of how a raster lies on a scene. ValueError, a sentence, if it does not lie on its grid.

    ``what``: what the raster is called.
    """
    here, there = f"{grid.rows} x {grid.cols}", f"{dataset.height} x {dataset.width}"
    if here != there:
        raise ValueError(f"The {what} has {there} pixels (rows x columns), the scene {here}. {ONTO}")
    placed = raster_grid(dataset)
    if placed.is_georeferenced != grid.is_georeferenced:
        silent = "scene" if placed.is_georeferenced else what
        return [f"The {silent} has no georeference: the {what} is laid on the scene pixel by pixel."]
    if placed.crs and grid.crs and placed.crs != grid.crs:
        raise ValueError(f"The {what} and the scene have different coordinate systems. {ONTO}")
    if bool(placed.gcps) != bool(grid.gcps):
        by = ("the scene", f"the {what}") if grid.gcps else (f"the {what}", "the scene")
        raise ValueError(f"Ground control points place {by[0]}, and a grid {by[1]}. {WARP_FIRST}")
    off = _between_points(placed.gcps, grid.gcps) if grid.gcps else _between_grids(placed, grid)
    if off > SHIFT:
        lie = "on other ground control points than" if grid.gcps else f"up to {off:.2g} pixels beside"
        raise ValueError(f"The {what}'s pixels lie {lie} the scene's. {ONTO}")
    return []


def _between_grids(one: Grid, other: Grid) -> float:
    """How many pixels the corners lie apart at most."""
    offset = ~other.transform @ one.transform
    corners = [np.subtract(offset @ corner, corner) for corner in ((0, 0), (other.cols, 0), (0, other.rows))]
    return float(np.abs(corners).max())


def _between_points(some: tuple[GroundControlPoint, ...], others: tuple[GroundControlPoint, ...]) -> float:
    """How far the points lie apart, about in pixels; infinite if there are not as many."""
    if len(some) != len(others):
        return np.inf
    first, second = (np.array([(one.col, one.row, one.x, one.y) for one in points]) for points in (some, others))
    extent = np.ptp(second, axis=0).clip(1e-12)
    pixels = np.array([1, 1, extent[2] / extent[0], extent[3] / extent[1]])
    return float((np.abs(first - second) / pixels).max())
