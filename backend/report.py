"""The report: one self-contained HTML page a run, from the template ``report.html``. Pictures come from ``plots``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import jinja2

from .config import settings as settings_of
from .plots import Picture
from .record import Run, versions
from .scene import Scene

REPORT_FILE = "report.html"


@dataclass(frozen=True)
class Table:
    """Figures in columns; ``header`` names the columns, the first of which is text. ``note`` stands below."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


@dataclass(frozen=True)
class Section:
    """A part of the page under its own heading: sentences, rows of (name, value), tables, pictures; all plain text."""

    heading: str
    text: str = ""
    rows: Sequence[tuple[str, str]] = ()
    tables: Sequence[Table] = ()
    pictures: Sequence[Picture] = ()


def write_report(folder: Path, run: Run, sections: Sequence[Section]) -> None:
    """Write the page into a folder: notices, scene, the task's sections, settings, how to repeat it, versions."""
    environment = jinja2.Environment(autoescape=True, loader=jinja2.FileSystemLoader(Path(__file__).parent))
    about = run.method or run.task
    page = environment.get_template("report.html").render(
        run=run,
        title=f"{about.label}: {_name(run.opened)}" if run.opened else about.label,
        rows=[*_scene_rows(run), *_input_rows(run)],
        sections=sections,
        settings=[*_set(run.options), *(_set(run.settings) if run.method else [])],
        about=about.summary,
        reference=run.method.reference if run.method else "",
        versions=versions(run.job, run.task, run.left_card),
        made=datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
    )
    (folder / REPORT_FILE).write_text(page, encoding="utf-8")


def training_rows(run: Run) -> list[tuple[str, str]]:
    """How long the training took and what it trained, if anything was trained."""
    if not run.training:
        return []
    kept = f", step {run.training.best_step} kept" if run.training.validation else ""
    rows = [
        ("Training", f"{len(run.training.losses)} steps in {run.training.seconds:.0f} s{kept}"),
        ("Network", f"{run.metrics['parameters']:,.0f} trained parameters"),
    ]
    if run.training.shares:
        own, other = run.training.shares
        reason = "by validation pixels" if run.training.validation else "without validation pixels to tell"
        rows.append(("Classes", f"{own:.0%} of the network's scores, {other:.0%} of a logistic regression's, {reason}"))
    return rows


def _scene_rows(run: Run) -> list[tuple[str, str]]:
    if run.opened is None:
        return []
    scene, facts = run.opened, run.opened.facts
    axis = scene.wavelengths
    spectral = f"{axis.min():.0f} to {axis.max():.0f} nm" if axis is not None else "no wavelengths in the file"
    valid = f", {run.metrics['valid_pixels']:.0f} pixels with data" if "valid_pixels" in run.metrics else ""
    product = [("Product", _name(scene))] if facts.product else []
    left_out = [("Left out", scene.masked_by)] if scene.masked_by else []
    return [
        ("Scene", scene.path.name),
        *product,
        ("Size", f"{facts.rows} rows x {facts.cols} columns{valid}"),
        ("Bands", f"{scene.bands} of {facts.bands} used, {spectral}"),
        ("Reflectance" if scene.is_reflectance else "Values", scene.scale_sentence),
        *left_out,
        ("Nodata value", "none" if facts.nodata is None else f"{facts.nodata:g}"),
        ("Georeference", "yes" if facts.georeferenced else "none"),
    ]


def _name(scene: Scene) -> str:
    """What a scene is called: a product by its kind and date, for its file is often called scene.tif."""
    facts = scene.facts
    return ", ".join(filter(None, (facts.product, facts.moment))) if facts.product else scene.path.name


def _input_rows(run: Run) -> list[tuple[str, str]]:
    given = [(one, run.job.inputs[one.name]) for one in run.task.inputs if one.name in run.job.inputs]
    fields = [f", field {values['field']}" if "field" in values else "" for _, values in given]
    return [(one.label, Path(values["path"]).name + field) for (one, values), field in zip(given, fields, strict=True)]


def _set(values: Any) -> list[tuple[str, Any, str]]:
    found = [(one.label, getattr(values, one.name), one.unit) for one in settings_of(type(values))]
    return [(label, "not set" if value == "" else value, unit) for label, value, unit in found]
