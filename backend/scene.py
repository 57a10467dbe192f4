"""Scene: a raster opened for reading window by window, never whole.

What a file means is its product's business (:mod:`backend.products`); everything behind this file sees reflectance,
or radiance and counts where a product says so, and which pixels count.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .cube import Array, Cube, Mask, Window, partition, spread, tiles
from .damage import damage_told
from .facts import COUNTS, RADIANCE, Flag
from .interpretation import Interpretation
from .place import Place
from .products import open_product
from .reading import Reading
from .survey import ALL_NODATA

FLAG_TILES, FLAG_TILE = 32, 128
"""How many tiles of which side tell how many pixels a quality flag marks."""
NOTHING_INSIDE = "No pixel inside the area holds data; choose another area."


class Within(Protocol):
    """An area of a scene; see :class:`.labels.Area`."""

    @property
    def pixels(self) -> int:
        """How many pixels lie inside."""

    def mask(self, window: Window) -> Mask:
        """Which pixels (rows, cols) of a window's core lie inside."""

    def windows(self, num_tiles: int, size: int) -> list[Window]:
        """Tiles of one shape that hold all of it, in the order to sample it by."""


class Scene:
    """A raster on disk, opened for reading. Use it as a context manager.

    ``scale`` is the stored value that means reflectance 1; None takes the reading's or the file's word, else it is
    estimated from the values (and ``notices`` says so). ``reading``: what else the user knows better than the file.
    Wavelengths and fwhm are in nm and of the bands in use only.
    """

    def __init__(self, path: str | Path, scale: float | None = None, reading: Reading | None = None) -> None:
        """Open the scene. ValueError, a sentence, if it cannot be read or used."""
        self.path, self.reading = Path(path), reading or Reading()
        if scale:
            self.reading = replace(self.reading, scale=scale)
        self._within: Within | None = None
        self._product = open_product(self.path)
        try:
            with damage_told(self.path):
                self._stamp = self._identity()
                self._read_as = Interpretation(self._product, self.reading, self.path)
                self.facts, self.notices = self._read_as.facts, self._read_as.notices
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
        return self._read_as.bands

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
        """How stored values became reflectance, in words."""
        what = "" if self.is_reflectance else f", {self.facts.quantity} {self.facts.unit}".rstrip()
        return self._read_as.conversion + what

    @property
    def is_reflectance(self) -> bool:
        """Whether the values are reflectance, rather than radiance or raw counts used as they are."""
        return self.facts.quantity not in (RADIANCE, COUNTS)

    @property
    def band_numbers(self) -> NDArray[np.int64]:
        """Numbers of the bands in use within the file, from 1."""
        return self._read_as.band_numbers

    @property
    def place(self) -> Place:
        """Where its pixels lie on the map."""
        return self._product.place

    @property
    def grid(self) -> dict[str, object]:
        """The place in rasterio's words: ``crs`` and ``transform``, and ``gcps`` (points, crs) where there are some."""
        found: dict[str, object] = {"crs": self.place.crs, "transform": self.place.transform}
        return {**found, "gcps": (list(self.place.gcps), self.place.crs)} if self.place.gcps else found

    @property
    def masked_by(self) -> str:
        """By which quality flags pixels are left out, for people; empty where the product has none."""
        if not self.facts.flags:
            return self.facts.masked_by
        labels = [one.label.lower() for one in self.facts.flags if one.name in self._read_as.flags]
        return ", ".join(labels) or "no pixels by quality flags"

    def flags_counted(self) -> tuple[Flag, ...]:
        """The product's quality flags with the share of pixels that each marks, in tiles spread over the scene."""
        places = spread(tiles(self.rows, self.cols, FLAG_TILE))[:FLAG_TILES]
        return tuple(replace(flag, share=self._share(flag.name, places)) for flag in self.facts.flags)

    def _share(self, flag: str, places: list[Window]) -> float:
        marked = total = 0
        for place in places:
            before, after = (self._product.usable(place, chosen) for chosen in ([], [flag]))
            there = place.rows * place.cols if before is None else int(before.sum())
            total += there
            marked += there - (there if after is None else int(after.sum()))
        return marked / max(total, 1)

    @property
    def within(self) -> Within | None:
        """The area whose pixels alone count, or None: the whole scene."""
        return self._within

    def look_within(self, within: Within) -> None:
        """Let only these pixels count from now on: an area that the user chose."""
        self._within = within

    def windows(self, size: int, halo: int = 0) -> list[Window]:
        """Windows that cover the scene; see :func:`.cube.partition`."""
        return partition(self.rows, self.cols, size, halo)

    def read(self, window: Window) -> Cube:
        """The cube of one window with its halo. ValueError if the file cannot be read or was changed meanwhile."""
        inside = None if self._within is None else self._within.mask(whole(window))
        if inside is not None and not inside.any():
            return Cube(window, np.zeros((self.bands, *inside.shape), np.float32), inside)
        with damage_told(self.path):
            tile = self._read_as.tile(whole(window))
        self.check_unchanged()
        valid = self._read_as.valid(tile)
        if inside is not None:
            valid &= inside
        values = self._read_as.values(tile)
        values[:, ~valid] = 0
        return Cube(window, values, valid)

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

        A scene no larger than three such tiles comes as one, whole. Within an area its tiles are drawn, more and
        smaller ones of a thin area. ValueError if no pixel is valid.
        """
        if self._within is None:
            places, most = spread(tiles(self.rows, self.cols, size)), num_tiles
        else:
            places = self._within.windows(num_tiles, size)
            most = max(num_tiles, num_tiles * size**2 // (places[0].rows * places[0].cols))
        found = list(islice((cube for cube in self.cubes(places) if cube.valid.any()), most))
        if not found:
            raise ValueError(ALL_NODATA if self._within is None else NOTHING_INSIDE)
        return found

    def check_unchanged(self) -> None:
        """ValueError if the file was replaced or written to since it was opened."""
        if self._identity() != self._stamp:
            raise ValueError(
                f"The scene {self.path} was changed while it was being read; run again once the file no longer changes."
            )

    def close(self) -> None:
        """Close the file."""
        self._product.close()

    def __enter__(self) -> Scene:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _identity(self) -> list[tuple[int, int, int] | None]:
        return [_stamp(path) for path in self._product.files]

    def _of_good_bands(self, values: tuple[float, ...] | None) -> Array | None:
        return None if values is None else np.array(values, dtype=np.float32)[self._read_as.good]


def whole(window: Window) -> Window:
    """A window whose core is all that is read, halo included."""
    top, bottom, left, right = window.halo
    return Window(window.row - top, window.col - left, window.rows + top + bottom, window.cols + left + right)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
