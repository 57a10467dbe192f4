"""Zarr stores, versions 2 and 3, as GDAL and xarray write them: the folder of a store, read by GDAL's driver.

Names, axes and attributes of the arrays come from the store's JSON; GDAL reads the numbers. The coordinates of pixel
centres, a grid mapping or GDAL's attribute ``_CRS`` give the place.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Sequence
from contextvars import copy_context
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.windows import Window as RasterWindow

from ..cube import Window
from ..facts import RADIANCE, REFLECTANCE, Facts
from ..place import Place
from .arrays.places import MAP_X, MAP_Y, coordinate_system, of_geotransform, of_mapping
from .arrays.roles import Array, Choice, Spectrum, choose, is_axis, quantity_of
from .arrays.scene import good_bands, known_widths
from .arrays.values import number, numbers, spectral
from .arrays.zarr_v3 import ROOT, Version3
from .product import Product, Stored

STORES = (".zgroup", ".zmetadata", ".zarray", "zarr.json")
MOST_NODES = 2_000
LONGEST = 1_000_000
"""Numbers of an array of one axis: more wavelengths, rows or columns has no scene."""
LARGEST_JSON = 50 << 20


def recognise(path: Path) -> Product | None:
    """The scene in a store, given by its folder or the file that describes it; None if it is none.

    ValueError, a sentence, if the store is damaged or which of its arrays is a scene cannot be told.
    """
    store = path.parent if path.name in STORES else path
    if not any((store / name).is_file() for name in STORES):
        return None
    arrays = list(_arrays(store))
    spectra = [spectrum for array in arrays for spectrum in _spectra(store, array, arrays)]
    choice = choose(arrays, spectra, store)
    if choice is None:
        raise ValueError(f"The Zarr store {store} holds no array of three axes. Choose the store of a scene.")
    return Zarr(store, choice, arrays)


class Zarr(Product):
    """One array of a store."""

    def __init__(self, store: Path, choice: Choice, arrays: list[Array]) -> None:
        """Open the array. ValueError, a sentence, if GDAL cannot."""
        self.dataset, self.path = _opened(store, choice.array, choice.axes), store
        self._context, self._chunks = copy_context(), _chunks(choice)  # rasterio knows a store's reader in one context
        self._broken: ValueError | None = None
        self.files = tuple(store / name for name in STORES if (store / name).is_file())
        array, spectrum = choice.array, choice.spectrum
        bands, rows, cols = (array.shape[axis] for axis in choice.axes)
        if (self.dataset.count, self.dataset.height, self.dataset.width) != (bands, rows, cols):
            self.dataset.close()
            raise ValueError(f"The Zarr store {store} is read with other axes than it states. Write it as GeoTIFF.")
        gain, offset = number(array.attributes.get("scale_factor")), number(array.attributes.get("add_offset"))
        quantity = quantity_of(array)
        scaled = gain is not None or offset is not None
        if scaled or quantity:
            self.gains, self.offsets = np.full(bands, gain or 1.0), np.full(bands, offset or 0.0)
        fill = array.attributes.get("_FillValue", array.attributes.get("missing_value", self.dataset.nodata))
        nodata = number(fill)
        self.nodata = None if nodata is None else np.full(bands, nodata)
        self.place = _place(store, array, arrays, self.dataset, rows, cols)
        waves = None if spectrum is None else spectrum.wavelengths
        self.facts = Facts(
            bands=bands,
            rows=rows,
            cols=cols,
            dtype=self.dataset.dtypes[0],
            georeferenced=self.place.kind != "none",
            nodata=nodata,
            scale=1 / gain if gain and quantity == REFLECTANCE and not offset else None,
            wavelengths=None if waves is None else tuple(waves.tolist()),
            fwhm=None if spectrum is None else known_widths(spectrum.fwhm, bands),
            good_bands=good_bands(None, waves, bands),
            product="Zarr store",
            quantity=quantity,
            unit=str(array.attributes.get("units", "")) if quantity == RADIANCE else "",
            place=self.place.kind,
            notes=(f"The array {array.name} of the store was taken as the scene.",),
        )

    def read(self, window: Window, bands: Sequence[int]) -> Stored:
        """Stored values of a window. ValueError, a sentence, if the store cannot be read."""
        if self._broken is not None:  # GDAL would give a chunk as it was left by the failure
            raise self._broken
        out = np.empty((len(bands), window.rows, window.cols), self.facts.dtype)
        wanted = np.asarray(bands, dtype=np.int64)
        try:
            for which in _groups(wanted, self._chunks[0]):
                indexes = (wanted[which] + 1).tolist()
                for down in _pieces(window.row, window.rows, self._chunks[1]):
                    for across in _pieces(window.col, window.cols, self._chunks[2]):
                        area = RasterWindow(across.start, down.start, len(across), len(down))
                        part = self._context.copy().run(self.dataset.read, indexes=indexes, window=area)
                        top, left = down.start - window.row, across.start - window.col
                        out[which, top : top + len(down), left : left + len(across)] = part
        except RasterioError as error:
            self._broken = ValueError(f"The Zarr store {self.path} cannot be read ({error}). Copy it again.")
            raise self._broken from error
        return out

    def close(self) -> None:
        """Close the array."""
        self.dataset.close()


def _arrays(store: Path) -> Iterator[Array]:
    """All arrays of a store by its JSON files; folders of chunks are not looked into."""
    waiting, seen = [store], 0
    while waiting and seen < MOST_NODES:
        folder, seen = waiting.pop(), seen + 1
        described, attributes = _json(folder / ".zarray"), _json(folder / ".zattrs")
        dims = attributes.get("_ARRAY_DIMENSIONS")
        if not described:
            described = _json(folder / "zarr.json")
            attributes, dims = described.get("attributes") or attributes, described.get("dimension_names")
        if "shape" in described:
            shape = described["shape"]
            if not isinstance(shape, list) or not all(isinstance(one, int) and one > 0 for one in shape):
                raise ValueError(f"The Zarr store {store} has a damaged description of {folder.name}. Write it again.")
            names = [str(one or "") for one in dims] if isinstance(dims, list) else []
            yield Array(folder.relative_to(store).as_posix(), tuple(shape), names, attributes, described=described)
            continue
        waiting += sorted((one for one in folder.iterdir() if one.is_dir() and not one.is_symlink()), reverse=True)


def _json(file: Path) -> dict[str, Any]:
    """What a JSON file holds; empty where there is none. ValueError, a sentence, if it is damaged."""
    try:
        if not file.is_file() or file.stat().st_size > LARGEST_JSON:
            return {}
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"The Zarr store's file {file} cannot be read ({error}). Copy the store again.") from error
    return found if isinstance(found, dict) else {}


def _opened(store: Path, array: Array, axes: tuple[int, int, int] | None = None) -> Any:
    turned = {} if axes is None else {"DIM_Y": str(axes[1]), "DIM_X": str(axes[2])}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)  # its place comes from other arrays
            if array.described.get("zarr_format") == 3:
                return rasterio.open(
                    ROOT, driver="Zarr", opener=Version3(store / array.name, array.described), **turned
                )
            return rasterio.open(f'ZARR:"{store}":/{array.name if array.name != "." else ""}', **turned)
    except (RasterioError, UnicodeEncodeError) as error:
        raise ValueError(f"The Zarr store {store} cannot be read ({error}). Copy it again.") from error


def _chunks(choice: Choice) -> tuple[int, ...]:
    """Bands, rows and columns of a chunk."""
    described = choice.array.described
    stated = described.get("chunks") or described.get("chunk_grid", {}).get("configuration", {}).get("chunk_shape")
    return tuple(int(stated[axis]) if isinstance(stated, list) else choice.array.shape[axis] for axis in choice.axes)


def _groups(wanted: NDArray[np.int64], chunk: int) -> list[NDArray[np.int64]]:
    """Positions of the wanted bands, those of a chunk together: GDAL undoes a chunk once where nothing lies between."""
    groups = wanted // chunk
    return [np.flatnonzero(groups == group) for group in np.unique(groups)]


def _pieces(start: int, length: int, chunk: int) -> list[range]:
    """A stretch of rows or columns, cut where chunks meet."""
    cuts = [start, *range((start // chunk + 1) * chunk, start + length, chunk), start + length]
    return [range(first, last) for first, last in pairwise(cuts)]


def _line(store: Path, array: Array) -> NDArray[np.float64]:
    """The numbers of an array of one axis. ValueError, a sentence, if it is longer than any axis of a scene."""
    if array.shape[0] > LONGEST:
        raise ValueError(
            f"The Zarr array {array.name} in {store} is {array.shape[0]:,} long: its description is damaged."
        )
    with _opened(store, array) as dataset:
        try:
            return numbers(dataset.read(1))
        except RasterioError as error:
            raise ValueError(f"The Zarr store {store} cannot be read ({error}). Copy it again.") from error


def _spectra(store: Path, array: Array, arrays: list[Array]) -> Iterator[Spectrum]:
    """Wavelengths that an array is or has as attribute, with the widths beside it."""
    stem, _, last = array.name.rpartition("/")
    if len(array.shape) == 1 and "wave" in last.lower():
        beside = [one for one in arrays if one.name.rpartition("/")[0] == stem and "fwhm" in one.name.lower()]
        widths = next((_line(store, one) for one in beside if one.shape == array.shape), None)
        found, fwhm = spectral(_line(store, array), widths, str(array.attributes.get("units", "")))
        if is_axis(found):
            yield Spectrum(found, fwhm)
    for key, value in array.attributes.items():
        if "wave" in key.lower() and isinstance(value, list):
            found, fwhm = spectral(value, array.attributes.get("fwhm"))
            if is_axis(found):
                yield Spectrum(found, fwhm)


def _place(store: Path, array: Array, arrays: list[Array], dataset: Any, rows: int, cols: int) -> Place:
    said = dict(array.attributes)
    mapping = str(said.get("grid_mapping", "spatial_ref"))
    holder = next((one for one in arrays if one.name.rsplit("/", 1)[-1] == mapping), None)
    crs = said.get("_CRS")
    told: dict[str, Any] = dict(holder.attributes) if holder else {}
    if isinstance(crs, dict):
        told.setdefault("crs_wkt", crs.get("wkt") or crs.get("url"))
    if dataset.crs is not None and coordinate_system(told.get("crs_wkt"), told.get("spatial_ref")) is None:
        told["crs_wkt"] = dataset.crs.to_wkt()
    x, y = _coordinates(store, arrays, MAP_X, cols), _coordinates(store, arrays, MAP_Y, rows)
    if of_geotransform(told.get("GeoTransform")) is None and not dataset.transform.is_identity:
        told["GeoTransform"] = dataset.transform.to_gdal()
    return of_mapping(told, x, y)


def _coordinates(store: Path, arrays: list[Array], names: tuple[str, ...], size: int) -> NDArray[np.float64]:
    for array in arrays:
        if array.shape == (size,) and array.name.rsplit("/", 1)[-1].lower() in names:
            return _line(store, array)
    return np.empty(0)
