"""What a sample of a scene's values tells and its file does not say: bands without information, reflectance scale."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .facts import MIN_BANDS

ALL_NODATA = (
    "Every pixel of the scene is nodata, or all but a few; check the layer's nodata value, cut the scene down to its "
    "data or choose another scene."
)
Mask = NDArray[np.bool_]
Stored = NDArray[np.generic]
HUGE = 1e15
"""Nothing measured is as large: programs mark missing pixels by it (1e15, 1e20, -3.4e38) and often do not say so."""
REASON, MOST_REFLECTANCE = 1e4, 1e3
"""A value is beyond reason that is so many times what is usual in its scene, and as reflectance above this."""
POOL = 2_000_000
"""Values kept of all tiles together to judge the scale by."""
FEW = 200_000
"""Of them to say what is usual by."""
BAND_QUANTILE = 0.8
"""Of the bands' levels: beyond it may lie the bands of noise, below it the dark ones."""
BRIGHTEST = 1.2
"""Reflectance that the median pixel of a scene's bright bands does not exceed; in percent it is never below."""
SIDES = 8
"""Tiles that are looked at for exchanged axes."""
ON_ITS_SIDE = (0.6, 0.1)
"""Share of the variance that one image axis explains at least, and the bands at most, where axes were exchanged."""


class TooFewValues(ValueError):
    """The tiles that were looked at hold too little to judge by; others may hold more."""


class Tile(NamedTuple):
    """A part of a scene: ``stored`` and ``usable`` (bands, rows, cols), ``counts`` (rows, cols): what masks leave."""

    stored: Stored
    usable: Mask
    counts: Mask


@dataclass(frozen=True)
class Survey:
    """``level``: the median pixel's value in the scene's bright bands; ``top``: the same of the brightest pixels.

    ``informative`` (bands,): bands that vary and hold at least half as many usable values as the best band; a nodata
    value in one band costs the whole pixel, so a band that is mostly nodata would cost most of the scene. ``blank``:
    share of pixels that are :func:`blanks`, ``fills``: what they hold. ``usual``, ``largest``: the median pixel's and
    the largest value without their signs; ``complete``: share of pixels whose values all count.
    ``on_its_side``: whether an image axis behaves as bands do.
    """

    informative: Mask
    level: float
    top: float
    dtype: np.dtype[np.generic]
    blank: float
    on_its_side: bool
    fills: tuple[float, ...] = ()
    usual: float = 0.0
    largest: float = 0.0
    complete: float = 1.0

    @classmethod
    def spared(cls, bands: int, dtype: np.dtype[np.generic]) -> Survey:
        """What is taken for granted of a file that says all itself, where looking at its pixels would take long."""
        return cls(np.ones(bands, bool), 0.0, math.inf, dtype, 0.0, False)

    @classmethod
    def of(cls, tiles: Iterable[Tile], number: int, least: float = 0.5) -> Survey:
        """Survey tiles, about ``number`` of them. TooFewValues if too few bands say anything.

        ``least``: share of the best band's usable values that a band needs.
        """
        lows, highs, counts, pool, pixels, complete = [], [], [], [], 0, 0
        fills: Counter[float] = Counter()
        sides: list[tuple[float, float, float] | None] = []
        for tile in tiles:
            blank, found = blanks(tile.stored, 0.0)
            blank &= tile.counts & tile.usable.all(axis=0)
            fills.update(found[blank].tolist())
            usable = tile.usable & (tile.counts & ~blank)
            pixels, complete = pixels + int(tile.counts.sum()), complete + int(usable.all(axis=0).sum())
            with np.errstate(over="ignore"):
                values = np.where(usable, tile.stored.astype(np.float32), np.float32(np.nan))
            if len(sides) < SIDES:
                sides.append(_axes(values))
            values = values.reshape(len(values), -1)
            any_usable = usable.any(axis=(1, 2))
            lows.append(np.where(any_usable, np.fmin.reduce(values, axis=1), np.inf))
            highs.append(np.where(any_usable, np.fmax.reduce(values, axis=1), -np.inf))
            counts.append(usable.sum(axis=(1, 2)))
            step = max(1, math.ceil(values.size * number / POOL))
            pool.append(values[:, ::step])
        count, low, high = np.sum(counts, axis=0), np.min(lows, axis=0), np.max(highs, axis=0)
        if not count.any():
            raise TooFewValues(ALL_NODATA)
        informative = (low < high) & (count >= least * count.max())
        if informative.sum() < MIN_BANDS:
            raise TooFewValues(
                f"Only {informative.sum()} bands of the scene vary from pixel to pixel and are not mostly nodata; "
                f"Mixel needs at least {MIN_BANDS}. Choose another scene or check the nodata value."
            )
        values, dtype = np.concatenate(pool, axis=1)[informative], tile.stored.dtype
        level, top = levels(values)
        largest = float(max(np.abs(low[informative]).max(), np.abs(high[informative]).max()))
        usual = _usual(values[:, :: max(1, values.size // FEW)]) if dtype.itemsize > 2 else level
        marks = {fill: number for fill, number in fills.items() if _is_fill(fill, dtype, level)}
        return cls(
            informative,
            level,
            top,
            dtype,
            sum(marks.values()) / max(pixels, 1),
            _on_its_side(sides),
            tuple(sorted(marks, key=lambda one: -marks[one])),
            usual,
            largest,
            complete / max(pixels, 1),
        )

    def scale(self) -> float:
        """The stored value that means reflectance 1, judging by the values."""
        return likely_scale(self.level, self.top, self.dtype)

    def alternative(self) -> float | None:
        """Another scale that is likely too, or None where the values leave no doubt."""
        taken = self.scale()
        reflectance = self.level / taken
        if self.dtype.kind == "f" and taken == 1 and self.level > 0.5:
            return 100.0
        if self.dtype.kind == "f" and taken == 100 and self.level < 3:
            return 1.0
        if self.dtype.itemsize > 1 and taken >= 1e4:
            return taken / 10 if reflectance < 0.01 else 65535.0 if taken > 1e4 else None
        return None


def likely_scale(level: float, top: float, dtype: np.dtype[np.generic]) -> float:
    """The stored value that means reflectance 1, as products of this type use it; see :func:`levels`.

    Dark scenes too: whole numbers are ten-thousandths even over water, and so are two lines of one campaign.
    """
    if top <= 2 or (dtype.kind == "f" and level <= BRIGHTEST):
        return 1.0
    if dtype.itemsize == 1:
        return 255.0
    if dtype.kind == "f" and level <= 100 * BRIGHTEST:
        return 100.0
    return max(1e4, 10.0 ** math.ceil(math.log10(max(level, 1) / BRIGHTEST)))


def usable_values(stored: Stored, nodata: NDArray[np.float64] | None, limit: float = HUGE) -> Mask:
    """Which stored values are numbers of a measurement and not nodata, in the shape of ``stored``.

    ``nodata`` (bands,): NaN for a band without one. ``limit``: values must be below it, whatever their sign.
    """
    usable: Mask
    if stored.dtype.kind == "f":
        with np.errstate(over="ignore"):  # a limit beyond half precision
            usable = np.abs(stored) < limit
    elif stored.dtype.itemsize > 2 and limit < HUGE:
        usable = np.abs(stored.astype(np.float64)) < limit
    else:
        usable = np.isfinite(stored)
    if nodata is None:
        return usable
    values = np.unique(nodata)  # one NaN at the end at most
    if len(values) == 1 and math.isfinite(values[0]):
        usable &= stored != _as_stored(values[0], stored.dtype)
        return usable
    for value in values[np.isfinite(values)]:
        bands = np.flatnonzero(nodata == value)
        usable[bands] &= stored[bands] != _as_stored(value, stored.dtype)
    return usable


def blanks(stored: Stored, level: float) -> tuple[Mask, NDArray[np.float64]]:
    """Which pixels of ``stored`` (bands, rows, cols) say nothing, (rows, cols), and what they hold (rows, cols).

    They hold one value in every band, and that is 0, the end of what a whole number of the file's type can be
    (saturated, or a fill value that the file does not state), or further below 0 than the scene's ``level`` is above.
    """
    first = np.asarray(stored[0])
    same: Mask = first == stored[-1]  # of few pixels; only those are looked at in all bands
    same[same] = (stored[:, same] == first[same]).all(axis=0)
    value = np.zeros(first.shape)
    value[same] = first[same].astype(np.float64)
    odd = (value <= 0) if level <= 0 else (value == 0) | (value < -level)
    if stored.dtype.kind in "iu":
        ends = np.iinfo(stored.dtype.name)
        odd |= (value == ends.max) | (value == ends.min)
    return same & odd, value


def _is_fill(value: float, dtype: np.dtype[np.generic], level: float) -> bool:
    """Whether pixels of this one value are :func:`blanks` in a scene of this level."""
    return bool(blanks(np.full((1, 1, 1), value, dtype), level)[0])


def _usual(pool: NDArray[np.floating]) -> float:
    """Median of every band's values (bands, values) without their signs, the BAND_QUANTILE over the bands."""
    with np.errstate(all="ignore"):
        medians = np.nanmedian(np.abs(np.where(np.isfinite(pool).any(axis=1, keepdims=True), pool, 0)), axis=1)
    return float(np.quantile(medians, BAND_QUANTILE))


def _as_stored(value: float, dtype: np.dtype[np.generic]) -> np.generic:
    """A nodata value as the file's type rounds it; one that the type does not hold stays, and marks nothing."""
    with np.errstate(over="ignore"):
        return np.float64(value).astype(dtype) if dtype.kind == "f" else np.float64(value)


def levels(pool: NDArray[np.floating]) -> tuple[float, float]:
    """Median and 98th percentile of every band's values (bands, values), of each the BAND_QUANTILE over the bands."""
    with np.errstate(all="ignore"):
        found = np.nanquantile(np.where(np.isfinite(pool).any(axis=1, keepdims=True), pool, 0), [0.5, 0.98], axis=1)
    level, top = np.quantile(np.abs(found), BAND_QUANTILE, axis=1)
    return float(level), float(top)


def _axes(values: NDArray[np.float32]) -> tuple[float, float, float] | None:
    """The share of a tile's variance that the means along each axis (bands, rows, cols) explain; None: no tile."""
    if not np.isfinite(values).all() or min(values.shape) < 8 or values.min() == values.max():
        return None
    values = values / np.abs(values).max()  # squares of tiny or large values do not fit into the type
    whole = values.var(dtype=np.float64)
    means = [np.mean(values, axis=others, dtype=np.float64) for others in ((1, 2), (0, 2), (0, 1))]
    shares = [float(one.var() / whole) for one in means]
    return shares[0], shares[1], shares[2]


def _on_its_side(sides: list[tuple[float, float, float] | None]) -> bool:
    found = [one for one in sides if one is not None]
    if not found:
        return False
    bands, rows, cols = np.median(np.array(found), axis=0)
    image, most = ON_ITS_SIDE
    return bool(max(rows, cols) > image and bands < most)
