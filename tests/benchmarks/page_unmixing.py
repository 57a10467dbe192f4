"""The unmixing part of the scoreboard's page: one section a scene."""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks import page_plots as plots
from tests.benchmarks.choices import TRIED
from tests.benchmarks.compare import summary
from tests.benchmarks.page_tables import COST, about, costs, folded, limits, ordered, said, shown, table
from tests.benchmarks.results import Results, aside
from tests.benchmarks.targets import label

FIGURES = (("rmse", 3), ("rmse_best_order", 3), ("sad", 3), ("reconstruction", 4))
HEADER = ["method", "seeds", "abundance RMSE", "95 %", "in the best order", "SAD (rad)", "reconstruction RMSE", *COST]


def section(results: Results, scene: str, pictures: Path) -> str:
    """What is known of a scene: note, table, figures of each endmember, pictures."""
    whole = [one for one in variants(results, scene) if one not in TRIED]
    drawn = [
        (plots.abundance_maps, "abundances", "Abundances, first seed"),
        (plots.spectra, "spectra", "Endmembers, first seed, each divided by its mean: shapes are compared"),
    ]
    parts = [about(results, scene), figures(results, scene, whole), _each(results, scene, whole)]
    for draw, name, caption in drawn:
        path = pictures / f"{scene}_{name}.png"
        parts.append(shown(path, caption) if draw(results, scene, whole, path) else "")
    path = pictures / f"{scene}_unmixing_cost.png"
    caption = "Abundance RMSE against processor time; bars: standard deviation over seeds"
    parts.append(shown(path, caption) if plots.cost(results, scene, whole, "rmse", path) else "")
    return "\n".join(parts)


def figures(results: Results, scene: str, whole: list[str]) -> str:
    """The table of a scene's methods, and below them the answers that need the reference."""
    rows = []
    for one in whole:
        known = results.rows(scene, one)
        found = summary(known, "rmse")
        shares, *others = (said(known, *pair) for pair in FIGURES)
        interval = limits(found.interval, 3) if found else "-"
        rows.append([label(one), str(len(known)), shares, interval, *others, *costs(known)])
    floors = results.rows(scene, "floors").get(0, {})
    named = [(name, value) for name, value in floors.items() if name.startswith(("uniform", "FCLS"))]
    rows += [[f"*{name}*", "", f"{value:.3f}", *[""] * (len(HEADER) - 3)] for name, value in named]
    return table(HEADER, rows)


def variants(results: Results, scene: str) -> list[str]:
    """What has unmixed a scene, ablations apart."""
    found = [one for one in results.variants(scene) if not aside(one) and summary(results.rows(scene, one), "rmse")]
    return ordered(found)


def _each(results: Results, scene: str, whole: list[str]) -> str:
    """Abundance RMSE and spectral angle of every endmember."""
    names = results.rows(scene, "floors").get(0, {}).get("endmembers", [])
    parts = []
    for figure, text in (("rmse_each", "Abundance RMSE"), ("sad_each", "SAD (rad)")):
        rows = []
        for one in whole:
            tables = [row[figure] for row in results.rows(scene, one).values() if figure in row]
            means = [sum(values) / len(values) for values in zip(*tables, strict=True)]
            rows.append([label(one), *(f"{value:.3f}" for value in means)])
        parts.append(f"{text} of each endmember:\n\n" + table(["method", *names], rows))
    return folded("By endmember", "\n".join(parts))
