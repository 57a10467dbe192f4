"""The pictures of a report: matplotlib figures as PNGs. What they show, not where it comes from."""

from __future__ import annotations

import base64
import io
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import matplotlib

matplotlib.use("Agg")

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from numpy.typing import NDArray

from .cube import Array

if TYPE_CHECKING:  # these load torch and numba, which tasks that only draw a map do without
    from .endmembers import Count
    from .library import Library
    from .summary import Summary
    from .training import Record

matplotlib.rcParams["text.parse_math"] = False  # a name is no formula
Numbers = NDArray[np.float64]
DPI = 110
GAP = 3.0
"""Spectra are not drawn across steps this many times the usual distance of bands (removed water bands), nor backwards
where two detectors overlap."""
TITLE = 90
"""Characters of titles that stand side by side above a row of maps."""
MOST_LINES = 25
"""Spectra of one class that are drawn; more hide each other."""


@dataclass(frozen=True)
class Picture:
    """One figure: its caption and the PNG as a data address."""

    caption: str
    source: str


def spectra(library: Library, label: str = "Reflectance") -> str:
    """Spectra over wavelength, or over band numbers where no wavelengths are known."""
    figure, axes = new_figure(8.5, 3.6)
    axis, breaks = _spectral_axis(library.wavelengths, library.spectra.shape[1])
    for index, (name, spectrum) in enumerate(zip(library.names, library.spectra, strict=True)):
        axes.plot(axis, np.insert(spectrum, breaks, np.nan), label=name, color=colour(index))
    axes.set_xlabel("Band number" if library.wavelengths is None else "Wavelength (nm)")
    axes.set_ylabel(label)
    axes.set_ylim(bottom=0)
    axes.legend(
        fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5), ncols=-(-len(library.names) // 15)
    )
    return png(figure)


def class_spectra(library: Library, spreads: Mapping[str, tuple[Numbers, Numbers, str]]) -> str:
    """A panel for each class with the library's spectra of it as thin lines.

    ``spreads``: of each class mean and standard deviation (bands,), and its colour.
    """
    columns = min(3, len(spreads))
    lines = -(-len(spreads) // columns)
    figure = Figure(figsize=(8.5, 0.4 + 2.0 * lines), dpi=DPI, layout="constrained")
    cells = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False).ravel()
    axis, breaks = _spectral_axis(library.wavelengths, library.spectra.shape[1])
    for cell, (name, (mean, spread, own)) in zip(cells, spreads.items(), strict=False):
        low, middle, high = (np.insert(values, breaks, np.nan) for values in (mean - spread, mean, mean + spread))
        cell.fill_between(axis, low, high, color=own, alpha=0.35, linewidth=0)
        drawn = [index for index, one in enumerate(library.classes or []) if one == name][:MOST_LINES]
        cell.plot(axis, np.insert(library.spectra[drawn], breaks, np.nan, axis=1).T, color="0.35", linewidth=0.5)
        cell.plot(axis, middle, color=own, linewidth=1.8)
        cell.set_title(name, fontsize=9)
        cell.spines[["top", "right"]].set_visible(False)
    for cell in cells[len(spreads) :]:
        cell.axis("off")
    tops = np.nanpercentile([*library.spectra, *(mean + spread for mean, spread, _ in spreads.values())], 98, axis=1)
    cells[0].set_ylim(0, 1.1 * max(float(np.nanmax(tops)), 1e-3))  # single bands of noise are cut off
    figure.supxlabel("Band number" if library.wavelengths is None else "Wavelength (nm)", fontsize=9)
    figure.supylabel("Reflectance", fontsize=9)
    return png(figure)


def _spectral_axis(wavelengths: Array | None, bands: int) -> tuple[Array, NDArray[np.int64]]:
    """Where the values of spectra are drawn, NaN in the gaps, and where such gaps are to be put into spectra."""
    axis = np.arange(1, bands + 1, dtype=np.float32) if wavelengths is None else wavelengths
    steps = np.diff(axis)
    breaks = np.flatnonzero((steps <= 0) | (steps > GAP * np.median(steps))) + 1
    return np.insert(axis, breaks, np.nan), breaks


def maps(bands: Array, names: list[str], label: str = "Abundance", top: float = 1.0, colours: str = "viridis") -> str:
    """Bands (bands, rows, cols) side by side with one colour scale from 0 to ``top``; the part with data."""
    rows, cols = part_with_data(np.asarray(np.isfinite(bands).any(axis=0)))
    bands = bands[:, rows, cols]
    columns = min(5, len(names))
    lines = -(-len(names) // columns)
    height = 8.5 / columns * bands.shape[1] / bands.shape[2]
    titles = [textwrap.fill(name, TITLE // columns, max_lines=3, placeholder="…") for name in names]
    above = 0.2 + 0.15 * max(title.count("\n") + 1 for title in titles)
    figure = Figure(figsize=(8.5, min(14, lines * (min(height, 4) + above))), dpi=DPI, layout="constrained")
    cells = np.atleast_1d(figure.subplots(lines, columns)).ravel()
    for cell in cells:
        cell.axis("off")
    image: Any = None
    for cell, band, title in zip(cells, bands, titles, strict=False):
        image = cell.imshow(band, vmin=0, vmax=top, cmap=colours, interpolation="nearest")
        cell.set_title(title, fontsize=9)
    figure.colorbar(image, ax=list(cells), shrink=0.7, label=label)
    return png(figure)


def part_with_data(has_data: NDArray[np.bool_]) -> tuple[slice, slice]:
    """The rows and columns that frame all pixels (rows, cols) with data; all of them where none has."""
    spans = [np.flatnonzero(has_data.any(axis=axis)) for axis in (1, 0)]
    first, second = (slice(span[0], span[-1] + 1) if len(span) else slice(None) for span in spans)
    return first, second


def stretched(bands: Array, names: list[str]) -> str:
    """Bands (bands, rows, cols) side by side in grey, each from its 2nd to its 98th percentile."""
    low, high = np.nanpercentile(bands, [2, 98], axis=(1, 2), keepdims=True)
    return maps((bands - low) / np.maximum(high - low, 1e-12), names, "2nd to 98th percentile", colours="gray")


def error(values: Array, summary: Summary) -> str:
    """Reconstruction error (rows, cols) as a map, beside its histogram over all pixels."""
    figure = Figure(figsize=(8.5, 3.6), dpi=DPI, layout="constrained")
    left, right = figure.subplots(1, 2)
    finite = values[np.isfinite(values)]
    values = values[part_with_data(np.isfinite(values))]
    top = max(float(np.quantile(finite, 0.98)), 1e-9)
    image = left.imshow(values, vmin=0, vmax=top, cmap="magma", interpolation="nearest")
    left.axis("off")
    figure.colorbar(image, ax=left, label="RMSE (reflectance)", extend="max")
    counts, edges = summary.histogram()
    right.stairs(counts, edges, fill=True, color="0.35")
    right.set_xlabel("RMSE (reflectance)")
    right.set_ylabel("Pixels")
    right.spines[["top", "right"]].set_visible(False)
    return png(figure)


def losses(training: Record) -> str:
    """The loss of every step, and the loss on validation pixels where there are some."""
    figure, axes = new_figure(8.5, 2.6)
    axes.plot(range(1, len(training.losses) + 1), training.losses, color="0.2", linewidth=1, label="training pixels")
    if training.validation:
        axes.plot(*zip(*training.validation, strict=True), color="#d95f02", linewidth=1.4, label="validation pixels")
        axes.axvline(training.best_step, color="#d95f02", linewidth=0.8, linestyle=":", label="kept")
        axes.legend(fontsize=8, frameon=False)
    axes.set_xlabel("Training step")
    axes.set_ylabel("Loss")
    return png(figure)


def new_figure(width: float, height: float) -> tuple[Figure, Any]:
    """A figure of this size in inches with one pair of axes."""
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def colour(index: int) -> Any:
    """The colour of the line with this number."""
    return colormaps["tab10" if index < 10 else "tab20"](index % 20)


def png(figure: Figure) -> str:
    """A figure as a data address for the page."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def counts(found: Mapping[str, Count]) -> str:
    """For each way of counting endmembers what it looks at and what that must exceed, component by component."""
    figure = Figure(figsize=(8.5, 3.4), dpi=DPI, layout="constrained")
    for axes, (name, count) in zip(np.atleast_1d(figure.subplots(1, len(found))), found.items(), strict=True):
        shown = min(len(count.values), max(20, 2 * count.number))
        numbers = np.arange(1, shown + 1)
        axes.semilogy(numbers, np.maximum(count.values[:shown], 1e-12), "o-", markersize=3, color="0.2", label="value")
        axes.semilogy(numbers, count.thresholds[:shown], color="#d95f02", linestyle="--", label="threshold")
        axes.set_title(f"{name}: {count.number}", fontsize=10)
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0e}")  # powers of ten are formulas elsewhere
        axes.set_xlabel("Component")
        axes.set_ylabel("Squared reflectance")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(fontsize=8, frameon=False)
    return png(figure)


def ratios(values: Numbers) -> str:
    """Signal to noise of every component, and the line where both are equal."""
    figure, axes = new_figure(8.5, 2.8)
    axes.semilogy(np.arange(1, len(values) + 1), np.maximum(values, 1e-3), "o-", markersize=3, color="0.2")
    axes.axhline(1, color="#d95f02", linestyle="--", linewidth=1, label="as much noise as signal")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_xlabel("Component")
    axes.set_ylabel("Signal to noise")
    axes.legend(fontsize=8, frameon=False)
    return png(figure)
