"""PRISMA L1 and L2B, L2C, L2D: HDF-EOS5 with two coregistered cubes (VNIR, SWIR) that are one scene.

Structure: ASI's PRISMA Products Specification. Cubes are (row, band, column), wavelengths fall; what values mean is in
attributes of the file, another for each detector. Bands come by rising wavelength here, those not acquired at the end.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from affine import Affine
from numpy.typing import NDArray

from ..cube import Mask, Window
from ..facts import RADIANCE, REFLECTANCE, Facts, Flag
from ..place import Place
from .arrays.axes import axes_of
from .arrays.cube import Cube, find
from .arrays.places import coordinate_system, of_swath
from .arrays.scene import FLAGS, Marks, good_bands, planes
from .arrays.values import date, number, numbers, text
from .product import Product, Stored

DETECTORS = ("Vnir", "Swir")
FULL = 65535
RADIANCE_UNIT = "W/m2/sr/um"
CODES: dict[str, dict[str, tuple[int, ...]]] = {
    "1": {"invalid": (1, 4), "saturated": (2,)},
    "2": {"invalid": (1,), "saturated": (4,)},
}
"""Of the error matrices, by level: L1 1 defective, 2 saturated, 4 no number; L2 1 invalid in L1, 4 saturated."""
MOSTLY = 0.5
"""Bands of which the error matrix marks a larger share are bad, and do not cost their pixels."""
LOOKED_AT = 7
"""Lines of the error matrix by which that is judged."""
_SWATH = re.compile(r"PRS_L(1|2B|2C|2D)_HCO")


def recognise(path: Path) -> Product | None:
    """The scene in a file or in the one file of a folder; None if it is none. ValueError, a sentence, if damaged."""
    return find(path, (".he5", ".h5", ".hdf5"), lambda file: bool(_level(file)), Prisma)


def _level(file: h5py.File) -> str:
    swaths = file.get("HDFEOS/SWATHS")
    found = [_SWATH.fullmatch(name) for name in swaths] if isinstance(swaths, h5py.Group) else []
    return next((match[1] for match in found if match), "")


class Prisma(Product):
    """Both cubes of a scene as one."""

    def __init__(self, file: h5py.File, path: Path) -> None:
        """Take over an open file. ValueError, a sentence, if something is missing in it."""
        self.file, self.path, self.files, self.level = file, path, (path,), _level(file)
        swath = file[f"HDFEOS/SWATHS/PRS_L{self.level}_HCO"]
        self._fields = swath["Data Fields"]
        self.cubes = [self._cube(f"{name.upper()}_Cube") for name in DETECTORS]
        _, rows, cols = self.cubes[0].shape
        if self.cubes[1].shape[1:] != (rows, cols):
            raise ValueError(f"The VNIR and SWIR cubes of the scene {path} differ in size. Download the file again.")
        self.order, wavelengths, fwhm, acquired = self._axis()
        self._errors = self._error_matrices()
        good = acquired & ~self._mostly_marked(acquired)
        self._looked_at = np.flatnonzero(good)
        self.gains, self.offsets = self._conversion()
        self.place = self._grid(rows, cols) or _by_arrays(swath.get("Geolocation Fields"), rows, cols)
        self._clouds = {flag.name: marks for flag, marks in self._planes(rows, cols)}
        self.facts = self._facts(rows, cols, wavelengths, fwhm, good)

    def read(self, window: Window, bands: Sequence[int]) -> Stored:
        """Stored values of a window, both detectors joined. ValueError, a sentence, if the file cannot be read."""
        return self._joined(self.cubes, window, bands)

    def usable(self, window: Window, flags: Sequence[str]) -> Mask | None:
        """Which pixels carry none of these flags in any good band."""
        marked = [self._clouds[name](window) for name in flags if name in self._clouds]
        codes = [code for name in flags for code in CODES[self.level[0]].get(name, ())]
        if codes and self._errors:
            errors = self._joined(self._errors, window, self._looked_at.tolist())
            marked.append(np.logical_or.reduce([(errors == code).any(axis=0) for code in codes]))
        return ~np.logical_or.reduce(marked) if marked else None

    def close(self) -> None:
        """Close the file."""
        self.file.close()

    def _joined(self, cubes: Sequence[Cube], window: Window, bands: Sequence[int]) -> Stored:
        """Values of bands, in the scene's order, out of both detectors' cubes."""
        wanted, start = self.order[np.asarray(bands, dtype=np.int64)], 0
        out = np.empty((len(wanted), window.rows, window.cols), cubes[0].dtype)
        for cube in cubes:
            here = np.flatnonzero((wanted >= start) & (wanted < start + cube.shape[0]))
            if len(here):
                out[here] = cube.read(window, (wanted[here] - start).tolist())
            start += cube.shape[0]
        return out

    def _cube(self, name: str) -> Cube:
        dataset, bands = self._fields[name], len(self._listed(f"List_Cw_{name[:4].capitalize()}"))
        return Cube(dataset, axes_of(dataset.shape, bands, (1, 0, 2), self.path), self.path)

    def _listed(self, name: str) -> NDArray[np.float64]:
        return numbers(self._attribute(name))

    def _attribute(self, name: str) -> Any:
        if name not in self.file.attrs:
            raise ValueError(f"The PRISMA scene {self.path} lacks the attribute {name}. Download the file again.")
        return self.file.attrs[name]

    def _axis(self) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64] | None, NDArray[np.bool_]]:
        """Order (the scene's bands in the file's), and in the scene's order wavelengths, widths, what was acquired."""
        waves, widths, acquired = [], [], []
        for name, cube in zip(DETECTORS, self.cubes, strict=True):
            waves.append(np.nan_to_num(self._listed(f"List_Cw_{name}")))
            widths.append(numbers(self.file.attrs.get(f"List_Fwhm_{name}")))
            flags = numbers(self.file.attrs.get(f"List_Cw_{name}_Flags"))
            acquired.append((waves[-1] > 0) & (flags != 0 if len(flags) == cube.shape[0] else True))
        wave, got = np.concatenate(waves), np.concatenate(acquired)
        order = np.lexsort([wave, ~got])
        width = np.concatenate(widths)
        return order, wave[order], width[order] if len(width) == len(wave) else None, got[order]

    def _error_matrices(self) -> list[Cube]:
        ending = "PIXEL_SAT_ERR_MATRIX" if self.level == "1" else "PIXEL_L2_ERR_MATRIX"
        found = []
        for name, cube in zip(DETECTORS, self.cubes, strict=True):
            dataset = self._fields.get(f"{name.upper()}_{ending}")
            if dataset is None:
                return []
            if dataset.shape != cube.dataset.shape:
                raise ValueError(f"{ending} of the scene {self.path} has another size than its cube.")
            found.append(Cube(dataset, cube.axes, self.path))
        return found

    def _mostly_marked(self, acquired: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which bands the error matrix marks nearly everywhere, judged by a few lines."""
        marked = np.zeros(len(acquired), bool)
        if not self._errors:
            return marked
        _, rows, cols = self.cubes[0].shape
        codes = [code for one in CODES[self.level[0]].values() for code in one]
        lines = np.unique(np.linspace(0, rows - 1, LOOKED_AT + 2).round().astype(int)[1:-1])
        parts = [self._joined(self._errors, Window(int(row), 0, 1, cols), range(len(acquired))) for row in lines]
        marked[:] = np.isin(np.concatenate(parts, axis=1), codes).mean(axis=(1, 2)) > MOSTLY
        return marked & ~marked[acquired].all()

    def _conversion(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Gains and offsets of every band: value = gain * stored + offset."""
        gains, offsets = [], []
        for name, cube in zip(DETECTORS, self.cubes, strict=True):
            if self.level == "1":
                scale, less = self._number(f"ScaleFactor_{name}"), self._number(f"Offset_{name}")
                gain, offset = (1 / scale if scale else 1.0), -less
            else:
                low, high = self._number(f"L2Scale{name}Min"), self._number(f"L2Scale{name}Max")
                gain, offset = (high - low) / FULL, low
            gains.append(np.full(cube.shape[0], gain))
            offsets.append(np.full(cube.shape[0], offset))
        return np.concatenate(gains)[self.order], np.concatenate(offsets)[self.order]

    def _number(self, name: str) -> float:
        found = number(self._attribute(name))
        if found is None:
            raise ValueError(f"The attribute {name} of the PRISMA scene {self.path} is no number.")
        return found

    def _grid(self, rows: int, cols: int) -> Place | None:
        """The grid of L2D by the centres of its corner pixels; None where the file tells no such grid."""
        crs = coordinate_system(self.file.attrs.get("Epsg_Code"))
        names = [f"Product_{corner}corner_{way}" for corner in ("UL", "UR", "LL") for way in ("easting", "northing")]
        known = [number(self.file.attrs.get(name)) for name in names]
        values = [one for one in known if one is not None]
        if self.level != "2D" or crs is None or len(values) < len(names):
            return None
        upper, right, lower = np.array(values).reshape(3, 2)
        along, down = (right - upper) / (cols - 1), (lower - upper) / (rows - 1)
        x, y = upper - (along + down) / 2
        transform = Affine(along[0], down[0], x, along[1], down[1], y)
        return None if abs(transform.determinant) < 1e-9 else Place(crs, transform)

    def _planes(self, rows: int, cols: int) -> list[tuple[Flag, Marks]]:
        return planes(self._fields, {"cloud": "Cloud_Mask"}, rows, cols, self.path)

    def _facts(
        self,
        rows: int,
        cols: int,
        wavelengths: NDArray[np.float64],
        fwhm: NDArray[np.float64] | None,
        good: NDArray[np.bool_],
    ) -> Facts:
        quantity = REFLECTANCE if self.level in ("2C", "2D") else RADIANCE
        flags = [FLAGS[name] for name in self._clouds]
        if self._errors:
            flags += [FLAGS["saturated"], self._invalid()]
        notes = [] if self._errors else ["The file holds no error matrices: saturated pixels cannot be left out."]
        if not self._clouds:
            notes.append("The file holds no cloud mask: clouds count as ground.")
        return Facts(
            bands=len(wavelengths),
            rows=rows,
            cols=cols,
            dtype=str(self.cubes[0].dtype),
            georeferenced=self.place.kind != "none",
            wavelengths=tuple(wavelengths.tolist()),
            fwhm=None if fwhm is None else tuple(fwhm.tolist()),
            good_bands=good_bands(good, wavelengths, len(wavelengths)),
            product=f"PRISMA L{self.level}",
            quantity=quantity,
            unit=RADIANCE_UNIT if quantity == RADIANCE else "",
            date=date(text(self.file.attrs.get("Product_StartTime")), self.path.name),
            place=self.place.kind,
            flags=tuple(flags),
            notes=tuple(notes),
        )

    def _invalid(self) -> Flag:
        """Defective detector elements of L1 have values between their neighbours': they stay unless asked for."""
        return Flag("invalid", "Defective detector elements", False) if self.level == "1" else FLAGS["invalid"]


def _by_arrays(fields: h5py.Group | None, rows: int, cols: int) -> Place:
    for ending in ("", "_VNIR", "_SWIR"):
        lat, lon = f"Latitude{ending}", f"Longitude{ending}"
        if fields is not None and lat in fields and lon in fields:
            return of_swath(fields[lon], fields[lat], rows, cols)
    return Place()
