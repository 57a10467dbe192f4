"""AVIRIS-3, -5 and -NG as netCDF-4: a group ``reflectance`` or ``radiance`` that holds cube, wavelengths and widths.

Structure: ORNL DAAC's user guides of AVIRIS-3 L1B and L2A. Orthorectified files have easting and northing of the pixel
centres and a grid mapping; others none.
"""

from __future__ import annotations

from pathlib import Path

import h5py

from ..facts import RADIANCE, REFLECTANCE
from .arrays.axes import axes_of
from .arrays.cube import Cube, dimension_names, find
from .arrays.places import of_groups
from .arrays.scene import Hdf5Scene, conversion, filled
from .arrays.values import date, numbers, spectral, text
from .product import Product

RADIANCE_UNIT = "uW/cm2/sr/nm"
MISSING = -9999.0


def recognise(path: Path) -> Product | None:
    """The scene in a file or in the one file of a folder; None if it is none. ValueError, a sentence, if damaged."""
    return find(path, (".nc", ".nc4", ".h5"), lambda file: bool(_quantity(file)), _build)


def _quantity(file: h5py.File) -> str:
    for name in (REFLECTANCE, RADIANCE):
        if isinstance(file.get(name), h5py.Group) and {name, "wavelength"} <= set(file[name]):
            return name
    return ""


def _build(file: h5py.File, path: Path) -> Product:
    quantity = _quantity(file)
    group = file[quantity]
    dataset = group[quantity]
    wavelengths, fwhm = spectral(group["wavelength"], group.get("fwhm"))
    axes = axes_of(dataset.shape, len(wavelengths), (0, 1, 2), path, dimension_names(dataset))
    cube = Cube(dataset, axes, path)
    good = group.get("good_wavelengths")
    gain, offset = conversion(dataset)
    unit = text(dataset.attrs.get("units"))
    return Hdf5Scene(
        file,
        path,
        cube,
        of_groups([group, file, *_location(file)], dataset, *cube.shape[1:]),
        product=f"{_instrument(file, path)} {'L2A reflectance' if quantity == REFLECTANCE else 'L1B radiance'}",
        wavelengths=wavelengths,
        fwhm=fwhm,
        good=None if good is None else numbers(good) != 0,
        quantity=quantity,
        unit="" if quantity == REFLECTANCE else unit or RADIANCE_UNIT,
        date=date(text(file.attrs.get("time_coverage_start")), path.name),
        nodata=filled(dataset, MISSING),
        gain=gain,
        offset=offset,
    )


def _location(file: h5py.File) -> list[h5py.Group]:
    return [file["location"]] if isinstance(file.get("location"), h5py.Group) else []


def _instrument(file: h5py.File, path: Path) -> str:
    named = text(file.attrs.get("instrument")) or path.name.upper()
    for start, name in (("AV3", "AVIRIS-3"), ("AV5", "AVIRIS-5"), ("ANG", "AVIRIS-NG"), ("AVIRIS-", named)):
        if named.upper().startswith(start):
            return name
    return "AVIRIS"
