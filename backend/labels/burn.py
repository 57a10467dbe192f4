"""From geometries to pixels: each is burnt in a small window of its own."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.features import rasterize
from rasterio.transform import Affine

from .pixels import MAX_PIXELS, TOO_MANY

STRIP = 4_000_000
"""Pixels of a window at most; a large polygon is burnt in strips."""
POINT, LINES, POLYGONS = 0, (1, 2), 3


def burn(geometry: shapely.Geometry, rows: int, cols: int) -> NDArray[np.int64]:
    """Numbers (row * cols + col) of the scene's pixels that a geometry in pixel coordinates (x = col, y = row) takes.

    A polygon takes the pixels whose centre it holds, a point its pixel, a line all it touches; of a collection all
    parts. Parts outside the scene take none; a pixel may come twice. ValueError if it takes too many.
    """
    found, total = [np.empty(0, np.int64)], 0
    for taken in strips(geometry, rows, cols):
        found.append(taken)
        total += len(taken)
        if total > MAX_PIXELS:
            raise ValueError(TOO_MANY)
    return np.concatenate(found)


def strips(geometry: shapely.Geometry, rows: int, cols: int) -> Iterator[NDArray[np.int64]]:
    """As :func:`burn`, a strip of the scene at a time and without a limit: memory grows with the strip only."""
    parts = shapely.get_parts(geometry, return_index=False)
    while (shapely.get_type_id(parts) > POLYGONS).any():  # collections may hold collections
        parts = shapely.get_parts(parts)
    kinds = shapely.get_type_id(parts)
    yield _points(parts[kinds == POINT], rows, cols)
    for some, touched in ((parts[kinds == POLYGONS], False), (parts[np.isin(kinds, LINES)], True)):
        if len(some):
            yield from _shape(some, rows, cols, touched)


def _points(points: NDArray[np.object_], rows: int, cols: int) -> NDArray[np.int64]:
    places = np.floor(shapely.get_coordinates(points))
    inside = (places >= 0).all(axis=1) & (places[:, 0] < cols) & (places[:, 1] < rows)
    col, row = places[inside].astype(np.int64).T
    return np.asarray(row * cols + col)


def _shape(parts: NDArray[np.object_], rows: int, cols: int, touched: bool) -> Iterator[NDArray[np.int64]]:
    """Pixels of polygons or lines, strip by strip."""
    left, top, right, bottom = shapely.total_bounds(parts)
    first_row, last_row = max(0, int(np.floor(top))), min(rows, int(np.floor(bottom)) + 1)
    first_col, last_col = max(0, int(np.floor(left))), min(cols, int(np.floor(right)) + 1)
    if first_row >= last_row or first_col >= last_col:
        return
    width = last_col - first_col
    height = max(1, STRIP // width)
    for row in range(first_row, last_row, height):
        shape = (min(height, last_row - row), width)
        moved = Affine.translation(first_col, row)
        taken = rasterize(list(parts), shape, transform=moved, all_touched=touched, dtype="uint8")
        inside_rows, inside_cols = np.nonzero(taken)
        yield (inside_rows + row) * np.int64(cols) + inside_cols + first_col
