"""Scene: a raster opened for reading window by window, never whole.

Only this file knows what a scene's file means; everything behind it sees reflectance.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from types import TracebackType

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.windows import Window as RasterWindow

from .cube import Array, Cube, Mask, Window, partition, spread, tiles
from .facts import Facts, spectral_axis, stated_scale
from .survey import ALL_NODATA, Survey, usable_values


class Scene:
    """A raster on disk, opened for reading. Use it as a context manager.

    ``scale`` is the stored value that means reflectance 1; None takes the file's word, else finds it out from the
    values (and says so in ``notices``). Wavelengths and fwhm are in nm and of the good bands only.
    """

    def __init__(self, path: str | Path, scale: float | None = None) -> None:
        """Open the raster. ValueError, a sentence, if it cannot be read or used."""
        self.path = Path(path)
        try:
            self._dataset = rasterio.open(self.path)
        except (RasterioError, UnicodeEncodeError) as error:  # a name in another encoding than UTF-8
            raise ValueError(
                f"The scene {self.path} cannot be opened as a raster ({error}). Check that the file is whole, or "
                "choose another scene."
            ) from error
        try:
            self._stamp = self._identity()
            self.facts = _facts(self._dataset)
            refusals = self.facts.refusals()
            if refusals:
                raise ValueError(refusals[0])
            self.notices = self.facts.notices()
            self._good = np.array(self.facts.good_bands or [True] * self.facts.bands)
            self._settle(self._survey(), scale)
        except ValueError:
            self.close()
            raise

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.facts.rows

    @property
    def cols(self) -> int:
        """Number of columns."""
        return self.facts.cols

    @property
    def bands(self) -> int:
        """Number of bands in use."""
        return int(self._good.sum())

    @property
    def wavelengths(self) -> Array | None:
        """Wavelengths of the bands in use (bands,) in nm, or None if the file is silent."""
        return self._of_good_bands(self.facts.wavelengths)

    @property
    def fwhm(self) -> Array | None:
        """Full widths at half maximum of the bands in use (bands,) in nm, or None."""
        return self._of_good_bands(self.facts.fwhm)

    @property
    def scale_sentence(self) -> str:
        """How stored values became reflectance, in words: of the first band in use."""
        offset = f" {self._offsets[0]:+g}" if self._offsets[0] else ""
        return f"stored value / {1 / self._gains[0]:g}{offset}"

    @property
    def band_numbers(self) -> NDArray[np.int64]:
        """Numbers of the bands in use within the file, from 1."""
        return np.flatnonzero(self._good) + 1

    @property
    def grid(self) -> dict[str, object]:
        """What an output raster needs to lie on this scene: rasterio's ``crs`` and ``transform``."""
        return {"crs": self._dataset.crs, "transform": self._dataset.transform}

    def windows(self, size: int, halo: int = 0) -> list[Window]:
        """Windows that cover the scene; see :func:`.cube.partition`."""
        return partition(self.rows, self.cols, size, halo)

    def read(self, window: Window) -> Cube:
        """The cube of one window with its halo. ValueError if the file cannot be read or was changed meanwhile."""
        stored = self._stored(window)
        self.check_unchanged()
        valid: Mask = np.logical_and.reduce(usable_values(stored, self.facts.nodata))
        with np.errstate(over="ignore"):
            reflectance = stored.astype(np.float32)
        reflectance *= self._gains[:, None, None]
        reflectance += self._offsets[:, None, None]
        reflectance[:, ~valid] = 0
        return Cube(window, reflectance, valid)

    def cubes(self, windows: list[Window]) -> Iterator[Cube]:
        """The cubes of these windows in turn, the next one read in a thread while the caller works on this one."""
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="reader") as reader:
            ahead = reader.submit(self.read, windows[0])
            for following in [*windows[1:], None]:
                cube = ahead.result()
                if following is not None:
                    ahead = reader.submit(self.read, following)
                yield cube

    def sample(self, num_tiles: int, size: int) -> list[Cube]:
        """Up to ``num_tiles`` tiles of one shape, at most ``size`` pixels a side, spread evenly; none is all nodata.

        A scene no larger than three such tiles comes as one, whole. ValueError if no pixel is valid.
        """
        places = spread(tiles(self.rows, self.cols, size))
        found = list(islice((cube for cube in self.cubes(places) if cube.valid.any()), num_tiles))
        if not found:
            raise ValueError(ALL_NODATA)
        return found

    def check_unchanged(self) -> None:
        """ValueError if the file was replaced or written to since it was opened."""
        if self._identity() != self._stamp:
            raise ValueError(f"The scene {self.path} was changed while it was being read; run again when it rests.")

    def close(self) -> None:
        """Close the file."""
        self._dataset.close()

    def __enter__(self) -> Scene:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _identity(self) -> tuple[int, int, int] | None:
        try:
            found = os.stat(self.path)
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _of_good_bands(self, values: tuple[float, ...] | None) -> Array | None:
        return None if values is None else np.array(values, dtype=np.float32)[self._good]

    def _stored(self, window: Window) -> NDArray[np.generic]:
        top, bottom, left, right = window.halo
        area = RasterWindow(window.col - left, window.row - top, window.cols + left + right, window.rows + top + bottom)
        try:
            stored: NDArray[np.generic] = self._dataset.read(indexes=self.band_numbers.tolist(), window=area)
        except RasterioError as error:
            raise ValueError(
                f"The scene {self.path} cannot be read completely ({error}). Copy or download the file again."
            ) from error
        return stored

    def _survey(self) -> Survey:
        """Survey a few tiles, or all of them where the few say too little."""
        places = spread(tiles(self.rows, self.cols, 64))
        try:
            return Survey.of((self._stored(place) for place in places[:32]), self.facts.nodata)
        except ValueError:
            return Survey.of((self._stored(place) for place in places), self.facts.nodata)

    def _settle(self, found: Survey, scale: float | None) -> None:
        """Drop bands without information and settle the scale: reflectance = gain * stored + offset."""
        gains, offsets = np.array(self._dataset.scales), np.nan_to_num(self._dataset.offsets)
        gains[~np.isfinite(gains) | (gains == 0)] = 1  # as good as not stated
        if scale or not np.all(gains == 1):
            self.notices = [note for note in self.notices if "reflectance scale" not in note]
        if scale or (self.facts.scale and np.all(gains == 1)):
            gains, offsets = np.full(len(gains), 1 / (scale or self.facts.scale or 1)), np.zeros(len(gains))
        elif self.facts.scale is None and np.all(gains == 1):
            gains = gains / found.scale()
            self.notices = [note for note in self.notices if "reflectance scale" not in note]
            self.notices.append(
                f"Reflectance was taken as stored value / {found.scale():g}, judging by the values. "
                "Set the reflectance scale if that is wrong."
            )
        if not found.informative.all():
            dropped = self.band_numbers[~found.informative]
            listed = ", ".join(map(str, dropped[:8])) + (f" and {len(dropped) - 8} more" if len(dropped) > 8 else "")
            self.notices.append(f"Bands that hold (almost) no data or one value only were left out: {listed}.")
            self._good[self._good] = found.informative
        self._gains, self._offsets = gains[self._good].astype(np.float32), offsets[self._good].astype(np.float32)


def _facts(dataset: rasterio.DatasetReader) -> Facts:
    envi = dataset.tags(ns="ENVI")
    tags = [{**dataset.tags(band), **dataset.tags(band, ns="IMAGERY")} for band in dataset.indexes]
    names = [name or "" for name in dataset.descriptions]
    wavelengths, fwhm, good = spectral_axis(envi, tags, names)
    return Facts(
        bands=dataset.count,
        rows=dataset.height,
        cols=dataset.width,
        dtype=dataset.dtypes[0],
        georeferenced=dataset.crs is not None and not dataset.transform.is_identity,
        nodata=dataset.nodata,
        scale=stated_scale(dataset.scales[0], envi),
        wavelengths=wavelengths,
        fwhm=fwhm,
        good_bands=good,
    )
