"""Planet's Tanager: surface reflectance or radiance at the top of the atmosphere as HDF-EOS5, basic and ortho.

Structure: Planet's Tanager product specification. Basic scenes are swaths with latitude and longitude of each pixel,
ortho scenes grids described by HDF-EOS5's structure metadata.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import h5py
from affine import Affine
from rasterio.crs import CRS

from ..facts import RADIANCE, REFLECTANCE
from ..place import Place
from .arrays.axes import axes_of
from .arrays.cube import Cube, Plane, find
from .arrays.places import coordinate_system, of_centres, of_geotransform, of_swath, utm
from .arrays.scene import Hdf5Scene, filled, planes
from .arrays.values import date, numbers, spectral, text
from .product import Product

GROUPS = {"HDFEOS/SWATHS/HYP": "basic", "HDFEOS/GRIDS/HYP": "ortho"}
CUBES = {"surface_reflectance": REFLECTANCE, "toa_radiance": RADIANCE}
RADIANCE_UNIT = "W/m2/sr/um"
MASKS = {"cloud": "beta_cloud_mask", "cirrus": "beta_cirrus_mask"}
STRUCTURE = "HDFEOS INFORMATION/StructMetadata.0"


def recognise(path: Path) -> Product | None:
    """The scene in a file or in the one file of a folder; None if it is none. ValueError, a sentence, if damaged."""
    return find(path, (".h5", ".hdf5", ".he5"), lambda file: any(group in file for group in GROUPS), _build)


def _build(file: h5py.File, path: Path) -> Product:
    group = next(file[name] for name in GROUPS if name in file)
    kind, fields = GROUPS[group.name.strip("/")], group["Data Fields"]
    name = next((one for one in CUBES if one in fields), None)
    if name is None:
        raise ValueError(
            f"The scene {path} is a Tanager file without surface_reflectance or toa_radiance. Choose the file that "
            "holds one of them."
        )
    dataset = fields[name]
    attributes = dataset.attrs
    wavelengths, fwhm = spectral(attributes.get("wavelengths"), attributes.get("fwhm"))
    cube = Cube(dataset, axes_of(dataset.shape, len(wavelengths), (0, 1, 2), path), path)
    _, rows, cols = cube.shape
    flags, outside = planes(fields, MASKS, rows, cols, path), fields.get("nodata_pixels")
    good = attributes.get("good_wavelengths")
    unit = text(attributes.get("Unit", attributes.get("units")))
    return Hdf5Scene(
        file,
        path,
        cube,
        _swath(group, rows, cols) if kind == "basic" else _grid(file, group, rows, cols),
        product=f"Tanager {kind} {'surface reflectance' if CUBES[name] == REFLECTANCE else 'radiance'}",
        wavelengths=wavelengths,
        fwhm=fwhm,
        good=None if good is None else numbers(good) != 0,
        quantity=CUBES[name],
        unit="" if CUBES[name] == REFLECTANCE else unit or RADIANCE_UNIT,
        date=date(text(group.attrs.get("strip_id")), text(file.attrs.get("strip_id")), path.name),
        nodata=filled(dataset, -9999.0),
        flags=flags,
        outside=None if outside is None else Plane(outside, rows, cols, path).marks(1),
        notes=() if flags else ["The file holds no masks of clouds and cirrus: no quality flags can be used."],
    )


def _swath(group: h5py.Group, rows: int, cols: int) -> Place:
    fields = group.get("Geolocation Fields")
    if fields is None or not {"Latitude", "Longitude"} <= set(fields):
        return Place()
    return of_swath(fields["Longitude"], fields["Latitude"], rows, cols)


def _grid(file: h5py.File, group: h5py.Group, rows: int, cols: int) -> Place:
    """The place of an ortho scene: by structure metadata, else Planet's framing or attributes, else coordinates."""
    found = _structure(text(file[STRUCTURE][()]) if STRUCTURE in file else "", rows, cols) or _framing(group)
    if found is not None:
        return found
    for holder in (group, group.get("Geolocation Fields", group)):
        for x, y in (("x", "y"), ("XDim", "YDim")):
            if x in holder and y in holder:
                transform = of_centres(numbers(holder[x]), numbers(holder[y]))
                if transform is not None:
                    return Place(coordinate_system(group.attrs.get("epsg_code"), group.attrs.get("crs")), transform)
    return _swath(group, rows, cols)


def _structure(told: str, rows: int, cols: int) -> Place | None:
    """HDF-EOS5's description of the grid HYP, its corners being outer corners."""
    for grid in re.findall(r"GROUP=GRID_\d+(.*?)END_GROUP=GRID_\d+", told, re.DOTALL):
        said = dict(re.findall(r"(\w+)=([^\n]+)", grid))
        corners = numbers(said.get("UpperLeftPointMtrs", "")), numbers(said.get("LowerRightMtrs", ""))
        if said.get("GridName", "").strip('" ') != "HYP" or any(len(corner) != 2 for corner in corners):
            continue
        (left, top), (right, bottom) = corners
        crs = _projection(said)
        if crs is not None and left != right and top != bottom:
            return Place(crs, Affine((right - left) / cols, 0, left, 0, (bottom - top) / rows, top))
    return None


def _projection(said: dict[str, str]) -> CRS | None:
    """UTM in the zone told (negative: south), WGS 84."""
    zone = re.fullmatch(r"\s*(-?\d+)\s*", said.get("ZoneCode", ""))
    if "UTM" not in said.get("Projection", "") or zone is None:
        return None
    return utm(abs(int(zone[1])), int(zone[1]) > 0)


def _framing(group: h5py.Group) -> Place | None:
    """Planet's framing: JSON with ``epsg_code`` and ``geotransform``, or attributes of these names."""
    said: dict[str, Any] = dict(group.attrs)
    for holder in (group, group.get("Geolocation Fields", group)):
        try:
            framing = json.loads(text(holder.attrs.get("Planet_Ortho_Framing")) or "{}")
        except (ValueError, RecursionError):
            continue
        said.update(framing if isinstance(framing, dict) else {})
    transform, crs = of_geotransform(said.get("geotransform")), coordinate_system(said.get("epsg_code"))
    return None if transform is None or crs is None else Place(crs, transform)
