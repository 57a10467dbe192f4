"""Where the features of a layer lie on a scene: in pixels of its grid, repaired, and what is to be said of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio._err import CPLE_BaseError  # rasterio names it nowhere else
from rasterio.errors import CRSError
from rasterio.warp import transform

from ..control import Control
from ..place import Coordinates
from .layer import Layer, features_are
from .pixels import Grid, counted

EDGE = 8
"""Pixels: so long an edge bends by far less than a pixel."""
MOST_CROSSINGS, FEW_CORNERS = 20_000, 200
"""A polygon is repaired if its edges cross less often, about, or if it has fewer corners."""
FARTHEST = 1e12
"""Pixels from the scene's corner: a coordinate beyond lies nowhere on Earth."""
MOST_EDGES = 100_000
"""Of a feature, in each direction: it may cover a continent."""


@dataclass(frozen=True)
class Placed:
    """The valid parts (parts,) of a layer's features in pixel coordinates (x = col, y = row).

    ``owners`` (parts,): index of the feature each is of. ``touching``: indices of the parts that touch the scene.
    ``notices`` says what could not be placed, or had to be repaired.
    """

    layer: Layer
    grid: Grid
    parts: NDArray[np.object_]
    owners: NDArray[np.integer]
    touching: NDArray[np.integer]
    notices: list[str]

    def misses(self, taking: Sequence[int]) -> list[str]:
        """What is to be said of features that lie outside the scene, or take no pixel; ``taking``: parts that do."""
        ids, boxes = self.layer.ids, shapely.bounds(self.parts[self.touching])
        within = (boxes[:, :2] >= 0).all(axis=1) & (boxes[:, 2:] <= (self.grid.cols, self.grid.rows)).all(axis=1)
        beyond = self.touching[~within]
        outside = np.setdiff1d(self.owners, self.owners[self.touching])
        slim = np.setdiff1d(self.owners[self.touching], self.owners[list(taking)])
        notices = []
        if len(outside):
            notices.append(f"{features_are(ids[outside])} outside the scene and left out.")
        if len(beyond):
            number = counted(len(np.unique(self.owners[beyond])), "feature")
            notices.append(f"{number} partly outside the scene; the part inside counts.")
        if len(slim):
            notices.append(
                f"{features_are(ids[slim])} too small or too slim to hold the centre of a pixel, and left out. Draw "
                "larger areas, or use points."
            )
        return notices

    def nowhere(self) -> str:
        """The sentence for a layer that takes no pixel of the scene: where it lies, and where the scene does."""
        if not len(self.layer.ids):
            return " ".join(["The layer has no feature that can be used.", *self.layer.notices])
        if not len(self.parts):
            return "The layer's coordinates cannot be placed on the scene; check its coordinate system."
        left, top, right, bottom = shapely.total_bounds(self.parts)
        if left < self.grid.cols and right > 0 and top < self.grid.rows and bottom > 0:
            return "The layer's areas lie between the centres of the scene's pixels; draw larger areas, or use points."
        advice = "Check the coordinate systems of both."
        if not self.grid.is_georeferenced and self.layer.crs is not None:
            advice = (
                "The scene has no place on the map and the layer has: give the scene one first (QGIS: Layer > "
                "Georeferencer), or draw the areas over the scene as it is."
            )
        return (
            f"Nothing of the layer lies on the scene: in pixels of the scene, the layer covers columns {left:.0f} to "
            f"{right:.0f} and rows {top:.0f} to {bottom:.0f}, the scene columns 0 to {self.grid.cols} and rows 0 to "
            f"{self.grid.rows}. {advice}"
        )


def place(layer: Layer, grid: Grid) -> Placed:
    """Put a layer of any coordinate system on a scene's grid."""
    geometries = _on_grid(layer, grid)
    parts, owners = shapely.get_parts(geometries, return_index=True)  # of a layer with one feature per class, areas
    broken = np.flatnonzero(~shapely.is_valid(parts))
    tangled = _tangled(parts[broken])
    tangles, broken = broken[tangled], broken[~tangled]
    parts[broken] = shapely.make_valid(parts[broken], method="structure")
    notices = [*layer.notices, *_placing_notices(layer, grid)]
    notices += _faults(layer.ids, shapely.is_missing(geometries), owners[broken], owners[tangles])
    touching = np.flatnonzero(shapely.intersects(parts, shapely.box(0, 0, grid.cols, grid.rows)))
    return Placed(layer, grid, parts, owners, touching, notices)


def _tangled(parts: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Which parts cross themselves so often that a repair would take minutes and gigabytes.

    Edges of the length L strewn over the area A cross about L * L / (pi * A) times.
    """
    left, top, right, bottom = shapely.bounds(parts).T
    width, height = right - left, bottom - top
    area = np.maximum(width * height, 1e-9 * (width + height) ** 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        crossings = shapely.length(parts) ** 2 / (np.pi * area)
    return np.asarray((crossings > MOST_CROSSINGS) & (shapely.get_num_coordinates(parts) > FEW_CORNERS))


def _placing_notices(layer: Layer, grid: Grid) -> list[str]:
    if not grid.is_georeferenced:
        return [
            "The scene has no georeference: the vector layer's coordinates are taken as columns (x) and rows "
            "(-y), as QGIS shows such a scene."
        ]
    if layer.crs is None or grid.crs is None:
        silent = "vector layer" if layer.crs is None else "scene"
        return [f"The {silent} names no coordinate system: the vector layer's coordinates are taken as the scene's."]
    return []


def _on_grid(layer: Layer, grid: Grid) -> NDArray[np.object_]:
    """The geometries in pixel coordinates (x = col, y = row); None where a coordinate has no place there."""
    to_pixels = _to_pixels(grid)
    moved = _in_scene_crs(layer, grid)
    known = np.isfinite(shapely.bounds(moved)).all(axis=1)
    found = np.full(len(moved), None, dtype=object)
    found[known] = to_pixels(moved[known])
    found[~(np.abs(shapely.bounds(found)) < FARTHEST).all(axis=1)] = None
    return found


def _in_scene_crs(layer: Layer, grid: Grid) -> NDArray[np.object_]:
    """The geometries in the scene's coordinate system; None where a coordinate has no place there."""
    if layer.crs is None or grid.crs is None or layer.crs == grid.crs:
        return layer.geometries

    def move(points: Coordinates) -> Coordinates:
        return np.column_stack(transform(layer.crs, grid.crs, *points.T))

    try:
        return np.asarray(shapely.transform(layer.geometries, move))
    except (CPLE_BaseError, CRSError):  # one impossible coordinate: find out whose
        return np.array([_moved(geometry, move) for geometry in layer.geometries] + [None], dtype=object)[:-1]


def _moved(geometry: shapely.Geometry, move: Callable[[Coordinates], Coordinates]) -> shapely.Geometry | None:
    try:
        moved: shapely.Geometry = shapely.transform(geometry, move)
    except (CPLE_BaseError, CRSError):
        return None
    return moved


def _to_pixels(grid: Grid) -> Callable[[NDArray[np.object_]], Any]:
    """Moves geometries in the scene's coordinate system."""
    if not grid.is_georeferenced:
        return lambda geometries: shapely.transform(geometries, lambda points: points * [1, -1])
    if not grid.gcps:
        place = grid.place
        return lambda geometries: shapely.transform(
            geometries, lambda points: np.column_stack(place.to_pixels(*points.T))
        )
    control = Control(grid.gcps, grid.rows, grid.cols)

    def bent(geometries: NDArray[np.object_]) -> Any:
        """A straight edge on the map is none in such a scene: it gets corners."""
        bounds = shapely.bounds(geometries)
        longest = np.maximum(EDGE * control.pixel_size, (bounds[:, 2:] - bounds[:, :2]).max(axis=1) / MOST_EDGES)
        cornered = shapely.segmentize(geometries, longest)
        return shapely.transform(cornered, lambda points: np.column_stack(control.to_pixels(*points.T)))

    return bent


def _faults(
    ids: NDArray[np.int64], lost: NDArray[np.bool_], broken: NDArray[np.integer], tangles: NDArray[np.integer]
) -> list[str]:
    """What was done to features (indices) that could not be placed, were repaired or beyond repair, in words."""
    notices = []
    if lost.any():
        notices.append(f"{features_are(ids[lost])} left out: coordinates that cannot be placed on the scene.")
    if len(broken):
        notices.append(f"{features_are(ids[np.unique(broken)])} not valid (edges cross, say) and repaired.")
    if len(tangles):
        notices.append(
            f"{features_are(ids[np.unique(tangles)])} not valid: edges cross thousands of times. What lies inside an "
            "odd number of times counts; draw them anew."
        )
    return notices
