"""Wavelengths out of whatever a user pastes or opens: lists, tables, headers, of any unit; nonsense is said."""

from __future__ import annotations

import time

import pytest
from mixel.plugin.wavelength_lists import Axis, parse, read, sensors

WAVES, WIDTHS = (410.0, 420.0, 430.5, 440.0), (9.0, 9.5, 10.0, 10.0)


@pytest.mark.parametrize(
    "text",
    [
        "410, 420, 430.5, 440",
        "410 420 430.5 440",
        "410\n420\n430.5\n440\n",
        "{410, 420,\n 430.5, 440}",
        "[410; 420; 430.5; 440]",
        "410 nm, 420 nm, 430.5 nm, 440 nm",
        "0.41 0.42 0.4305 0.44",
        "0,41; 0,42; 0,4305; 0,44",
        "0.41 µm\n0.42 µm\n0.4305 µm\n0.44 µm",
        "wavelength\n410\n420\n430.5\n440",
        "wavelengths (nm)\n410, 420, 430.5, 440",
        "Wavelengths:\n410 420\n430.5 440",
        "L410\nL420\nL430.5\nL440",
        "Band 1 (410 Nanometers)\nBand 2 (420 Nanometers)\nBand 3 (430.5 Nanometers)\nBand 4 (440 Nanometers)",
        "1,410\n2,420\n3,430.5\n4,440",
        "B1 410\nB2 420\nB3 430.5\nB8A 440",
        "wavelength = { 410, 420,\n430.5, 440 }\n",
        "ENVI\nbands = 4\nWavelength Units = Micrometers\nWavelength = {0.41, 0.42,\n 0.4305 , 0.44}\nbbl = {1,1,1,0}",
    ],
)
def test_lists_as_people_have_them(text):
    found = parse(text)
    assert found.wavelengths == pytest.approx(WAVES) and found.fwhm == ()


@pytest.mark.parametrize(
    "text",
    [
        "410 9\n420 9.5\n430.5 10\n440 10",
        "band,wavelength,fwhm\n1,410,9\n2,420,9.5\n3,430.5,10\n4,440,10",
        "Band;FWHM (nm);Center wavelength (nm)\nB1;9;410\nB2;9,5;420\nB3;10;430,5\nB4;10;440",
        "wavelength\tbandwidth\n0.41\t0.009\n0.42\t0.0095\n0.4305\t0.01\n0.44\t0.01",
        "0.41 9\n0.42 9.5\n0.4305 10\n0.44 10",
        "410 0.009\n420 0.0095\n430.5 0.01\n440 0.01",
        "wavelength = {410,420,430.5,440}\nfwhm = {9, 9.5,\n10, 10}\nwavelength units = nm",
    ],
)
def test_band_widths_beside_the_wavelengths(text):
    found = parse(text)
    assert found.wavelengths == pytest.approx(WAVES) and found.fwhm == pytest.approx(WIDTHS)


def test_a_wrapped_list_with_a_second_detector_is_no_table():
    waves = [*range(400, 1000, 10), *range(900, 2500, 10)]
    lines = "\n".join(", ".join(map(str, waves[at : at + 4])) for at in range(0, len(waves), 4))
    assert parse(lines).wavelengths == tuple(map(float, waves))
    back = "\n".join(" ".join(map(str, waves[::-1][at : at + 4])) for at in range(0, len(waves), 4))
    assert parse(back).wavelengths == tuple(map(float, waves[::-1]))


def test_decimal_commas_alone_in_their_lines():
    assert parse("450,5\n460,2\n470,5").wavelengths == (450.5, 460.2, 470.5)


def test_texts_of_nothing_cost_no_time():
    started = time.process_time()
    for text in ("\n" * 50_000, " " * 50_000, "a " * 50_000, "a" * 50_000):
        with pytest.raises(ValueError, match="no wavelengths"):
            parse(text)
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no numbers here", "no wavelengths"),
        ("410 0 430", "band 2 is 0"),
        ("410 -5 430", "band 2 is -5"),
        ("0.41 0.42 430 440", "all in nm, or all in µm"),
        ("wavelength = {20000, 19000, 18000, 17000}\nwavelength units = Wavenumber", "not lengths"),
        ("wavelength = {a, b}", "not lengths"),
    ],
)
def test_nonsense_is_said(text, said):
    with pytest.raises(ValueError, match=said):
        parse(text)


def test_files_are_read_and_what_is_no_text_is_refused(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("\ufeffwavelength,fwhm\n410,9\n420,9.5\n430.5,10\n440,10\n", encoding="utf-8")
    assert read(str(path)) == Axis(WAVES, WIDTHS)
    path.write_bytes(b"II*\0\0\0")
    with pytest.raises(ValueError, match="no text"):
        read(str(path))
    with pytest.raises(ValueError, match="cannot be read"):
        read(str(tmp_path / "absent.hdr"))
    path.write_bytes(b"1 " * 3_000_000)
    with pytest.raises(ValueError, match="too large"):
        read(str(path))


def test_what_is_shown_is_read_again():
    for axis in (Axis(WAVES, WIDTHS), Axis(WAVES), Axis((1003.234, 2577.083), (10.408, 11.5563))):
        again = parse(axis.as_text())
        assert again.wavelengths == pytest.approx(axis.wavelengths, abs=1e-3)
        assert again.fwhm == pytest.approx(axis.fwhm, abs=1e-3)


def test_every_sensor_has_a_sensible_axis_that_survives_the_text():
    known = sensors()
    assert len({one.name for one in known}) == len(known) >= 10
    for one in known:
        waves, widths = one.axis
        assert len(waves) == len(widths) >= 4 and one.source
        assert all(350 <= wave <= 2600 for wave in waves) and all(0 < width < 200 for width in widths)
        assert parse(one.axis.as_text()).wavelengths == pytest.approx(waves, abs=1e-3)
        assert parse(one.axis.as_text()).fwhm == pytest.approx(widths, abs=1e-3)
