"""Any raster that GDAL opens: GeoTIFF, ENVI, VRT and many more, with what GDAL's metadata say of the bands."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.errors import RasterioError
from rasterio.windows import Window as RasterWindow

from ..cube import Window
from ..facts import Facts, spectral_axis, stated_scale
from ..place import Place
from .product import Product, Stored


def recognise(path: Path) -> Product:
    """Every path: a raster, or a ValueError that says why it is none."""
    return Raster(opened(path), path)


def opened(path: Path) -> Any:
    """GDAL's dataset. ValueError, a sentence, if it cannot be opened."""
    try:
        return rasterio.open(path)
    except (RasterioError, UnicodeEncodeError) as error:  # a name in another encoding than UTF-8
        raise ValueError(
            f"The scene {path} cannot be opened as a raster ({error}). Check that the file is whole, or choose "
            "another scene."
        ) from error


class Raster(Product):
    """A raster dataset of GDAL. Readers of products whose pixels lie in rasters stand on it and know more."""

    def __init__(self, dataset: Any, path: Path) -> None:
        """Take over an open dataset."""
        self.dataset, self.path, self.files = dataset, path, (path,)
        self.place = Place(dataset.crs, dataset.transform)
        self.facts = _facts(dataset, self.place)
        gains, offsets = np.array(dataset.scales), np.nan_to_num(np.array(dataset.offsets))
        gains[~np.isfinite(gains) | (gains == 0)] = 1  # as good as not stated
        if (gains != 1).any() or offsets.any():
            self.gains, self.offsets = gains, offsets
        elif self.facts.scale:
            self.gains, self.offsets = np.full(len(gains), 1 / self.facts.scale), np.zeros(len(gains))
        self.nodata = np.array([np.nan if one is None else one for one in dataset.nodatavals])

    def read(self, window: Window, bands: Sequence[int]) -> Stored:
        """Stored values of a window. ValueError, a sentence, if the file cannot be read."""
        area = RasterWindow(window.col, window.row, window.cols, window.rows)
        try:
            stored: Stored = self.dataset.read(indexes=[band + 1 for band in bands], window=area)
        except RasterioError as error:
            raise ValueError(
                f"The scene {self.path} cannot be read completely ({error}). Copy or download the file again."
            ) from error
        return stored

    def close(self) -> None:
        """Close the dataset."""
        self.dataset.close()


def _facts(dataset: Any, place: Place) -> Facts:
    envi = dataset.tags(ns="ENVI")
    tags = [{**dataset.tags(band), **dataset.tags(band, ns="IMAGERY")} for band in dataset.indexes]
    names = [name or "" for name in dataset.descriptions]
    wavelengths, fwhm, good = spectral_axis(envi, tags, names)
    return Facts(
        bands=dataset.count,
        rows=dataset.height,
        cols=dataset.width,
        dtype=dataset.dtypes[0],
        georeferenced=place.kind != "none",
        nodata=dataset.nodata,
        scale=stated_scale(dataset.scales[0], envi),
        wavelengths=wavelengths,
        fwhm=fwhm,
        good_bands=good,
        place=place.kind,
    )
