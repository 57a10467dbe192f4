"""Training pixels from polygons, lines and points."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio._err import CPLE_BaseError  # rasterio names it nowhere else
from rasterio.errors import CRSError
from rasterio.warp import transform

from .burn import burn
from .classes import make_classes
from .layer import Layer, features_are, read_layer
from .pixels import MAX_PIXELS, TOO_MANY, Grid, Labels, counted, listed, rare_notices, settled

Coordinates = NDArray[np.float64]


def read_vector_labels(
    path: str,
    layer: str | None,
    field: str,
    grid: Grid,
    colours: Mapping[str, str] | None = None,
    names: Mapping[str, str] | None = None,
    least: int = 2,
) -> Labels:
    """Training pixels of a scene from a vector layer in any coordinate system; its class is the attribute ``field``.

    A polygon labels the pixels whose centre it holds, a line all it touches, a point its own. ``colours``: of classes
    by name; ``names``: of classes by the field's value. Whatever is left out, or had to be repaired, is in the
    notices. ValueError, a sentence, if layer or field do not fit, or fewer than ``least`` classes lie on the scene.
    """
    found = read_layer(path, layer, field, names)
    notices = [*found.notices, *_placing_notices(found, grid)]
    geometries = _on_grid(found, grid)
    parts, owners = shapely.get_parts(geometries, return_index=True)  # of a layer with one feature per class, areas
    broken = ~shapely.is_valid(parts)
    parts[broken] = shapely.make_valid(parts[broken], method="structure")
    notices += _faults(found.ids, shapely.is_missing(geometries), owners[broken])
    flat, codes, groups, misses = _burnt(found, parts, owners, grid)
    if not len(flat):
        raise ValueError(_nowhere(found, geometries, grid))
    flat, codes, groups, overlaps = settled(flat, codes, groups, found.order)
    notices += [*misses, *overlaps]
    return _labels(flat, codes, groups, found.order, colours, grid, notices, least)


def _labels(
    flat: NDArray[np.int64],
    codes: NDArray[np.int64],
    groups: NDArray[np.int32],
    order: list[str],
    colours: Mapping[str, str] | None,
    grid: Grid,
    notices: list[str],
    least: int,
) -> Labels:
    """Classes numbered from 1, those without a pixel left out."""
    present, values = np.unique(codes, return_inverse=True)
    gone = [name for code, name in enumerate(order) if code not in present]
    if gone:
        notices.append(f"Classes without a single training pixel are left out: {listed(gone)}.")
    classes = make_classes([order[code] for code in present], colours, least)
    rows, cols = np.divmod(flat, grid.cols)
    labels = Labels(
        rows.astype(np.int32), cols.astype(np.int32), (values + 1).astype(np.int16), groups, classes, notices
    )
    notices.extend(rare_notices(labels))
    return labels


def _placing_notices(layer: Layer, grid: Grid) -> list[str]:
    if not grid.is_georeferenced:
        return [
            "The scene has no georeference: the training layer's coordinates are taken as columns (x) and rows "
            "(-y), as QGIS shows such a scene."
        ]
    if layer.crs is None or grid.crs is None:
        silent = "training layer" if layer.crs is None else "scene"
        return [f"The {silent} names no coordinate system: the training layer's coordinates are taken as the scene's."]
    return []


def _on_grid(layer: Layer, grid: Grid) -> NDArray[np.object_]:
    """The geometries in pixel coordinates (x = col, y = row); None where a coordinate has no place there."""
    to_pixels = _to_pixels(layer, grid)
    try:
        moved = shapely.transform(layer.geometries, to_pixels)
    except (CPLE_BaseError, CRSError):  # one impossible coordinate: find out whose
        moved = np.array([_moved(geometry, to_pixels) for geometry in layer.geometries] + [None], dtype=object)[:-1]
    bounds = shapely.bounds(moved)
    return np.asarray(np.where(np.isfinite(bounds).all(axis=1), moved, None))


def _moved(geometry: shapely.Geometry, to_pixels: Callable[[Coordinates], Coordinates]) -> shapely.Geometry | None:
    try:
        moved: shapely.Geometry = shapely.transform(geometry, to_pixels)
    except (CPLE_BaseError, CRSError):
        return None
    return moved


def _to_pixels(layer: Layer, grid: Grid) -> Callable[[Coordinates], Coordinates]:
    if not grid.is_georeferenced:
        return lambda points: points * [1, -1]
    back = ~grid.transform
    differs = layer.crs is not None and grid.crs is not None and layer.crs != grid.crs

    def move(points: Coordinates) -> Coordinates:
        x, y = points.T
        if differs:
            x, y = (np.asarray(values) for values in transform(layer.crs, grid.crs, x, y))
        return np.column_stack([back.a * x + back.b * y + back.c, back.d * x + back.e * y + back.f])

    return move


def _faults(ids: NDArray[np.int64], lost: NDArray[np.bool_], broken: NDArray[np.integer]) -> list[str]:
    """What was done to features (indices) that could not be placed or were not valid, in words."""
    notices = []
    if lost.any():
        notices.append(f"{features_are(ids[lost])} left out: coordinates that cannot be placed on the scene.")
    if len(broken):
        notices.append(f"{features_are(ids[np.unique(broken)])} not valid (edges cross, say) and repaired.")
    return notices


def _burnt(
    layer: Layer, parts: NDArray[np.object_], owners: NDArray[np.integer], grid: Grid
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int32], list[str]]:
    """Claimed pixels with indices of their class names and areas (parts of features), and what took none, in words."""
    codes = {name: code for code, name in enumerate(layer.order)}
    scene = shapely.box(0, 0, grid.cols, grid.rows)
    touching = shapely.intersects(parts, scene)
    flat, kinds, groups, total = [np.empty(0, np.int64)], [], [], 0
    for area in np.flatnonzero(touching):
        flat.append(np.unique(burn(parts[area], grid.rows, grid.cols)))
        kinds.append(codes[layer.names[owners[area]]])
        groups.append(area)
        total += len(flat[-1])
        if total > MAX_PIXELS:
            raise ValueError(TOO_MANY)
    sizes = [len(taken) for taken in flat[1:]]
    taking = np.isin(np.arange(len(layer.ids)), owners[groups][np.array(sizes, int) > 0] if groups else [])
    beyond = np.unique(owners[touching & ~shapely.covers(scene, parts)])
    return (
        np.concatenate(flat),
        np.repeat(np.array(kinds, np.int64), sizes),
        np.repeat(np.array(groups, np.int32), sizes),
        _misses(layer.ids, np.unique(owners), np.unique(owners[touching]), np.flatnonzero(taking), len(beyond)),
    )


def _misses(
    ids: NDArray[np.int64],
    placed: NDArray[np.integer],
    touching: NDArray[np.integer],
    taking: NDArray[np.integer],
    beyond: int,
) -> list[str]:
    """What is to be said of features (indices) that are placed, but do not touch the scene or take no pixel."""
    outside, slim = np.setdiff1d(placed, touching), np.setdiff1d(touching, taking)
    notices = []
    if len(outside):
        notices.append(f"{features_are(ids[outside])} outside the scene and left out.")
    if beyond:
        notices.append(f"{counted(beyond, 'feature')} partly outside the scene; the part inside counts.")
    if len(slim):
        notices.append(
            f"{features_are(ids[slim])} too small or too slim to hold the centre of a pixel, and left out. Draw "
            "larger areas, or use points."
        )
    return notices


def _nowhere(layer: Layer, geometries: NDArray[np.object_], grid: Grid) -> str:
    """The sentence for a layer without a single pixel on the scene: where it lies, and where the scene does."""
    if not len(layer.ids):
        return " ".join(["The training layer has no feature with a class and a geometry.", *layer.notices])
    there = geometries[~shapely.is_missing(geometries)]
    if not len(there):
        return "The training layer's coordinates cannot be placed on the scene; check its coordinate system."
    left, top, right, bottom = shapely.total_bounds(there)
    if left < grid.cols and right > 0 and top < grid.rows and bottom > 0:
        return "The training areas lie between the centres of the scene's pixels; draw larger areas, or use points."
    return (
        f"No training area lies on the scene: in pixels of the scene, the layer covers columns {left:.0f} to "
        f"{right:.0f} and rows {top:.0f} to {bottom:.0f}, the scene columns 0 to {grid.cols} and rows 0 to "
        f"{grid.rows}. Check the coordinate systems of both."
    )
