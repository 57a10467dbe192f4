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
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from tests.benchmarks.compare import Summary, summary
from tests.benchmarks.results import Results
from tests.benchmarks.targets import label

DPI = 80
PALETTES = {10: "tab10", 20: "tab20"}
COLOURS = {
    "random_forest": "tab:gray",
    "svm": "tab:brown",
    "spatial_forest": "black",
    "spatial_svm": "goldenrod",
    "vca_fcls": "tab:cyan",
    "edaa": "tab:olive",
    "mvc_nmf": "tab:pink",
    "clusters": "darkslategray",
    "mim": "tab:blue",
    "mambahsi": "tab:orange",
    "spectralmamba": "tab:green",
    "ugm": "tab:red",
    "unmamba": "tab:purple",
}
"""Of each method, in every picture."""
PRESETS = {"preset=quick": "<", "": "o", "preset=thorough": ">"}
MARKERS = {**PRESETS, "guidance=False": "s"}
"""Of settings other than the shipped ones; presets from quick to thorough."""
SPREAD = ", ± s.d. over seeds"
GAP = 3
"""Steps between bands, in usual ones, beyond which bands are missing."""
DODGE = 1.03
"""Factor between the places of two methods with as many training pixels."""


def abundance_maps(results: Results, scene: str, variants: list[str], path: Path) -> bool:
    """Abundances of the reference and of every method, first seed; False if there is no picture."""
    names = results.rows(scene, "floors").get(0, {}).get("endmembers", [])
    rows = [(one, results.arrays(scene, one)) for one in ("floors", *_without_presets(variants))]
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
    floors = results.rows(scene, "floors").get(0, {})
    names = floors.get("endmembers", [])
    known = results.arrays(scene, "floors").get("endmembers_0")
    tables = [(one, results.arrays(scene, one).get("endmembers_0")) for one in _without_presets(variants)]
    there = [(one, table) for one, table in tables if table is not None]
    if known is None or not there:
        return path.exists()
    at, text = np.arange(1.0, known.shape[1] + 1), "Band number"
    if "wavelengths" in floors:
        at, text = np.asarray(floors["wavelengths"]) / 1000, "Wavelength (µm)"
    columns = min(3, len(names))
    lines = -(-len(names) // columns)
    figure = Figure(figsize=(max(3.1 * columns, 6.2), 2.1 * lines + 0.7), dpi=DPI, layout="constrained")
    grid = figure.subplots(lines, columns, squeeze=False).ravel()
    for number, (axes, name) in enumerate(zip(grid, names, strict=False)):
        axes.plot(*_broken(at, _unit(known[number])), lw=5, color="k", alpha=0.25, label="reference")
        for one, table in there:
            method, given = _parts(one)
            style = "--" if given else "-"
            axes.plot(*_broken(at, _unit(table[number])), style, lw=1, color=COLOURS[method], label=label(one))
        axes.set_title(name, fontsize=9)
        axes.tick_params(labelsize=8)
    for axes in grid[len(names) :]:
        axes.axis("off")
    for axes in grid[max(0, len(names) - columns) : len(names)]:
        axes.set_xlabel(text, fontsize=9)
    figure.supylabel("Reflectance / its mean", fontsize=9)
    handles, texts = grid[0].get_legend_handles_labels()
    figure.legend(handles, texts, fontsize=8, frameon=False, loc="outside upper center", ncols=min(3, columns + 1))
    figure.savefig(path, bbox_inches="tight")
    return True


def class_maps(results: Results, scene: str, variants: list[str], path: Path) -> bool:
    """Class maps of every method beside all labels, first seed."""
    floors = results.rows(scene, "floors").get(0, {})
    classes = floors.get("classes", [])
    maps = [(one, results.arrays(scene, one).get("map_0")) for one in ("floors", *_without_presets(variants))]
    there = [(one, image) for one, image in maps if image is not None]
    if len(there) < 2 or there[0][0] != "floors":
        return path.exists()
    colours = floors.get("colours") or _colours(len(classes))
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
    lines: dict[str, list[tuple[int, Summary]]] = {}
    for variant in results.variants(scene):
        name, given = _parts(variant)
        found = summary(results.rows(scene, variant), "oa")
        if found and given.startswith("per_class=") and "," not in given:
            lines.setdefault(name, []).append((int(given.removeprefix("per_class=")), found))
    lines = {name: sorted(points, key=lambda pair: pair[0]) for name, points in lines.items() if len(points) > 1}
    if not lines:
        return False
    spread = any(one.seeds > 1 for points in lines.values() for _, one in points)
    figure = Figure(figsize=(8.5, 3.4), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    for index, (name, points) in enumerate(sorted(lines.items())):
        places = [one * DODGE ** (index - (len(lines) - 1) / 2) for one, _ in points]
        means, spreads = [100 * one.mean for _, one in points], [100 * one.sd for _, one in points]
        bars = spreads if spread else None
        axes.errorbar(places, means, bars, marker="o", ms=4, capsize=2, color=COLOURS[name], label=label(name))
    axes.set_xscale("log")
    ticks = sorted({one for points in lines.values() for one, _ in points})
    axes.set_xticks(ticks, labels=[str(one) for one in ticks], minor=False)
    axes.minorticks_off()
    axes.set_xlabel("Training pixels of each class, at most")
    axes.set_ylabel("Overall accuracy (%)" + (SPREAD if spread else ""))
    figure.legend(fontsize=8, frameon=False, loc="outside right center")
    figure.savefig(path, bbox_inches="tight")
    return True


def cost(results: Results, scene: str, variants: Iterable[str], figure_name: str, path: Path) -> bool:
    """A figure against the core-seconds of learning and mapping; a line joins the presets of a method."""
    points: dict[str, dict[str, tuple[float, Summary]]] = {}
    said = {"": "standard"}
    for one in variants:
        rows, (name, given) = results.rows(scene, one), _parts(one)
        value, times = summary(rows, figure_name), [summary(rows, f"{part}_core_seconds") for part in ("learn", "map")]
        if value and times[0] and times[1]:
            points.setdefault(name, {})[given] = (times[0].mean + times[1].mean, value)
            said.setdefault(given, label(one).removeprefix(f"{label(name)}, "))
    every = [pair for found in points.values() for pair in found.values()]
    if len(every) < 2:
        return False
    factor, text = (100, "Overall accuracy (%)") if figure_name == "oa" else (1, "Abundance RMSE")
    figure = Figure(figsize=(8.5, 3.4), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    for name, found in points.items():
        joined = [found[given] for given in PRESETS if given in found]
        axes.plot([one for one, _ in joined], [factor * one.mean for _, one in joined], lw=0.8, color=COLOURS[name])
        for given, (spent, value) in found.items():
            mean, spread = factor * value.mean, factor * value.sd
            axes.errorbar(spent, mean, spread, fmt=_marker(given), capsize=2, color=COLOURS[name])
    axes.set_xscale("log")
    axes.set_xlim(min(one for one, _ in every) / 4, max(one for one, _ in every) * 4)
    axes.minorticks_off()
    axes.xaxis.set_major_formatter("{x:,g}")
    axes.set_xlabel("Processor time to learn and to map (core-seconds)")
    axes.set_ylabel(text + (SPREAD if any(one.seeds > 1 for _, one in every) else ""))
    handles = [Patch(color=COLOURS[name], label=label(name)) for name in points]
    if len(said) > 1:
        marks = sorted(said, key=[*MARKERS, *said].index)
        handles += [Line2D([], [], marker=_marker(one), lw=0, color="k", label=said[one]) for one in marks]
    figure.legend(handles=handles, fontsize=8, frameon=False, loc="outside right center")
    figure.savefig(path, bbox_inches="tight")
    return True


def _parts(variant: str) -> tuple[str, str]:
    """Method and settings."""
    name, _, given = variant.partition(",")
    return name, given


def _without_presets(variants: Iterable[str]) -> list[str]:
    return [one for one in variants if "preset=" not in one]


def _marker(given: str) -> str:
    return MARKERS.get(given, "D")


def _broken(at: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places and values of the bands, with NaN where bands are missing or a second detector begins."""
    steps = np.abs(np.diff(at))
    gaps = np.flatnonzero(steps > GAP * np.median(steps)) + 1
    return np.insert(at, gaps, np.nan), np.insert(values, gaps, np.nan)


def _unit(spectrum: np.ndarray) -> np.ndarray:
    values = spectrum.astype(np.float64)
    return np.asarray(values / max(float(values.mean()), 1e-9))


def _colours(number: int) -> list[Any]:
    most = min((size for size in PALETTES if size >= number), default=0)
    palette = colormaps[PALETTES[most]] if most else colormaps["nipy_spectral"].resampled(number)
    return [palette(index) for index in range(number)]


def _wrapped(text: str) -> str:
    return text.replace(" (", "\n(")
