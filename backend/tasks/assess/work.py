"""A class map against reference pixels: how right it is, and for a random sample how large its classes really are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...accuracy import AreaAdjusted, area_adjusted
from ...labels import ClassMap, Labels, read_labels, read_map
from ...labels.pixels import listed
from ...outputs import OutputFolder, refusals
from ...protocol import Progress
from ...record import Run
from ...report import Section, Table
from ...splits import automatic_block, resampling_blocks
from ..accuracy_report import Assessed, Row, accuracy_sections, percent, write_accuracy
from ..class_maps import pixel_area

Integers = NDArray[np.int64]
PURPOSIVE = (
    "The reference pixels were not drawn at random over this map, as far as is known, so the figures hold for these "
    "pixels only; nothing can be said of the whole map or of the true areas of its classes. 'Draw a stratified sample' "
    "makes a reference that allows it."
)
ADJUSTED = (
    "Every class counts as much as it covers of the map, and what the map mistakes is put right (Olofsson and others "
    "2014, equations 1 to 11). Intervals are of 95 %."
)


@dataclass(frozen=True)
class Matched:
    """The classes of map and reference by one numbering. ``mapped``, ``reference`` (pixels,) from 1; 0 = none.

    ``counts`` (classes,): pixels of each in the map.
    """

    names: list[str]
    mapped: Integers
    reference: Integers
    counts: Integers


def prepare(run: Run) -> float:
    """Nothing to check before the map is read. Gives the bytes of the table."""
    return 5e6


def perform(run: Run, folder: OutputFolder) -> list[Section]:
    """Compare and tell. ValueError, a sentence, if map and reference do not fit together."""
    run.emit(Progress(0.0, "Reading the class map"))
    known = read_map(run.job.inputs["map"]["path"])
    run.emit(Progress(0.4, "Reading the reference"))
    labels = read_labels(run.job.inputs["reference"], known.grid, least=1)
    for notice in (*known.notices, *labels.notices):
        run.notice(notice)
    if run.options.design == "stratified":
        _check_single(run, labels)
    labels = _on_map(run, known, labels)
    matched = _matched(run, known, labels)
    blocks = resampling_blocks(labels, run.options.block or automatic_block(labels, 0))
    found = Assessed(matched.names, matched.mapped, matched.reference, blocks)
    run.metrics.update(found.metrics)
    adjusted = _adjusted(run, known, matched, found)
    with refusals(folder.path):
        write_accuracy(folder.partial / "accuracy.csv", found, _rows(matched.names, adjusted))
    run.emit(Progress(1.0, "Map assessed"))
    sections = accuracy_sections(found)
    return [_areas(run, known, matched, adjusted), *sections] if adjusted else [*sections, Section("Areas", PURPOSIVE)]


def _on_map(run: Run, known: ClassMap, labels: Labels) -> Labels:
    """The reference pixels at which the map has a class. ValueError if there is none."""
    there = known.at(labels) > 0
    if not there.any():
        raise ValueError("The map has no class at any reference pixel. Choose another reference.")
    if not there.all():
        run.notice(f"{int((~there).sum())} reference pixels lie where the map has no class and were left out.")
    kept, gone = labels.kept(there)
    if gone:
        run.notice(f"Classes of the reference all of whose pixels lie there are left out: {listed(gone)}.")
    return kept


def _check_single(run: Run, labels: Labels) -> None:
    """ValueError, a sentence, if areas of a layer cover several pixels, which then were not drawn one by one.

    Sampled pixels may touch, so patches of a raster are told only.
    """
    sizes = np.bincount(labels.groups)
    large = int((sizes > 1).sum())
    if large and run.job.inputs["reference"].get("field"):
        raise ValueError(
            "A stratified random sample consists of single pixels. Areas of the reference that cover more than one: "
            f"{large}, the largest {sizes.max()} pixels. Use points, as 'Draw a stratified sample' makes them, or "
            "choose 'chosen by hand, or not known'."
        )
    if large:
        run.notice(
            f"Patches of more than one pixel in the reference raster: {large}. The intervals hold only if every pixel "
            "was drawn by itself, at random, and not as part of an area."
        )


def _matched(run: Run, known: ClassMap, labels: Labels) -> Matched:
    """Classes by name; a reference class called like a value of the map is that value's class."""
    names = list(known.names)
    by_value = {str(value): name for value, name in zip(known.values.tolist(), known.names, strict=True)}
    called = [one.name if one.name in names else by_value.get(one.name, one.name) for one in labels.classes]
    strange = [name for name in called if name not in names]
    if len(strange) == len(called):
        raise ValueError(
            f"No class of the reference ({listed(called)}) is a class of the map ({listed(names)}). Classes are "
            "matched by name; choose another field, or name the map's classes."
        )
    if strange:
        run.notice(
            f"Classes of the reference that the map does not have: {listed(strange)}; their pixels count as wrong."
        )
    missing = [name for name in names if name not in called]
    if missing:
        run.notice(f"Classes of the map without a reference pixel: {listed(missing)}.")
    names += strange
    lookup = np.array([0, *(names.index(name) + 1 for name in called)])
    counts = np.concatenate([known.counts, np.zeros(len(strange), np.int64)])
    return Matched(names, known.at(labels), lookup[labels.values], counts)


def _adjusted(run: Run, known: ClassMap, matched: Matched, found: Assessed) -> AreaAdjusted | None:
    if run.options.design != "stratified":
        return None
    lacking = [
        name
        for name, count, sampled in zip(matched.names, matched.counts, found.confusion.mapped, strict=True)
        if count and sampled < 2
    ]
    if lacking:
        raise ValueError(
            f"A stratified sample has two points or more in every class of the map; these have fewer: "
            f"{listed(lacking)}. Label more points, or choose 'chosen by hand, or not known'."
        )
    adjusted = area_adjusted(found.confusion.matrix, matched.counts, pixel_area(known.grid) or 1.0)
    run.metrics["adjusted_overall_accuracy"] = adjusted.overall_accuracy
    return adjusted


def _areas(run: Run, known: ClassMap, matched: Matched, found: AreaAdjusted) -> Section:
    metres = pixel_area(known.grid)
    unit, scale = ("hectares", 1e-4) if metres else ("pixels", 1.0)
    mapped = matched.counts * (metres or 1.0)
    rows = [
        (
            name,
            f"{mapped[index] * scale:,.1f}",
            f"{found.areas[index] * scale:,.1f} ± {found.areas_margin[index] * scale:,.1f}",
            _with_margin(found.producers_accuracy[index], found.producers_accuracy_margin[index]),
            _with_margin(found.users_accuracy[index], found.users_accuracy_margin[index]),
        )
        for index, name in enumerate(matched.names)
    ]
    header = ("Class", f"Mapped ({unit})", f"True area ({unit})", "Recall (producer's)", "Precision (user's)")
    overall = _with_margin(found.overall_accuracy, found.overall_accuracy_margin)
    return Section("Over the whole map", ADJUSTED, rows=[("Overall accuracy", overall)], tables=[Table(header, rows)])


def _with_margin(value: float, margin: float) -> str:
    return f"{percent(value)} ± {100 * margin:.1f}" if np.isfinite(margin) else percent(value)


def _rows(names: list[str], found: AreaAdjusted | None) -> list[Row]:
    if found is None:
        return []
    overall, margin = found.overall_accuracy, found.overall_accuracy_margin
    rows: list[Row] = [("adjusted overall accuracy", "", "", overall, overall - margin, overall + margin)]
    figures = (
        ("adjusted recall", found.producers_accuracy, found.producers_accuracy_margin),
        ("adjusted precision", found.users_accuracy, found.users_accuracy_margin),
        ("adjusted area", found.areas, found.areas_margin),
    )
    for figure, values, margins in figures:
        for index, name in enumerate(names):
            low, high = values[index] - margins[index], values[index] + margins[index]
            rows.append((figure, name, name, float(values[index]), float(low), float(high)))
    return rows
