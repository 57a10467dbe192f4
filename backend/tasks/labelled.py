"""The spectra of some pixels of a scene, labelled or otherwise listed: read window by window, where they lie."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import psutil
from numpy.typing import NDArray

from ..cube import Array, Mask, Window
from ..labels import Grid
from ..scene import Scene

WINDOW = 128
MEMORY_SHARE = 0.4
"""Of the free memory that the spectra may take."""


class Places(Protocol):
    """Pixels of a scene by ``rows`` and ``cols`` (pixels,): Labels, say."""

    @property
    def rows(self) -> NDArray[np.int32]: ...

    @property
    def cols(self) -> NDArray[np.int32]: ...


def grid_of(scene: Scene) -> Grid:
    """Where the scene's pixels lie, as the readers of labels want it."""
    return Grid(scene.grid["crs"], scene.grid["transform"], scene.rows, scene.cols)


def spectra_of(scene: Scene, places: Places) -> tuple[Array, Mask]:
    """Reflectance (pixels, bands) of the given pixels in their order, and which of them hold data (pixels,).

    Pixels without data hold 0. ValueError, a sentence, if the spectra take too much memory.
    """
    needed, most = 4.0 * len(places.rows) * scene.bands, MEMORY_SHARE * psutil.virtual_memory().available
    if needed > most:
        raise ValueError(
            f"The spectra of {len(places.rows):,} pixels take {needed / 1e9:.1f} GB of memory, and {most / 1e9:.1f} GB "
            "can be spared. Choose smaller areas, or fewer pixels of each class."
        )
    spectra = np.empty((len(places.rows), scene.bands), np.float32)
    valid = np.empty(len(places.rows), bool)
    for indices, values, usable in spectra_by_window(scene, places):
        spectra[indices], valid[indices] = values, usable
    return spectra, valid


def spectra_by_window(scene: Scene, places: Places) -> Iterator[tuple[NDArray[np.int64], Array, Mask]]:
    """As :func:`spectra_of`, a window at a time: indices of its pixels, their spectra, which of them hold data.

    Memory grows with the window, not with the number of pixels.
    """
    found = windows_of(scene, places, WINDOW)
    if not found:
        return
    for (window, indices), cube in zip(found, scene.cubes([window for window, _ in found]), strict=True):
        rows, cols = places.rows[indices] - window.row, places.cols[indices] - window.col
        yield indices, cube.reflectance[:, rows, cols].T, cube.valid[rows, cols]


def windows_of(scene: Scene, places: Places, size: int) -> list[tuple[Window, NDArray[np.int64]]]:
    """Windows that hold all the pixels, each with the indices of its own, from the top left to the bottom right.

    Squares of the scene, ``size`` pixels a side, cut down to the pixels they hold; squares without any are left out.
    """
    across = -(-scene.cols // size)
    number = (places.rows.astype(np.int64) // size) * across + places.cols // size
    order = np.argsort(number, kind="stable")
    found = []
    for part in np.split(order, np.flatnonzero(np.diff(number[order])) + 1) if len(order) else []:
        rows, cols = places.rows[part], places.cols[part]
        top, left = int(rows.min()), int(cols.min())
        found.append((Window(top, left, int(rows.max()) + 1 - top, int(cols.max()) + 1 - left), part))
    return found
