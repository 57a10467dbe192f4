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
from .facts import COUNTS, RADIANCE, REFLECTANCE, Facts
from .place import Place
from .products import open_product
from .products.product import Numbers
from .reading import Reading
from .survey import (
    ALL_NODATA,
    HUGE,
    MOST_REFLECTANCE,
    REASON,
    Survey,
    Tile,
    TooFewValues,
    blanks,
    usable_values,
)

SURVEYED, SURVEY_TILE = (8, 32), 64
"""How many tiles of which side tell what the values are like, at least and at most."""
SURVEY_BYTES = 200_000_000
"""What a survey may read, so that a scene opens at once however its file is cut into blocks."""
SPARED_BYTES = 2 * SURVEY_BYTES
"""A file that says all itself is not surveyed if the fewest tiles are more."""
FAINT, GLARING = 1e-3, 5.0
"""Reflectance that no scene stays below, or lies above: the scale is wrong then."""
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
            self._stamp = self._identity()
            self.facts = _told(self._product.facts, self.reading)
            refusals = self.facts.refusals()
            if refusals:
                raise ValueError(refusals[0])
            self.notices = self.facts.notices()
            self._good = np.array(self.facts.good_bands or [True] * self.facts.bands)
            self._flags = _flags(self.facts, self.reading)
            self._nodata = self._product.nodata
            if self.reading.nodata is not None:
                self._nodata = np.full(self.facts.bands, self.reading.nodata)
            self._limit, self._level = HUGE, 0.0
            self._settle(self._within_reason(self._survey()))
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
        what = "" if self.is_reflectance else f", {self.facts.quantity} {self.facts.unit}".rstrip()
        return f"stored value / {1 / self._gains[0]:g}{offset}{what}"

    @property
    def is_reflectance(self) -> bool:
        """Whether the values are reflectance, rather than radiance or raw counts used as they are."""
        return self.facts.quantity not in (RADIANCE, COUNTS)

    @property
    def band_numbers(self) -> NDArray[np.int64]:
        """Numbers of the bands in use within the file, from 1."""
        return np.flatnonzero(self._good) + 1

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
        tile = self._tile(window)
        self.check_unchanged()
        valid: Mask = tile.counts & np.logical_and.reduce(tile.usable) & ~blanks(tile.stored, self._level)[0]
        if inside is not None:
            valid &= inside
        with np.errstate(over="ignore"):
            reflectance = tile.stored.astype(np.float32)
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
        return None if values is None else np.array(values, dtype=np.float32)[self._good]

    def _tile(self, window: Window) -> Tile:
        """The bands in use of a window with its halo, as they are stored, and which values count."""
        part, bands = whole(window), np.flatnonzero(self._good)
        stored = self._product.read(part, bands.tolist())
        counts = self._product.usable(part, self._flags)
        if counts is None:
            counts = np.ones(stored.shape[1:], bool)
        nodata = None if self._nodata is None else self._nodata[bands]
        return Tile(stored, usable_values(stored, nodata, self._limit), counts)

    def _survey(self) -> Survey:
        """Survey a few tiles, or all of them where the few say too little."""
        if self._product.stated and SURVEYED[0] * self._tile_bytes() > SPARED_BYTES:
            return Survey.spared(self.bands, np.dtype(self.facts.dtype))
        places = spread(tiles(self.rows, self.cols, SURVEY_TILE))
        few = sorted(
            {self._within_block(one) for one in places[: self._surveyed()]}, key=lambda one: (one.row, one.col)
        )
        try:
            return Survey.of(map(self._tile, few), len(few))
        except TooFewValues:
            return Survey.of(map(self._tile, places), len(places))

    def _within_reason(self, found: Survey) -> Survey:
        """The survey without values that are no measurement: fill values that the file does not state."""
        self._level = found.level
        if found.dtype.itemsize <= 2 or not found.largest:
            return found
        one = 1 / max(float(np.median(np.abs(self._conversion(found)[0]))), 1 / HUGE)
        self._limit = min(HUGE, max(REASON * found.usual, MOST_REFLECTANCE * one))
        if found.largest < self._limit:
            return found
        kept = self._survey()
        share = max(100 * (found.complete - kept.complete), 0.1)
        self.notices.append(
            f"About {share:.1f} % of the pixels hold values beyond reason ({found.largest:.3g}, where "
            f"{found.usual:.3g} is usual): they count as missing."
        )
        self._level = kept.level
        return kept

    def _surveyed(self) -> int:
        """How many tiles to survey: as many as can be read quickly."""
        return int(np.clip(SURVEY_BYTES // self._tile_bytes(), *SURVEYED))

    def _tile_bytes(self) -> int:
        """What has to be read for one tile."""
        rows, cols = (max(SURVEY_TILE, side) for side in self._product.block)
        return rows * cols * self.bands * np.dtype(self.facts.dtype).itemsize

    def _within_block(self, window: Window) -> Window:
        """The window, moved into the block that it begins in if it fits there: a block is read whole."""
        rows, cols = self._product.block
        return replace(window, row=_within(window.row, window.rows, rows), col=_within(window.col, window.cols, cols))

    def _settle(self, found: Survey) -> None:
        """Drop bands without information and settle what values mean: value = gain * stored + offset."""
        if found.on_its_side and self.facts.wavelengths is None:
            raise ValueError(
                f"The scene {self.path} seems to lie on its side: its image lines or columns look like bands, and its "
                "bands like lines. Open the original product instead of an export of it."
            )
        gains, offsets = self._conversion(found)
        if found.blank:
            held = " or ".join(f"{fill:g}" for fill in found.fills[:3])
            self.notices.append(
                f"About {max(100 * found.blank, 0.1):.1f} % of the pixels are {held} in every band: they count as "
                "missing."
            )
        if not found.informative.all():
            dropped = self.band_numbers[~found.informative]
            listed = ", ".join(map(str, dropped[:8])) + (f" and {len(dropped) - 8} more" if len(dropped) > 8 else "")
            self.notices.append(f"Bands that hold (almost) no data or one value only were left out: {listed}.")
            self._good[self._good] = found.informative
        self._gains, self._offsets = gains[self._good].astype(np.float32), offsets[self._good].astype(np.float32)

    def _conversion(self, found: Survey) -> tuple[Numbers, Numbers]:
        """Gains and offsets (bands,): the user's scale, else the file's, else one judged by the values."""
        count, product = self.facts.bands, self._product
        self.notices = [note for note in self.notices if "reflectance scale" not in note]  # it is settled here
        if self.reading.scale:
            return np.full(count, 1 / self.reading.scale), np.zeros(count)
        if product.gains is not None or self.facts.quantity:
            gains = np.ones(count) if product.gains is None else product.gains
            offsets = np.zeros(count) if product.offsets is None else product.offsets
            if self.facts.quantity in ("", REFLECTANCE):
                self._doubt(found, float(np.median(gains)), float(np.median(offsets)))
            return gains, offsets
        scale, other = found.scale(), found.alternative()
        told = f"Reflectance was taken as stored value / {scale:g}, judging by the values"
        if other:
            told += f" (median of the bright bands {found.level / scale:.2g}; by {other:g} it would be "
            told += f"{found.level / other:.2g})"
        self.notices.append(f"{told}. Set the reflectance scale if that is wrong.")
        return np.full(count, 1 / scale), np.zeros(count)

    def _doubt(self, found: Survey, gain: float, offset: float) -> None:
        """Tell the user where a stated scale makes the scene absurd."""
        top, level = gain * found.top + offset, gain * found.level + offset
        if top >= FAINT and level <= GLARING:
            return
        what = f"dark: nearly all are below {top:.1g}" if top < FAINT else f"bright: many are about {level:.1g}"
        self.notices.append(
            f"By the scale that the file states, the reflectances are impossibly {what}. If the values are reflectance "
            f"already, set the reflectance scale to {found.scale():g}."
        )


def _within(start: int, length: int, block: int) -> int:
    """The start of a run that does not leave its block, if it fits into one."""
    end = start // block * block + block
    return end - length if block >= length and start + length > end else start


def whole(window: Window) -> Window:
    """A window whose core is all that is read, halo included."""
    top, bottom, left, right = window.halo
    return Window(window.row - top, window.col - left, window.rows + top + bottom, window.cols + left + right)


def _told(facts: Facts, reading: Reading) -> Facts:
    """The facts with what the user knows better. ValueError, a sentence, if it does not fit the file."""
    for name, values in (("wavelengths", reading.wavelengths), ("band widths", reading.fwhm)):
        if values and len(values) != facts.bands:
            raise ValueError(
                f"{len(values)} {name} were given for this scene, which has {facts.bands} bands. Give one for each."
            )
    if reading.wavelengths:
        facts = replace(facts, wavelengths=reading.wavelengths, fwhm=reading.fwhm or facts.fwhm)
    if reading.nodata is not None:
        facts = replace(facts, nodata=reading.nodata)
    if reading.scale:
        facts = replace(facts, scale=reading.scale, quantity=REFLECTANCE)
    if not reading.left_out:
        return facts
    axis = np.array(facts.wavelengths or range(1, facts.bands + 1))
    good = np.array(facts.good_bands or [True] * facts.bands)
    for first, last in reading.left_out:
        good &= (axis < first) | (axis > last)
    return replace(facts, good_bands=tuple(good.tolist()))


def _flags(facts: Facts, reading: Reading) -> list[str]:
    """The quality flags whose pixels are left out. ValueError if the user names one that the product has not."""
    if reading.flags is None:
        return [one.name for one in facts.flags if one.by_default]
    known = {one.name for one in facts.flags}
    unknown = sorted(set(reading.flags) - known)
    if unknown:
        raise ValueError(f"The scene has no quality flag {unknown[0]!r}; it has {', '.join(sorted(known)) or 'none'}.")
    return list(reading.flags)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
