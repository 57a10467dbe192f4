"""Training pixels from polygons, lines and points."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from .burn import burn_all
from .classes import make_classes
from .layer import read_layer
from .pixels import Grid, Labels, listed, rare_notices, settled
from .placing import Placed, place


def read_vector_labels(
    path: str,
    layer: str | None,
    field: str,
    grid: Grid,
    colours: Mapping[str, str] | None = None,
    names: Mapping[str, str] | None = None,
    least: int = 2,
) -> Labels:
    """Training pixels of a scene from a vector layer in any coordinate system; its class is the attribute ``field``.

    A polygon labels the pixels whose centre it holds, a line all it touches, a point its own. ``colours``: of classes
    by name; ``names``: of classes by the field's value. Whatever is left out, or had to be repaired, is in the
    notices. ValueError, a sentence, if layer or field do not fit, or fewer than ``least`` classes lie on the scene.
    """
    found = read_layer(path, layer, field, names)
    placed = place(found, grid)
    flat, codes, groups = _burnt(placed)
    if not len(flat):
        raise ValueError(placed.nowhere())
    misses = placed.misses(np.unique(groups).tolist())
    flat, codes, groups, overlaps = settled(flat, codes, groups, found.order)
    return _labels(flat, codes, groups, found.order, colours, grid, [*placed.notices, *misses, *overlaps], least)


def _labels(
    flat: NDArray[np.int64],
    codes: NDArray[np.int64],
    groups: NDArray[np.int32],
    order: list[str],
    colours: Mapping[str, str] | None,
    grid: Grid,
    notices: list[str],
    least: int,
) -> Labels:
    """Classes numbered from 1, those without a pixel left out."""
    present, values = np.unique(codes, return_inverse=True)
    there = set(present.tolist())
    gone = [name for code, name in enumerate(order) if code not in there]
    if gone:
        notices.append(f"Classes without a single training pixel are left out: {listed(gone)}.")
    classes = make_classes([order[code] for code in present], colours, least)
    rows, cols = np.divmod(flat, grid.cols)
    labels = Labels(
        rows.astype(np.int32), cols.astype(np.int32), (values + 1).astype(np.int16), groups, classes, notices
    )
    notices.extend(rare_notices(labels))
    return labels


def _burnt(placed: Placed) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int32]]:
    """Claimed pixels with indices of their class names and areas (parts of features)."""
    codes = {name: code for code, name in enumerate(placed.layer.order)}
    flat, owners = burn_all(placed.parts[placed.touching], placed.grid.rows, placed.grid.cols)
    kinds = np.array([codes[name] for name in placed.layer.names[placed.owners[placed.touching]]], np.int64)
    return flat, kinds[owners], placed.touching[owners].astype(np.int32)
