"""Rasters of one band: opened, and read block by block with what of them counts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import ColorInterp
from rasterio.errors import RasterioError
from rasterio.windows import Window as RasterWindow

from ..cube import Mask, partition
from ..damage import damage_told
from ..links import check_file

BLOCK = 1024
Block = tuple[int, int, NDArray[Any], Mask]
"""First row, first column, values (rows, cols), and which of them hold data."""


@contextmanager
def opened(path: str | Path, what: str) -> Iterator[Any]:
    """A raster for a while; ``what``: what it is called where it cannot be opened.

    ValueError, a sentence, also for what is found to be damaged while it is read.
    """
    check_file(Path(path))
    with damage_told(path):
        try:
            dataset = rasterio.open(path)
        except (RasterioError, UnicodeEncodeError) as error:
            raise ValueError(
                f"The {what} {path} cannot be opened ({error}). Check that the file is whole, or choose another."
            ) from error
        with dataset:
            yield dataset


def check_band(dataset: Any, what: str) -> None:
    """ValueError, a sentence, if a raster has not one band besides alpha, or holds complex numbers."""
    number = dataset.count - len(_alpha(dataset))
    if number != 1:
        raise ValueError(f"The {what} has {number} bands; choose a raster with one band.")
    if dataset.dtypes[0].startswith("complex"):  # numpy does not know all of GDAL's
        raise ValueError(f"The {what} holds complex numbers; choose another raster.")


def blocks(dataset: Any) -> Iterator[Block]:
    """A raster part by part; its nodata value, NaN and every mask (``.msk``, internal, alpha) mean no data."""
    alpha, nodata = _alpha(dataset), dataset.nodata
    for window in partition(dataset.height, dataset.width, BLOCK):
        part = RasterWindow(window.col, window.row, window.cols, window.rows)
        try:
            values = dataset.read(1, window=part)
            there = dataset.read_masks(1, window=part) > 0  # with a mask of its own GDAL forgets the nodata value
            for band in alpha:
                there &= dataset.read(band, window=part) > 0
        except RasterioError as error:
            raise ValueError(f"The raster {dataset.name} cannot be read ({error}); it may be cut short.") from error
        if nodata is not None:
            there &= values != nodata
        if values.dtype.kind == "f":
            there &= ~np.isnan(values)
        yield window.row, window.col, values, there


def _alpha(dataset: Any) -> list[int]:
    """Numbers of the bands, from 1, that say how opaque pixels are; the first band holds values."""
    found = enumerate(dataset.colorinterp, start=1)
    return [band for band, meaning in found if meaning == ColorInterp.alpha and band > 1]
