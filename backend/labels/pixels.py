"""Labelled pixels as a list: memory grows with their number, never with the scene."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.control import GroundControlPoint

from ..cube import Mask, Window
from ..place import Place
from .classes import Class

Integers = NDArray[np.integer]
MAX_PIXELS = 20_000_000
"""More labelled pixels teach nothing and fill the memory."""
TOO_MANY = (
    f"The labelled areas cover more than {MAX_PIXELS // 1_000_000} million pixels of the scene. Choose a layer with "
    "smaller areas."
)
RARE = 10


@dataclass(frozen=True)
class Grid:
    """Where a scene's pixels lie: rasterio's ``crs`` (None: unknown) and ``transform``, and its size in pixels.

    ``gcps``: ground control points; where there are some, the transform says nothing.
    """

    crs: Any
    transform: Any
    rows: int
    cols: int
    gcps: tuple[GroundControlPoint, ...] = ()

    @classmethod
    def of(cls, place: Place, rows: int, cols: int) -> Grid:
        """The grid of a scene or raster of this size in a place."""
        return cls(place.crs, place.transform, rows, cols, place.gcps)

    @property
    def place(self) -> Place:
        """Where it lies on the map."""
        return Place(self.crs, self.transform, self.gcps)

    @property
    def is_georeferenced(self) -> bool:
        """Whether its pixels have coordinates other than their column and row."""
        return bool(self.gcps) or not self.transform.is_identity


@dataclass(frozen=True)
class Labels:
    """Pixels of known class, in the order of rows, then columns, none twice.

    ``rows``, ``cols``, ``values`` (from 1), ``groups`` (number of the area each comes from, from 0): all (pixels,).
    ``notices`` says what was left out, and why.
    """

    rows: NDArray[np.int32]
    cols: NDArray[np.int32]
    values: NDArray[np.int16]
    groups: NDArray[np.int32]
    classes: tuple[Class, ...]
    notices: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def counts(self) -> NDArray[np.int64]:
        """How many pixels each class has (classes,)."""
        return np.bincount(self.values, minlength=len(self.classes) + 1)[1:]

    def select(self, chosen: NDArray[Any]) -> Labels:
        """Some of the pixels, by mask or by indices in rising order; classes stay as they are."""
        return replace(
            self,
            rows=self.rows[chosen],
            cols=self.cols[chosen],
            values=self.values[chosen],
            groups=self.groups[chosen],
        )

    def kept(self, chosen: Mask) -> tuple[Labels, list[str]]:
        """Some of the pixels, by mask, and the names of the classes that lose all of theirs: these are gone.

        The other classes are numbered anew from 1.
        """
        found = self.select(chosen)
        there = found.counts > 0
        numbers = np.concatenate([[0], np.cumsum(there)]).astype(np.int16)
        classes = tuple(replace(one, value=int(numbers[one.value])) for one in self.classes if there[one.value - 1])
        gone = [one.name for one in self.classes if not there[one.value - 1]]
        return replace(found, values=numbers[found.values], classes=classes), gone

    def inside(self, window: Window) -> NDArray[np.int64]:
        """Indices of the pixels in the core of a window, rising."""
        first, last = np.searchsorted(self.rows, [window.row, window.row + window.rows])
        cols = self.cols[first:last]
        return np.asarray(np.flatnonzero((cols >= window.col) & (cols < window.col + window.cols)) + first, np.int64)

    def on(self, window: Window) -> NDArray[np.int16]:
        """The labels of one window, in the shape of its cube (rows, cols); 0 = not labelled, and all of the halo."""
        top, bottom, left, right = window.halo
        found = np.zeros((top + window.rows + bottom, left + window.cols + right), np.int16)
        index = self.inside(window)
        found[self.rows[index] - window.row + top, self.cols[index] - window.col + left] = self.values[index]
        return found


def settled(
    flat: NDArray[np.int64], codes: NDArray[np.int64], groups: NDArray[np.int32], names: list[str]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int32], list[str]]:
    """Every claimed pixel once: (pixels, codes, groups, notices) in rising order of ``flat``, its number in the scene.

    Pixels that two classes (``codes``, indices into ``names``) claim are left out, counted and named.
    """
    order = np.lexsort((groups, flat))
    flat, codes, groups = flat[order], codes[order], groups[order]
    starts = np.flatnonzero(np.diff(flat, prepend=-1))
    if not len(starts):
        return flat, codes, groups, []
    lowest, highest = np.minimum.reduceat(codes, starts), np.maximum.reduceat(codes, starts)
    clear = lowest == highest
    notices = []
    if not clear.all():
        pairs = sorted({(names[a], names[b]) for a, b in zip(lowest[~clear], highest[~clear], strict=True)})
        notices.append(
            f"{counted((~clear).sum(), 'pixel')} claimed by more than one class and left out: "
            f"{listed([f'{a} / {b}' for a, b in pairs])}."
        )
    return flat[starts][clear], lowest[clear], groups[starts][clear], notices


def rare_notices(labels: Labels) -> list[str]:
    """One sentence that names the classes of few pixels, or none."""
    rare = [f"{one.name} ({count})" for one, count in zip(labels.classes, labels.counts, strict=True) if count < RARE]
    return [f"Classes with fewer than {RARE} labelled pixels: {listed(rare)}."] if rare else []


def counted(number: int, word: str) -> str:
    """'1 pixel is' or '7 pixels are'."""
    return f"{number} {word} is" if number == 1 else f"{number} {word}s are"


def listed(names: list[str], most: int = 8) -> str:
    """Names in a row, the first few of many."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
