"""Any raster that GDAL opens: GeoTIFF, ENVI, VRT and many more, with what files beside them say of the bands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

import numpy as np
import rasterio
from rasterio.errors import CRSError, RasterioError
from rasterio.windows import Window as RasterWindow

from ..axis import settle
from ..cube import Mask, Window
from ..facts import Facts, counted, stated_scale
from ..place import Place, from_rpcs
from .envi.header import is_header
from .product import Numbers, Product, Stored
from .rasters.band_metadata import statements
from .rasters.containers import check, only_raster_in
from .rasters.masks import Masks, alpha_bands
from .rasters.raw_files import check_whole, factors_of, fields_of, header_file, nodata_of, place_of
from .rasters.rows import Rows
from .rasters.sidecars import beside

FEWEST_POINTS = 3
"""Ground control points that place a raster."""


def recognise(path: Path) -> Product:
    """Every path: a raster, or a ValueError that says why it is none. A folder stands for the one raster in it."""
    try:
        dataset = opened(path)
    except ValueError:
        if not path.is_dir():
            raise
        from . import open_product  # a file in the folder may be another reader's

        return open_product(only_raster_in(path))
    try:
        notes = check(dataset, path)
        check_whole(dataset, path, fields_of(header_file(dataset, path)))
        found = Raster(dataset, path)
    except ValueError:
        dataset.close()
        raise
    found.facts = replace(found.facts, notes=(*notes, *found.facts.notes))
    return found


def opened(path: Path) -> Any:
    """GDAL's dataset. ValueError, a sentence, if it cannot be opened."""
    try:
        return rasterio.open(path)
    except (RasterioError, UnicodeError) as error:  # a name in another encoding than UTF-8
        if path.is_file() and not path.stat().st_size:
            raise ValueError(f"The file {path} is empty: it has 0 bytes. Copy or download it again.") from error
        if path.suffix.lower() == ".hdr" and is_header(path):
            raise ValueError(f"The file {path} is an ENVI header. Choose the data file that belongs to it.") from error
        if path.is_file() and is_zipfile(path):
            raise ValueError(
                f"The archive {path} holds no product that is known as it is. Unpack it, and choose the scene in it."
            ) from error
        raise ValueError(
            f"The scene {path} cannot be opened as a raster ({error}). Check that the file is whole, or choose "
            "another scene."
        ) from error


class Raster(Product):
    """A raster dataset of GDAL. Readers of products whose pixels lie in rasters stand on it and know more.

    ``header``: the fields of its ENVI header, keys in small letters; empty without one.
    """

    def __init__(self, dataset: Any, path: Path, eager: bool = False, in_strips: bool | None = None) -> None:
        """Take over an open dataset. ``eager``, ``in_strips``: how windows share rows, see :class:`.rows.Rows`."""
        self.dataset, self.path, self.block = dataset, path, dataset.block_shapes[0]
        self._rows = Rows(dataset, eager, in_strips)
        if self._rows.in_strips:
            self.block = (self.block[0], dataset.width)
        header = header_file(dataset, path)
        self.header = fields_of(header)
        sidecars = beside(path, dataset.count, dataset.height, dataset.width) if dataset.driver != "ENVI" else []
        self.files = tuple(dict.fromkeys([path, *([header] if header else []), *(one.path for one in sidecars)]))
        self.place, told = place(dataset, self.header)
        alpha = alpha_bands(dataset)
        said = statements(dataset, self.header)
        axis = settle([*said[:-1], *(one.said for one in sidecars), *said[-1:]], dataset.count, alpha)
        values, more = _nodata(dataset, self.header)
        self.nodata = np.array([np.nan if one is None else one for one in values])
        scale = self._convert(dataset, self.header)
        self.facts = Facts(
            bands=dataset.count,
            rows=dataset.height,
            cols=dataset.width,
            dtype=dataset.dtypes[0],
            georeferenced=self.place.kind != "none",
            nodata=next((one for one in values if one is not None), None),
            scale=scale,
            wavelengths=axis.wavelengths,
            fwhm=axis.fwhm,
            good_bands=axis.good,
            date=next((one.date for one in sidecars if one.date), ""),
            place=self.place.kind,
            notes=(*axis.notes, *(f"Band {at + 1} is an alpha band: it says which pixels count." for at in alpha),
                   *more, *told),
        )  # fmt: skip
        self.facts = _as_opened(self.facts, dataset.tags(ns="MIXEL"))
        self._masks = Masks(dataset, alpha, [at for at, good in enumerate(axis.good or [True] * dataset.count) if good])

    def read(self, window: Window, bands: Sequence[int]) -> Stored:
        """Stored values of a window. ValueError, a sentence, if the file cannot be read."""
        return self._rows.read(window, bands, self._read)

    def _read(self, window: Window, bands: Sequence[int]) -> Stored:
        try:
            stored: Stored = self.dataset.read(indexes=[band + 1 for band in bands], window=_area(window))
        except RasterioError as error:
            raise ValueError(self._unreadable(error)) from error
        return stored

    def usable(self, window: Window, flags: Sequence[str]) -> Mask | None:
        """Which pixels the raster's own masks and alpha bands leave; None if it has none."""
        if not self._masks.any:
            return None
        try:
            return self._masks.read(_area(window))
        except RasterioError as error:
            raise ValueError(self._unreadable(error)) from error

    def close(self) -> None:
        """Close the dataset."""
        self._rows.forget()
        self.dataset.close()

    def _unreadable(self, error: Exception) -> str:
        return f"The scene {self.path} cannot be read completely ({error}). Copy or download the file again."

    def _convert(self, dataset: Any, header: Mapping[str, str]) -> float | None:
        """Settle gains and offsets; gives the stored value that means reflectance 1, if one is stated for all bands."""
        gains, offsets = np.array(dataset.scales), np.nan_to_num(np.array(dataset.offsets))
        listed, shifts = factors_of(header, dataset.count)
        if listed is not None and (gains == 1).all():
            gains = listed
        if shifts is not None and not offsets.any():
            offsets = shifts
        gains[~np.isfinite(gains) | (gains == 0)] = 1  # as good as not stated
        scale = stated_scale(float(gains[0]), {key.replace(" ", "_"): text for key, text in header.items()})
        self.gains, self.offsets = _factors(gains, offsets, scale)
        return scale if (gains == gains[0]).all() else None


def place(dataset: Any, header: Mapping[str, str]) -> tuple[Place, list[str]]:
    """Where an open dataset lies, by its grid, control points, rational polynomials or ENVI's geo points; and notes."""
    try:
        crs = dataset.crs
    except CRSError:
        crs = None
    if not dataset.transform.is_identity or (crs is not None and not dataset.gcps[0] and dataset.rpcs is None):
        nameless = (
            [] if crs is not None else ["The scene names no coordinate system: its results will name none either."]
        )
        return Place(crs, dataset.transform), nameless
    points, system = dataset.gcps
    by_points = Place(system, gcps=tuple(points)) if len(points) >= FEWEST_POINTS else Place()
    if header.get("geo points"):  # GDAL reads them without their coordinate system
        by_points = place_of(header)
    if by_points.gcps:
        number = counted(len(by_points.gcps), "ground control point")
        return by_points, [f"The scene is placed by {number}, not by a grid: its results get the same points."]
    by_rpcs = from_rpcs(dataset.rpcs, dataset.height, dataset.width) if dataset.rpcs is not None else Place()
    if by_rpcs.gcps:
        return by_rpcs, [
            f"The scene is placed by rational polynomials (RPCs): its results get {len(by_rpcs.gcps)} ground control "
            "points computed by them at the mean height. Relief shifts pixels against the map."
        ]
    return Place(crs, dataset.transform), []


def _as_opened(facts: Facts, kept: Mapping[str, str]) -> Facts:
    """The facts of a scene that Mixel wrote when it opened a product, which only Mixel has words for."""
    if not kept:
        return facts
    notes = dict.fromkeys([*filter(None, kept.get("notes", "").split("\n")), *facts.notes])
    product, quantity, unit, date = (kept.get(name, "") for name in ("product", "quantity", "unit", "date"))
    facts = replace(facts, product=product, quantity=quantity, unit=unit, date=date, notes=tuple(notes))
    return replace(facts, masked_by=kept.get("masked_by", ""))


def _nodata(dataset: Any, header: Mapping[str, str]) -> tuple[list[float | None], list[str]]:
    """The nodata value of each band: GDAL's, else the header's; and what has to be told.

    GDAL takes an ignore value in braces, and one that is no number, for 0.
    """
    listed, told = nodata_of(header, dataset.count)
    doubtful = (None, 0) if header.get("data ignore value") else (None,)
    pairs = zip(dataset.nodatavals, listed, strict=True)
    return [own if one in doubtful else one for one, own in pairs], [told] if told else []


def _factors(gains: Numbers, offsets: Numbers, scale: float | None) -> tuple[Numbers | None, Numbers | None]:
    if (gains != 1).any() or offsets.any():
        return gains, offsets
    return (np.full(len(gains), 1 / scale), np.zeros(len(gains))) if scale else (None, None)


def _area(window: Window) -> RasterWindow:
    return RasterWindow(window.col, window.row, window.cols, window.rows)
