"""Training pixels from a class raster on the scene's own grid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from .class_values import Zero, called, check_values, value_names, zero_of
from .classes import MAX_CLASSES, make_classes
from .lying import check_grid
from .pixels import MAX_PIXELS, TOO_MANY, Grid, Labels, rare_notices
from .single import blocks, check_band, opened

WHAT = "label raster"


def read_raster_labels(path: str | Path, grid: Grid, least: int = 2) -> Labels:
    """Training pixels from a raster of class values; 0 and nodata mean not labelled. Each patch of a class is a group.

    0 is a class where the file says so; see :mod:`.class_values`. Names and colours of classes are the file's, if it
    holds some. ValueError, a sentence, if it is no raster of whole numbers from 0, is not on the scene's grid, or holds
    fewer than ``least`` classes.
    """
    with opened(path, WHAT) as dataset:
        check_band(dataset, WHAT)
        notices = check_grid(dataset, grid, WHAT)
        names, colours = value_names(dataset), _colours(dataset)
        zero = zero_of(dataset, names)
        flat, codes, zeros = _read(dataset, grid, zero)
    notices.extend(zero.notices(WHAT, zeros))
    present, values = np.unique(codes, return_inverse=True)
    if len(present) > MAX_CLASSES:
        raise ValueError(f"The label raster holds {len(present)} classes; {MAX_CLASSES} at most are possible.")
    texts = called(present, names)
    classes = make_classes(
        texts, {name: colours.get(int(code), "") for name, code in zip(texts, present, strict=True)}, least
    )
    rows, cols = np.divmod(flat, grid.cols)
    labels = Labels(
        rows.astype(np.int32),
        cols.astype(np.int32),
        (values + 1).astype(np.int16),
        patches(flat, values, grid.cols),
        classes,
        notices,
    )
    notices.extend(rare_notices(labels))
    return labels


def patches(flat: NDArray[np.int64], values: NDArray[Any], cols: int) -> NDArray[np.int32]:
    """Number of the connected patch of one class each pixel is in; ``flat`` = row * cols + col, rising."""
    edges = []
    for step, allowed in ((1, (flat + 1) % cols != 0), (cols, np.ones(len(flat), bool))):
        place = np.minimum(np.searchsorted(flat, flat + step), len(flat) - 1)
        joined = allowed & (flat[place] == flat + step) & (values[place] == values)
        edges.append((np.flatnonzero(joined), place[joined]))
    first, second = (np.concatenate(ends) for ends in zip(*edges, strict=True))
    links = coo_array((np.ones(len(first), np.int8), (first, second)), shape=(len(flat), len(flat)))
    return np.asarray(connected_components(links, directed=False)[1], np.int32)


def _read(dataset: Any, grid: Grid, zero: Zero) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Numbers of the labelled pixels in the scene, rising, their class values, and how many pixels hold 0."""
    found, total, zeros = [], 0, 0
    for row, col, values, there in blocks(dataset):
        blank = there & (values == 0)
        zeros += int(blank.sum())
        rows, cols = np.nonzero(there if zero.counts else there & ~blank)
        codes = values[rows, cols]
        check_values(codes, WHAT)
        found.append(((rows + row) * np.int64(grid.cols) + cols + col, codes.astype(np.int64)))
        total += len(codes)
        if total > MAX_PIXELS:
            raise ValueError(TOO_MANY)
    if not total:
        raise ValueError("The label raster labels no pixel: it holds only 0 and nodata.")
    flat, codes = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.argsort(flat)
    return flat[order], codes[order], zeros


def _colours(dataset: Any) -> dict[int, str]:
    try:
        table = dataset.colormap(1)
    except ValueError:
        return {}
    return {code: f"#{red:02x}{green:02x}{blue:02x}" for code, (red, green, blue, opaque) in table.items() if opaque}
