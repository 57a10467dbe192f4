"""Pixels as points in a GeoPackage."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio.raw
import shapely

from ..control import Control
from ..labels import Grid
from ..place import Coordinates


def write_points(path: Path, grid: Grid, rows: Any, cols: Any, columns: Mapping[str, Sequence[Any]]) -> None:
    """Write the centres of pixels, ``rows`` and ``cols`` (points,), with ``columns`` (points,) of texts or numbers.

    Without a georeference they lie where QGIS shows the raster: rows downwards.
    """
    xs, ys = _centres(grid, np.asarray(rows) + 0.5, np.asarray(cols) + 0.5)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="'crs' was not provided")  # a scene may have none
        pyogrio.raw.write(
            path,
            geometry=shapely.to_wkb(shapely.points(xs, ys)),
            field_data=[_column(values) for values in columns.values()],
            fields=list(columns),
            geometry_type="Point",
            crs=grid.crs.to_wkt() if grid.crs else None,
            driver="GPKG",
            layer=path.stem,
            dataset_options={"VERSION": "1.3"},  # what the GDAL of older QGIS reads without a warning
        )


def _centres(grid: Grid, rows: Coordinates, cols: Coordinates) -> tuple[Coordinates, Coordinates]:
    """Map coordinates of pixel coordinates."""
    if grid.gcps:
        return Control(grid.gcps, grid.rows, grid.cols).to_map(cols, rows)
    if not grid.is_georeferenced:
        return cols, -rows
    where = grid.transform
    return where.a * cols + where.b * rows + where.c, where.d * cols + where.e * rows + where.f


def _column(values: Sequence[Any]) -> Any:
    return np.array(values, dtype=object if len(values) and isinstance(values[0], str) else None)
