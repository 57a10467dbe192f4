"""From geometries to pixels: each is burnt in a small window of its own."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.features import rasterize
from rasterio.transform import Affine

from .pixels import MAX_PIXELS, TOO_MANY

STRIP = 4_000_000
"""Pixels of a window at most; a large polygon is burnt in strips."""
POINT, LINES, POLYGONS = 0, (1, 2), 3
AREAS = (3, 6)
"""Polygons, and several of them in one."""
Taken = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Pixels (pixels,) and the index of the geometry that each is of."""
CELLS = (8, 32, 128)
"""Sides, in pixels, of the cells that small geometries are burnt in, many at once."""
FAR = 1e9
"""Pixels from which on a geometry is clipped first: GDAL counts them in 32 bits."""


def burn_all(geometries: NDArray[np.object_], rows: int, cols: int) -> Taken:
    """As :func:`burn` of many geometries, quick for hundreds of thousands of small ones.

    Gives pixels (pixels,) and the index of the geometry that each is of; a pixel of a geometry may come twice.
    ValueError if they take too many.
    """
    found, total = [np.empty((2, 0), np.int64)], 0
    for flat, owners in batches(geometries, rows, cols):
        found.append(np.stack([flat, owners]))
        total += len(flat)
        if total > MAX_PIXELS:
            raise ValueError(TOO_MANY)
    flat, owners = np.concatenate(found, axis=1)
    return flat, owners


def batches(geometries: NDArray[np.object_], rows: int, cols: int) -> Iterator[Taken]:
    """Pixels of geometries and the index of the geometry that each is of, a part at a time and none without a pixel.

    Memory grows with the part only. A pixel of a large geometry may come twice.
    """
    for flat, owners in _batches(geometries, rows, cols):
        if len(flat):
            yield flat, owners


def _batches(geometries: NDArray[np.object_], rows: int, cols: int) -> Iterator[Taken]:
    kinds, left = shapely.get_type_id(geometries), np.ones(len(geometries), bool)
    points = np.flatnonzero(kinds == POINT)
    places = np.floor(shapely.get_coordinates(geometries[points]))
    inside = (places >= 0).all(axis=1) & (places < (cols, rows)).all(axis=1)
    col, row = places[inside].astype(np.int64).T
    yield row * cols + col, points[inside]
    left[points] = False
    boxes = shapely.bounds(geometries)
    sides = np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
    for of_kind, touched in ((np.isin(kinds, AREAS), False), (kinds == LINES[0], True)):
        for cell in CELLS:
            some = np.flatnonzero(left & of_kind & (sides <= cell - 4))  # a pixel more at each side
            left[some] = False
            each = max(1, STRIP // cell**2)
            for start in range(0, len(some), each):
                part = some[start : start + each]
                pixels, owners = _burnt_in_cells(geometries[part], boxes[part], cell, touched, rows, cols)
                yield pixels, part[owners]
    for index in np.flatnonzero(left):
        for taken in strips(geometries[index], rows, cols):
            yield taken, np.full(len(taken), index)


def _burnt_in_cells(
    geometries: NDArray[np.object_], boxes: NDArray[np.float64], cell: int, touched: bool, rows: int, cols: int
) -> Taken:
    """Pixels and owners of small geometries: each is moved by whole pixels into a cell of its own and burnt there.

    A row of cells is burnt as one geometry; GDAL looks at all corners of one in each of its lines.
    """
    number = len(geometries)
    wide = min(number, 2 * int(np.ceil(np.sqrt(number))))
    place = np.stack([np.arange(number) % wide, np.arange(number) // wide], axis=1) * cell + 1
    first = np.floor(boxes[:, :2]).astype(np.int64)
    coordinates, owners = shapely.get_coordinates(geometries, return_index=True)
    moved = shapely.set_coordinates(geometries.copy(), coordinates + (place - first)[owners])
    parts, of = shapely.get_parts(moved, return_index=True)
    ends = np.searchsorted(of, np.arange(wide, number + wide, wide))
    shapes = _in_lists(parts, ends.tolist())
    burnt = rasterize(shapes, (-(-number // wide) * cell, wide * cell), all_touched=touched, dtype="uint8")
    row, col = np.nonzero(burnt)
    owner = row // cell * wide + col // cell
    row, col = row - place[owner, 1] + first[owner, 1], col - place[owner, 0] + first[owner, 0]
    inside = (row >= 0) & (row < rows) & (col >= 0) & (col < cols)
    return row[inside] * np.int64(cols) + col[inside], owner[inside]


def _in_lists(parts: NDArray[np.object_], ends: list[int]) -> list[dict[str, Any]]:
    """Polygons, or lines, as GeoJSON's collections of them; ``ends``: where each collection ends.

    rasterio would have shapely list the corners of one geometry after the other, which is slower.
    """
    kind, corners, offsets = shapely.to_ragged_array(parts)
    lists: list[Any] = list(zip(*corners.T.tolist(), strict=True))  # pairs, because lists of two cost more
    for some in offsets:  # rings of corners, polygons of rings
        lists = [lists[first:last] for first, last in pairwise(some.tolist())]
    name = "MultiPolygon" if kind == POLYGONS else "MultiLineString"
    return [{"type": name, "coordinates": lists[first:last]} for first, last in pairwise([0, *ends])]


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
    if max(-left, -top, right, bottom) > FAR:
        parts = _clipped(parts, rows, cols)
        if not len(parts):
            return
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


def _clipped(parts: NDArray[np.object_], rows: int, cols: int) -> NDArray[np.object_]:
    """The parts within the scene and a few pixels around it, without those that are empty there."""
    found = shapely.get_parts(shapely.clip_by_rect(parts, -8, -8, cols + 8, rows + 8))
    while (shapely.get_type_id(found) > POLYGONS).any():
        found = shapely.get_parts(found)
    return np.asarray(found[~shapely.is_empty(found)])
