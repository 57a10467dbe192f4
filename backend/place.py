"""Where a scene's pixels lie on the map: an affine grid, or ground control points, or nowhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.errors import RasterioError
from rasterio.rpc import RPC
from rasterio.transform import GCPTransformer, RPCTransformer

Coordinates = NDArray[np.float64]
NET = 9
"""Points a side of the net that stands for rational polynomials."""


@dataclass(frozen=True)
class Place:
    """A place on the map. ``gcps``: ground control points in ``crs``; where there are some, ``transform`` says nothing.

    Pixel coordinates count from the upper left corner of the upper left pixel, as GDAL's do.
    """

    crs: CRS | None = None
    transform: Affine = Affine.identity()
    gcps: tuple[GroundControlPoint, ...] = ()

    @property
    def kind(self) -> str:
        """``grid``, ``gcps`` or ``none``. A transform without a coordinate system is a grid too."""
        if self.gcps:
            return "gcps"
        return "none" if self.crs is None and self.transform.is_identity else "grid"

    @property
    def profile(self) -> dict[str, Any]:
        """What rasterio.open needs to write a raster in this place."""
        if self.gcps:
            return {"gcps": list(self.gcps), "crs": self.crs}
        return {"crs": self.crs, "transform": self.transform}

    def to_pixels(self, x: Coordinates, y: Coordinates) -> tuple[Coordinates, Coordinates]:
        """Columns and rows, with fractions, of coordinates in ``crs``."""
        if self.gcps:
            with GCPTransformer(list(self.gcps)) as fitted:
                rows, cols = fitted.rowcol(x, y, op=float)
            return np.asarray(cols, dtype=float), np.asarray(rows, dtype=float)
        back = ~self.transform
        return back.a * x + back.b * y + back.c, back.d * x + back.e * y + back.f


def from_arrays(longitude: NDArray[Any], latitude: NDArray[Any], rows: Sequence[int], cols: Sequence[int]) -> Place:
    """The place of a swath whose pixel centres have known coordinates.

    ``longitude``, ``latitude`` (len(rows), len(cols)), degrees (WGS 84): of the pixels at these rows and columns, a
    coarse net over the scene; points that are not finite are left out.
    """
    points = [
        GroundControlPoint(row + 0.5, col + 0.5, float(longitude[i, j]), float(latitude[i, j]))
        for i, row in enumerate(rows)
        for j, col in enumerate(cols)
        if np.isfinite(longitude[i, j]) and np.isfinite(latitude[i, j])
    ]
    return Place(CRS.from_epsg(4326), gcps=tuple(points)) if len(points) >= 4 else Place()


def from_rpcs(rpcs: RPC, rows: int, cols: int) -> Place:
    """The place of a scene that rational polynomial coefficients put on the map, at their mean height (HEIGHT_OFF).

    ``rpcs``: rasterio's, as ``dataset.rpcs`` gives them, or ``RPC.from_gdal`` of GDAL's metadata domain RPC. Relief
    moves pixels against this place. A place that says nothing comes where the coefficients lead nowhere.
    """
    down, across = np.meshgrid(np.linspace(0, rows, NET), np.linspace(0, cols, NET), indexing="ij")
    y, x = down.ravel(), across.ravel()
    try:
        with RPCTransformer(rpcs) as known:
            longitude, latitude = known.xy(y, x, zs=np.full(y.size, float(rpcs.height_off)), offset="ul")
    except RasterioError:
        return Place()
    points = [
        GroundControlPoint(row, col, lon, lat)
        for row, col, lon, lat in np.column_stack([y, x, longitude, latitude]).tolist()
        if abs(lon) <= 360 and abs(lat) <= 90
    ]
    return Place(CRS.from_epsg(4326), gcps=tuple(points)) if len(points) >= 4 else Place()
