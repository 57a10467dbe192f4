"""What users point out on a scene: the area that counts, labelled pixels, and the spectra of pixels that are listed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import psutil
from numpy.typing import NDArray

from ..cube import Array, Mask, Window
from ..labels import Grid, Labels, read_area, read_labels
from ..labels.classes import check_enough
from ..labels.pixels import counted, listed
from ..protocol import Job
from ..record import Run
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
    return Grid.of(scene.place, scene.rows, scene.cols)


def look_within_area(job: Job, scene: Scene) -> list[str]:
    """Let only the job's area count, if it names one; gives what is to be said of it.

    ValueError, a sentence, if the area cannot be read or no pixel inside holds data.
    """
    if "area" not in job.inputs:
        return []
    area = read_area(job.inputs["area"], grid_of(scene))
    scene.look_within(area)
    scene.sample(1, WINDOW)
    return area.notices


def labels_of(run: Run, name: str, least: int = 2) -> Labels:
    """The labelled pixels of an input that lie within the run's area and hold data; the notices tell of the others.

    A class that has no such pixel is none of the labels' classes. ValueError, a sentence, if the labels cannot serve or
    fewer than ``least`` classes are left.
    """
    scene = run.scene
    labels = read_labels(run.job.inputs[name], grid_of(scene), least)
    inside, valid = (np.zeros(len(labels), bool) for _ in range(2))
    found = windows_of(scene, labels, WINDOW)
    for (window, index), cube in zip(found, scene.cubes([one for one, _ in found]), strict=True):
        at = labels.rows[index] - window.row, labels.cols[index] - window.col
        valid[index] = cube.valid[at]
        inside[index] = True if scene.within is None else scene.within.mask(window)[at]
    kept, gone = labels.kept(valid)
    notices = []
    for number, what in ((int((~inside).sum()), "outside the area"), (int((inside & ~valid).sum()), "without data")):
        if number:
            notices.append(f"{counted(number, 'labelled pixel')} {what} and left out.")
    if gone:
        notices.append(f"Classes all of whose labelled pixels lie there are left out: {listed(gone)}.")
    where = "where the scene holds data" + ("" if scene.within is None else " inside the area")
    check_enough([one.name for one in kept.classes], least, where)
    kept.notices.extend(notices)
    return kept


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
