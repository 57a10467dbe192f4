"""``docs/benchmarks.md``: the finished cells as tables and pictures. Made of the cells alone, so without any data."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from tests.benchmarks import page_plots as plots
from tests.benchmarks.compare import Right, difference, holm, right_pixels, summary
from tests.benchmarks.presets import NAMES, deep_methods, figure_of, measured
from tests.benchmarks.presets import SCENES as PRESET_SCENES
from tests.benchmarks.results import Results
from tests.benchmarks.scene_files import SHIPPED, described
from tests.benchmarks.targets import best_network, label, targets

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
PICTURES = PAGE.parent / "benchmarks"
CLASSICAL = ("random_forest", "svm", "vca_fcls", "edaa", "mvc_nmf")
HEAD = """# Benchmarks

Written by `make benchmark DATA=<folder>`; do not edit. Every figure comes from a finished cell in
[benchmarks/cells](benchmarks/cells), one scene, method and seed each, computed in a process of its own with the shipped
settings. Figures are means ± standard deviation over seeds; a seed draws the method's chance and the validation pixels,
and in block splits the split itself.

How it is done, and why:

- **Nothing is fitted on test pixels**: normalisation, early stopping and class weights come from training and
  validation pixels. Unmixing, which needs no labels, sees the whole scene.
- **Networks classify together with a logistic regression** of single spectra; validation pixels decide how much each
  counts. What the regression does alone stands below the methods, for the first seed.
- **Endmembers are matched by spectral angle** (Hungarian method), never by hand. "In the best order" is the RMSE if
  they were matched by abundances instead; where it is much lower, the reference's spectra and abundances call for
  different matches. The best of several seeds is never shown, only their mean.
- **Intervals** of accuracies are 95 %, by resampling whole blocks of the scene: neighbouring pixels are alike, so as
  many as there are pixels they do not count. McNemar's p-values take pixels as independent and are too small; they are
  corrected for the number of scenes (Holm).
- **Splits**: with random pixels, or pixels side by side, a map looks better than it is elsewhere. The note beside each
  scene says what its test pixels are worth.
- **Cost** is processor time of one thread (core-seconds), which a busy machine distorts least, and the peak memory of
  the whole process.
"""


def write_page(results: Results) -> None:
    """Write page and pictures from whatever is finished."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    parts = [HEAD, _machines(results), _targets(results)]
    parts.append(_presets(results))
    scenes = [one for one in results.scenes() if _has(results, one, "rmse")]
    parts += ["## Unmixing\n", *(_unmixing(results, one) for one in scenes)]
    scenes = [one for one in results.scenes() if _has(results, one, "oa")]
    parts += ["## Classification\n", _networks(results, scenes), *(_classification(results, one) for one in scenes)]
    text = "\n".join(parts)
    PAGE.write_text(text, encoding="utf-8")
    for old in PICTURES.glob("*.png"):
        if f"/{old.name})" not in text:
            old.unlink()


def _has(results: Results, scene: str, figure: str) -> bool:
    return any(summary(results.rows(scene, one), figure) for one in results.variants(scene))


def _machines(results: Results) -> str:
    """What computed the cells, as often as it did."""
    rows = [
        row
        for scene in results.scenes()
        for one in results.variants(scene)
        for row in results.rows(scene, one).values()
    ]
    names = ("torch", "numba", "numpy", "scikit-learn", "python")
    versions = Counter(", ".join(f"{name} {row[name]}" for name in names) + f"; {row['cpu']}" for row in rows)
    found = "; ".join(f"{text} ({count} cells)" for text, count in versions.most_common())
    dates = sorted({row["date"] for row in rows})
    return f"{len(rows)} cells, {dates[0]} to {dates[-1]}: {found}.\n" if rows else "No cell is finished yet.\n"


def _targets(results: Results) -> str:
    rows = [[one.goal, one.reached, one.verdict] for one in targets(results)]
    return "## What was meant to be reached\n\n" + _table(["goal", "reached", "verdict"], rows)


def _presets(results: Results) -> str:
    """Cost and accuracy of the presets of every deep method."""
    rows = []
    for method in deep_methods():
        for one in measured(results, method):
            figure, factor, digits = ("OA (%)", 100, 1) if figure_of(method) == "oa" else ("abundance RMSE", 1, 3)
            said = f"{factor * one.figure.mean:.{digits}f} ({figure})"
            steps, scene = str(method.config.STEPS[one.preset]), PRESET_SCENES[method.name][0]
            seeds = str(one.figure.seeds)
            rows.append([method.label, NAMES[one.preset], steps, scene, seeds, said, f"{one.seconds.mean:,.0f}"])
    names = ["method", "preset", "steps", "scene", "seeds", "reached", "learn (core-s)"]
    return "## Presets\n\n" + _table(names, rows)


def _about(results: Results, scene: str) -> str:
    path = SHIPPED / f"{scene}.toml"
    given = described(path) if path.exists() else {}
    digests = sorted({row["digest"] for one in results.variants(scene) for row in results.rows(scene, one).values()})
    note = f"{given['note']} " if given.get("note") else ""
    return f"### {given.get('title', scene)}\n\n{note}Scene `{scene}`, files `{'`, `'.join(digests)}`.\n"


def _unmixing(results: Results, scene: str) -> str:
    variants = _ordered([one for one in results.variants(scene) if summary(results.rows(scene, one), "rmse")])
    names = ["method", "seeds", "abundance RMSE", "in the best order", "SAD (rad)", "reconstruction RMSE", *_COST]
    rows = []
    for one in variants:
        known = results.rows(scene, one)
        figures = [_said(known, *pair) for pair in _UNMIXED]
        rows.append([label(one), str(len(known)), *figures, *_costs(known)])
    floors = results.rows(scene, "floors").get(0, {})
    shown = [(name, value) for name, value in floors.items() if name.startswith(("uniform", "FCLS"))]
    rows += [[f"*{name}*", "", f"{value:.3f}", *[""] * 7] for name, value in shown]
    each = _each(results, scene, variants, floors.get("endmembers", []), "rmse_each")
    pictures = [
        _picture(plots.abundance_maps, results, scene, variants, f"{scene}_abundances", "Abundances, first seed"),
        _picture(
            plots.spectra, results, scene, variants, f"{scene}_spectra", "Endmembers, first seed, each over its mean"
        ),
    ]
    return "\n".join([_about(results, scene), _table(names, rows), each, *pictures])


def _classification(results: Results, scene: str) -> str:
    variants = [one for one in results.variants(scene) if summary(results.rows(scene, one), "oa")]
    whole = _ordered([one for one in variants if "per_class" not in one])
    names = ["method", "seeds", "OA (%)", "95 % of OA", "AA (%)", "kappa", "F1 (%)", "ECE (%)", *_COST]
    rows = []
    for one in whole:
        known, right = results.rows(scene, one), right_pixels(results, scene, one)
        figures = [_said(known, "oa", 1, 100), _percent(right), _said(known, "aa", 1, 100), _said(known, "kappa", 3)]
        figures += [_said(known, "f1", 1, 100), _said(known, "ece", 1, 100)]
        rows.append([label(one), str(len(known)), *figures, *_costs(known)])
    floors = results.rows(scene, "floors").get(0, {})
    for name in ("commonest class", "logistic regression"):
        if name in floors:
            rows.append([f"*the {name}*", "", f"{100 * floors[name]:.1f}", *[""] * 9])
    first = next(iter(results.rows(scene, whole[0]).values())) if whole else {}
    counts = [f"{first[f'{part}_pixels']:.0f} {part}" for part in ("training", "validation", "test") if first]
    curve = PICTURES / f"{scene}_curve.png"
    pictures = [
        _picture(plots.class_maps, results, scene, whole, f"{scene}_maps", "Class maps, first seed"),
        _shown(curve, "OA against training pixels") if plots.learning_curves(results, scene, curve) else "",
    ]
    spent = PICTURES / f"{scene}_cost.png"
    pictures.append(
        _shown(spent, "OA against processor time") if plots.cost(results, scene, whole, "oa", spent) else ""
    )
    text = f"Pixels of the first seed: {', '.join(counts)}.\n"
    return "\n".join([_about(results, scene), text, _table(names, rows), *pictures])


def _networks(results: Results, scenes: list[str]) -> str:
    """The best network of each scene against the random forest."""
    found = []
    for scene in scenes:
        best = best_network(results, scene)
        sides = [right_pixels(results, scene, name) for name in (best[0] if best else "", "random_forest")]
        both = difference(sides[0], sides[1]) if sides[0] and sides[1] else None
        if best and both:
            found.append((scene, best[0], both))
    corrected = holm([both.p_value for *_, both in found])
    rows = [
        [
            scene,
            label(name),
            str(both.seeds),
            f"{100 * both.mean:+.1f}",
            _points(both.interval),
            f"{p:.2g}" if p >= 1e-3 else "< 0.001",
        ]
        for (scene, name, both), p in zip(found, corrected, strict=True)
    ]
    names = [
        "scene",
        "best network",
        "seeds",
        "points of OA above the random forest",
        "95 % by blocks",
        "McNemar, Holm",
    ]
    return "Best network of each scene against the random forest, on the same splits:\n\n" + _table(names, rows)


_UNMIXED = (("rmse", 3), ("rmse_best_order", 3), ("sad", 3), ("reconstruction", 4))
_COST = ["learn (core-s)", "map (core-s)", "peak (MB)", "parameters"]


def _costs(rows: dict[int, dict[str, Any]]) -> list[str]:
    figures = [summary(rows, name) for name in ("learn_core_seconds", "map_core_seconds", "peak_mb", "parameters")]
    return ["-" if one is None else f"{one.mean:,.{0 if one.mean >= 10 or not one.mean else 1}f}" for one in figures]


def _each(results: Results, scene: str, variants: list[str], names: list[str], figure: str) -> str:
    """Abundance RMSE of every endmember."""
    rows = []
    for one in variants:
        tables = [row[figure] for row in results.rows(scene, one).values() if figure in row]
        means = [sum(values) / len(values) for values in zip(*tables, strict=True)]
        rows.append([label(one), *(f"{value:.3f}" for value in means)])
    text = "Abundance RMSE of each endmember:\n\n" + _table(["method", *names], rows)
    return f"<details><summary>By endmember</summary>\n\n{text}\n</details>\n"


def _said(rows: dict[int, dict[str, Any]], figure: str, digits: int, factor: float = 1) -> str:
    found = summary(rows, figure)
    return found.said(digits, factor) if found else "-"


def _percent(right: Right | None) -> str:
    return "-" if right is None else "{:.1f} to {:.1f}".format(*(100 * one for one in right.interval))


def _points(interval: tuple[float, float]) -> str:
    return "{:+.1f} to {:+.1f}".format(*(100 * one for one in interval))


def _ordered(variants: list[str]) -> list[str]:
    """Classical methods first."""
    return sorted(variants, key=lambda one: (one.split(",")[0] not in CLASSICAL, one))


def _picture(draw: Any, results: Results, scene: str, variants: list[str], name: str, caption: str) -> str:
    path = PICTURES / f"{name}.png"
    return _shown(path, caption) if draw(results, scene, variants, path) else ""


def _shown(path: Path, caption: str) -> str:
    return f"![{caption}]({PICTURES.name}/{path.name})\n"


def _table(names: list[str], rows: list[list[str]]) -> str:
    lines = [names, ["---"] * len(names), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
