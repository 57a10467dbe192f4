"""A probability sample of a class map, as points to be labelled."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...accuracy import allocate, cochran_sample_size, stratified_sample
from ...labels import ClassMap, read_map
from ...outputs import OutputFolder, refusals
from ...protocol import Progress
from ...record import Run
from ...report import Section, Table
from ..points import write_points

Integers = NDArray[np.int64]
TEXT = (
    "Fill the field 'class' of every point with its true class, by the names of the map, without looking at what is "
    "mapped. Then run 'Assess a class map' with this map, these points, the field 'class', and 'a stratified random "
    "sample of this very map'."
)


def prepare(run: Run) -> float:
    """Nothing to check before the map is read. Gives the bytes of the points."""
    return 5e6


def perform(run: Run, folder: OutputFolder) -> list[Section]:
    """Draw the points and write them. ValueError, a sentence, if the map cannot serve."""
    run.emit(Progress(0.0, "Reading the class map"))
    known = read_map(run.job.inputs["map"]["path"])
    for notice in known.notices:
        run.notice(notice)
    sizes = _sizes(run, known)
    run.emit(Progress(0.5, "Drawing points"))
    drawn = stratified_sample(
        known.blocks(), {number: int(size) for number, size in enumerate(sizes, start=1)}, run.options.seed
    )
    numbers = np.repeat(list(drawn), [len(rows) for rows, _ in drawn.values()])
    rows, cols = (np.concatenate([places[axis] for places in drawn.values()]) for axis in (0, 1))
    order = np.random.default_rng(run.options.seed).permutation(len(numbers))  # or their order would tell the class
    run.metrics["points"] = float(len(order))
    with refusals(folder.path):
        write_points(
            folder.partial / "sample.gpkg", known.grid, rows[order], cols[order], _columns(known, numbers[order])
        )
    run.emit(Progress(1.0, "Points written"))
    return [Section("What to do next", TEXT), Section("Points", tables=[_table(known, sizes)])]


def _sizes(run: Run, known: ClassMap) -> Integers:
    """How many points each class gets (classes,)."""
    options = run.options
    expected = np.full(len(known.names), options.expected_accuracy)
    total = options.number or cochran_sample_size(known.counts, expected, options.standard_error)
    least = min(options.minimum, total // len(known.names)) if options.number else options.minimum
    total = max(total, int(np.minimum(known.counts, least).sum()))
    sizes = allocate(known.counts, total, options.allocation, least, expected)
    if least < options.minimum:
        run.notice(f"{total} points do not suffice for {options.minimum} in each class; each gets at least {least}.")
    lacking = [name for name, size in zip(known.names, sizes, strict=True) if size < 2]
    if lacking:
        run.notice(
            f"Classes with fewer than two points, which leave areas without intervals: {', '.join(lacking[:8])}."
        )
    return sizes


def _columns(known: ClassMap, numbers: Integers) -> dict[str, list[Any]]:
    names = [known.names[number - 1] for number in numbers]
    values = [int(known.values[number - 1]) for number in numbers]
    return {
        "id": list(range(1, len(numbers) + 1)),
        "class": [""] * len(numbers),
        "mapped": names,
        "mapped_value": values,
    }


def _table(known: ClassMap, sizes: Integers) -> Table:
    total = known.counts.sum()
    rows = [
        (name, str(value), str(count), f"{100 * count / total:.1f} %", str(size))
        for name, value, count, size in zip(known.names, known.values, known.counts, sizes, strict=True)
    ]
    rows.append(("All", "", str(total), "100 %", str(sizes.sum())))
    return Table(("Class", "Value", "Pixels", "Share", "Points"), rows)
