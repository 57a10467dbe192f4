"""Training pixels from a class raster on the scene's own grid, and class rasters read block by block."""

from __future__ import annotations

import html
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rasterio.shutil
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.windows import Window as RasterWindow
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ..cube import partition
from ..names import plain
from .classes import MAX_CLASSES, make_classes
from .pixels import MAX_PIXELS, TOO_MANY, Grid, Labels, rare_notices

BLOCK = 1024
SHIFT = 0.01
"""Grids that lie this part of a pixel apart are the same."""
LARGEST = 2**53
"""Beyond it floats skip whole numbers."""


def read_raster_labels(path: str | Path, grid: Grid, least: int = 2) -> Labels:
    """Training pixels from a raster of class values; 0 and nodata mean not labelled. Each patch of a class is a group.

    Names and colours of classes are the file's, if it holds some. ValueError, a sentence, if it is no raster of whole
    numbers from 0, is not on the scene's grid, or holds fewer than ``least`` classes.
    """
    with opened(path, "label raster") as dataset:
        notices = check_grid(dataset, grid, "label raster")
        flat, codes = _read(dataset, grid)
        names, colours = value_names(dataset), _colours(dataset)
    present, values = np.unique(codes, return_inverse=True)
    if len(present) > MAX_CLASSES:
        raise ValueError(f"The label raster holds {len(present)} classes; {MAX_CLASSES} at most are possible.")
    texts = called(present, names)
    classes = make_classes(
        texts, {name: colours.get(int(code), "") for name, code in zip(texts, present, strict=True)}, least
    )
    rows, cols = np.divmod(flat, grid.cols)
    labels = Labels(
        rows.astype(np.int32),
        cols.astype(np.int32),
        (values + 1).astype(np.int16),
        patches(flat, values, grid.cols),
        classes,
        notices,
    )
    notices.extend(rare_notices(labels))
    return labels


def read_classes(path: str | Path) -> Iterator[tuple[int, int, NDArray[Any]]]:
    """A class map block by block: (first row, first col, values (rows, cols)), 0 where the file says nodata."""
    with opened(path, "label raster") as dataset:
        yield from blocks(dataset)


def patches(flat: NDArray[np.int64], values: NDArray[Any], cols: int) -> NDArray[np.int32]:
    """Number of the connected patch of one class each pixel is in; ``flat`` = row * cols + col, rising."""
    edges = []
    for step, allowed in ((1, (flat + 1) % cols != 0), (cols, np.ones(len(flat), bool))):
        place = np.minimum(np.searchsorted(flat, flat + step), len(flat) - 1)
        joined = allowed & (flat[place] == flat + step) & (values[place] == values)
        edges.append((np.flatnonzero(joined), place[joined]))
    first, second = (np.concatenate(ends) for ends in zip(*edges, strict=True))
    links = coo_array((np.ones(len(first), np.int8), (first, second)), shape=(len(flat), len(flat)))
    return np.asarray(connected_components(links, directed=False)[1], np.int32)


def opened(path: str | Path, what: str) -> Any:
    """Open a raster of one band; ``what``: what it is called where it cannot be opened."""
    try:
        return rasterio.open(path)
    except (RasterioError, UnicodeEncodeError) as error:
        raise ValueError(
            f"The {what} {path} cannot be opened ({error}). Check that the file is whole, or choose another."
        ) from error


def check_band(dataset: Any, what: str) -> None:
    """ValueError, a sentence, if a raster has not one band, or holds complex numbers."""
    if dataset.count != 1:
        raise ValueError(f"The {what} has {dataset.count} bands; choose a raster with one band.")
    if dataset.dtypes[0].startswith("complex"):  # numpy does not know all of GDAL's
        raise ValueError(f"The {what} holds complex numbers; choose another raster.")


def check_values(values: NDArray[Any], what: str) -> None:
    """ValueError, a sentence, if values are not whole numbers from 0 that a float holds to the last digit."""
    wrong = values[(values < 0) | (values != np.floor(values)) | (values > LARGEST)]
    if len(wrong):
        raise ValueError(
            f"The {what} holds the value {wrong[0]:g}; classes are whole numbers from 1, and 0 or the file's nodata "
            "value means none. Choose another raster."
        )


def check_grid(dataset: Any, grid: Grid, what: str) -> list[str]:
    """What is to be said of how a raster lies. ValueError if it is not of one band on the scene's grid."""
    check_band(dataset, what)
    here, there = f"{grid.rows} x {grid.cols}", f"{dataset.height} x {dataset.width}"
    if here != there:
        raise ValueError(
            f"The {what} has {there} pixels (rows x columns), the scene {here}. Bring it onto the scene's grid "
            "first (nearest neighbour), or use a vector layer."
        )
    placed = Grid(dataset.crs, dataset.transform, grid.rows, grid.cols)
    if placed.is_georeferenced != grid.is_georeferenced:
        silent = "scene" if placed.is_georeferenced else what
        return [f"The {silent} has no georeference: the {what} is laid on the scene pixel by pixel."]
    if placed.crs and grid.crs and placed.crs != grid.crs:
        raise ValueError(
            f"The {what} and the scene have different coordinate systems. Bring the {what} onto the scene's grid "
            "first (nearest neighbour)."
        )
    offset = ~grid.transform @ placed.transform
    corners = [np.subtract(offset @ corner, corner) for corner in ((0, 0), (grid.cols, 0), (0, grid.rows))]
    if np.abs(corners).max() > SHIFT:
        raise ValueError(
            f"The {what}'s pixels lie up to {np.abs(corners).max():.2g} pixels beside the scene's. Bring it onto "
            "the scene's grid first (nearest neighbour)."
        )
    return []


def _read(dataset: Any, grid: Grid) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Numbers of the labelled pixels in the scene, rising, and their class values."""
    found, total = [], 0
    for row, col, values in blocks(dataset):
        rows, cols = np.nonzero(values)
        codes = values[rows, cols]
        check_values(codes, "label raster")
        found.append(((rows + row) * np.int64(grid.cols) + cols + col, codes.astype(np.int64)))
        total += len(codes)
        if total > MAX_PIXELS:
            raise ValueError(TOO_MANY)
    if not total:
        raise ValueError("The label raster labels no pixel: it holds only 0 and nodata.")
    flat, codes = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.argsort(flat)
    return flat[order], codes[order]


def blocks(dataset: Any) -> Iterator[tuple[int, int, NDArray[Any]]]:
    """A raster of one band block by block: (first row, first col, values (rows, cols)), 0 where it holds no data."""
    for window in partition(dataset.height, dataset.width, BLOCK):
        part = RasterWindow(window.col, window.row, window.cols, window.rows)
        try:
            values = dataset.read(1, window=part)
        except RasterioError as error:
            raise ValueError(f"The raster {dataset.name} cannot be read ({error}); it may be cut short.") from error
        if dataset.nodata is not None:
            values[values == dataset.nodata] = 0
        if values.dtype.kind == "f":
            values[np.isnan(values)] = 0
        yield window.row, window.col, values


def value_names(dataset: Any) -> list[str]:
    """Names by class value: those Mixel writes into its maps, else the file's categories.

    rasterio does not give categories; they stand in any VRT that describes the file.
    """
    tags = dataset.tags(1)
    if "category_0" in tags:
        number = sum(key.startswith("category_") for key in tags)
        return [plain(tags.get(f"category_{value}", "")) for value in range(number)]
    with tempfile.TemporaryDirectory() as folder:
        description = Path(folder) / "labels.vrt"
        rasterio.shutil.copy(dataset, description, driver="VRT")
        text = _decoded(description.read_bytes())
    found = re.search("<CategoryNames>(.*?)</CategoryNames>", text, re.DOTALL)
    entries = re.findall("<Category>(.*?)</Category>|<Category ?/>", found.group(1), re.DOTALL) if found else []
    return [plain(html.unescape(entry)) for entry in entries]


def _decoded(text: bytes) -> str:
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:  # GDAL hands on the bytes of an older ENVI header
        return text.decode("latin-1")


def called(present: NDArray[np.int64], names: list[str]) -> list[str]:
    """A name for every class value: the file's, else the number. Two of one name get their number added."""
    plain = [names[code] if code < len(names) and names[code] else str(code) for code in present.tolist()]
    return [f"{name} ({code})" if plain.count(name) > 1 else name for name, code in zip(plain, present, strict=True)]


def _colours(dataset: Any) -> dict[int, str]:
    try:
        table = dataset.colormap(1)
    except ValueError:
        return {}
    return {code: f"#{red:02x}{green:02x}{blue:02x}" for code, (red, green, blue, opaque) in table.items() if opaque}
