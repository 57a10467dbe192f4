"""Rasters on disk: every field of a Result becomes one, written window by window, moved into place when whole."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape  # nosec B406 # writes text, parses nothing

import numpy as np
import psutil
import rasterio
from numpy.typing import NDArray
from pyogrio.errors import DataLayerError, DataSourceError
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.windows import Window as RasterWindow

from .cube import Array, Window
from .protocol import INPUTS, JOB_FILE, LOG_FILE, OWNER, PARTIAL
from .results import Layer, layers
from .scene import Scene

TILE = 256
BYTES = 256
"""Values that a raster of bytes holds."""
SAME_PROCESS = 60.0
"""Seconds that two readings of one process's start may differ: a computer's clock is set now and then."""
KEPT = {JOB_FILE, LOG_FILE, INPUTS}
"""What may lie in an output folder before a run: the request, the log and the copied layers of this very run."""


class OutputFolder:
    """The folder of a run. Files are written under ``partial`` and moved into place when they are whole."""

    def __init__(self, path: Path, size: float) -> None:
        """Take the folder for a run of about ``size`` bytes. ValueError if it cannot be used."""
        self.path, self.partial = path, path / PARTIAL
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._clear_leftovers()
            found = sorted(item.name for item in path.iterdir() if item.name not in KEPT)
            if found:
                raise ValueError(
                    f"The output folder {path} already holds files ({found[0]}); nothing was overwritten. "
                    "Choose a new or empty folder."
                )
            self.partial.mkdir()
            self._sign()
        except OSError as error:
            raise ValueError(
                f"The output folder {path} cannot be written to ({error.strerror}). Choose another folder."
            ) from error
        free = shutil.disk_usage(path).free
        if free < size:
            self.discard()
            raise ValueError(
                f"The disk of {path} has {free / 1e6:.0f} MB free; the results need about {size / 1e6:.0f} MB. "
                "Free some space or choose another folder."
            )

    def keep(self, names: list[str]) -> None:
        """Move finished files, in their order, out of ``partial`` into place: all or, with an OSError, none."""
        kept: list[Path] = []
        try:
            for name in names:
                os.replace(self.partial / name, self.path / name)
                kept.append(self.path / name)
        except OSError:
            for path in kept:
                path.unlink(missing_ok=True)
            raise

    def discard(self) -> None:
        """Remove what is unfinished."""
        shutil.rmtree(self.partial, ignore_errors=True)

    def _sign(self) -> None:
        try:
            started = psutil.Process().create_time()
            (self.partial / OWNER).write_text(f"{os.getpid()} {started:.2f}", encoding="ascii")
        except OSError:
            self.discard()
            raise

    def _clear_leftovers(self) -> None:
        """Remove what a killed run left behind. ValueError if that run is still alive."""
        if _alive(self.partial / OWNER):
            raise ValueError(f"Another Mixel run is writing to {self.path}. Wait for it or choose another folder.")
        if self.partial.is_dir():
            shutil.rmtree(self.partial)


def _alive(owner: Path) -> bool:
    """Whether the process that signed a folder still runs; its number may have gone to another process since."""
    try:
        number, started = owner.read_text(encoding="ascii").split()
        process = psutil.Process(int(number))
        same = abs(process.create_time() - float(started)) < SAME_PROCESS
        return bool(same and process.status() != psutil.STATUS_ZOMBIE)
    except (OSError, ValueError, psutil.Error):
        return False


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
