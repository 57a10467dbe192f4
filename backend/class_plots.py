"""The pictures of a classification's report: class maps, and how far they can be trusted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import BoundaryNorm, ListedColormap, TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from .cube import Array
from .plots import DPI, part_with_data, png

LEGEND_ROWS = 18
MOST_NAMED = 54
"""Classes in a picture's legend; the table below names them all."""
NO_DATA = "#ffffff"
NUMBERED = 20
"""Classes up to which a confusion matrix shows numbers."""
TOP = 3.0
"""Novelty shown in the darkest colour."""


def classes(values: NDArray[np.integer], names: Sequence[str], colours: Sequence[str]) -> str:
    """A class map (rows, cols), 0 = no class, with a legend of the classes that are in it; the part with classes."""
    values = values[part_with_data(values > 0)]
    figure = Figure(figsize=(8.5, 5.0), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    norm = BoundaryNorm(np.arange(-0.5, len(names) + 1), len(names) + 1)
    axes.imshow(values, cmap=ListedColormap([NO_DATA, *colours]), norm=norm, interpolation="nearest")
    axes.axis("off")
    present = [index for index in range(len(names)) if (values == index + 1).any()][:MOST_NAMED]
    patches = [Patch(facecolor=colours[index], edgecolor="0.4", label=names[index]) for index in present]
    columns = max(1, -(-len(present) // LEGEND_ROWS))
    axes.legend(
        handles=patches, fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.01, 0.5), ncols=columns
    )
    return png(figure)


def trust(confidence: Array, novelty: Array) -> str:
    """Confidence (rows, cols), 0 to 1, beside novelty, which is white at 1 and brown beyond; the part with data."""
    part = part_with_data(np.isfinite(confidence))
    confidence, novelty = confidence[part], novelty[part]
    figure = Figure(figsize=(8.5, 4.0), dpi=DPI, layout="constrained")
    left, right = figure.subplots(1, 2)
    image = left.imshow(confidence, vmin=0, vmax=1, cmap="viridis", interpolation="nearest")
    figure.colorbar(image, ax=left, label="Confidence (probability)", shrink=0.8)
    colours = colormaps["BrBG_r"]
    image = right.imshow(novelty, norm=TwoSlopeNorm(1, 0, TOP), cmap=colours, interpolation="nearest")
    bar = figure.colorbar(image, ax=right, label="Unlike the training pixels", shrink=0.8, extend="max")
    bar.set_ticks([0, 0.5, 1, 2, 3], labels=["0", "0.5", "1", "2", "3"])
    for axes in (left, right):
        axes.axis("off")
    return png(figure)


def confusion(matrix: NDArray[np.int64], names: Sequence[str]) -> str:
    """A confusion matrix (classes, classes), rows = map, as shares of each column; with numbers up to 20 classes."""
    size = len(names)
    side = float(np.clip(2.2 + 0.42 * size, 3.6, 9.5))
    figure = Figure(figsize=(side + 1.6, side), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    totals = matrix.sum(axis=0)
    shares = np.divide(matrix, totals, out=np.full(matrix.shape, np.nan), where=totals > 0)
    image = axes.imshow(shares, vmin=0, vmax=1, cmap="Blues")
    step = -(-size // 40)
    ticks = range(0, size, step)
    axes.set_xticks(ticks, labels=[names[index] for index in ticks], rotation=90, fontsize=8)
    axes.set_yticks(ticks, labels=[names[index] for index in ticks], fontsize=8)
    axes.set_xlabel("Reference")
    axes.set_ylabel("Map")
    figure.colorbar(image, ax=axes, label="Share of the reference class", shrink=0.8)
    if size <= NUMBERED:
        for row, col in np.argwhere(matrix > 0):
            dark = shares[row, col] > 0.5
            axes.text(
                col, row, str(matrix[row, col]), ha="center", va="center", fontsize=7, color="w" if dark else "0.2"
            )
    return png(figure)
