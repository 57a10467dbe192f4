"""What is told of errors fits into a panel, whatever a library or a file of a stranger says."""

from __future__ import annotations

import pytest
from mixel.backend.sentence import LONGEST, short

PLAIN = "The scene holds only nodata. Choose another scene."
TEXTS = [
    "x" * 10_000,
    "a b " * 5000,
    "The file /home/" + "deep/" * 500 + "scene.tif cannot be opened (" + "reason\n" * 3000 + "). Choose another.",
    "(" * 5000 + ")" * 5000,
    "one\r\ntwo\u2028three\x00four",
    "'" * 2000,
    ("(" + "y " * 100 + ") ") * 40,
    "\udc80" * 400,
    "",
]


@pytest.mark.parametrize("text", TEXTS)
def test_every_text_becomes_one_short_line(text):
    told = short(text)
    assert len(told) <= LONGEST and told == told.strip()
    assert not {"\n", "\r", "\x00", "\u2028"} & set(told)


def test_a_short_sentence_stays_as_it_is():
    assert short(PLAIN) == PLAIN
    assert short("a (b) " * 50) == ("a (b) " * 50).strip()


def test_line_breaks_become_spaces():
    assert short("Cannot read.\n\n  Line 3:\tbad") == "Cannot read. Line 3: bad"


def test_a_long_path_is_named_by_its_end_with_what_stands_around_it():
    told = short(f"The scene '/{'folder/' * 60}field 7/scene.tif': it is empty.")
    assert told.endswith("older/field 7/scene.tif': it is empty.") and told.startswith("The scene ...")
    assert short("C:\\" + "folder\\" * 60 + "scene.tif.").endswith("folder\\scene.tif.")


def test_what_a_library_says_is_cut_before_what_to_do():
    told = short(f"The layer areas.gpkg cannot be read ({'no such thing ' * 60}). Choose another layer.")
    assert told.startswith("The layer areas.gpkg cannot be read (no such thing")
    assert told.endswith("...). Choose another layer.") and 250 < len(told) <= LONGEST


def test_of_a_long_text_beginning_and_end_stay():
    told = short("First words " + "and more " * 100 + "last words.")
    assert told.startswith("First words") and told.endswith("last words.") and len(told) == LONGEST
