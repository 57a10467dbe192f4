"""Spectral libraries: what is written is read again, by others too; hostile headers are refused in one sentence."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from mixel.backend.library import Library, class_columns, read_library, read_sli, write_csv, write_sli

SPECTRA = np.random.default_rng(0).uniform(0, 1, (3, 5)).astype(np.float32)
WAVELENGTHS = np.array([450.25, 550, 650, 1020.5, 2400], np.float32)
FULL = Library(["Dach", "草", "asphalt 2"], SPECTRA, WAVELENGTHS, np.full(5, 9.5, np.float32))
HEADER = {
    "samples": "5",
    "lines": "3",
    "bands": "1",
    "header offset": "0",
    "file type": "ENVI Spectral Library",
    "data type": "4",
    "interleave": "bsq",
    "byte order": "0",
}


def hand_made(folder, change=None, data=None):
    """A library as another program writes it."""
    path = folder / "library.sli"
    path.write_bytes(SPECTRA.astype("<f4").tobytes() if data is None else data)
    fields = {key: value for key, value in {**HEADER, **(change or {})}.items() if value is not None}
    lines = ["ENVI", *(f"{key} = {value}" for key, value in fields.items())]
    path.with_suffix(".hdr").write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.mark.parametrize("library", [FULL, Library(["a", "b", "c"], SPECTRA)], ids=["with wavelengths", "without"])
def test_a_library_survives_its_file(tmp_path, library):
    write_sli(library, tmp_path / "größe 1.sli")
    found = read_sli(tmp_path / "größe 1.sli")
    assert found.names == library.names
    np.testing.assert_array_equal(found.spectra, library.spectra)
    for name in ("wavelengths", "fwhm"):
        written, read = getattr(library, name), getattr(found, name)
        assert (written is None) == (read is None)
        if written is not None:
            np.testing.assert_allclose(read, written, rtol=1e-5)


def test_the_header_holds_what_envi_asks_for(tmp_path):
    write_sli(FULL, tmp_path / "library.sli")
    lines = (tmp_path / "library.hdr").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "ENVI"
    for line in (
        *("samples = 5", "lines = 3", "bands = 1", "file type = ENVI Spectral Library", "data type = 4"),
        *("byte order = 0", "wavelength = {450.25, 550, 650, 1020.5, 2400}", "wavelength units = Nanometers"),
        "spectra names = {Dach, 草, asphalt 2}",
    ):
        assert line in lines
    assert (tmp_path / "library.sli").stat().st_size == 3 * 5 * 4


def test_names_cannot_break_the_header(tmp_path):
    names = ["a, b", "} lines = 9", "c\nsamples = 99\n{"]
    write_sli(Library(names, SPECTRA), tmp_path / "library.sli")
    found = read_sli(tmp_path / "library.sli")
    assert found.names == ["a b", "lines = 9", "c samples = 99"]
    np.testing.assert_array_equal(found.spectra, SPECTRA)


@pytest.mark.parametrize(
    ("change", "data"),
    [
        ({"data type": "5"}, SPECTRA.astype("<f8")),
        ({"byte order": "1"}, SPECTRA.astype(">f4")),
        ({"header offset": "4"}, np.concatenate([np.zeros(1, "<f4"), SPECTRA.ravel()])),
        ({"data type": "2", "reflectance scale factor": "10000"}, np.round(SPECTRA * 1e4).astype("<i2")),
        ({"data type": "12", "reflectance scale factor": "10000"}, np.round(SPECTRA * 1e4).astype("<u2")),
        ({"SAMPLES": "5", "samples": None}, SPECTRA),
        ({"description": "{\n two\n lines }"}, SPECTRA),
        ({"reflectance scale factor": "much"}, SPECTRA),
        ({"reflectance scale factor": "0"}, SPECTRA),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_libraries_of_other_programs_are_read(tmp_path, change, data):
    found = read_sli(hand_made(tmp_path, change, data.tobytes()))
    np.testing.assert_allclose(found.spectra, SPECTRA, atol=1e-4)
    assert found.spectra.dtype == np.float32
    assert found.names == ["Spectrum 1", "Spectrum 2", "Spectrum 3"]


def test_micrometres_become_nanometres(tmp_path):
    change = {"wavelength": "{0.45, 0.55,\n 0.65, 1, 2.4}", "fwhm": "{0.01, 0.01, 0.01, 0.01, 0.02}"}
    found = read_sli(hand_made(tmp_path, {**change, "wavelength units": "Micrometers"}))
    np.testing.assert_allclose(found.wavelengths, [450, 550, 650, 1000, 2400], rtol=1e-6)
    np.testing.assert_allclose(found.fwhm, [10, 10, 10, 10, 20], rtol=1e-6)


@pytest.mark.parametrize(
    ("change", "word"),
    [({name: None}, name) for name in ("samples", "lines", "data type")]
    + [({name: value}, "") for name in ("samples", "lines") for value in ("", "x", "-1", "0", "4", "1e3", "9" * 30)]
    + [({"data type": value}, "") for value in ("6", "x", "", "1")]
    + [({"header offset": value}, "") for value in ("-4", "x", "8", "1000")]
    + [
        ({"wavelength": "{1, 2}"}, "5 bands and 2 values of wavelength"),
        ({"wavelength": "{1, 2, x, 4, 5}"}, ""),
        ({"wavelength": "{}"}, ""),
        ({"fwhm": "{1, 2, 3, 4, 5, 6}"}, "5 bands and 6 values of fwhm"),
    ],
    ids=str,
)
def test_a_header_that_does_not_fit_is_refused_with_the_path(tmp_path, change, word):
    path = hand_made(tmp_path, change)
    with pytest.raises(ValueError, match="is not a readable ENVI spectral library") as refused:
        read_sli(path)
    assert str(path) in str(refused.value) and word in str(refused.value)


@pytest.mark.parametrize("missing", ["library.sli", "library.hdr"])
def test_a_library_without_one_of_its_two_files_is_refused(tmp_path, missing):
    path = hand_made(tmp_path)
    (tmp_path / missing).unlink()
    with pytest.raises(ValueError, match="is not a readable ENVI spectral library"):
        read_sli(path)


@pytest.mark.parametrize("header", [b"", b"\xff\xfe\x00", b"ENVI\n" + b"{" * 10_000, b"\0" * 100])
def test_a_header_of_rubbish_is_refused(tmp_path, header):
    path = hand_made(tmp_path)
    path.with_suffix(".hdr").write_bytes(header)
    with pytest.raises(ValueError, match="is not a readable ENVI spectral library"):
        read_sli(path)


def test_data_cut_short_are_refused(tmp_path):
    with pytest.raises(ValueError, match="is not a readable ENVI spectral library"):
        read_sli(hand_made(tmp_path, data=SPECTRA.tobytes()[:-4]))


def test_the_table_has_a_row_a_band_and_a_column_a_spectrum(tmp_path):
    library = Library(['roof, "red"', "草", "line\nbreak"], SPECTRA, WAVELENGTHS)
    write_csv(library, tmp_path / "library.csv")
    assert (tmp_path / "library.csv").read_bytes().startswith(b"\xef\xbb\xbf"), "spreadsheets look for the mark"
    with (tmp_path / "library.csv").open(newline="", encoding="utf-8-sig") as file:
        head, *rows = csv.reader(file)
    assert head == ["wavelength_nm", *library.names]
    table = np.array(rows, float)
    np.testing.assert_allclose(table[:, 0], WAVELENGTHS, rtol=1e-5)
    np.testing.assert_allclose(table[:, 1:], SPECTRA.T, rtol=1e-5)


def test_the_table_counts_bands_where_there_are_no_wavelengths(tmp_path):
    write_csv(Library(["a", "b", "c"], SPECTRA), tmp_path / "library.csv")
    with (tmp_path / "library.csv").open(newline="", encoding="utf-8-sig") as file:
        head, *rows = csv.reader(file)
    assert head == ["band", "a", "b", "c"]
    assert [row[0] for row in rows] == ["1", "2", "3", "4", "5"]


@pytest.mark.parametrize("number", ["2", "3", "4", "5", "12", "13"])
@pytest.mark.parametrize("order", ["0", "1"])
def test_all_data_types_in_both_byte_orders(tmp_path, number, order):
    dtype = {"2": "i2", "3": "i4", "4": "f4", "5": "f8", "12": "u2", "13": "u4"}[number]
    values = (np.round(SPECTRA * 1e4)).astype((">" if order == "1" else "<") + dtype)
    change = {"data type": number, "byte order": order, "reflectance scale factor": "10000"}
    found = read_sli(hand_made(tmp_path, change, values.tobytes()))
    np.testing.assert_allclose(found.spectra, SPECTRA, atol=1e-4)
    found = read_sli(hand_made(tmp_path, {**change, "reflectance scale factor": None}, values.tobytes()))
    np.testing.assert_allclose(found.spectra, SPECTRA, atol=1e-4)


def test_bad_bands_are_left_out_and_do_not_decide_the_scale(tmp_path):
    values = SPECTRA.copy()
    values[:, 1] = 9999
    change = {"bbl": "{1, 0, 1, 1, 1}", "wavelength": "{450, 550, 650, 700, 800}", "fwhm": "{1, 2, 3, 4, 5}"}
    found = read_sli(hand_made(tmp_path, change, values.astype("<f4").tobytes()))
    np.testing.assert_array_equal(found.wavelengths, [450, 650, 700, 800])
    np.testing.assert_array_equal(found.fwhm, [1, 3, 4, 5])
    np.testing.assert_array_equal(found.spectra, SPECTRA[:, [0, 2, 3, 4]])


@pytest.mark.parametrize("chosen", ["library.sli", "library.hdr", "library.sli.hdr", "library"])
def test_the_header_stands_under_either_name_and_may_be_chosen_itself(tmp_path, chosen):
    path = hand_made(tmp_path)
    if chosen == "library.sli.hdr":
        path.with_suffix(".hdr").rename(tmp_path / chosen)
        np.testing.assert_array_equal(read_sli(path).spectra, SPECTRA)
    if chosen == "library":
        path.rename(tmp_path / chosen)
        np.testing.assert_array_equal(read_library(tmp_path / "library.hdr").spectra, SPECTRA)
    np.testing.assert_array_equal(read_library(tmp_path / chosen).spectra, SPECTRA)


@pytest.mark.parametrize(
    ("unit", "factor"),
    [("Nanometers", 1), ("nm", 1), ("Micrometers", 1e3), ("µm", 1e3), ("um", 1e3), ("Unknown", 1e3), ("", 1e3)],
)
def test_units_of_wavelengths(tmp_path, unit, factor):
    change = {"wavelength": "{0.45, 0.55, 0.65, 1, 2.4}", "wavelength units": unit}
    found = read_sli(hand_made(tmp_path, change))
    np.testing.assert_allclose(found.wavelengths, np.array([0.45, 0.55, 0.65, 1, 2.4]) * factor, rtol=1e-6)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"wavelength": "{1, 2, 3, 4, 5}", "wavelength units": "Wavenumber"}, "in 'Wavenumber'; write them in nano"),
        ({"wavelength": "{1, 2, 3, 4, -5}"}, "not all numbers above 0"),
        ({"wavelength": "{1, 2, 3, 4, nan}"}, "not all numbers above 0"),
        ({"bands": "3"}, "an image of several bands"),
        ({"bbl": "{0, 0, 0, 0, 0}"}, "every value is missing"),
        ({"bbl": "{1, 1}"}, "5 bands and 2 values of bbl"),
        ({"spectra names": "{a, b, c"}, "a list in its header is not closed"),
    ],
)
def test_what_else_a_header_must_not_say(tmp_path, change, word):
    with pytest.raises(ValueError, match="is not a readable ENVI spectral library") as refused:
        read_sli(hand_made(tmp_path, change))
    assert word in str(refused.value)


def test_bands_counted_in_the_header_are_no_wavelengths(tmp_path):
    change = {"wavelength": "{1, 2, 3, 4, 5}", "wavelength units": "Index", "fwhm": "{1, 1, 1, 1, 1}"}
    found = read_sli(hand_made(tmp_path, change))
    assert found.wavelengths is None and found.fwhm is None


NAMES = {"spectra names": "{ red tile 1, red tile 2,\n asphalt}"}


@pytest.mark.parametrize(
    "text",
    [
        "spectra names,level 1,level 2\nred tile 1,roof,tile\nred tile 2,roof,\nasphalt,street,asphalt\n",
        "Name;level 1;level 2\r\nasphalt;street;asphalt\r\nred tile 2;roof;\r\nred tile 1;roof;tile\r\n",
        "wavelength_nm,red tile 1,red tile 2,asphalt\nlevel 1,roof,roof,street\nlevel 2,tile,,asphalt\n450,1,0,1\n",
    ],
)
def test_classes_come_from_the_table_beside_the_library(tmp_path, text):
    path = hand_made(tmp_path, NAMES)
    path.with_suffix(".csv").write_text(text)
    assert read_library(path).names == ["red tile 1", "red tile 2", "asphalt"]
    assert class_columns(path) == ["level 1", "level 2"]
    assert read_library(path).classes == ["roof", "roof", "street"]
    assert read_library(path.with_suffix(".hdr"), "level 2").classes == ["tile", "", "asphalt"]


@pytest.mark.parametrize(
    "text", ["", "x,y\n1,2\n", "plot,level 1\nred tile 1,roof\n", "wavelength_nm,a,b,c\nclass,1,2,3\n450,0.1,0.2,0.3\n"]
)
def test_a_table_of_something_else_gives_no_classes(tmp_path, text):
    path = hand_made(tmp_path, NAMES)
    path.with_suffix(".csv").write_text(text)
    assert read_library(path).classes is None


def test_a_table_of_other_spectra_is_refused(tmp_path):
    path = hand_made(tmp_path, NAMES)
    for text in ("spectra names,class\nred tile 1,roof\n", "name,class\na,1\nb,2\nc,3\n"):
        path.with_suffix(".csv").write_text(text)
        with pytest.raises(ValueError, match=r"its table of classes lists . spectra that are not the library's 3"):
            read_library(path)


def test_a_table_of_the_spectra_beside_the_library_keeps_its_classes(tmp_path):
    library = Library(["a, b", "c", "c"], SPECTRA, WAVELENGTHS, None, ["roof", "soil, wet", ""])
    write_sli(library, tmp_path / "library.sli")
    assert read_sli(tmp_path / "library.sli").classes == library.classes
    write_csv(library, tmp_path / "library.csv")
    assert read_sli(tmp_path / "library.sli").classes == library.classes
