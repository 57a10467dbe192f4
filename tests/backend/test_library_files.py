"""Any library by its path: every format survives a round trip; broken and hostile files are refused in one sentence."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mixel.backend.library import Library, class_columns, read_library, write_library, write_sli

GENERATOR = np.random.default_rng(3)
SPECTRA = GENERATOR.uniform(0, 1, (4, 7)).astype(np.float32)
WAVELENGTHS = np.array([450.25, 550, 651.5, 1020.5, 1021, 1800, 2400.125], np.float32)
FWHM = np.array([9.5, 9, 9, 10, 10, 12.25, 11], np.float32)
CLASSES = ["Dächer", "straße, nass", "", "草"]
FULL = Library(["Dach; rot", "草", 'asphalt, "alt" 2', "Dach; rot"], SPECTRA, WAVELENGTHS, FWHM, CLASSES)
FORMATS = (".sli", ".csv", ".gpkg")
WITHOUT = {
    "all": {},
    "without classes": {"classes": None},
    "without fwhm": {"fwhm": None},
    "without wavelengths": {"wavelengths": None, "fwhm": None},
    "without anything": {"wavelengths": None, "fwhm": None, "classes": None},
}


def assert_same(found, expected):
    assert found.names == expected.names and found.classes == expected.classes
    np.testing.assert_array_equal(found.spectra, expected.spectra)
    assert found.spectra.dtype == np.float32
    for name in ("wavelengths", "fwhm"):
        read, written = getattr(found, name), getattr(expected, name)
        assert (read is None) == (written is None), name
        if written is not None:
            np.testing.assert_array_equal(read, written)
            assert read.dtype == np.float32


def refused(path):
    """The sentence with which a file is refused."""
    with pytest.raises(ValueError) as error:
        read_library(path)
    sentence = str(error.value)
    assert str(path) in sentence and "\n" not in sentence
    return sentence


@pytest.mark.parametrize("change", WITHOUT.values(), ids=WITHOUT)
@pytest.mark.parametrize("suffix", FORMATS)
def test_a_library_survives_its_file(tmp_path, suffix, change):
    library = replace(FULL, **change)
    path = tmp_path / f"größe 1, 50 %#?{suffix}"
    write_library(library, path)
    if suffix == ".sli":  # its header separates names by commas
        library = replace(library, names=["Dach; rot", "草", 'asphalt "alt" 2', "Dach; rot"])
    assert_same(read_library(path), library)


@pytest.mark.parametrize("suffix", FORMATS)
def test_missing_values_survive(tmp_path, suffix):
    spectra = SPECTRA.copy()
    spectra[1, 3:5] = np.nan
    write_library(replace(FULL, spectra=spectra), tmp_path / f"holes{suffix}")
    np.testing.assert_array_equal(read_library(tmp_path / f"holes{suffix}").spectra, spectra)


@pytest.mark.parametrize("suffix", FORMATS)
def test_one_spectrum_of_one_band_is_a_library(tmp_path, suffix):
    library = Library(["a"], np.array([[0.25]], np.float32), np.array([500.0], np.float32), None, ["b"])
    write_library(library, tmp_path / f"one{suffix}")
    assert_same(read_library(tmp_path / f"one{suffix}"), library)


@pytest.mark.parametrize("suffix", FORMATS)
def test_bands_that_run_down_are_turned(tmp_path, suffix):
    backwards = replace(FULL, spectra=SPECTRA[:, ::-1], wavelengths=WAVELENGTHS[::-1], fwhm=FWHM[::-1])
    write_library(backwards, tmp_path / f"down{suffix}")
    found = read_library(tmp_path / f"down{suffix}")
    np.testing.assert_array_equal(found.spectra, SPECTRA)
    np.testing.assert_array_equal(found.wavelengths, WAVELENGTHS)
    np.testing.assert_array_equal(found.fwhm, FWHM)


@pytest.mark.parametrize("suffix", FORMATS)
def test_overlapping_detectors_keep_their_order(tmp_path, suffix):
    wavelengths = np.array([400, 410, 420, 415, 425, 435, 445], np.float32)
    write_library(replace(FULL, wavelengths=wavelengths), tmp_path / f"overlap{suffix}")
    found = read_library(tmp_path / f"overlap{suffix}")
    np.testing.assert_array_equal(found.wavelengths, wavelengths)
    np.testing.assert_array_equal(found.spectra, SPECTRA)


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_library_is_written_over_an_older_one(tmp_path, suffix):
    path = tmp_path / f"library{suffix}"
    write_library(Library(["a", "b"], SPECTRA[:2, :3]), path)
    write_library(FULL, path)
    np.testing.assert_array_equal(read_library(path).spectra, SPECTRA)


@pytest.mark.parametrize("suffix", FORMATS)
def test_thousandths_and_percents_become_reflectance(tmp_path, suffix):
    for scale in (1.0, 100.0, 10_000.0):
        if suffix == ".sli":
            SPECTRA.astype("<f4").tofile(tmp_path / "library.sli")
            lines = ["ENVI", "samples = 7", "lines = 4", "data type = 4"]
            (tmp_path / "library.sli").write_bytes((SPECTRA * scale).astype("<f4").tobytes())
            (tmp_path / "library.hdr").write_text("\n".join(lines))
        else:
            write_library(replace(FULL, spectra=SPECTRA * np.float32(scale)), tmp_path / f"library{suffix}")
        np.testing.assert_allclose(read_library(tmp_path / f"library{suffix}").spectra, SPECTRA, rtol=1e-5)


@pytest.mark.parametrize("name", ["library.hdr", "library", "library.tif", "library.txt"])
def test_other_endings_are_not_written(tmp_path, name):
    with pytest.raises(ValueError, match=r"\.sli, \.csv, \.gpkg"):
        write_library(FULL, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_the_content_counts_where_the_ending_says_nothing(tmp_path):
    for suffix in FORMATS:
        write_library(FULL, tmp_path / f"library{suffix}")
    for suffix, name in ((".csv", "table.txt"), (".csv", "table.dat"), (".gpkg", "geo.db"), (".gpkg", "geo.csv")):
        (tmp_path / name).write_bytes((tmp_path / f"library{suffix}").read_bytes())
        np.testing.assert_array_equal(read_library(tmp_path / name).spectra, SPECTRA)


@pytest.mark.parametrize("suffix", FORMATS)
def test_control_characters_in_names_become_spaces(tmp_path, suffix):
    strange = Library(["a\x01b", "c\x7f"], SPECTRA[:2], WAVELENGTHS, None, ["d\x02e", "f"])
    write_library(strange, tmp_path / f"library{suffix}")
    for column in (None, class_columns(tmp_path / f"library{suffix}")[0]):
        found = read_library(tmp_path / f"library{suffix}", column)
        assert (found.names, found.classes) == (["a b", "c"], ["d e", "f"])


def test_a_class_column_is_chosen_by_its_name(tmp_path):
    path = tmp_path / "library.csv"
    path.write_text("wavelength_nm,a,b\nlevel 1,soil,roof\nlevel 2,loam,tile\n450,0.1,0.2\n550,0.3,0.4\n")
    assert class_columns(path) == ["level 1", "level 2"]
    assert read_library(path).classes == ["soil", "roof"]
    assert read_library(path, "level 2").classes == ["loam", "tile"]
    with pytest.raises(ValueError, match="no column of classes 'level 3'; it has 'level 1', 'level 2'"):
        read_library(path, "level 3")


def test_a_library_without_classes_has_none_to_choose(tmp_path):
    write_library(replace(FULL, classes=None), tmp_path / "library.sli")
    assert class_columns(tmp_path / "library.sli") == []
    with pytest.raises(ValueError, match="it has none"):
        read_library(tmp_path / "library.sli", "class")


@pytest.mark.parametrize(
    "name", ["library.sli", "library.hdr", "library.csv", "library.gpkg", "library.txt", "library"]
)
def test_a_file_that_is_not_there_is_refused(tmp_path, name):
    assert "No such file" in refused(tmp_path / name) or "missing" in refused(tmp_path / name)


@pytest.mark.parametrize(
    "name", ["library.sli", "library.hdr", "library.csv", "library.gpkg", "library.txt", "library"]
)
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n\n",
        b"\0" * 64,
        b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
        b"ENVI\n",
        b"a",
        b",",
        b",,\n,,\n",
        b"\xff\xfe",
    ],
    ids=repr,
)
def test_rubbish_is_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    refused(tmp_path / name)


def test_an_empty_folder_is_refused(tmp_path):
    assert "no file in it is a spectrum" in refused(tmp_path)


def damaged(data):
    """A file's bytes cut short, and with bytes changed, many times."""
    for end in np.linspace(0, len(data) - 1, 25, dtype=int):
        yield data[:end]
    for _ in range(60):
        changed = bytearray(data)
        for place in GENERATOR.integers(0, len(data), int(GENERATOR.integers(1, 6))):
            changed[place] = int(GENERATOR.integers(0, 256))
        yield bytes(changed)


@pytest.mark.parametrize("name", ["library.sli", "library.hdr", "library.csv", "library.gpkg"])
def test_damaged_files_give_a_library_or_one_sentence(tmp_path, name):
    path = tmp_path / name
    write_library(FULL, path.with_suffix(".sli" if name.endswith("hdr") else path.suffix))
    outcomes = []
    for content in damaged(path.read_bytes()):
        path.write_bytes(content)
        try:
            found = read_library(path)
        except ValueError as error:
            assert str(path) in str(error) and len(str(error)) < 1000
            outcomes.append(False)
        else:
            assert found.spectra.ndim == 2 and len(found.names) == len(found.spectra)
            outcomes.append(True)
    assert not all(outcomes)


@pytest.mark.parametrize(
    "change", [{"samples": 10**12}, {"lines": 10**11}, {"samples": 10**6, "lines": 10**6}, {"header offset": 10**11}]
)
def test_a_header_that_claims_too_much_costs_no_memory(tmp_path, change):
    (tmp_path / "library.sli").write_bytes(b"\0" * 100)
    fields = {"samples": 5, "lines": 5, "data type": 4, **change}
    (tmp_path / "library.hdr").write_text("ENVI\n" + "\n".join(f"{key} = {value}" for key, value in fields.items()))
    tracemalloc.start()
    try:
        assert "bytes of data, and there are 100" in refused(tmp_path / "library.sli")
        assert tracemalloc.get_traced_memory()[1] < 5e6
    finally:
        tracemalloc.stop()


def test_a_huge_library_is_not_read(tmp_path):
    with (tmp_path / "library.sli").open("wb") as file:
        file.truncate(4 * 10**11)  # a hole: it takes no place on the disk
    (tmp_path / "library.hdr").write_text("ENVI\nsamples = 1000000\nlines = 100000\ndata type = 4\n")
    assert "100,000,000,000 values; at most" in refused(tmp_path / "library.sli")


@pytest.mark.parametrize("name", ["library.csv", "library.txt", "library.hdr"])
def test_a_huge_text_is_not_read(tmp_path, name):
    (tmp_path / "library.sli").write_bytes(b"")
    with (tmp_path / name).open("wb") as file:
        file.truncate(10**11)  # a hole: it takes no place on the disk
    assert "bytes, and at most" in refused(tmp_path / name)


@pytest.mark.parametrize("text", ["ENVI\n" + " " * 300_000, "ENVI\n" + "=" * 300_000, "ENVI\n" + "a = {\n" * 50_000])
def test_a_hostile_header_takes_no_long_search(tmp_path, text):
    (tmp_path / "library.sli").write_bytes(b"")
    (tmp_path / "library.hdr").write_text(text)
    assert "header" in refused(tmp_path / "library.sli")


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"names": ["a"]}, "4 spectra and 1 names"),
        ({"classes": ["a"]}, "4 spectra and 1 classes"),
        ({"wavelengths": WAVELENGTHS[:3]}, "7 bands and 3 wavelengths"),
        ({"fwhm": FWHM[:3]}, "7 bands and 3 values of fwhm"),
        ({"wavelengths": np.full(7, np.nan, np.float32)}, "wavelengths must be finite"),
        ({"fwhm": -FWHM}, "none below 0"),
        ({"spectra": SPECTRA[0]}, r"not \(7,\)"),
        ({"spectra": SPECTRA[:0], "names": [], "classes": None}, r"not \(0, 7\)"),
    ],
)
def test_a_library_of_other_shapes_cannot_be_made(change, word):
    with pytest.raises(ValueError, match=word):
        replace(FULL, **change)


def test_some_of_the_spectra_are_a_library(tmp_path):
    found = FULL.take(np.array([3, 0]))
    assert found.names == ["Dach; rot", "Dach; rot"] and found.classes == ["草", "Dächer"]
    np.testing.assert_array_equal(found.spectra, SPECTRA[[3, 0]])
    assert replace(FULL, classes=None).take([1]).classes is None


def test_paths_may_have_several_dots(tmp_path):
    write_sli(replace(FULL, classes=None), tmp_path / "a.b.sli")
    (tmp_path / "a.b.hdr").rename(tmp_path / "a.b.sli.hdr")
    for name in ("a.b.sli", "a.b.sli.hdr"):
        np.testing.assert_array_equal(read_library(Path(tmp_path / name)).spectra, SPECTRA)
