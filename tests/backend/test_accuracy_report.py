"""What the report and the file say of a map's accuracy: the same figures, readable, with intervals where they exist."""

from __future__ import annotations

import base64
import csv

import numpy as np
import pytest
from mixel.backend.tasks.accuracy_report import Assessed, accuracy_sections, percent, write_accuracy

NAMES = ("Mais", "Rüben, spät", "Wald")


def assessed(pixels=300, blocks=10, names=NAMES, **more):
    generator = np.random.default_rng(0)
    reference = generator.integers(1, len(names) + 1, pixels)
    mapped = np.where(generator.random(pixels) < 0.8, reference, generator.integers(1, len(names) + 1, pixels))
    return Assessed(names, mapped, reference, np.arange(pixels) * blocks // pixels, **more)


def cells(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_the_file_holds_every_figure_and_the_matrix(tmp_path):
    found = assessed()
    write_accuracy(tmp_path / "accuracy.csv", found)
    rows = cells(tmp_path / "accuracy.csv")
    overall = next(row for row in rows if row["figure"] == "overall accuracy")
    assert float(overall["value"]) == pytest.approx((found.mapped == found.reference).mean(), rel=1e-5)
    assert float(overall["low"]) < float(overall["value"]) < float(overall["high"])
    counts = {(row["mapped"], row["reference"]): int(row["value"]) for row in rows if row["figure"] == "pixels"}
    assert sum(counts.values()) == 300
    assert counts["Mais", "Rüben, spät"] == ((found.mapped == 1) & (found.reference == 2)).sum()
    assert {row["reference"] for row in rows if row["figure"] == "recall"} == set(NAMES)
    for row in (row for row in rows if row["figure"] in ("recall", "precision", "F1")):
        assert float(row["low"]) < float(row["value"]) < float(row["high"])


def test_a_figure_that_stands_on_nothing_is_empty(tmp_path):
    found = Assessed(NAMES, np.array([1, 1, 2]), np.array([1, 2, 2]), np.array([0, 1, 2]))
    write_accuracy(tmp_path / "accuracy.csv", found)
    recall = next(
        row for row in cells(tmp_path / "accuracy.csv") if row["figure"] == "recall" and row["reference"] == "Wald"
    )
    assert recall["value"] == recall["low"] == ""
    page = accuracy_sections(found)
    assert page[0].tables[0].rows[2][1] == "-"


def test_in_one_block_no_interval_is_claimed():
    page = accuracy_sections(assessed(blocks=1))
    assert "in one block: too few for an interval" in page[0].text
    assert "(" not in dict(page[0].rows)["Overall accuracy"]


def test_calibration_stands_beside_accuracy_where_confidences_are_known(tmp_path):
    sure = np.full(300, 0.99, np.float32)
    found = assessed(confidence=sure, truth=sure)
    rows = dict(accuracy_sections(found)[0].rows)
    assert "points between confidence and accuracy" in rows["Calibration error"]
    assert found.calibration == pytest.approx(0.99 - found.confusion.overall_accuracy, abs=1e-6)
    assert found.metrics["calibration_error"] == found.calibration and "calibration_error" not in assessed().metrics
    write_accuracy(tmp_path / "a.csv", found)
    assert any(row["figure"] == "expected calibration error" for row in cells(tmp_path / "a.csv"))


@pytest.mark.parametrize("count", [2, 16, 60])
def test_the_matrix_is_a_picture_for_any_number_of_classes_and_a_table_for_few(count):
    page = accuracy_sections(assessed(pixels=1200, names=[f"class {number}" for number in range(count)]))[1]
    assert base64.b64decode(page.pictures[0].source.split(",")[1])[:4] == b"\x89PNG"
    assert len(page.tables) == (1 if count <= 20 else 0)


def test_shares_are_written_as_analysts_write_them():
    assert percent(0.91234, (0.9, 0.95)) == "91.2 % (90.0 to 95.0)"
    assert percent(0.5) == "50.0 %"
    assert percent(float("nan"), (0, 1)) == "-"
    assert percent(0.5, (np.nan, np.nan)) == "50.0 %"
