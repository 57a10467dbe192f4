"""Tables of spectra as spreadsheets and other programs write them."""

from __future__ import annotations

import numpy as np
import pytest
from mixel.backend.library import Library, class_columns, read_library, write_csv

SPECTRA = np.array([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]], np.float32)
WAVELENGTHS = np.array([450.5, 550, 1650], np.float32)


def written(folder, text, name="library.csv"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def check(path, names=("a", "b"), wavelengths=WAVELENGTHS):
    found = read_library(path)
    assert found.names == list(names)
    np.testing.assert_allclose(found.spectra, SPECTRA, rtol=1e-6)
    if wavelengths is None:
        assert found.wavelengths is None and found.fwhm is None
    else:
        np.testing.assert_allclose(found.wavelengths, wavelengths, rtol=1e-6)
    return found


@pytest.mark.parametrize(
    "text",
    [
        "wavelength_nm,a,b\n450.5,0.1,0.4\n550,0.2,0.5\n1650,0.3,0.6\n",
        "wavelength_nm,a,b\r\n450.5,0.1,0.4\r\n550,0.2,0.5\r\n1650,0.3,0.6",
        "\ufeffWavelength,a,b\n450.5,0.1,0.4\n550,0.2,0.5\n1650,0.3,0.6\n\n\n",
        "Wavelength (nm);a;b\n450,5;0,1;0,4\n550;0,2;0,5\n1650;0,3;0,6\n",
        "wavelength [µm]\ta\tb\n0.4505\t0.1\t0.4\n0.55\t0.2\t0.5\n1.65\t0.3\t0.6\n",
        "wavelength\ta\tb\n0,4505\t0,1\t0,4\n0,55\t0,2\t0,5\n1,65\t0,3\t0,6\n",
        "Wavelength_micrometers;a;b\n0.4505;0.1;0.4\n0.55;0.2;0.5\n1.65;0.3;0.6\n",
        "lambda, a, b\n 450.5, 0.1, 0.4\n550, 0.2, 0.5\n 1650, 0.3, 0.6\n",
        "nm,a,b,\n450.5,0.1,0.4,\n550,0.2,0.5,\n1650,0.3,0.6,\n",
        ",a,b\n450.5,0.1,0.4\n550,0.2,0.5\n1650,0.3,0.6\n",
        "wl,a,b\n1650,30,60\n550,20,50\n450.5,10,40\n",
        'wavelength,"a","b"\n"450.5","0.1","0.4"\n"550","0.2","0.5"\n"1650","0.3","0.6"\n',
        "name,450.5,550,1650\na,0.1,0.2,0.3\nb,0.4,0.5,0.6\n",
        "name;450,5;550;1650\na;0,1;0,2;0,3\nb;0,4;0,5;0,6\n",
        "\t0.4505\t0.55\t1.65\na\t0.1\t0.2\t0.3\nb\t0.4\t0.5\t0.6\n",
        "Wavelength,450.5 nm,550 nm,1650 nm\na,1000,2000,3000\nb,4000,5000,6000\n",
        "spectrum,0.4505um,0.55um,1.65um\na,0.1,0.2,0.3\nb,0.4,0.5,0.6\n",
        "name,1650,550,450.5\na,0.3,0.2,0.1\nb,0.6,0.5,0.4\n",
    ],
)
def test_both_ways_round_and_all_separators_are_read(tmp_path, text):
    check(written(tmp_path, text))


@pytest.mark.parametrize(
    "text",
    [
        "band,a,b\n1,0.1,0.4\n2,0.2,0.5\n3,0.3,0.6\n",
        "Channel;a;b\n1;0,1;0,4\n2;0,2;0,5\n3;0,3;0,6\n",
        "name,b1,b2,b3\na,0.1,0.2,0.3\nb,0.4,0.5,0.6\n",
        "name,Band 1,Band 2,Band 3\na,0.1,0.2,0.3\nb,0.4,0.5,0.6\n",
    ],
)
def test_band_numbers_are_no_wavelengths(tmp_path, text):
    check(written(tmp_path, text), wavelengths=None)


def test_names_may_be_numbers(tmp_path):
    check(written(tmp_path, "wavelength,1,2\n450.5,0.1,0.4\n550,0.2,0.5\n1650,0.3,0.6\n"), ("1", "2"))
    check(written(tmp_path, "id,450.5,550,1650\n1,0.1,0.2,0.3\n2,0.4,0.5,0.6\n"), ("1", "2"))


def test_names_with_separators_and_other_encodings(tmp_path):
    text = 'wavelength_nm,"roof; red, old","stra\xdfe"\n450.5,0.1,0.4\n550,0.2,0.5\n1650,0.3,0.6\n'
    for encoding in ("latin-1", "utf-8", "utf-8-sig"):
        check(written(tmp_path, text.encode(encoding)), ("roof; red, old", "straße"))


def test_classes_and_fwhm_in_both_layouts(tmp_path):
    upright = (
        "wavelength_nm,fwhm_nm,a,b\nclass,,soil,roof\nsite,,1,2\n450.5,9,0.1,0.4\n550,10,0.2,0.5\n1650,11,0.3,0.6\n"
    )
    lying = "name,class,site,450.5,550,1650\nfwhm,,,9,10,11\na,soil,1,0.1,0.2,0.3\nb,roof,2,0.4,0.5,0.6\n"
    for text in (upright, lying):
        path = written(tmp_path, text)
        found = check(path)
        assert found.classes == ["soil", "roof"] and class_columns(path) == ["class", "site"]
        assert read_library(path, "site").classes == ["1", "2"]
        np.testing.assert_array_equal(found.fwhm, [9, 10, 11])


def test_the_fwhm_has_the_unit_of_the_wavelengths(tmp_path):
    upright = "wavelength,a,FWHM,b\n0.4505,0.1,0.009,0.4\n0.55,0.2,0.01,0.5\n1.65,0.3,0.011,0.6\n"
    lying = "name,0.4505,0.55,1.65\na,0.1,0.2,0.3\nb,0.4,0.5,0.6\nfwhm,0.009,0.01,0.011\n"
    for text in (upright, lying):
        np.testing.assert_allclose(check(written(tmp_path, text)).fwhm, [9, 10, 11], rtol=1e-6)


@pytest.mark.parametrize("missing", ["", "nan", "NA", "-1.23e34", " ", "inf", "1e999"])
def test_missing_values_are_nan(tmp_path, missing):
    text = f"wavelength,a,b\n450.5,0.1,0.4\n550,{missing},0.5\n1650,0.3,0.6\n"
    found = read_library(written(tmp_path, text))
    np.testing.assert_array_equal(np.isfinite(found.spectra), [[True, False, True], [True, True, True]])


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("wavelength,a,b\n450,0.1,x\n", "row 2 holds 'x'"),
        ("wavelength,a,b\nclass,q,r\n450,0.1,0.2\n550,0.1,x\n", "row 4 holds 'x'"),
        ("name,450,550\na,0.1,0.2\nb,0.1,x\n", "holds 'x'"),
        ("wavelength,a,b\n450,0.1,0.2\n550,0.1\n", "row 3 has 2 cells and the first row 3"),
        ("wavelength,a,b\n450,0.1,0.2\n550,0.1,0.2,0.3\n", "row 3 has 4 cells"),
        ("450,0.1,0.2\n550,0.1,0.2\n", "its first row holds numbers only"),
        ("a,b,c\nd,e,f\n", "neither its first row nor its first column"),
        ("wavelength,a,b\n", "no table of spectra"),
        ("wavelength\n450\n", "no table of spectra"),
        ("wavelength,fwhm\n450,10\n", "no spectra"),
        ("name,450,550\nfwhm,10,10\n", "no spectra"),
        ("wavelength,a\n450,nan\n550,\n", "every value is missing"),
        ("wavelength,a\n-450,0.1\n550,0.1\n", "not all numbers above 0"),
        ("wavelength,a\n0,0.1\n550,0.1\n", "not all numbers above 0"),
        ("wavelength,a\n450,0.1\n,0.1\n", "not all numbers above 0"),
        ("wavelength,fwhm,a\n450,x,0.1\n", "holds 'x'"),
        ("wavelength,fwhm,a\n450,-2,0.1\n", "none below 0"),
        ("wavelength,a\n450," + "9" * 200_000 + "\n", "field larger than field limit"),
        ("wavelength,a\n4_50,0,1\n", "cells"),
    ],
)
def test_tables_of_something_else_are_refused(tmp_path, text, word):
    with pytest.raises(ValueError, match="is not a readable table of spectra") as refused:
        read_library(written(tmp_path, text))
    assert word in str(refused.value)


def test_values_are_written_so_that_no_digit_is_lost(tmp_path):
    spectra = np.random.default_rng(1).uniform(0, 1, (3, 50)).astype(np.float32) ** 8
    write_csv(Library(["a", "b", "c"], spectra), tmp_path / "library.csv")
    np.testing.assert_array_equal(read_library(tmp_path / "library.csv").spectra, spectra)
    assert all(len(cell) < 30 for cell in (tmp_path / "library.csv").read_text().replace("\n", ",").split(","))


def test_what_is_written_for_classes_and_fwhm(tmp_path):
    library = Library(["a", "b"], SPECTRA, WAVELENGTHS, np.array([9, 10, 11.5], np.float32), ["soil", ""])
    write_csv(library, tmp_path / "library.csv")
    assert (tmp_path / "library.csv").read_text(encoding="utf-8-sig").splitlines() == [
        "wavelength_nm,fwhm_nm,a,b",
        "class,,soil,",
        "450.5,9,0.1,0.4",
        "550,10,0.2,0.5",
        "1650,11.5,0.3,0.6",
    ]
