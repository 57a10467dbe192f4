"""Names of strangers as cells of a table: no spreadsheet runs one, and each is read back as it was."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from mixel.backend.library import Library, read_library, write_csv
from mixel.backend.library.files import write_library
from mixel.backend.names import cell, from_cell

DANGEROUS = ["=cmd|' /C calc'!A0", "@SUM(1+1)", "+1+2", "-2+3", " =1", "=HYPERLINK(1)"]
HARMLESS = ["oak", "-5", "+3.5", "-1,5", "2=3", "a@b", "'quoted'", ""]


@pytest.mark.parametrize("name", DANGEROUS)
def test_a_name_that_is_a_formula_becomes_text(name):
    assert cell(name) == f"'{name}" and from_cell(cell(name)) == name


@pytest.mark.parametrize("name", HARMLESS)
def test_other_names_stay_as_they_are(name):
    assert cell(name) == name and from_cell(name) == name


@pytest.mark.parametrize("ending", [".csv", ".sli"])
def test_a_librarys_tables_hold_no_formula_and_are_read_back(tmp_path, ending):
    names, classes = [*DANGEROUS[:3], "oak"], ["=1+1", "soil", "@x", "-5"]
    library = Library(names, np.arange(12, dtype=np.float32).reshape(4, 3) / 20, classes=classes)
    write_library(library, tmp_path / f"library{ending}")
    (written,) = tmp_path.glob("*.csv")
    with written.open(encoding="utf-8-sig", newline="") as file:
        cells = [one for row in csv.reader(file) for one in row]
    assert not [one for one in cells if one.startswith(("=", "@", "+"))]
    again = read_library(tmp_path / f"library{ending}")
    assert again.classes == classes
    assert again.names == names or ending == ".sli"  # commas and braces have no place in a header's list


def test_write_csv_is_the_writer_of_tables(tmp_path):
    write_csv(Library(["=1"], np.zeros((1, 3), np.float32)), tmp_path / "a.csv")
    assert "'=1" in (tmp_path / "a.csv").read_text(encoding="utf-8-sig")
