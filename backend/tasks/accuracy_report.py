"""How right a map is, in words, tables, pictures and a file: what every task that tests a map tells."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import class_plots
from ..accuracy import (
    Confusion,
    Intervals,
    bootstrap_intervals,
    confusion,
    expected_calibration_error,
    negative_log_likelihood,
    no_interval,
)
from ..cube import Array
from ..names import cell
from ..plots import Picture
from ..report import Section, Table

MOST_IN_TABLE = 20
"""Classes whose confusion matrix is a table on the page; the file holds all."""
Integers = NDArray[np.integer]
Row = tuple[str, str, str, float, float, float]


@dataclass(frozen=True)
class Assessed:
    """A map and its reference on the same pixels.

    ``mapped``, ``reference`` (pixels,) class values from 1; ``blocks`` (pixels,): the block each lies in.
    ``confidence``, ``truth`` (pixels,): probability of the mapped class and of the true one, where the map has them.
    """

    names: Sequence[str]
    mapped: Integers
    reference: Integers
    blocks: Integers
    confidence: Array | None = None
    truth: Array | None = None

    @cached_property
    def confusion(self) -> Confusion:
        """The confusion matrix."""
        return confusion(self.mapped, self.reference, len(self.names))

    @cached_property
    def intervals(self) -> Intervals | None:
        """95 % intervals by resampling blocks; None where pixels lie in too few."""
        if no_interval(self.blocks):
            return None
        return bootstrap_intervals(self.mapped, self.reference, self.blocks, len(self.names))

    @property
    def metrics(self) -> dict[str, float]:
        """The overall figures by the names of the job file."""
        found = self.confusion
        known = {} if self.calibration is None else {"calibration_error": self.calibration}
        return {
            "overall_accuracy": found.overall_accuracy,
            "average_accuracy": found.average_accuracy,
            "kappa": found.kappa,
            **known,
            "test_pixels": float(len(self.mapped)),
        }

    @property
    def calibration(self) -> float | None:
        """Expected calibration error (ECE), None without confidences."""
        if self.confidence is None:
            return None
        return expected_calibration_error(self.confidence, self.mapped == self.reference)


def accuracy_sections(found: Assessed) -> list[Section]:
    """Overall figures, figures of each class, the confusion matrix."""
    number, blocks = len(found.mapped), len(np.unique(found.blocks))
    if found.intervals:
        text = (
            f"On {number} pixels. The 95 % intervals come from resampling their {blocks} blocks: neighbours are alike."
        )
    else:
        text = f"On {number} pixels in {no_interval(found.blocks)}."
    picture = Picture(
        "Confusion matrix: of each reference class (column), the share of its pixels mapped to each class (row)",
        class_plots.confusion(found.confusion.matrix, found.names),
    )
    tables = [_matrix(found)] if len(found.names) <= MOST_IN_TABLE else []
    return [
        Section("Accuracy", text, rows=_overall(found), tables=[_classes(found)]),
        Section("Confusion matrix", tables=tables, pictures=[picture]),
    ]


def write_accuracy(path: Path, found: Assessed, more: Iterable[Row] = ()) -> None:
    """Write every figure as a table: figure, class in the map, class in the reference, value, 95 % interval."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("figure", "mapped", "reference", "value", "low", "high"))
        for figure, mapped, reference, *values in (*_rows(found), *more):
            writer.writerow(
                (figure, cell(mapped), cell(reference), *("" if np.isnan(one) else f"{one:.6g}" for one in values))
            )


def _rows(found: Assessed) -> Iterable[Row]:
    blank, matrix, interval = (np.nan, np.nan), found.confusion, found.intervals
    overall = [interval.overall_accuracy, interval.average_accuracy, interval.kappa] if interval else [blank] * 3
    values = (matrix.overall_accuracy, matrix.average_accuracy, matrix.kappa)
    for name, value, limits in zip(("overall accuracy", "average accuracy", "kappa"), values, overall, strict=True):
        yield name, "", "", value, *limits
    if found.calibration is not None:
        yield "expected calibration error", "", "", found.calibration, *blank
    nothing = np.full((len(found.names), 2), np.nan)
    for index, name in enumerate(found.names):
        recall, precision, f1 = (interval.recall, interval.precision, interval.f1) if interval else (nothing,) * 3
        yield "recall", "", name, matrix.recall[index], recall[index, 0], recall[index, 1]
        yield "precision", name, "", matrix.precision[index], precision[index, 0], precision[index, 1]
        yield "F1", name, name, matrix.f1[index], f1[index, 0], f1[index, 1]
    for row, mapped in enumerate(found.names):
        for col, reference in enumerate(found.names):
            yield "pixels", mapped, reference, float(matrix.matrix[row, col]), *blank


def _overall(found: Assessed) -> list[tuple[str, str]]:
    matrix, limits = found.confusion, found.intervals
    rows = [
        ("Overall accuracy", percent(matrix.overall_accuracy, limits.overall_accuracy if limits else None)),
        ("Average accuracy", percent(matrix.average_accuracy, limits.average_accuracy if limits else None)),
        ("Kappa", _kappa(matrix.kappa, limits.kappa if limits else None)),
    ]
    if found.calibration is not None and found.truth is not None:
        rows.append(
            ("Calibration error", f"{100 * found.calibration:.1f} points between confidence and accuracy (ECE)")
        )
        rows.append(("Log loss", f"{negative_log_likelihood(found.truth):.3f} nats"))
    return rows


def _classes(found: Assessed) -> Table:
    matrix, limits = found.confusion, found.intervals
    rows = [
        (
            name,
            percent(matrix.recall[index], limits.recall[index] if limits else None),
            percent(matrix.precision[index], limits.precision[index] if limits else None),
            percent(matrix.f1[index], limits.f1[index] if limits else None),
            str(matrix.reference[index]),
        )
        for index, name in enumerate(found.names)
    ]
    header = ("Class", "Recall (producer's)", "Precision (user's)", "F1", "Reference pixels")
    note = "Recall: of the reference pixels, how many the map has right. Precision: of the mapped pixels."
    return Table(header, rows, note)


def _matrix(found: Assessed) -> Table:
    rows = [
        (name, *(str(one) for one in line), str(line.sum()))
        for name, line in zip(found.names, found.confusion.matrix, strict=True)
    ]
    rows.append(("All", *(str(one) for one in found.confusion.reference), str(len(found.mapped))))
    return Table(("Mapped as", *found.names, "All"), rows, "Pixels; columns are the reference.")


def percent(value: float, limits: Any = None) -> str:
    """A share as a percentage with its interval, "-" where it stands on nothing."""
    if np.isnan(value):
        return "-"
    known = limits is not None and not np.isnan(limits).any()
    return f"{100 * value:.1f} %" + (f" ({100 * limits[0]:.1f} to {100 * limits[1]:.1f})" if known else "")


def _kappa(value: float, limits: Any = None) -> str:
    if np.isnan(value):
        return "-"
    known = limits is not None and not np.isnan(limits).any()
    return f"{value:.3f}" + (f" ({limits[0]:.3f} to {limits[1]:.3f})" if known else "")
