"""The report: one self-contained HTML page a run. Plots by matplotlib, text by the template ``report.html``."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import jinja2
import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from .config import settings as settings_of
from .cube import Array
from .library import Library
from .outputs import thumbnail
from .record import Run, versions
from .summary import Summary

matplotlib.rcParams["text.parse_math"] = False  # a name is no formula
DPI = 110
GAP = 3.0
"""Spectra are not drawn across steps this many times the usual distance of bands (removed water bands), nor backwards
where two detectors overlap."""


@dataclass(frozen=True)
class Picture:
    """One figure: its caption and the PNG as a data address."""

    caption: str
    source: str


def write_report(folder: Path, run: Run, library: Library, summary: Summary) -> None:
    """Write ``report.html`` into the folder that holds the run's rasters."""
    abundances, error = thumbnail(folder / "abundances.tif"), thumbnail(folder / "error.tif")[0]
    pictures = [
        Picture("Endmember spectra", _spectra(library)),
        Picture("Abundances: the share of each endmember in every pixel, 0 to 1", _maps(abundances, library.names)),
        Picture("Reconstruction error per pixel: root mean square over bands, in reflectance", _error(error, summary)),
    ]
    if run.training:
        pictures.append(Picture("Loss of every training step", _losses(run.training.losses)))
    environment = jinja2.Environment(autoescape=True, loader=jinja2.FileSystemLoader(Path(__file__).parent))
    shares = zip(library.names, summary.mean_abundances, strict=True)
    page = environment.get_template("report.html").render(
        run=run,
        rows=_facts(run),
        settings=[(one.label, getattr(run.settings, one.name), one.unit) for one in settings_of(type(run.settings))],
        endmembers=[(name, f"{100 * mean:.1f} %") for name, mean in shares],
        pictures=pictures,
        versions=versions(run.job.device),
        made=datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
    )
    (folder / "report.html").write_text(page, encoding="utf-8")


def _facts(run: Run) -> list[tuple[str, str]]:
    scene, facts = run.scene, run.scene.facts
    axis = scene.wavelengths
    spectral = f"{axis.min():.0f} to {axis.max():.0f} nm" if axis is not None else "no wavelengths in the file"
    valid = run.metrics["valid_pixels"]
    return [
        ("Scene", scene.path.name),
        ("Size", f"{facts.rows} rows x {facts.cols} columns, {valid:.0f} pixels with data"),
        ("Bands", f"{scene.bands} of {facts.bands} used, {spectral}"),
        ("Reflectance", scene.scale_sentence),
        ("Nodata value", "none" if facts.nodata is None else f"{facts.nodata:g}"),
        ("Georeference", "yes" if facts.georeferenced else "none"),
        ("Reconstruction error", f"{run.metrics['reconstruction_rmse']:.4f} reflectance (RMSE over all pixels)"),
        *_training(run),
    ]


def _training(run: Run) -> list[tuple[str, str]]:
    if not run.training:
        return []
    return [
        ("Training", f"{len(run.training.losses)} steps in {run.training.seconds:.0f} s"),
        ("Network", f"{run.metrics['parameters']:,.0f} trained parameters"),
    ]


def _spectra(library: Library) -> str:
    figure, axes = _figure(8.5, 3.6)
    axis = np.arange(1.0, library.spectra.shape[1] + 1) if library.wavelengths is None else library.wavelengths
    steps = np.diff(axis)
    breaks = np.flatnonzero((steps <= 0) | (steps > GAP * np.median(steps))) + 1
    for index, (name, spectrum) in enumerate(zip(library.names, library.spectra, strict=True)):
        axes.plot(
            np.insert(axis, breaks, np.nan), np.insert(spectrum, breaks, np.nan), label=name, color=_colour(index)
        )
    axes.set_xlabel("Band number" if library.wavelengths is None else "Wavelength (nm)")
    axes.set_ylabel("Reflectance")
    axes.set_ylim(bottom=0)
    axes.legend(
        fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5), ncols=-(-len(library.names) // 15)
    )
    return _png(figure)


def _maps(abundances: Array, names: list[str]) -> str:
    columns = min(5, len(names))
    lines = -(-len(names) // columns)
    height = 8.5 / columns * abundances.shape[1] / abundances.shape[2]
    figure = Figure(figsize=(8.5, min(12, lines * (min(height, 4) + 0.35))), dpi=DPI, layout="constrained")
    cells = np.atleast_1d(figure.subplots(lines, columns)).ravel()
    for cell in cells:
        cell.axis("off")
    image: Any = None
    for cell, band, name in zip(cells, abundances, names, strict=False):
        image = cell.imshow(band, vmin=0, vmax=1, cmap="viridis", interpolation="nearest")
        cell.set_title(name, fontsize=9)
    figure.colorbar(image, ax=list(cells), shrink=0.7, label="Abundance")
    return _png(figure)


def _error(error: Array, summary: Summary) -> str:
    figure = Figure(figsize=(8.5, 3.6), dpi=DPI, layout="constrained")
    left, right = figure.subplots(1, 2)
    finite = error[np.isfinite(error)]
    top = max(float(np.quantile(finite, 0.98)), 1e-9)
    image = left.imshow(error, vmin=0, vmax=top, cmap="magma", interpolation="nearest")
    left.axis("off")
    figure.colorbar(image, ax=left, label="RMSE (reflectance)", extend="max")
    counts, edges = summary.histogram()
    right.stairs(counts, edges, fill=True, color="0.35")
    right.set_xlabel("RMSE (reflectance)")
    right.set_ylabel("Pixels")
    right.spines[["top", "right"]].set_visible(False)
    return _png(figure)


def _losses(losses: list[float]) -> str:
    figure, axes = _figure(8.5, 2.6)
    axes.plot(range(1, len(losses) + 1), losses, color="0.2", linewidth=1)
    axes.set_xlabel("Training step")
    axes.set_ylabel("Loss")
    return _png(figure)


def _figure(width: float, height: float) -> tuple[Figure, Any]:
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _colour(index: int) -> Any:
    return colormaps["tab10" if index < 10 else "tab20"](index % 20)


def _png(figure: Figure) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
