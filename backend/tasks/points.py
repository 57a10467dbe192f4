"""Pixels as points in a GeoPackage."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio.raw
import rasterio.transform
import shapely

from ..labels import Grid


def write_points(path: Path, grid: Grid, rows: Any, cols: Any, columns: Mapping[str, Sequence[Any]]) -> None:
    """Write the centres of pixels, ``rows`` and ``cols`` (points,), with ``columns`` (points,) of texts or numbers.

    Without a georeference they lie where QGIS shows the raster: rows downwards.
    """
    transform = grid.transform
    xs, ys = rasterio.transform.xy(transform, np.asarray(rows).tolist(), np.asarray(cols).tolist())
    down = -1 if transform.is_identity else 1
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="'crs' was not provided")  # a scene may have none
        pyogrio.raw.write(
            path,
            geometry=shapely.to_wkb(shapely.points(np.asarray(xs), down * np.asarray(ys))),
            field_data=[_column(values) for values in columns.values()],
            fields=list(columns),
            geometry_type="Point",
            crs=grid.crs.to_wkt() if grid.crs else None,
            driver="GPKG",
            layer=path.stem,
            dataset_options={"VERSION": "1.3"},  # what the GDAL of older QGIS reads without a warning
        )


def _column(values: Sequence[Any]) -> Any:
    return np.array(values, dtype=object if len(values) and isinstance(values[0], str) else None)
