"""The pictures of the scoreboard's page, made of finished cells alone; each is a PNG in ``docs/benchmarks``.

What shows the reference itself, whose arrays are not in the repository, stays as it is where they are missing.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from tests.benchmarks.compare import summary
from tests.benchmarks.results import Results
from tests.benchmarks.targets import label

DPI = 80
PALETTES = {10: "tab10", 20: "tab20"}


def abundance_maps(results: Results, scene: str, variants: list[str], path: Path) -> bool:
    """Abundances of the reference and of every method, first seed; False if there is no picture."""
    names = results.rows(scene, "floors").get(0, {}).get("endmembers", [])
    rows = [(one, results.arrays(scene, one)) for one in ("floors", *variants)]
    rows = [(one, arrays) for one, arrays in rows if "abundances_0" in arrays]
    if len(rows) < 2 or rows[0][0] != "floors":
        return path.exists()
    known = rows[0][1]["known_0"].astype(bool)
    size = 1.35
    figure = Figure(figsize=(1.9 + size * len(names), 0.4 + size * len(rows)), dpi=DPI, layout="constrained")
    grid = figure.subplots(len(rows), len(names), squeeze=False)
    for line, (one, arrays) in zip(grid, rows, strict=True):
        for axes, share in zip(line, arrays["abundances_0"], strict=True):
            shown = np.where(known, share / 255, np.nan) if one == "floors" else share / 255
            image = axes.imshow(shown, vmin=0, vmax=1, cmap="viridis", interpolation="nearest")
            axes.set_xticks([]), axes.set_yticks([])
        title = "reference" if one == "floors" else _wrapped(label(one))
        line[0].set_ylabel(title, rotation=0, ha="right", va="center", fontsize=8)
    for axes, name in zip(grid[0], names, strict=True):
        axes.set_title(name, fontsize=8)
    figure.colorbar(image, ax=grid, label="Abundance", shrink=0.6, location="right")
    figure.savefig(path, bbox_inches="tight")
    return True


def spectra(results: Results, scene: str, variants: list[str], path: Path) -> bool:
    """Endmembers of every method over the reference's, first seed, each scaled to a mean of 1: shapes are compared."""
    names = results.rows(scene, "floors").get(0, {}).get("endmembers", [])
    known = results.arrays(scene, "floors").get("endmembers_0")
    tables = [(one, results.arrays(scene, one).get("endmembers_0")) for one in variants]
    there = [(one, table) for one, table in tables if table is not None]
    if known is None or not there:
        return path.exists()
    columns = min(3, len(names))
    lines = -(-len(names) // columns)
    figure = Figure(figsize=(3.1 * columns, 2.1 * lines + 0.7), dpi=DPI, layout="constrained")
    grid = figure.subplots(lines, columns, squeeze=False).ravel()
    for number, (axes, name) in enumerate(zip(grid, names, strict=False)):
        for index, (one, table) in enumerate(there):
            axes.plot(_unit(table[number]), lw=1, color=colormaps["tab10"](index % 10), label=label(one))
        axes.plot(_unit(known[number]), lw=1.6, color="k", label="reference")
        axes.set_title(name, fontsize=9)
        axes.tick_params(labelsize=7)
    for axes in grid[len(names) :]:
        axes.axis("off")
    for axes in grid[max(0, len(names) - columns) : len(names)]:
        axes.set_xlabel("Band number", fontsize=9)
    figure.supylabel("Reflectance / its mean", fontsize=9)
    handles, texts = grid[0].get_legend_handles_labels()
    figure.legend(handles, texts, fontsize=8, frameon=False, loc="outside upper center", ncols=3)
    figure.savefig(path, bbox_inches="tight")
    return True


def class_maps(results: Results, scene: str, variants: list[str], path: Path) -> bool:
    """Class maps of every method beside all labels, first seed."""
    classes = results.rows(scene, "floors").get(0, {}).get("classes", [])
    maps = [(one, results.arrays(scene, one).get("map_0")) for one in ("floors", *variants)]
    there = [(one, image) for one, image in maps if image is not None]
    if len(there) < 2 or there[0][0] != "floors":
        return path.exists()
    colours = _colours(len(classes))
    norm = BoundaryNorm(np.arange(-0.5, len(classes) + 1), len(classes) + 1)
    columns = min(4, len(there))
    lines, (height, width) = -(-len(there) // columns), there[0][1].shape
    tall = 2.4 * height / width * lines + 0.35 * lines + 0.25 * -(-len(classes) // 4)
    figure = Figure(figsize=(2.4 * columns, tall), dpi=DPI, layout="constrained")
    grid = figure.subplots(lines, columns, squeeze=False).ravel()
    for axes in grid:
        axes.axis("off")
    for axes, (one, image) in zip(grid, there, strict=False):
        axes.imshow(image, cmap=ListedColormap(["#ffffff", *colours]), norm=norm, interpolation="nearest")
        axes.set_title("all labels" if one == "floors" else _wrapped(label(one)), fontsize=8)
    patches = [Patch(facecolor=colour, label=name) for colour, name in zip(colours, classes, strict=True)]
    figure.legend(handles=patches, fontsize=8, frameon=False, loc="outside lower center", ncols=4)
    figure.savefig(path, bbox_inches="tight")
    return True


def learning_curves(results: Results, scene: str, path: Path) -> bool:
    """OA against training pixels per class; False if no method has two points."""
    lines: dict[str, list[tuple[int, Any]]] = {}
    for variant in results.variants(scene):
        name, *given = variant.split(",")
        if len(given) == 1 and given[0].startswith("per_class="):
            found = summary(results.rows(scene, variant), "oa")
            lines.setdefault(name, []).append((int(given[0].removeprefix("per_class=")), found))
    lines = {name: sorted(points, key=lambda pair: pair[0]) for name, points in lines.items() if len(points) > 1}
    if not lines:
        return False
    figure = Figure(figsize=(8.5, 3.4), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    for name, points in sorted(lines.items()):
        counts, means = [one for one, _ in points], [100 * one.mean for _, one in points]
        spreads = [0 if np.isnan(one.sd) else 100 * one.sd for _, one in points]
        axes.errorbar(counts, means, spreads, marker="o", ms=4, capsize=2, label=label(name))
    axes.set_xscale("log")
    ticks = sorted({one for points in lines.values() for one, _ in points})
    axes.set_xticks(ticks, labels=[str(one) for one in ticks], minor=False)
    axes.minorticks_off()
    axes.set_xlabel("Training pixels of each class")
    axes.set_ylabel("Overall accuracy (%)")
    axes.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(path, bbox_inches="tight")
    return True


def cost(results: Results, scene: str, variants: Iterable[str], figure_name: str, path: Path) -> bool:
    """A figure against the core-seconds of learning and mapping."""
    points = []
    for one in variants:
        rows = results.rows(scene, one)
        value, times = summary(rows, figure_name), [summary(rows, f"{part}_core_seconds") for part in ("learn", "map")]
        if value and times[0] and times[1]:
            points.append((one, times[0].mean + times[1].mean, value))
    if len(points) < 2:
        return False
    factor, text = (100, "Overall accuracy (%)") if figure_name == "oa" else (1, "Abundance RMSE")
    figure = Figure(figsize=(8.5, 3.4), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    for index, (one, spent, value) in enumerate(points):
        spread = 0 if np.isnan(value.sd) else factor * value.sd
        axes.errorbar(spent, factor * value.mean, spread, fmt="o", capsize=2, color=f"C{index}", label=label(one))
    axes.set_xscale("log")
    seconds = [one for _, one, _ in points]
    axes.set_xlim(min(seconds) / 4, max(seconds) * 4)
    axes.minorticks_off()
    axes.set_xlabel("Processor time to learn and to map (core-seconds)")
    axes.set_ylabel(text)
    axes.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(path, bbox_inches="tight")
    return True


def _unit(spectrum: np.ndarray) -> np.ndarray:
    values = spectrum.astype(np.float64)
    return np.asarray(values / max(float(values.mean()), 1e-9))


def _colours(number: int) -> list[Any]:
    most = min((size for size in PALETTES if size >= number), default=0)
    palette = colormaps[PALETTES[most]] if most else colormaps["nipy_spectral"].resampled(number)
    return [palette(index) for index in range(number)]


def _wrapped(text: str) -> str:
    return text.replace(" (", "\n(").replace(", ", ",\n")
