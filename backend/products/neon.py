"""NEON's Airborne Observation Platform, reflectance as HDF5: one site's group with cube, spectral axis and map.

Structure: NEON's data products DP1.30006 and DP3.30006, NEON.DOC.001288 and the classes of ATCOR's haze, cloud and
water map.
"""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
from affine import Affine
from numpy.typing import NDArray

from ..facts import Flag
from ..place import Place
from .arrays.axes import axes_of
from .arrays.cube import Cube, Plane, find
from .arrays.places import coordinate_system, utm
from .arrays.scene import FLAGS, Hdf5Scene, Marks, filled
from .arrays.values import date, number, numbers, spectral, text
from .product import Product

CLASSES = {
    "cloud": (15, 16),
    "shadow": (1, 22),
    "cirrus": (2, 3, 4, 8, 9, 10, 18, 19),
    "saturated": (6,),
    "snow": (7,),
    "haze": (11, 12, 13, 14),
}
"""Of Haze_Cloud_Water_Map; 5 is clear land, 17 water, 0 background."""
MISSING, SCALE = -9999.0, 10000.0


def recognise(path: Path) -> Product | None:
    """The scene in a file or in the one file of a folder; None if it is none. ValueError, a sentence, if damaged."""
    return find(path, (".h5", ".hdf5"), lambda file: _site(file) is not None, _build)


def _site(file: h5py.File) -> h5py.Group | None:
    """The group of the one site, its subgroup Reflectance or Radiance in it."""
    for group in file.values():
        if isinstance(group, h5py.Group) and ("Reflectance/Reflectance_Data" in group or _is_radiance(group)):
            return group
    return None


def _is_radiance(site: h5py.Group) -> bool:
    return "Radiance/RadianceIntegerPart" in site


def _build(file: h5py.File, path: Path) -> Product:
    site = _site(file)
    if site is None or _is_radiance(site):
        raise ValueError(
            f"The scene {path} is NEON's at-sensor radiance, stored as whole and decimal parts, which Mixel does not "
            "read. Choose the reflectance (DP3.30006 or DP1.30006) of the same place."
        )
    group = site["Reflectance"]
    dataset, bands = group["Reflectance_Data"], group["Metadata/Spectral_Data"]
    wavelengths, fwhm = spectral(bands["Wavelength"], bands.get("FWHM"))
    axes = axes_of(dataset.shape, len(wavelengths), (2, 0, 1), path, _labels(dataset))
    cube = Cube(dataset, axes, path)
    flags, notes = _flags(group, cube, path)
    return Hdf5Scene(
        file,
        path,
        cube,
        _place(group["Metadata"].get("Coordinate_System"), cube),
        product="NEON AOP reflectance",
        wavelengths=wavelengths,
        fwhm=fwhm,
        good=_outside_windows(group, dataset, wavelengths),
        date=date(path.name),
        nodata=filled(dataset, MISSING),
        gain=1 / (number(dataset.attrs.get("Scale_Factor")) or SCALE),
        flags=flags,
        notes=notes,
    )


def _labels(dataset: h5py.Dataset) -> list[str]:
    return [name.strip() for name in text(dataset.attrs.get("Dimension_Labels")).split(",")]


def _outside_windows(group: h5py.Group, dataset: h5py.Dataset, wavelengths: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which bands lie outside the windows of noise that the file names."""
    good = np.ones(len(wavelengths), bool)
    for owner in (group, dataset):
        for name, value in owner.attrs.items():
            ends = numbers(value) if name.startswith("Band_Window") else np.empty(0)
            if len(ends) == 2:
                good &= (wavelengths < ends.min()) | (wavelengths > ends.max())
    return good


def _flags(group: h5py.Group, cube: Cube, path: Path) -> tuple[list[tuple[Flag, Marks]], list[str]]:
    classes = group.get("Metadata/Ancillary_Imagery/Haze_Cloud_Water_Map")
    if not isinstance(classes, h5py.Dataset):
        return [], ["The file holds no map of clouds and haze: no quality flags can be used."]
    plane = Plane(classes, cube.shape[1], cube.shape[2], path)
    return [(FLAGS[name], plane.marks(*values)) for name, values in CLASSES.items()], []


def _place(system: h5py.Group | None, cube: Cube) -> Place:
    """The place by Map_Info: outer corner of the first pixel, pixel size, zone."""
    if system is None or "Map_Info" not in system:
        return Place()
    words = [word.strip(" {}") for word in text(system["Map_Info"][()]).split(",")]
    try:
        col, row, x, y, width, height = (float(word) for word in words[1:7])
    except ValueError:
        return Place()
    crs = coordinate_system(*(system[name][()] for name in ("EPSG Code", "Coordinate_System_String") if name in system))
    if crs is None and words[0].upper() == "UTM" and len(words) > 8 and words[7].isdigit():
        crs = utm(int(words[7]), words[8].lower().startswith("n"))
    if crs is None and "Proj4" in system:
        crs = coordinate_system(system["Proj4"][()])
    return Place(crs, Affine(width, 0, x - (col - 1) * width, 0, -abs(height), y + (row - 1) * abs(height)))
