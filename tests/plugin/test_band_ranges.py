"""Ranges of bands as a user writes them, by wavelength and by number."""

from __future__ import annotations

import contextlib

import pytest
from mixel.plugin.band_ranges import as_text, listed, numbers, parse, with_water_vapour

WAVES = (400.0, 500.0, 600.0, 1400.0, 1900.5, 2000.0)
OVERLAP = (900.0, 950.0, 1000.0, 920.0, 970.0, 1020.0)
"""Two detectors."""


@pytest.mark.parametrize("text", ["450-650, 1900-1950", "450–650nm; 1950 to 1900 nm", " 450 .. 650\n1900-1950,"])
def test_ranges_of_wavelengths(text):
    found = parse(text, False, WAVES, 6)
    assert found == ((450.0, 650.0), (1900.0, 1950.0)) and numbers(found, WAVES, 6) == [2, 3, 5]


@pytest.mark.parametrize("waves", [WAVES, OVERLAP, tuple(0.1 + 0.2 + wave for wave in OVERLAP), None])
@pytest.mark.parametrize(
    ("text", "meant"), [("2-3, 6", [2, 3, 6]), ("1-2", [1, 2]), ("4", [4]), ("1, 2, 5-6", [1, 2, 5, 6])]
)
def test_band_numbers_mean_these_bands_alone_also_written_and_read_again(waves, text, meant):
    found = parse(text, True, waves, 6)
    assert numbers(found, waves, 6) == meant
    assert numbers(parse(as_text(found), waves is None, waves, 6), waves, 6) == meant


@pytest.mark.parametrize("text", ["x", "400-", "-5", "1..2..3", "1.2.3-4", "400-500-600"])
def test_what_is_no_range_is_said(text):
    with pytest.raises(ValueError, match="no range of bands"):
        parse(text, False, WAVES, 6)


@pytest.mark.parametrize("text", ["0-3", "5-7", "1.5"])
def test_numbers_beyond_the_bands_are_said(text):
    with pytest.raises(ValueError, match="from 1 to 6"):
        parse(text, True, None, 6)


@pytest.mark.parametrize("waves", [None, WAVES])
def test_numbers_are_bounded_where_nobody_knows_how_many_bands_there_are(waves):
    for text in ("1-9999999999", "1-300000"):
        with pytest.raises(ValueError, match="Band numbers are whole"):
            parse(text, True, waves, 0)
    with pytest.raises(ValueError, match="from 1 to 6") if waves else contextlib.nullcontext():
        parse("1-300", True, waves, 0)


def test_nothing_is_nothing():
    assert parse(" , ;", False, WAVES, 6) == () and as_text(()) == "" and listed([]) == ""


def test_water_vapour_comes_once():
    once = with_water_vapour(((400.0, 410.0),))
    assert with_water_vapour(once) == once and numbers(once, WAVES, 6) == [1, 4, 5]


def test_numbers_in_short():
    assert listed([1, 2, 3, 7, 9, 10]) == "1-3, 7, 9-10"
