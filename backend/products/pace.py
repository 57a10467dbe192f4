"""PACE OCI, level 2: surface reflectance or remote sensing reflectance of the ocean, netCDF-4, in the swath's geometry.

Structure: OB.DAAC's Level-2 format and its list of flags.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

from ..cube import Mask, Window
from ..facts import Flag
from ..place import Place
from .arrays.axes import axes_of
from .arrays.cube import Cube, Plane, dimension_names, find
from .arrays.places import of_swath
from .arrays.scene import FLAGS, Hdf5Scene, Marks, conversion, filled
from .arrays.values import date, numbers, spectral, text, texts
from .product import Product

CUBES = {"rhos": "surface reflectance", "Rrs": "remote sensing reflectance (1/sr)"}
MEANINGS = {
    "CLDICE": FLAGS["cloud"],
    "HILT": FLAGS["saturated"],
    "ATMFAIL": Flag("atmosphere_failed", "Atmospheric correction failed", True),
    "NAVFAIL": Flag("navigation_failed", "Navigation failed", True),
    "PRODFAIL": Flag("product_failed", "Product failed", False),
    "STRAYLIGHT": Flag("stray_light", "Stray light near clouds", False),
    "HIGLINT": Flag("glint", "Strong sun glint", False),
    "SEAICE": FLAGS["snow"],
}
"""What l2_flags' flag_meanings are here; LAND, COASTZ and the others mark nothing to leave out."""


def recognise(path: Path) -> Product | None:
    """The scene in a file or in the one file of a folder; None if it is none. ValueError, a sentence, if damaged."""
    return find(path, (".nc", ".nc4"), lambda file: bool(_cube_name(file)), _build)


def _cube_name(file: h5py.File) -> str:
    group = file.get("geophysical_data")
    if not isinstance(group, h5py.Group):
        return ""
    return next((name for name in CUBES if isinstance(group.get(name), h5py.Dataset) and group[name].ndim == 3), "")


def _build(file: h5py.File, path: Path) -> Product:
    name = _cube_name(file)
    dataset, parameters = file["geophysical_data"][name], file["sensor_band_parameters"]
    wavelengths, _ = spectral(parameters["wavelength_3d" if "wavelength_3d" in parameters else "wavelength"])
    cube = Cube(dataset, axes_of(dataset.shape, len(wavelengths), (2, 0, 1), path, dimension_names(dataset)), path)
    gain, offset = conversion(dataset)
    flags, notes = _flags(file["geophysical_data"].get("l2_flags"), cube, path)
    return Hdf5Scene(
        file,
        path,
        cube,
        _place(file, cube),
        product=f"{text(file.attrs.get('platform')) or 'PACE'} {text(file.attrs.get('instrument')) or 'OCI'} "
        f"L2 {CUBES[name]}",
        wavelengths=wavelengths,
        date=date(text(file.attrs.get("time_coverage_start")), path.name),
        nodata=filled(dataset),
        gain=gain,
        offset=offset,
        flags=flags,
        notes=notes,
    )


def _place(file: h5py.File, cube: Cube) -> Place:
    navigation = file.get("navigation_data")
    if navigation is None or not {"latitude", "longitude"} <= set(navigation):
        return Place()
    return of_swath(navigation["longitude"], navigation["latitude"], cube.shape[1], cube.shape[2])


def _flags(dataset: h5py.Dataset | None, cube: Cube, path: Path) -> tuple[list[tuple[Flag, Marks]], list[str]]:
    if dataset is None or not {"flag_meanings", "flag_masks"} <= set(dataset.attrs):
        return [], ["The file holds no flags (l2_flags): no quality flags can be used."]
    bits = numbers(dataset.attrs["flag_masks"]).astype(np.int64)
    meanings = dict(zip(texts(dataset.attrs["flag_meanings"]), bits.tolist(), strict=False))
    plane = Plane(dataset, cube.shape[1], cube.shape[2], path)
    known = {meaning: flag for meaning, flag in MEANINGS.items() if meaning in meanings}
    return [(flag, _bit(plane, meanings[meaning])) for meaning, flag in known.items()], []


def _bit(plane: Plane, bit: int) -> Callable[[Window], Mask]:
    return lambda window: (plane.read(window).astype(np.int64) & bit) != 0
