"""What the readers of HDF5 and netCDF-4 products share: files, attributes, and datasets read window by window."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ...cube import Mask, Window
from ..product import Product, Stored
from ..swath.gathering import Part
from ..swath.grid import on_map
from .values import text

CACHE, SLOTS = 256 << 20, 12_007
"""Bytes and places of a dataset's chunk cache: chunks of two neighbouring windows stay in it."""
MOST_FILES = 100
"""So many files of a folder at most are looked into."""
BRIDGED = 64
"""Bands left out are read along where bands lie side by side in the file and no more than so many follow."""


def opened(path: Path) -> h5py.File | None:
    """The HDF5 (or netCDF-4) file at a path; None if it is something else. ValueError, a sentence, if it is damaged."""
    if not path.is_file() or not h5py.is_hdf5(path):
        return None
    with readable(path):
        return h5py.File(path, "r", rdcc_nbytes=CACHE, rdcc_nslots=SLOTS, locking=False)


def find(
    path: Path, endings: Sequence[str], mine: Callable[[h5py.File], bool], build: Callable[[h5py.File, Path], Product]
) -> Product | None:
    """The product in a file, or in the one file of a folder that holds it; None where there is none.

    ``endings`` of names to look at in a folder; ``mine``: whether a file is a scene of this product; ``build`` makes
    the product of it. ValueError, a sentence, if it is damaged or the folder holds several.
    """
    folder = path.is_dir()
    found = [one for one in _files(path, endings) if _is_mine(one, mine, quiet=folder)] if folder else [path]
    if len(found) > 1:
        raise ValueError(
            f"The folder {path} holds several scenes, {found[0].name} and {found[1].name} among them. Choose one file."
        )
    if not found or not _is_mine(found[0], mine, quiet=False):
        return None
    file = opened(found[0])
    if file is None:
        return None
    try:
        with readable(found[0]):
            return on_map(build(file, found[0]))
    except ValueError:
        file.close()
        raise


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """What h5py raises on a file that is damaged or lacks something, as a ValueError with a sentence."""
    try:
        yield
    except KeyError as error:
        raise ValueError(
            f"The scene {path} lacks a part that belongs to it ({_plain(error)}). Copy or download the file again."
        ) from error
    except (OSError, RuntimeError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(
            f"The scene {path} cannot be read completely ({_plain(error)}). Copy or download the file again."
        ) from error


def dimension_names(dataset: h5py.Dataset) -> list[str]:
    """The names of a dataset's axes as netCDF writes them; "" for an axis without one.

    Out of the attributes themselves: HDF5's own functions for them end the process where a damaged file gives an
    attribute another type.
    """
    scales, labels = (_for_axes(dataset, name) for name in ("DIMENSION_LIST", "DIMENSION_LABELS"))
    found = []
    for some, label in zip(scales, labels, strict=True):
        first = some[0] if isinstance(some, np.ndarray) and len(some) else None
        name = dataset.file[first].name if isinstance(first, h5py.Reference) and first else text(label)
        found.append((name or "").rsplit("/", 1)[-1])
    return found


def _for_axes(dataset: h5py.Dataset, name: str) -> list[Any]:
    """What an attribute says of each axis; None of each where it is absent or something else."""
    said = dataset.attrs.get(name)
    fits = isinstance(said, np.ndarray) and said.dtype.kind in "OSU" and said.shape == (dataset.ndim,)
    return list(said) if fits else [None] * dataset.ndim


class Cube:
    """A dataset of three axes, read as (bands, rows, cols) whatever the order of its axes in the file."""

    def __init__(self, dataset: h5py.Dataset, axes: tuple[int, int, int], path: Path) -> None:
        """``axes``: positions of bands, rows and columns. ValueError if its compression cannot be undone here."""
        if len(dataset.shape) != 3 or dataset.dtype.kind not in "iufb":
            raise ValueError(f"The scene {path} has no cube of numbers in {dataset.name}. Download the file again.")
        self.dataset, self.axes, self.path = dataset, axes, path
        self.shape = tuple(int(dataset.shape[axis]) for axis in axes)
        self.dtype = np.dtype(dataset.dtype.newbyteorder("=") if dataset.dtype.kind != "b" else np.uint8)
        chunk = dataset.chunks[axes[0]] if dataset.chunks else 4
        self._bridged = BRIDGED if axes[0] == 2 else int(chunk)
        pieces = dataset.chunks or (1, 1, 1)
        self.block = int(pieces[axes[1]]), int(pieces[axes[2]])
        plist = dataset.id.get_create_plist()
        for index in range(plist.get_nfilters()):
            code, _, _, name = plist.get_filter(index)
            if not h5py.h5z.filter_avail(code):
                raise ValueError(
                    f"The scene {path} is compressed by {text(name) or code}, which Mixel cannot undo. Write it again "
                    "with gzip, or choose another file of the product."
                )

    def read(self, window: Window, bands: Sequence[int]) -> Stored:
        """Stored values (len(bands), rows, cols) of a window's core. ValueError, a sentence, if that fails."""
        out = np.empty((len(bands), window.rows, window.cols), self.dtype)
        for part in self.parts(window, bands):
            part.lay(part.values, out)
        return out

    def parts(self, window: Window, bands: Sequence[int]) -> Iterator[Part]:
        """What :meth:`read` gives, as it lies in the file: one part for each stretch of bands that is read at once."""
        wanted = np.asarray(bands, dtype=np.int64)
        for first, last in _runs(np.unique(wanted), self._bridged):
            spans = {0: slice(first, last + 1), 1: _span(window.row, window.rows), 2: _span(window.col, window.cols)}
            places = [spans[self.axes.index(axis)] for axis in range(3)]
            with readable(self.path):
                found = self.dataset[tuple(places)]
            here = np.flatnonzero((wanted >= first) & (wanted <= last))
            yield Part(found.transpose(self.axes).astype(self.dtype, copy=False), here, wanted[here] - first)


class Plane:
    """A dataset of two axes of the scene's size, rows first or (where that alone fits) columns first."""

    def __init__(self, dataset: h5py.Dataset, rows: int, cols: int, path: Path) -> None:
        """ValueError, a sentence, if it has another size."""
        if dataset.shape not in ((rows, cols), (cols, rows)):
            raise ValueError(
                f"In the scene {path} {dataset.name.rsplit('/', 1)[-1]} has {' x '.join(map(str, dataset.shape))} "
                f"pixels, not {rows} x {cols}. Download the file again."
            )
        self.dataset, self.path, self._turned = dataset, path, dataset.shape != (rows, cols)

    def read(self, window: Window) -> Stored:
        """Stored values (rows, cols) of a window's core. ValueError, a sentence, if that fails."""
        down, across = _span(window.row, window.rows), _span(window.col, window.cols)
        with readable(self.path):
            found: Stored = self.dataset[across, down].T if self._turned else self.dataset[down, across]
        return found

    def marks(self, *values: int) -> Callable[[Window], Mask]:
        """A function that says which pixels of a window hold one of these values."""
        return lambda window: np.isin(self.read(window), values)


def _files(folder: Path, endings: Sequence[str]) -> list[Path]:
    names = sorted(one for one in folder.iterdir() if one.name.lower().endswith(tuple(endings)))
    return names[:MOST_FILES]


def _is_mine(path: Path, mine: Callable[[h5py.File], bool], quiet: bool) -> bool:
    """Whether a file is what is looked for; a damaged one raises ValueError, or is not if ``quiet``."""
    try:
        file = opened(path)
    except ValueError:
        if quiet:
            return False
        raise
    if file is None:
        return False
    with file:
        try:
            return mine(file)
        except (KeyError, OSError, RuntimeError, AttributeError, TypeError):
            return False


def _runs(wanted: NDArray[np.int64], bridged: int) -> list[tuple[int, int]]:
    """First and last of each run of these rising band numbers, gaps of up to ``bridged`` bands read along."""
    if not len(wanted):
        return []
    ends = np.flatnonzero(np.diff(wanted) > bridged + 1)
    firsts, lasts = [0, *(ends + 1).tolist()], [*ends.tolist(), len(wanted) - 1]
    return [(int(wanted[first]), int(wanted[last])) for first, last in zip(firsts, lasts, strict=True)]


def _span(start: int, length: int) -> slice:
    return slice(start, start + length)


def _plain(error: Exception) -> str:
    return " ".join(str(error).strip("'\"").split()) or type(error).__name__
