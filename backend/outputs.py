"""Rasters on disk: every field of a Result becomes one, written window by window and read back."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape  # nosec B406 # writes text, parses nothing

import numpy as np
import rasterio
from numpy.typing import NDArray
from pyogrio.errors import DataLayerError, DataSourceError
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.windows import Window as RasterWindow

from .cube import Array, Window
from .output_folder import OutputFolder as OutputFolder
from .results import Layer, layers
from .scene import Scene

TILE = 256
BYTES = 256
"""Values that a raster of bytes holds."""


@contextmanager
def refusals(folder: Path) -> Iterator[None]:
    """Turn what the disk refuses within the block into a ValueError, a sentence."""
    try:
        yield
    except (RasterioError, OSError, sqlite3.Error, DataSourceError, DataLayerError) as error:
        raise ValueError(
            f"The results cannot be written to {folder} ({error}). Is the disk full? Nothing was kept."
        ) from error


@dataclass
class RasterWriter:
    """One open output raster."""

    layer: Layer
    dataset: Any
    reopen: Callable[[str], Any]
    """Makes the raster anew with values of another type."""

    def write(self, window: Window, values: NDArray[np.generic]) -> None:
        """Write one window's core, (rows, cols) or (bands, rows, cols). ValueError if the disk refuses."""
        area = RasterWindow(window.col, window.row, window.cols, window.rows)
        self.dataset.write(values if values.ndim == 3 else values[None], window=area)

    def name_values(self, names: Sequence[str], colours: Sequence[str] = ()) -> None:
        """Name and colour the values 0, 1, 2 ... of a raster that nothing is written to yet.

        ``names``: in its band's metadata as ``category_0`` ..., which QGIS reads, and beside it as other programs read
        them. ``colours``: "#rrggbb" of each, or "" for none, as ``colour_0`` ...; a GeoTIFF has a colour table only if
        its values fit into a byte, so they become bytes where they do.
        """
        table = {value: _rgb(colour) for value, colour in enumerate(colours) if colour}
        if table and len(names) <= BYTES:
            self.dataset.close()
            self.dataset = self.reopen("uint8")
            self.dataset.write_colormap(1, dict.fromkeys(range(BYTES), (0, 0, 0, 0)) | table)
        tags = {f"category_{value}": name for value, name in enumerate(names)}
        tags |= {f"colour_{value}": colour for value, colour in enumerate(colours) if colour}
        self.dataset.update_tags(1, **tags)
        write_categories(Path(self.dataset.name), names)


def _rgb(colour: str) -> tuple[int, int, int, int]:
    red, green, blue = bytes.fromhex(colour[1:])
    return red, green, blue, 255


@contextmanager
def raster_writers(
    folder: Path, result: type[Any], scene: Scene, band_names: dict[str, list[str]]
) -> Iterator[dict[str, RasterWriter]]:
    """Open one raster per named field of a Result on the scene's grid; on leaving, each is closed and read back whole.

    ``band_names``: names of the bands by field; their number is the raster's number of bands. Fields without names
    are not written. ValueError if a file cannot be written or does not read back.
    """
    writers: dict[str, RasterWriter] = {}
    with refusals(folder.parent), ExitStack() as opened:
        for one in layers(result):
            if one.name in band_names:
                reopen = partial(_created, folder / one.file, one, scene, band_names[one.name])
                writers[one.name] = writer = RasterWriter(one, reopen(one.dtype), reopen)
                opened.callback(_close, writer)
        yield writers
        for writer in writers.values():
            writer.dataset.close()
            _read_back(folder / writer.layer.file)


def _created(path: Path, layer: Layer, scene: Scene, band_names: list[str], dtype: str) -> Any:
    """A new raster, open for writing."""
    path.unlink(missing_ok=True)  # rasterio looks into a file of this name, which may not be whole
    dataset = rasterio.open(
        path, "w", driver="GTiff", width=scene.cols, height=scene.rows, count=len(band_names), dtype=dtype,
        nodata=layer.nodata, tiled=True, blockxsize=TILE, blockysize=TILE, interleave="band", compress="deflate",
        predictor=3 if dtype == "float32" else 2, bigtiff="if_safer", **scene.place.profile,
    )  # fmt: skip
    dataset.descriptions = band_names
    dataset.update_tags(unit=layer.unit, software="Mixel")
    return dataset


def _close(writer: RasterWriter) -> None:
    writer.dataset.close()  # the one it has now: naming values makes another


def write_categories(path: Path, names: Sequence[str]) -> None:
    """Name the values 0, 1, 2 ... of a raster in the file beside it (``.aux.xml``) that programs on GDAL read."""
    listed = "".join(f"<Category>{escape(name)}</Category>" for name in names)
    text = f'<PAMDataset><PAMRasterBand band="1"><CategoryNames>{listed}</CategoryNames></PAMRasterBand></PAMDataset>'
    path.with_name(f"{path.name}.aux.xml").write_text(text, encoding="utf-8")


def required_bytes(scene: Scene, num_bands: int) -> float:
    """An upper bound of what rasters of so many float32 bands in all take on disk, plus reports."""
    return 4.0 * scene.rows * scene.cols * num_bands * 1.1 + 5e6


def _read_back(path: Path) -> None:
    with rasterio.open(path) as dataset:
        for _, window in dataset.block_windows(1):
            dataset.read(window=window)


def thumbnail(path: Path, longest: int = 360, nearest: bool = False) -> Array:
    """A raster (bands, rows, cols) with its longest side at most ``longest`` pixels, for pictures.

    Means of the pixels with data: where any pixel has data, the picture has. ``nearest``: single pixels, for classes.
    """
    with rasterio.open(path) as dataset:
        shrink = max(1.0, max(dataset.shape) / longest)
        shape = (dataset.count, max(1, round(dataset.height / shrink)), max(1, round(dataset.width / shrink)))
        values: Array = dataset.read(out_shape=shape, resampling=Resampling.nearest if nearest else Resampling.average)
    return values
