"""Any other HDF5 or netCDF-4 file: read where one array and the wavelengths beside it leave no doubt, else refused."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from ..facts import RADIANCE
from .arrays.cube import Cube, dimension_names, opened, readable
from .arrays.places import of_groups
from .arrays.roles import Array, Choice, Spectrum, choose, is_axis, quantity_of
from .arrays.scene import Hdf5Scene, conversion
from .arrays.values import date, fill_value, spectral, text
from .product import Product
from .swath.grid import on_map

MOST_OBJECTS = 20_000
LONGEST_LIST = 5_000
"""Values of a list that is looked at as wavelengths."""


def recognise(path: Path) -> Product | None:
    """The scene in a file; None if it is no HDF5 file or has no array of three axes. ValueError says what is in it."""
    file = opened(path)
    if file is None:
        return None
    try:
        with readable(path):
            arrays, spectra = _contents(file)
            choice = choose(arrays, spectra, path)
            if choice is not None:
                return on_map(_build(file, path, choice))
    except ValueError:
        file.close()
        raise
    file.close()
    return None


def _build(file: h5py.File, path: Path, choice: Choice) -> Product:
    dataset = file[choice.array.name]
    cube = Cube(dataset, choice.axes, path)
    gain, offset = conversion(dataset)
    quantity, spectrum = quantity_of(choice.array), choice.spectrum
    groups = [dataset.parent]
    while groups[-1].name != "/":
        groups.append(groups[-1].parent)
    return Hdf5Scene(
        file,
        path,
        cube,
        of_groups(groups, dataset, *cube.shape[1:]),
        product="",
        wavelengths=None if spectrum is None else spectrum.wavelengths,
        fwhm=None if spectrum is None else spectrum.fwhm,
        quantity="" if quantity != RADIANCE and (gain, offset) == (1.0, 0.0) else quantity,
        unit=text(dataset.attrs.get("units")) if quantity == RADIANCE else "",
        date=date(text(file.attrs.get("time_coverage_start"))),
        nodata=fill_value(dataset),
        gain=gain,
        offset=offset,
        notes=[f"The array {choice.array.name} of the file was taken as the scene."],
    )


def _contents(file: h5py.File) -> tuple[list[Array], list[Spectrum]]:
    """Arrays of three axes, and lists that are wavelengths, be they datasets or attributes."""
    arrays: list[Array] = []
    spectra: list[Spectrum] = []
    seen = 0

    def look(name: str, item: h5py.Group | h5py.Dataset) -> bool | None:
        nonlocal seen
        seen += 1
        if isinstance(item, h5py.Dataset) and item.shape is not None:
            if len(item.shape) == 3 and item.dtype.kind in "iuf":
                said = {key: text(item.attrs[key]) for key in ("long_name", "standard_name") if key in item.attrs}
                arrays.append(Array(name, item.shape, dimension_names(item), said, "MATLAB_class" in item.attrs))
            spectra.extend(_of_dataset(name, item))
        spectra.extend(_of_attributes(item))
        return True if seen >= MOST_OBJECTS else None

    spectra.extend(_of_attributes(file))
    file.visititems(look)
    return arrays, spectra


def _of_dataset(name: str, item: h5py.Dataset) -> list[Spectrum]:
    flat = max(item.shape, default=0)
    if "wave" not in name.rsplit("/", 1)[-1].lower() or flat != item.size or flat > LONGEST_LIST:
        return []
    widths = next((one for key, one in item.parent.items() if "fwhm" in key.lower()), None)
    beside = widths if isinstance(widths, h5py.Dataset) and widths.size == item.size else None
    return _spectra(item, beside)


def _of_attributes(item: h5py.Group | h5py.Dataset) -> list[Spectrum]:
    found = []
    for key, value in item.attrs.items():
        if "wave" in key.lower() and np.size(value) <= LONGEST_LIST:
            widths = next((item.attrs[other] for other in item.attrs if "fwhm" in other.lower()), None)
            found += _spectra(value, widths)
    return found


def _spectra(waves: object, widths: object) -> list[Spectrum]:
    wavelengths, fwhm = spectral(waves, widths)
    return [Spectrum(wavelengths, fwhm)] if is_axis(wavelengths) else []
