"""Paths that hold no raster, or several, or arrays of unknown axes: what to choose instead, in a sentence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import rasterio
from rasterio.errors import RasterioError

from ...facts import MIN_BANDS
from ..envi.header import is_header, read_header
from .band_metadata import array_axis

ARRAYS = ("netCDF", "HDF5", "HDF5Image", "HDF4", "HDF4Image", "Zarr", "GRIB", "netCDF4")
"""GDAL's drivers for files of arrays with any axes."""
ARRAY_FILES = (".nc", ".nc4", ".h5", ".he5", ".hdf5", ".hdf")
NO_RASTERS = re.compile(
    r".*\.(hdr|xml|json|txt|csv|ovr|msk|sli|esl|prj|tfw|html|md|shp|dbf|shx|gpkg|geojson|pdf|png|jpe?g|log|qgz)", re.I
)
MOST_FILES = 300
"""Files of a folder that are looked at."""
MOST_NAMES = 5
"""Names in a sentence."""


def check(dataset: Any, path: Path) -> list[str]:
    """What has to be told of the container a dataset lies in. ValueError, a sentence, if it is no one raster."""
    parts = dataset.subdatasets
    if dataset.driver == "GTiff" and len(parts) > 1:
        what = f"The file {path} is a TIFF of {len(parts)} pages, and a page is a raster of its own"
        if dataset.count < MIN_BANDS:
            raise ValueError(f"{what}. Save its pages as the bands of one GeoTIFF or ENVI file, and choose that.")
        return [f"{what}: the first one is used."]
    if dataset.driver in ARRAYS and (dataset.count == 0 or array_axis(dataset) is None):
        raise ValueError(
            f"The file {path} holds arrays that do not say which of their axes is the spectral one "
            f"({_named(_arrays(path) or _short(parts))}). Open the original product, or save the cube as a GeoTIFF or "
            "ENVI file with its wavelengths."
        )
    if dataset.count == 0:
        raise ValueError(
            f"The file {path} holds several rasters ({_named(_short(parts))}). Save one of them as a file of its own "
            "(in QGIS: add it, then Export, Save As), and choose that."
            if parts
            else f"The file {path} holds no raster. Choose another file."
        )
    if dataset.count == 1:
        raise ValueError(
            f"The file {path} holds a single band. Mixel needs at least {MIN_BANDS}: choose the raster that holds all "
            "bands, or stack the files of the bands into one."
        )
    return []


def only_raster_in(folder: Path) -> Path:
    """The one raster of a folder. ValueError, a sentence, names what to choose where there is none or are several."""
    try:
        files = sorted(one for one in folder.iterdir() if one.is_file() and not one.name.startswith("."))
    except OSError as error:
        raise ValueError(f"The folder {folder} cannot be read ({error}). Choose a file.") from error
    candidates = [one for one in files if not NO_RASTERS.fullmatch(one.name)]
    if len(candidates) > MOST_FILES:
        raise ValueError(f"The folder {folder} holds {len(candidates)} files. Choose the one that is the scene.")
    found = [one for one in candidates if _is_scene(one)]
    if len(found) == 1:
        return found[0]
    if found:
        raise ValueError(
            f"The folder {folder} holds {len(found)} rasters. Choose one: {_named([one.name for one in found])}."
        )
    raise ValueError(
        f"The scene {folder} cannot be opened as a raster: the folder holds none that Mixel can read. Choose another "
        "folder, or a file."
    )


def _is_scene(path: Path) -> bool:
    if path.suffix.lower() in ARRAY_FILES:
        return True
    if _is_library(path):
        return False
    try:
        with rasterio.open(path) as dataset:
            return bool(dataset.count >= MIN_BANDS)
    except (RasterioError, UnicodeError):
        return False


def _is_library(path: Path) -> bool:
    """Whether a file holds spectra, not an image, by the ENVI header beside it."""
    headers = [one for one in (path.with_suffix(".hdr"), path.with_name(f"{path.name}.hdr")) if is_header(one)]
    return any("spectral library" in read_header(one).get("file type", "").lower() for one in headers)


def _arrays(path: Path) -> list[str]:
    """Names and shapes of the arrays of an HDF5 file that can be images; a few, as there may be thousands."""
    found: list[str] = []

    def visit(name: str, item: Any) -> bool | None:
        if isinstance(item, h5py.Dataset) and len(item.shape or ()) > 1:
            found.append(f"/{name}: {' x '.join(map(str, item.shape))}")
        return True if len(found) > MOST_NAMES else None

    try:
        if path.is_file() and h5py.is_hdf5(path):
            with h5py.File(path) as file:
                file.visititems(visit)
    except (OSError, RuntimeError, UnicodeError):
        return []
    return found


def _short(parts: Sequence[str]) -> list[str]:
    """The names of GDAL's subdatasets without driver and path."""
    return [part.rstrip("/").rpartition(":")[2].strip('"/') or part for part in parts]


def _named(names: Sequence[str]) -> str:
    more = " and more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more if names else "none is an image"
