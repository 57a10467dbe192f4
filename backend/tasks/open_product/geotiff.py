"""A product as a GeoTIFF of its own: tiled, compressed, written window by window."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window as RasterWindow

from ...cube import Mask, Window
from ...products.product import Product, Stored
from .masks import Shares, has_mask, masks, usable
from .meaning import DOMAIN, Meaning

TILE = 128
"""Bands lie one after the other in tiles of this side: three bands are shown at once, and a window of all bands needs
few tiles that it does not cover. Bands interleaved by pixel make the map a hundred times slower."""
MOST_BYTES = 64e6
"""Of stored values that are read at once."""
KEPT = {"uint8", "uint16", "int16", "uint32", "int32", "float32"}
"""Types in which stored values are kept; others become floats."""
Step = Callable[[float], None]
"""Hears how far the writing is, 0 to 1."""


def write_geotiff(path: Path, product: Product, meaning: Meaning, flags: Sequence[str], step: Step) -> Shares:
    """Write the scene with its mask; gives what the flags leave out. Rasterio's errors where the disk refuses.

    The mask is written last, for a GeoTIFF goes back and forth between its parts slowly. Until then pixels without a
    value are kept as bits.
    """
    dtype, nodata = stored_as(meaning)
    facts, shares = meaning.facts, Shares()
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(
            path, "w", driver="GTiff", width=facts.cols, height=facts.rows, count=facts.bands, dtype=dtype,
            nodata=nodata, tiled=True, blockxsize=TILE, blockysize=TILE, interleave="band", compress="deflate",
            predictor=3 if dtype.kind == "f" else 2, bigtiff="if_safer", num_threads="all_cpus",
            **meaning.place.profile,
        ) as dataset,
    ):  # fmt: skip
        _describe(dataset, meaning)
        empty = np.zeros((facts.rows, -(-facts.cols // 8)), np.uint8)
        windows = list(_windows(facts.rows, facts.cols, facts.bands * dtype.itemsize))
        for number, (window, values) in enumerate(_read_ahead(product, windows), start=1):
            area = RasterWindow(window.col, window.row, window.cols, window.rows)
            written = as_written(values, meaning)
            if hides(meaning):
                written = hidden(written, usable(product, window, flags), meaning)
            dataset.write(written, window=area)
            bits = np.packbits(blank(values, meaning), axis=1)
            empty[window.row : window.row + window.rows, window.col // 8 : window.col // 8 + bits.shape[1]] = bits
            step(number / len(windows))
        masked = has_mask(product, flags) or empty.any()
        for window, counts in masks(product, flags, shares):
            if masked:
                bits = empty[window.row : window.row + window.rows]
                filled = np.unpackbits(bits, axis=1, count=facts.cols) == 0
                kept: Mask = np.logical_and(counts, filled)
                dataset.write_mask(kept, window=RasterWindow(window.col, window.row, window.cols, window.rows))
    return shares


def blank(stored: Stored, meaning: Meaning) -> Mask:
    """Which pixels (rows, cols) are 0 in every band, which no scene is: they count as missing unless 0 is nodata."""
    if (meaning.nodata == 0).all():
        return np.zeros(stored.shape[1:], bool)
    found: Mask = np.logical_not(np.any(stored, axis=0))
    return found


def stored_as(meaning: Meaning) -> tuple[np.dtype[Any], float | None]:
    """The type and nodata value in which stored values are kept as they are.

    A GeoTIFF has one nodata value: where bands have several, or the type does not hold it, missing values become NaN.
    """
    own, nodata = np.dtype(meaning.facts.dtype), meaning.common_nodata()
    if own.name in KEPT and (nodata is None or _holds(own, nodata)):
        return own, nodata
    many_digits = own.kind in "iu" and own.itemsize > 2
    return np.dtype(np.float64 if many_digits else np.float32), None if nodata is None else math.nan


def as_written(stored: Stored, meaning: Meaning) -> NDArray[Any]:
    """Stored values (bands, rows, cols) in the type of the GeoTIFF; missing ones NaN where it says so."""
    dtype, nodata = stored_as(meaning)
    with np.errstate(over="ignore", invalid="ignore"):
        values = stored.astype(dtype, copy=False)
    if nodata is None or not math.isnan(nodata):
        return values
    found = values.copy() if values is stored else values
    for band in np.flatnonzero(np.isfinite(meaning.nodata)):
        missing = np.asarray(meaning.nodata[band]).astype(stored.dtype if stored.dtype.kind == "f" else np.float64)
        found[band, stored[band] == missing] = np.nan
    return found


def hides(meaning: Meaning) -> bool:
    """Whether masked pixels get the nodata value: programs that warp by control points look at no mask beside it."""
    return meaning.place.kind == "gcps" and stored_as(meaning)[1] is not None


def hidden(written: NDArray[Any], counts: Mask, meaning: Meaning) -> NDArray[Any]:
    """Values (bands, rows, cols) as they are written, with the nodata value where pixels (rows, cols) do not count."""
    return np.where(counts, written, np.asarray(stored_as(meaning)[1]).astype(written.dtype))


def _holds(dtype: np.dtype[Any], nodata: float) -> bool:
    """Whether a type has this nodata value."""
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return float(nodata).is_integer() and limits.min <= nodata <= limits.max
    return math.isfinite(nodata) and abs(nodata) <= float(np.finfo(dtype).max)


def _describe(dataset: Any, meaning: Meaning) -> None:
    dataset.update_tags(ns=DOMAIN, **meaning.domain_tags())
    dataset.update_tags(ns="IMAGERY", **meaning.time_tags())
    for band in range(meaning.facts.bands):
        dataset.update_tags(band + 1, **meaning.band_tags(band))
        dataset.update_tags(band + 1, ns="IMAGERY", **meaning.imagery_tags(band))
    dataset.descriptions = [meaning.description(band) for band in range(meaning.facts.bands)]
    if meaning.facts.unit:
        dataset.units = [meaning.facts.unit] * meaning.facts.bands
    if meaning.gains is not None and meaning.offsets is not None:
        dataset.scales, dataset.offsets = meaning.gains.tolist(), meaning.offsets.tolist()


def _windows(rows: int, cols: int, pixel_bytes: int) -> Iterator[Window]:
    """Windows of whole tiles, as wide as the scene if that is not too much at once."""
    width = TILE * max(1, int(MOST_BYTES / (TILE * TILE * pixel_bytes)))
    for row in range(0, rows, TILE):
        for col in range(0, cols, width):
            yield Window(row, col, min(TILE, rows - row), min(width, cols - col))


def _read_ahead(product: Product, windows: list[Window]) -> Iterator[tuple[Window, Stored]]:
    """The stored values of windows in turn, the next ones read in a thread while the caller writes these."""
    bands = range(product.facts.bands)
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="reader") as reader:
        ahead = reader.submit(product.read, windows[0], bands)
        for number, window in enumerate(windows):
            values = ahead.result()
            if number + 1 < len(windows):
                ahead = reader.submit(product.read, windows[number + 1], bands)
            yield window, values
