"""Counting endmembers in a sample of the scene."""

from __future__ import annotations

import csv
from pathlib import Path

from ... import plots
from ...endmembers import Count, hysime, virtual_dimensionality
from ...outputs import OutputFolder, refusals
from ...protocol import Progress
from ...record import Run
from ...report import Section
from ..sampling import Sample, check_countable, sample_of

HEADER = ("component", "eigenvalue", "hysime_power", "hysime_threshold", "hfc_difference", "hfc_threshold")


def prepare(run: Run) -> float:
    """A table and a report: nothing to check. Gives their bytes."""
    return 5e6


def perform(run: Run, folder: OutputFolder) -> list[Section]:
    """Count by both methods and write down what they decided by."""
    run.emit(Progress(0.0, "Reading a sample of the scene"))
    sample = sample_of(run)
    check_countable(sample.pixels)
    run.emit(Progress(0.5, "Counting endmembers"))
    first = hysime(sample.pixels)
    second = virtual_dimensionality(sample.pixels, run.options.false_alarm)
    run.metrics.update(
        hysime=float(first.number),
        virtual_dimensionality=float(second.number),
        sampled_pixels=float(len(sample.pixels)),
    )
    with refusals(folder.path):
        _write(folder.partial / "eigenvalues.csv", first, second)
    run.emit(Progress(1.0, "Counting endmembers"))
    return [_section(sample, first, second)]


def _write(path: Path, first: Count, second: Count) -> None:
    columns = [first.eigenvalues, first.values, first.thresholds, second.values, second.thresholds]
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        table = csv.writer(file)
        table.writerow(HEADER)
        for number, values in enumerate(zip(*columns, strict=True), start=1):
            table.writerow([number, *(f"{value:.6g}" for value in values)])


def _section(sample: Sample, first: Count, second: Count) -> Section:
    rows = [
        ("HySime", f"{first.number} endmembers"),
        ("Virtual dimensionality (HFC)", f"{second.number} endmembers"),
        ("Counted in", f"{len(sample.pixels)} pixels, {sample.where}"),
    ]
    caption = "What both methods decide by: a component counts where its value lies above the threshold"
    picture = plots.Picture(caption, plots.counts({"HySime": first, "Virtual dimensionality": second}))
    text = (
        "Both count every signal that stands out of the noise, also what is no material: shadow, stripes, edges. "
        "Start with fewer, and look at the reconstruction error."
    )
    return Section("How many endmembers", text, rows=rows, pictures=[picture])
