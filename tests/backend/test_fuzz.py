"""Spoilt files: what failed once is read again, and a short pass of new ones; the tool itself finds faults."""

from __future__ import annotations

import random
import time

import pytest

from tests import security_page
from tests.fuzz import cases, driver
from tests.fuzz.actions import fault
from tests.fuzz.mutations import spoil
from tests.fuzz.seeds import SEEDS, made

LONGEST = 60.0
"""Seconds for one case here, on a busy machine; the tool itself allows 20 s of the processor."""


def test_every_case_that_failed_once_is_read_or_refused_by_a_sentence(tmp_path):
    files = sorted(cases.FOUND.glob("*.zip"))
    assert files
    failing = {}
    for file in files:
        case, path = cases.unpack(file, tmp_path / file.stem)
        began = time.monotonic()
        what = fault(SEEDS[case.seed].kind, path)
        if what or time.monotonic() - began > LONGEST:
            failing[file.name] = what or "takes long"
    assert not failing


def test_a_short_pass_finds_nothing(tmp_path):
    done = driver.run(25, int(time.time()), target=tmp_path / "found")
    assert done.counts and not done.found, done.found


@pytest.mark.parametrize("name", ["tiff", "areas in GeoJSON", "library as a table", "job", "reading", "events"])
def test_good_files_are_read_and_spoilt_ones_are_the_same_wherever_they_are_made(tmp_path, name):
    contents = []
    for at in ("a", "b"):
        path = tmp_path / at / made(name, tmp_path / at)
        if at == "a" and name != "job":  # its scene is not there
            assert fault(SEEDS[name].kind, path) == ""
        spoil(tmp_path / at, random.Random(f"{name} 3"))
        contents.append(path.read_bytes() if path.is_file() else b"")
    if name not in ("tiff",):
        assert contents[0] == contents[1]


def test_all_good_files_have_a_turn():
    assert set(driver.NAMES) == set(SEEDS)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (KeyError("x"), "KeyError in"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), "UnicodeDecodeError in"),
        (ValueError("could not convert string to float: 'x'"), "No sentence"),
        (ValueError("The file is broken. Choose another one."), ""),
    ],
)
def test_what_is_no_sentence_of_ours_is_a_fault(tmp_path, monkeypatch, error, told):
    from tests.fuzz import actions

    def fail(path):
        raise error

    monkeypatch.setitem(actions.ACTIONS, "scene", fail)
    found = fault("scene", tmp_path / "a.tif")
    assert found.startswith(told) and bool(found) == bool(told)


def test_a_notice_that_is_too_long_is_a_fault(tmp_path, monkeypatch):
    from tests.fuzz import actions

    monkeypatch.setitem(actions.ACTIONS, "scene", lambda path: ["x" * 301 + "."])
    assert fault("scene", tmp_path / "a.tif").startswith("A sentence of 302 characters")


def test_a_case_is_kept_and_unpacked_again_and_a_large_one_is_not(tmp_path):
    (tmp_path / "case" / "sub").mkdir(parents=True)
    (tmp_path / "case" / "sub" / "a.txt").write_text("spoilt")
    case = cases.Case("tiff", 5, "sub/a.txt", "hangs")
    assert cases.keep(case, tmp_path / "case", tmp_path / "found") == "kept as tiff-5.zip"
    again, path = cases.unpack(tmp_path / "found" / "tiff-5.zip", tmp_path / "again")
    assert again == case and path.read_text() == "spoilt"
    (tmp_path / "case" / "b.bin").write_bytes(random.Random(0).randbytes(cases.LARGEST + 1))
    assert "too large" in cases.keep(case, tmp_path / "case", tmp_path / "found")


def test_counts_come_into_the_page_between_their_marks(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- fuzz -->\nold\n<!-- end of fuzz -->\nb\n")
    security_page.fill("fuzz", {"files": 3}, page)
    security_page.fill("fuzz", {"files": 4}, page)
    text = page.read_text()
    assert "| files | 4 |" in text and "old" not in text and text.startswith("a\n") and text.endswith("-->\nb\n")
    with pytest.raises(ValueError, match="no marks for torture"):
        security_page.fill("torture", {}, page)


def test_the_page_has_its_marks():
    text = security_page.PAGE.read_text(encoding="utf-8")
    assert all(f"<!-- {name} -->" in text and f"<!-- end of {name} -->" in text for name in ("fuzz", "torture"))
