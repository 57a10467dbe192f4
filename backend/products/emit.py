"""EMIT L1B radiance and L2A reflectance, netCDF-4: sensor geometry, put onto the map by the lookup table in the file.

Structure: LP DAAC's user guides of EMIT L1B and L2A. ``location/glt_x`` and ``glt_y`` name for every pixel of the map
the sample and line (from 1; 0: none) that lies there. The quality flags are a file of their own, beside the scene.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from ..cube import Mask, Window
from ..facts import RADIANCE, REFLECTANCE, Flag
from ..place import Place
from .arrays.axes import axes_of
from .arrays.cube import Cube, dimension_names, find, opened, readable
from .arrays.places import coordinate_system, of_geotransform, of_swath
from .arrays.scene import FLAGS, Hdf5Scene, Marks, filled
from .arrays.values import date, numbers, spectral, text, texts
from .product import Product, Stored
from .swath.lookup import Lookup

CUBES = {"reflectance": (REFLECTANCE, ""), "radiance": (RADIANCE, "uW/cm2/sr/nm")}
MASKS = (
    (re.compile(r"dilated.*cloud"), FLAGS["dilated_cloud"]),
    (re.compile(r"cirrus"), FLAGS["cirrus"]),
    (re.compile(r"spacecraft"), Flag("spacecraft", "Parts of the spacecraft", True)),
    (re.compile(r"cloud"), FLAGS["cloud"]),
)
"""Which names of mask_bands are flags. Water and the aggregate flag (water is in it) mark nothing to leave out."""
_AMOUNT = re.compile(r"probab|distance|aod|h2o|water|aggregate")
PARTS = {"mask": "quality mask", "reflectance_uncertainty": "uncertainty", "obs": "observation geometry"}


def recognise(path: Path) -> Product | None:
    """The scene in a file or in the one file of a folder; None if it is none. ValueError, a sentence, if damaged."""
    if path.is_file():
        _refuse_parts(path)
    return find(path, (".nc", ".nc4"), lambda file: bool(_cube_name(file)), _build)


def _refuse_parts(path: Path) -> None:
    """ValueError for a file that belongs to a scene and is none itself."""
    file = opened(path)
    if file is None:
        return
    with file:
        part = next((name for name in PARTS if name in file and "location" in file), None)
        if part and not _cube_name(file):
            raise ValueError(
                f"{path} is the {PARTS[part]} of an EMIT scene. Choose the scene itself, whose name has RFL or RAD in "
                "it; a quality mask beside it is used."
            )


def _cube_name(file: h5py.File) -> str:
    if not {"location", "sensor_band_parameters"} <= set(file):
        return ""
    return next((name for name in CUBES if isinstance(file.get(name), h5py.Dataset)), "")


def _build(file: h5py.File, path: Path) -> Product:
    name = _cube_name(file)
    dataset, parameters = file[name], file["sensor_band_parameters"]
    wavelengths, fwhm = spectral(parameters["wavelengths"], parameters.get("fwhm"))
    cube = Cube(dataset, axes_of(dataset.shape, len(wavelengths), (2, 0, 1), path, dimension_names(dataset)), path)
    return Emit(file, path, cube, name, wavelengths, fwhm)


class Emit(Hdf5Scene):
    """A scene on the map by its lookup table; in sensor geometry where the file has none."""

    def __init__(
        self,
        file: h5py.File,
        path: Path,
        cube: Cube,
        name: str,
        wavelengths: NDArray[np.float64],
        fwhm: NDArray[np.float64] | None,
    ) -> None:
        """Take over an open file, and look for the quality mask beside it."""
        quantity, unit = CUBES[name]
        good = file["sensor_band_parameters"].get("good_wavelengths")
        self.lookup, place = _geometry(file, cube, path)
        self.mask, self._mask_file, layers, notes = _mask_beside(path, cube, quantity)
        try:
            super().__init__(
                file,
                path,
                cube,
                place,
                product="EMIT L2A reflectance" if quantity == REFLECTANCE else "EMIT L1B radiance",
                wavelengths=wavelengths,
                fwhm=fwhm,
                good=None if good is None else numbers(good) != 0,
                quantity=quantity,
                unit=unit,
                date=date(text(file.attrs.get("time_coverage_start")), path.name),
                nodata=filled(cube.dataset, -9999.0),
                flags=[(flag, self._marks(layer)) for layer, flag in layers.items()],
                notes=notes,
                shape=(cube.shape[0], *(self.lookup.shape if self.lookup else cube.shape[1:])),
            )
        except ValueError:
            self._close_mask()
            raise
        if self._mask_file is not None:
            self.files = (path, Path(self._mask_file.filename))

    def read(self, window: Window, bands: Sequence[int]) -> Stored:
        """Stored values of a window; map pixels that the sensor did not see hold the nodata value."""
        if self.lookup is None:
            return self.cube.read(window, bands)
        return self.lookup.gather(self.cube, window, bands, np.nan if self.facts.nodata is None else self.facts.nodata)

    def close(self) -> None:
        """Close the scene and its mask."""
        super().close()
        self._close_mask()

    def _close_mask(self) -> None:
        if self._mask_file is not None:
            self._mask_file.close()

    def _marks(self, layer: int) -> Marks:
        """The function that says which pixels of a window a layer of the mask marks."""

        def marked(window: Window) -> Mask:
            if self.mask is None:
                raise ValueError(f"The mask of the scene {self.path} is closed.")
            if self.lookup is None:
                return np.asarray(self.mask.read(window, [layer])[0] > 0)
            return np.asarray(self.lookup.gather(self.mask, window, [layer], 0)[0] > 0)

        return marked


def _geometry(file: h5py.File, cube: Cube, path: Path) -> tuple[Lookup | None, Place]:
    """The lookup table and the map's grid, or else None and the swath's place."""
    location = file["location"]
    transform = of_geotransform(file.attrs.get("geotransform"))
    if transform is not None and {"glt_x", "glt_y"} <= set(location):
        crs = coordinate_system(file.attrs.get("spatial_ref"), "EPSG:4326")
        return Lookup(location["glt_x"], location["glt_y"], cube.shape[1:], path), Place(crs, transform)
    if {"lon", "lat"} <= set(location):
        return None, of_swath(location["lon"], location["lat"], cube.shape[1], cube.shape[2])
    return None, Place()


def _mask_beside(
    path: Path, cube: Cube, quantity: str
) -> tuple[Cube | None, h5py.File | None, dict[int, Flag], list[str]]:
    """The quality mask beside a scene, its file, which of its layers are flags, and notes."""
    names = [path.name.replace(part, other) for part, other in (("_RFL_", "_MASK_"), ("L1B_RAD_", "L2A_MASK_"))]
    beside = next((path.with_name(one) for one in names if one != path.name and path.with_name(one).is_file()), None)
    none = "no quality flags can be used."
    if beside is None:
        what = "" if quantity == RADIANCE else f" Put {names[0]} beside it to leave out clouds."
        return None, None, {}, [f"No quality mask lies beside the scene: {none}{what}"]
    file = None
    try:
        file = opened(beside)
        if file is None:
            raise ValueError(f"{beside.name} is no HDF5 file.")
        mask, layers = _mask(file, beside, cube)
    except ValueError as error:
        if file is not None:
            file.close()
        return None, None, {}, [f"The quality mask beside the scene is not usable: {none} {error}"]
    return mask, file, _flag_layers(layers), []


def _mask(file: h5py.File, path: Path, cube: Cube) -> tuple[Cube, list[str]]:
    """The mask and the names of its layers. ValueError, a sentence, if it does not fit the scene."""
    with readable(path):
        layers = texts(file["sensor_band_parameters/mask_bands"][()])
        dataset = file["mask"]
        mask = Cube(dataset, axes_of(dataset.shape, len(layers), (2, 0, 1), path, dimension_names(dataset)), path)
    if mask.shape[1:] != cube.shape[1:]:
        raise ValueError(f"{path.name} has another size than the scene; download both again.")
    return mask, layers


def _flag_layers(layers: list[str]) -> dict[int, Flag]:
    """Which layers of the mask are flags, by their names; the first of each kind."""
    found: dict[int, Flag] = {}
    for index, layer in enumerate(layers):
        flag = next((flag for pattern, flag in MASKS if pattern.search(layer.lower())), None)
        if flag is not None and flag not in found.values() and not _AMOUNT.search(layer.lower()):
            found[index] = flag
    return found
