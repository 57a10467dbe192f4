"""A product that is one cube of an HDF5 file, with planes of quality beside it: the base of most of its readers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from ...cube import Mask, Window
from ...facts import REFLECTANCE, Facts, Flag
from ...place import Place
from ..product import Product, Stored
from .cube import Cube, Plane
from .values import fill_value, number

Marks = Callable[[Window], Mask]
FLAGS = {
    "cloud": Flag("cloud", "Clouds", True),
    "cirrus": Flag("cirrus", "Cirrus", True),
    "shadow": Flag("shadow", "Cloud shadows", True),
    "saturated": Flag("saturated", "Saturated", True),
    "invalid": Flag("invalid", "Marked as invalid by the producer", True),
    "dilated_cloud": Flag("dilated_cloud", "Surroundings of clouds", False),
    "snow": Flag("snow", "Snow and ice", False),
    "haze": Flag("haze", "Haze", False),
}
"""The usual quality flags, by name."""


class Hdf5Scene(Product):
    """A cube and what is known of it. ``marks``: for each flag the function that says which pixels it marks;
    ``outside``: the same of pixels without data, which never count."""

    def __init__(
        self,
        file: h5py.File,
        path: Path,
        cube: Cube,
        place: Place,
        *,
        product: str,
        wavelengths: NDArray[np.float64] | None,
        fwhm: NDArray[np.float64] | None = None,
        good: NDArray[np.bool_] | None = None,
        quantity: str = REFLECTANCE,
        unit: str = "",
        date: str = "",
        nodata: float | None = None,
        gain: float = 1.0,
        offset: float = 0.0,
        flags: Sequence[tuple[Flag, Marks]] = (),
        outside: Marks | None = None,
        notes: Sequence[str] = (),
        shape: tuple[int, ...] = (),
    ) -> None:
        """Take over an open file. ``shape`` (bands, rows, cols): of the scene, where it is not the cube's."""
        self.file, self.path, self.cube, self.place, self.files = file, path, cube, place, (path,)
        bands, rows, cols = shape or cube.shape
        self.block, self.stated = cube.block, bool(quantity) and good is not None
        nodata = None if nodata is None or not np.isfinite(nodata) else nodata
        self.nodata = None if nodata is None else np.full(bands, nodata)
        if quantity or gain != 1 or offset:
            self.gains, self.offsets = np.full(bands, gain), np.full(bands, offset)
        self.marks, self.outside = {flag.name: marks for flag, marks in flags}, outside
        self.facts = Facts(
            bands=bands,
            rows=rows,
            cols=cols,
            dtype=str(cube.dtype),
            georeferenced=place.kind != "none",
            nodata=nodata,
            scale=1 / gain if quantity == REFLECTANCE and gain > 0 and not offset else None,
            wavelengths=None if wavelengths is None else tuple(wavelengths.tolist()),
            fwhm=known_widths(fwhm, bands),
            good_bands=good_bands(good, wavelengths, bands),
            product=product,
            quantity=quantity,
            unit=unit,
            date=date,
            place=place.kind,
            flags=tuple(flag for flag, _ in flags),
            notes=tuple(notes),
        )

    def read(self, window: Window, bands: Sequence[int]) -> Stored:
        """Stored values of a window. ValueError, a sentence, if the file cannot be read."""
        return self.cube.read(window, bands)

    def usable(self, window: Window, flags: Sequence[str]) -> Mask | None:
        """Which pixels lie in the scene and carry none of these flags."""
        marked = [self.marks[name](window) for name in flags if name in self.marks]
        if self.outside is not None:
            marked.append(self.outside(window))
        return ~np.logical_or.reduce(marked) if marked else None

    def close(self) -> None:
        """Close the file."""
        self.file.close()


def good_bands(good: NDArray[np.bool_] | None, wavelengths: NDArray[np.float64] | None, bands: int) -> tuple[bool, ...]:
    """Which bands are good: those marked so that have a wavelength; empty means all."""
    marked = np.ones(bands, bool) if good is None or len(good) != bands else np.asarray(good, bool).copy()
    if wavelengths is not None:
        marked &= wavelengths > 0
    return () if marked.all() else tuple(marked.tolist())


def known_widths(fwhm: NDArray[np.float64] | None, bands: int) -> tuple[float, ...] | None:
    """The widths if there is one for each band, else None."""
    if fwhm is None or len(fwhm) != bands or not (fwhm > 0).any():
        return None
    return tuple(fwhm.tolist())


def planes(group: h5py.Group, names: dict[str, str], rows: int, cols: int, path: Path) -> list[tuple[Flag, Marks]]:
    """The flags of planes of 0 and 1: for each flag's name the dataset in a group; planes that are missing are none."""
    found = []
    for flag, dataset in names.items():
        if isinstance(group.get(dataset), h5py.Dataset):
            plane = Plane(group[dataset], rows, cols, path)
            found.append((FLAGS[flag], plane.marks(1)))
    return found


def conversion(dataset: h5py.Dataset) -> tuple[float, float]:
    """CF's scale_factor and add_offset: value = scale_factor * stored + add_offset."""
    gain, offset = number(dataset.attrs.get("scale_factor")), number(dataset.attrs.get("add_offset"))
    return gain or 1.0, offset or 0.0


def filled(dataset: h5py.Dataset, usual: float | None = None) -> float | None:
    """The value of missing pixels: the dataset's own, else the product's usual one."""
    found = fill_value(dataset)
    return usual if found is None else found
