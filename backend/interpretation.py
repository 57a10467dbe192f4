"""What a product's stored values mean: by its file, by what the user knows better, and by the values themselves.

Settled once, when a scene is opened: which bands and which pixels count, and how stored values become reflectance
(radiance and counts stay what they are).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .axis import listed
from .cube import Array, Mask, Window, spread, tiles
from .facts import REFLECTANCE, Facts
from .products.product import Numbers, Product
from .reading import Reading
from .survey import HUGE, MOST_REFLECTANCE, REASON, Survey, Tile, TooFewValues, blanks, usable_values

SURVEYED, SURVEY_TILE = (8, 32), 64
"""How many tiles of which side tell what the values are like, at least and at most."""
SURVEY_BYTES = 200_000_000
"""What a survey may read, so that a scene opens at once however its file is cut into blocks."""
SPARED_BYTES = 2 * SURVEY_BYTES
"""A file that says all itself is not surveyed if the fewest tiles are more."""
FAINT, GLARING = 1e-3, 5.0
"""Reflectance that no scene stays below, or lies above: the scale is wrong then."""
NEARLY_ALL, FEW_BANDS = 0.9, 0.25
"""Bands of which a smaller share is within reason are left out, and not their pixels, if they are so few of all."""


class Interpretation:
    """How the stored values of one product are read.

    ``facts``: the product's, with what the user knows better. ``good`` (bands of the file,): which bands are in use.
    ``notices``: what the user should know of all that.
    """

    def __init__(self, product: Product, reading: Reading, path: Path) -> None:
        """Settle it. ValueError, a sentence, if the scene cannot be used."""
        self._product, self._reading, self._path = product, reading, path
        self.facts = _told(product.facts, reading)
        refusals = self.facts.refusals()
        if refusals:
            raise ValueError(refusals[0])
        self.notices = self.facts.notices()
        self.good: Mask = np.array(self.facts.good_bands or [True] * self.facts.bands)
        self.flags = _flags(self.facts, reading)
        self._nodata = product.nodata
        if reading.nodata is not None:
            self._nodata = np.full(self.facts.bands, reading.nodata)
        self._limit, self._level = HUGE, 0.0
        self._settle(self._within_reason(self._survey()))

    @property
    def bands(self) -> int:
        """Number of bands in use."""
        return int(self.good.sum())

    @property
    def band_numbers(self) -> NDArray[np.int64]:
        """Numbers of the bands in use within the file, from 1."""
        return np.flatnonzero(self.good) + 1

    def tile(self, window: Window) -> Tile:
        """The bands in use of a window's core, as they are stored, and which values count."""
        bands = np.flatnonzero(self.good)
        stored = self._product.read(window, bands.tolist())
        counts = self._product.usable(window, self.flags)
        if counts is None:
            counts = np.ones(stored.shape[1:], bool)
        nodata = None if self._nodata is None else self._nodata[bands]
        return Tile(stored, usable_values(stored, nodata, self._limit), counts)

    def valid(self, tile: Tile) -> Mask:
        """Which pixels (rows, cols) of a tile hold data in every band in use."""
        found: Mask = tile.counts & np.logical_and.reduce(tile.usable) & ~blanks(tile.stored, self._level)[0]
        return found

    def values(self, tile: Tile) -> Array:
        """Reflectance, or radiance or counts, of a tile (bands in use, rows, cols), whatever counts."""
        with np.errstate(over="ignore"):
            found = tile.stored.astype(np.float32)
        found *= self._gains[:, None, None]
        found += self._offsets[:, None, None]
        return found

    @property
    def conversion(self) -> str:
        """How stored values become values, in words: "stored value / 10000"."""
        gain, offset = float(self._gains[0]), float(self._offsets[0])
        alike = (self._gains == gain).all() and (self._offsets == offset).all()
        told = f"stored value / {1 / gain:g}" if gain != 1 else "stored value"
        told += f" {offset:+g}" if offset else ""
        return told if alike else f"{told} in the first band; other bands have other factors"

    def _survey(self, least: float = 0.5) -> Survey:
        """Survey a few tiles, or all of them where the few say too little."""
        if self._product.stated and SURVEYED[0] * self._tile_bytes() > SPARED_BYTES:
            return Survey.spared(self.bands, np.dtype(self.facts.dtype))
        places = spread(tiles(self.facts.rows, self.facts.cols, SURVEY_TILE))
        few = sorted(
            {self._within_block(one) for one in places[: self._surveyed()]}, key=lambda one: (one.row, one.col)
        )
        try:
            return Survey.of(map(self.tile, few), len(few), least)
        except TooFewValues:
            return Survey.of(map(self.tile, places), len(places), least)

    def _within_reason(self, found: Survey) -> Survey:
        """The survey without values that are no measurement: fill values that the file does not state."""
        self._level = found.level
        if found.dtype.itemsize <= 2 or not found.largest:
            return found
        one = 1 / max(float(np.median(np.abs(self._conversion(found)[0]))), 1 / HUGE)
        self._limit = min(HUGE, max(REASON * found.usual, MOST_REFLECTANCE * one))
        if found.largest < self._limit:
            return found
        beyond = f"beyond reason ({found.largest:.3g}, where {found.usual:.3g} is usual)"
        kept = self._survey(NEARLY_ALL)
        noise = found.informative & ~kept.informative
        if noise.any():
            if noise.mean() <= FEW_BANDS:
                self.notices.append(f"Bands with many values {beyond} were left out: {self._drop(noise)}.")
            kept = self._survey()
        if found.complete > kept.complete:
            share = max(100 * (found.complete - kept.complete), 0.1)
            self.notices.append(f"About {share:.1f} % of the pixels hold values {beyond}: they count as missing.")
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
                f"The scene {self._path} seems to lie on its side: its image lines or columns look like bands, and its "
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
            dropped = self._drop(~found.informative)
            self.notices.append(f"Bands that hold (almost) no data or one value only were left out: {dropped}.")
        self._gains, self._offsets = gains[self.good].astype(np.float32), offsets[self.good].astype(np.float32)

    def _drop(self, bands: Mask) -> str:
        """Leave out some of the bands in use; gives their numbers, for a sentence."""
        dropped = listed(self.band_numbers[bands].tolist())
        self.good[self.good] = ~bands
        return dropped

    def _conversion(self, found: Survey) -> tuple[Numbers, Numbers]:
        """Gains and offsets (bands,): the user's scale, else the file's, else one judged by the values."""
        count, product = self.facts.bands, self._product
        self.notices = [note for note in self.notices if "reflectance scale" not in note]  # it is settled here
        if self._reading.scale:
            return np.full(count, 1 / self._reading.scale), np.zeros(count)
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
