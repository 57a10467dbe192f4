"""How the scoreboard's page writes things: tables, figures with their spread, intervals, pictures, notes on scenes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.compare import Interval, summary
from tests.benchmarks.results import Results
from tests.benchmarks.scene_files import SHIPPED, described

Rows = Mapping[int, Mapping[str, Any]]
CLASSICAL = ("random_forest", "svm", "spatial_forest", "spatial_svm", "vca_fcls", "edaa", "mvc_nmf", "clusters")
COST = ["learn (core-s)", "map (core-s)", "peak (MB)", "parameters", "computed on"]


def about(results: Results, scene: str) -> str:
    """Title of a scene, what to think of figures made on it, and a digest of the files it was read from."""
    path, floors = SHIPPED / f"{scene}.toml", results.rows(scene, "floors").get(0, {})
    given = described(path) if path.exists() else floors
    digests = sorted({row["digest"] for one in results.variants(scene) for row in results.rows(scene, one).values()})
    note = f"{given['note']} " if given.get("note") else ""
    return f"### {given.get('title', scene)}\n\n{note}Scene `{scene}`, files `{'`, `'.join(digests)}`.\n"


def ordered(variants: list[str]) -> list[str]:
    """Classical methods first."""
    return sorted(variants, key=lambda one: (one.split(",")[0] not in CLASSICAL, one))


def said(rows: Rows, figure: str, digits: int, factor: float = 1) -> str:
    """Mean and standard deviation over seeds."""
    found = summary(rows, figure)
    return found.said(digits, factor) if found else "-"


def costs(rows: Rows) -> list[str]:
    """The cells of a table under :data:`COST`."""
    figures = [summary(rows, name) for name in ("learn_core_seconds", "map_core_seconds", "peak_mb", "parameters")]
    shown = ["-" if one is None else f"{one.mean:,.{0 if one.mean >= 10 or not one.mean else 1}f}" for one in figures]
    return [*shown, ", ".join(sorted({maker(row["cpu"]) for row in rows.values()}))]


def maker(processor: str) -> str:
    """A processor's maker, the first word of its name."""
    return processor.split("(")[0].split()[0]


def limits(interval: Interval, digits: int, factor: float = 1, sign: str = "") -> str:
    """An interval; "-" where there is none."""
    if np.isnan(interval).any():
        return "-"
    low, high = (f"{factor * one:{sign}.{digits}f}" for one in interval)
    return f"{low} to {high}"


def table(names: list[str], rows: list[list[str]]) -> str:
    """A table in Markdown."""
    lines = [names, ["---"] * len(names), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def folded(title: str, text: str) -> str:
    """A part of the page that opens at a click."""
    return f"<details><summary>{title}</summary>\n\n{text}\n</details>\n"


def shown(path: Path, caption: str) -> str:
    """A picture of the page with its caption beneath."""
    return f"![{caption}]({path.parent.name}/{path.name})\n\n*{caption}.*\n"
