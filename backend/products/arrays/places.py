"""Where the pixels of HDF5 and netCDF products lie: coordinate arrays, grid mappings, latitude and longitude, EPSG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import h5py
import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.errors import CRSError

from ...place import Place, from_arrays
from .values import numbers, text

NET = 15
"""Points a side of the net that stands for the latitudes and longitudes of all pixels."""
MAP_X, MAP_Y = ("x", "easting", "lon", "longitude", "xdim"), ("y", "northing", "lat", "latitude", "ydim")
"""Names of axes whose coordinates are places on the map; in small letters, as all of these."""
X_NAMES = frozenset((*MAP_X, "crosstrack", "column", "columns", "col", "cols", "sample", "samples", "pixel", "width"))
X_NAMES |= {"pixels_per_line", "ortho_x"}
Y_NAMES = frozenset((*MAP_Y, "downtrack", "row", "rows", "line", "lines", "number_of_lines", "ortho_y", "height"))
_WKT = ("spatial_ref", "crs_wkt")


def coordinate_system(*said: Any) -> CRS | None:
    """The first of these (WKT, "EPSG:32633", an EPSG number, PROJ text) that names a coordinate system, or None."""
    for one in said:
        words = text(one)
        if words:
            try:
                return CRS.from_epsg(int(float(words))) if words.replace(".0", "").isdigit() else CRS.from_string(words)
            except (CRSError, ValueError):
                continue
    return None


def utm(zone: int, north: bool) -> CRS | None:
    """WGS 84 in a UTM zone, or None for a zone that there is not."""
    return CRS.from_epsg((32600 if north else 32700) + zone) if 1 <= zone <= 60 else None


def of_centres(x: NDArray[np.float64], y: NDArray[np.float64]) -> Affine | None:
    """The grid whose columns' and rows' centres lie at these coordinates; None if they are not evenly spaced."""
    steps = []
    for centres in (x, y):
        if len(centres) < 2 or not np.isfinite(centres).all():
            return None
        step = (centres[-1] - centres[0]) / (len(centres) - 1)
        even = centres[0] + step * np.arange(len(centres))
        if step == 0 or np.abs(centres - even).max() > 0.1 * abs(step):
            return None
        steps.append(float(step))
    return Affine(steps[0], 0, float(x[0]) - steps[0] / 2, 0, steps[1], float(y[0]) - steps[1] / 2)


def of_geotransform(value: Any) -> Affine | None:
    """GDAL's six numbers, as an array or as text; None if they are no transform."""
    found = numbers(value)
    if len(found) != 6 or not np.isfinite(found).all() or found[1] * found[5] == found[2] * found[4]:
        return None
    return Affine.from_gdal(*found.tolist())


def of_mapping(attributes: Mapping[str, Any], x: NDArray[np.float64], y: NDArray[np.float64]) -> Place:
    """The place that a CF grid mapping and coordinates of the pixel centres (empty if there are none) tell.

    ``attributes``: of the grid mapping (``spatial_ref`` or ``crs_wkt``, ``GeoTransform``).
    """
    crs = coordinate_system(*(attributes.get(name) for name in _WKT))
    stated = of_geotransform(attributes.get("GeoTransform"))
    if stated is not None and (stated.b or stated.d):  # rotated: one coordinate a column cannot say that
        return Place(crs, stated)
    transform = of_centres(x, y) or stated
    if transform is None or (crs is None and _counts_pixels(transform)):
        return Place()
    if crs is None and max(abs(transform.c), abs(transform.f)) <= 360 and abs(transform.a) < 1:
        crs = CRS.from_epsg(4326)
    return Place(crs, transform)


def of_groups(groups: Sequence[h5py.Group], dataset: h5py.Dataset, rows: int, cols: int) -> Place:
    """The place of a cube by what lies in these groups, the nearest first: grid mapping, coordinates, or lat/lon."""
    mapping = text(dataset.attrs.get("grid_mapping")) or "transverse_mercator"
    names = (mapping, "spatial_ref", "crs")
    holder = next(
        (group[name] for group in groups for name in names if isinstance(group.get(name), h5py.Dataset)), None
    )

    def coordinates(wanted: Sequence[str], size: int) -> NDArray[np.float64]:
        for group in groups:
            for name, one in group.items():
                if name.lower() in wanted and isinstance(one, h5py.Dataset) and one.shape == (size,):
                    return numbers(one)
        return np.empty(0)

    x, y = coordinates(MAP_X, cols), coordinates(MAP_Y, rows)
    found = of_mapping({} if holder is None else holder.attrs, x, y)
    if found.kind == "none":
        for group in groups:
            for lon, lat in (("lon", "lat"), ("longitude", "latitude"), ("Longitude", "Latitude")):
                if isinstance(group.get(lon), h5py.Dataset) and isinstance(group.get(lat), h5py.Dataset):
                    found = of_swath(group[lon], group[lat], rows, cols)
                    if found.kind != "none":
                        return found
    return found


def _counts_pixels(transform: Affine) -> bool:
    """Whether coordinates are but numbers of rows and columns."""
    return abs(transform.a) == abs(transform.e) == 1 and max(abs(transform.c), abs(transform.f)) < 1e5


@dataclass(frozen=True)
class Swath(Place):
    """The place of a swath by a coarse net of points; ``longitude``, ``latitude``: the datasets of all pixels."""

    longitude: Any = field(default=None, repr=False, compare=False)
    latitude: Any = field(default=None, repr=False, compare=False)


def of_swath(longitude: h5py.Dataset, latitude: h5py.Dataset, rows: int, cols: int) -> Place:
    """The place of a swath by the coordinates (rows, cols) of its pixels, of which a coarse net is read."""
    if longitude.shape != (rows, cols) or latitude.shape != (rows, cols):
        return Place()
    down, across = (np.unique(np.linspace(0, size - 1, NET).round().astype(int)) for size in (rows, cols))
    lon, lat = (np.array([dataset[row, :][across] for row in down], float) for dataset in (longitude, latitude))
    found = of_net(lon, lat, down.tolist(), across.tolist())
    return Swath(found.crs, found.transform, found.gcps, longitude, latitude)


def of_net(lon: NDArray[np.float64], lat: NDArray[np.float64], rows: list[int], cols: list[int]) -> Place:
    """The place by coordinates (len(rows), len(cols)) of a net; fill values and the date line are seen to."""
    lon, lat = known_coordinates(lon, lat)
    return from_arrays(lon, lat, rows, cols)


def known_coordinates(lon: NDArray[Any], lat: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Longitudes and latitudes, degrees: NaN for fill values, and rising on over the date line."""
    known = (np.abs(lon) <= 360) & (np.abs(lat) <= 90) & ((lon != 0) | (lat != 0))
    east, north = (np.where(known, one, np.nan).astype(np.float64) for one in (lon, lat))
    if known.any() and np.nanmax(east) - np.nanmin(east) > 180:
        east = np.where(east < 0, east + 360, east)
    return east, north
