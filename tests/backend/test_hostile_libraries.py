"""Spectral libraries without end, in parts or as a whole: read quickly, or refused by a sentence, in little memory."""

from __future__ import annotations

import json
import os
import resource
import sqlite3
import time

import pytest
from mixel.backend.library import geopackage, read_library

X = [450.0, 550.0, 650.0, 750.0]
Y = [0.1, 0.2, 0.3, 0.4]
PROFILE = json.dumps({"y": Y, "x": X, "xUnit": "nm"})
SECONDS = 20


@pytest.fixture
def database(tmp_path):
    """Writes a GeoPackage of profiles from rows (name, profile, class), after more commands; gives its path."""

    def write(rows, *commands, table="lib"):
        path = tmp_path / "library.gpkg"
        with sqlite3.connect(path) as opened:
            opened.execute("create table gpkg_contents(table_name text)")
            opened.execute(f"create table {table}(name text, profiles text, class text)")
            opened.execute("insert into gpkg_contents values(?)", (table,))
            opened.executemany(f"insert into {table} values(?, ?, ?)", rows)
            for command in commands:
                opened.execute(command)
        opened.close()
        return path

    return write


@pytest.fixture(autouse=True)
def bounded():
    """Every test here ends soon."""
    started = time.process_time()
    yield
    assert time.process_time() - started < SECONDS


def refusal(path):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError) as refused:
        read_library(path)
    assert str(refused.value).endswith(".") and "\n" not in str(refused.value)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000, "more than 500 MB"
    return str(refused.value)


@pytest.mark.parametrize("kind", ["/dev/zero", "pipe.csv", "pipe.sli", "pipe.gpkg", "folder"])
def test_pipes_and_devices_are_no_libraries(tmp_path, kind):
    path = tmp_path / kind  # an absolute kind stands for itself
    if kind == "folder":
        path.mkdir()
        os.mkfifo(path / "one.txt")
    elif not path.exists():
        os.mkfifo(path)
    assert "is a pipe or a device and no file" in refusal(path)


@pytest.mark.parametrize(
    "profile",
    ["[" * 3_000_000, '{"y":[' + "[]," * 1_300_000 + "1]}", '{"y":' * 600_000, '{"y":[' + "[" * 1_000_000],
    ids=["brackets", "lists", "objects", "nested"],
)
def test_profiles_of_brackets_are_refused(database, profile):
    assert "is not a readable GeoPackage of spectra" in refusal(database([("a", PROFILE, ""), ("b", profile, "")]))


def test_a_value_too_large_for_a_profile_is_refused(database):
    path = database([("a", PROFILE, ""), ("b", '{"y":[' + "1," * geopackage.MOST_BYTES + "1]}", "")])
    assert refusal(path).endswith("too big.")


def test_an_endless_view_is_not_looked_at(database):
    endless = (
        "create view more as with recursive c(n) as (select 1 union all select n + 1 from c) "
        f"select 'a' as name, '{PROFILE}' as profiles from c"
    )
    path = database([("a", PROFILE, "")], endless, "insert into gpkg_contents values('more')")
    assert read_library(path).names == ["a"]


def test_a_table_that_works_without_end_is_stopped(database, monkeypatch):
    monkeypatch.setattr(geopackage, "MOST_STEPS", 3_000_000)
    rows = [("a", None, "")] * 1500
    spun = "create view gpkg_other as select 1"
    path = database(rows, spun, "drop table gpkg_contents", "create view gpkg_contents as select 'lib' as table_name "
                    "from lib a, lib b, lib c where a.name = b.name and b.name > c.name")  # fmt: skip
    assert "interrupted" in refusal(path)


def test_names_without_end_are_cut(database, tmp_path):
    names = [f"{number}{'n' * 100_000}" for number in range(100)]
    found = read_library(database([(name, PROFILE, "k" * 100_000) for name in names]))
    assert {len(name) for name in (*found.names, *found.classes)} == {200} and found.names[7].startswith("7nn")
    table = tmp_path / "library.csv"
    table.write_text("name,450,550,650\n" + "".join(f"{name},0.1,0.2,0.3\n" for name in names), encoding="utf-8")
    assert {len(name) for name in read_library(table).names} == {200}


def test_very_many_spectra_are_read_in_seconds(database, tmp_path):
    count = 40_000
    found = read_library(database([(f"n{n}", PROFILE, f"k{n % 7}") for n in range(count)]))
    assert len(found.names) == count and len(set(found.classes)) == 7
    table = tmp_path / "library.csv"
    table.write_text("name,450,550,650\n" + "n,0.1,0.2,0.3\n" * count, encoding="utf-8")
    assert len(read_library(table).names) == count
