"""Laboratory spectra as text: files as the USGS and ECOSTRESS libraries publish them, alone and in folders."""

from __future__ import annotations

import numpy as np
import pytest
from mixel.backend.library import class_columns, read_library

VALUES = (0.12, 0.25, 0.5, 0.3)
MICRONS = (0.35, 0.5, 1.0, 2.5)
HEADER = {
    "Name": "Construction Asphalt",
    "Type": "manmade",
    "Class": "Road",
    "Subclass": "Paving",
    "Sample No.": "0674UUUASP",
    "Wavelength Range": "All",
    "Description": "Gray: black, weathered.",
    "X Units": "Wavelength (micrometers)",
    "Y Units": "Reflectance (percentage)",
    "Number of X Values": "4",
    "Additional Information": "none",
}


def usgs(folder, values=VALUES, code="ASDFRa", name="Actinolite_HS116.1B", title=None):
    """A spectrum as in USGS Spectral Library 7."""
    path = folder / f"splib07a_{name}_{code}_AREF.txt"
    title = f" splib07a Record=5: {name.replace('_', ' ')}         {code} AREF" if title is None else title
    path.write_text("\n".join([title, *(f" {value:.7e}" for value in values)]) + "\n")
    return path


def wavelengths(folder, values=MICRONS, word="ASD_0.35-2.5_microns_4_ch"):
    lines = [" splib07a Record=1: ASD Wavelengths", *(f" {value:.7e}" for value in values)]
    (folder / f"splib07a_Wavelengths_{word}.txt").write_text("\n".join(lines) + "\n")


def ecostress(folder, values=VALUES, axis=MICRONS, name="manmade.road.txt", **change):
    """A spectrum as in the ECOSTRESS library; the values in percent, the longest wavelength first."""
    fields = {key: value for key, value in {**HEADER, **change}.items() if value is not None}
    rows = [f"{micron:.4f}\t{100 * value:.4f}" for micron, value in zip(axis[::-1], values[::-1])]
    path = folder / name
    path.write_text("\n".join([*(f"{key}: {value}" for key, value in fields.items()), "", *rows]) + "\n")
    return path


def test_a_usgs_spectrum_with_its_wavelengths(tmp_path):
    wavelengths(tmp_path)
    found = read_library(usgs(tmp_path))
    assert found.names == ["Actinolite HS116.1B ASDFRa AREF"] and found.classes is None and found.fwhm is None
    np.testing.assert_allclose(found.wavelengths, np.array(MICRONS) * 1e3, rtol=1e-6)
    np.testing.assert_allclose(found.spectra, [VALUES], rtol=1e-6)


def test_the_wavelengths_may_be_one_folder_up_or_absent(tmp_path):
    chapter = tmp_path / "ChapterM_Minerals"
    chapter.mkdir()
    assert read_library(usgs(chapter)).wavelengths is None
    wavelengths(tmp_path, MICRONS[:3])
    assert read_library(usgs(chapter)).wavelengths is None, "these belong to another spectrometer"
    wavelengths(tmp_path)
    np.testing.assert_allclose(read_library(usgs(chapter)).wavelengths, np.array(MICRONS) * 1e3, rtol=1e-6)


SPLIB07A = """ splib07a Record=108: Actinolite HS116.1B          ASDFRb AREF
 -1.2300000e+34
 6.9810726e-02
 7.1286291e-02
 1.0330000e-01
"""
"""The first lines of a file of the library, as it stands there: one blank before title and values."""
ASD = """ splib07a Record=23: Wavelengths ASD 0.35-2.5 microns 2151 ch
 3.5000000e-01
 3.5100001e-01
 3.5200000e-01
 2.5000000e+00
"""
ECOSTRESS = """Name: Pale brown silty loam
Type: soil
Class: Alfisol
Subclass: Fragiboralf
Particle Size: none
Sample No.: 86P1994
Owner: JHU
Wavelength Range: All
Origin: Bonner Co., Id. via USDA Soil Conservation service.
Collection Date: N/A
Description:  Pale brown silty loam (medial, typic). Original ASTER Spectral Library name was jhu.becknic.soil.txt
Measurement: Directional (10 degree) hemispherical reflectance
First Column: X
Second Column: Y
X Units: Wavelength (micrometers)
Y Units:Reflectance (percent)
First X Value: 14.0112
Last X Value:  0.4000
Number of X Values: 4
Additional Information: soil.alfisol.fragiboralf.none.all.86p1994.jhu.becknic.ancillary.txt

14.0112\t 1.6553
 9.9887\t 2.7812
 0.8000\t21.1188
 0.4000\t10.0591
"""
ASTER = """Name: Aplite
Type: Rocks
Class: Igneous
Subclass: Felsic
Particle Size: 0-75 micrometers
Sample No.: Aplite.H1
Owner: JHU
Wavelength range: All
Origin: From Boulder County, Colorado via Ward's Scientific (Cat. No. W-
101)
Description: Powder derived from sample: fine-grained to medium-grained\x20
leucocratic rock composed of quartz, feldspar, micas and opaques.




Measurement: Directional (10 degree) hemispherical reflectance
First Column: X
Second Column: Y
X Units: Wavelength (micrometers)
Y Units: Reflectance (percent)
First X Value: 14.0112
Last X Value: 0.4000
Number of X Values: 3
Additional information:\tsee file aplite1a.doc

14.011\t1.5075
6.0704\t10.037
0.4000\t62.905
"""


def test_the_layout_of_splib07(tmp_path):
    """The whole unpacked library: wavelengths and bandpasses above the chapters, error bars below."""
    chapter = tmp_path / "ChapterM_Minerals"
    (chapter / "errorbars").mkdir(parents=True)
    (tmp_path / "splib07a_Wavelengths_ASD_0.35-2.5_microns_2151_ch.txt").write_text(ASD)
    (tmp_path / "splib07a_Wavelengths_BECK_Beckman_0.2-3.0_microns.txt").write_text(ASD + " 2.6000000e+00\n")
    (tmp_path / "splib07a_Bandpass_(FWHM)_ASDFR_StandardResolution.txt").write_text(ASD)
    path = chapter / "splib07a_Actinolite_HS116.1B_ASDFRb_AREF.txt"
    path.write_text(SPLIB07A)
    (chapter / "errorbars" / "errorbars_for_splib07a_Actinolite_HS116.1B_ASDFRb_AREF.txt").write_text(SPLIB07A)
    for source in (path, chapter):
        found = read_library(source)
        assert found.names == ["Actinolite HS116.1B ASDFRb AREF"]
        np.testing.assert_allclose(found.wavelengths, [350, 351, 352, 2500], rtol=1e-6)
        np.testing.assert_allclose(found.spectra, [[np.nan, 0.069810726, 0.071286291, 0.1033]], rtol=1e-6)


def test_the_layout_of_splib07_at_a_sensors_bands(tmp_path):
    (tmp_path / "S07SNTL2_Wavelengths_Sentinel2_(13_bands)_microns.txt").write_text(ASD)
    path = tmp_path / "S07SNTL2_Actinolite_HS116.1B_ASDFRb_AREF.txt"
    path.write_text(SPLIB07A.replace("splib07a", "s07_SNTL2"))
    found = read_library(path)
    assert found.names == ["Actinolite HS116.1B ASDFRb AREF"] and found.wavelengths[-1] == 2500


@pytest.mark.parametrize(
    "name", ["splib07a_Wavelengths_ASD_0.35-2.5_microns_2151_ch.txt", "splib07a_Bandpass_(FWHM)_ASDFR_x.txt"]
)
def test_what_comes_with_the_spectra_is_no_spectrum(tmp_path, name):
    (tmp_path / name).write_text(ASD)
    with pytest.raises(ValueError, match="is none itself; choose a spectrum"):
        read_library(tmp_path / name)
    with pytest.raises(ValueError, match="no file in it is a spectrum"):
        read_library(tmp_path)


def test_transmittance_of_splib07_is_refused(tmp_path):
    path = tmp_path / "splib07a_Water_BECKb_TRAN.txt"
    path.write_text(SPLIB07A.replace("AREF", "TRAN"))
    with pytest.raises(ValueError, match="holds transmittance"):
        read_library(path)


def test_the_layout_of_ecostress(tmp_path):
    path = tmp_path / "soil.alfisol.fragiboralf.none.all.86p1994.jhu.becknic.spectrum.txt"
    path.write_text(ECOSTRESS, newline="\r\n")
    notes = ECOSTRESS.partition("Measurement")[0] + "8.54% organic carbon; 4.2% clay\n\nClay mineralogy: weak peak.\n"
    (tmp_path / path.name.replace("spectrum", "ancillary")).write_text(notes)
    for source in (path, tmp_path):
        found = read_library(source)
        assert found.names == ["Pale brown silty loam"] and found.classes == ["Alfisol"]
        np.testing.assert_allclose(found.wavelengths, [400, 800, 9988.7, 14011.2], rtol=1e-6)
        np.testing.assert_allclose(found.spectra, [[0.100591, 0.211188, 0.027812, 0.016553]], rtol=1e-5)


def test_the_layout_of_aster_before_ecostress(tmp_path):
    path = tmp_path / "jhu.becknic.rock.igneous.felsic.fine.aplite1.spectrum.txt"
    path.write_text(ASTER)
    found = read_library(path)
    assert found.names == ["Aplite"] and found.classes == ["Igneous"]
    np.testing.assert_allclose(found.wavelengths, [400, 6070.4, 14011], rtol=1e-6)
    np.testing.assert_allclose(found.spectra, [[0.62905, 0.10037, 0.015075]], rtol=1e-5)


def test_plants_of_ecostress_have_genus_and_species(tmp_path):
    change = {"Type": "vegetation", "Class": "Shrub", "Subclass": None, "Genus": "Agave", "Species": "attenuata"}
    path = ecostress(tmp_path, **change, **{"X Units": "Wavelength (micrometer)"})
    assert class_columns(path) == ["Class", "Genus", "Species", "Type"]
    assert read_library(path, "Genus").classes == ["Agave"]


def test_deleted_channels_are_missing(tmp_path):
    found = read_library(usgs(tmp_path, (0.1, -1.23e34, 0.3, -1.23e34)))
    np.testing.assert_allclose(found.spectra, [[0.1, np.nan, 0.3, np.nan]], rtol=1e-6)


def test_the_spectrometer_decides_between_wavelengths_of_one_length(tmp_path):
    wavelengths(tmp_path)
    wavelengths(tmp_path, (0.2, 0.6, 1.5, 3.0), "BECK_Beckman_0.2-3.0_microns")
    assert read_library(usgs(tmp_path, code="BECKb")).wavelengths[0] == 200
    assert read_library(usgs(tmp_path, code="ASDNGb")).wavelengths[0] == 350
    with pytest.raises(ValueError, match="several files of wavelengths have 4 values"):
        read_library(usgs(tmp_path, code="NIC4aa"))


def test_a_folder_of_usgs_spectra(tmp_path):
    wavelengths(tmp_path)
    usgs(tmp_path, name="b")
    usgs(tmp_path, [1 - value for value in VALUES], name="a")
    (tmp_path / "errorbars_for_splib07a_a_ASDFRa_AREF.txt").write_text(usgs(tmp_path, name="a").read_text())
    (tmp_path / "readme.txt").write_text("This folder\nholds spectra.\n")
    (tmp_path / "picture.gif").write_bytes(b"GIF89a\0")
    found = read_library(tmp_path)
    assert found.names == ["a ASDFRa AREF", "b ASDFRa AREF"]
    assert found.spectra.shape == (2, 4)


def test_spectra_without_wavelengths_need_one_length(tmp_path):
    usgs(tmp_path, name="a")
    usgs(tmp_path, name="b")
    found = read_library(tmp_path)
    assert found.wavelengths is None and found.spectra.shape == (2, 4)
    usgs(tmp_path, VALUES[:3], name="c")
    with pytest.raises(ValueError, match="3 to 4 bands and not all of them have wavelengths"):
        read_library(tmp_path)


def test_an_ecostress_spectrum(tmp_path):
    path = ecostress(tmp_path)
    found = read_library(path)
    assert found.names == ["Construction Asphalt"] and found.classes == ["Road"]
    assert class_columns(path) == ["Class", "Subclass", "Type"]
    assert read_library(path, "Type").classes == ["manmade"]
    np.testing.assert_allclose(found.wavelengths, np.array(MICRONS) * 1e3, rtol=1e-6)
    np.testing.assert_allclose(found.spectra, [VALUES], rtol=1e-5)


@pytest.mark.parametrize(
    ("change", "factor"),
    [
        ({"Y Units": "Reflectance (percent)"}, 1),
        ({"Y Units": "Reflectance (%)"}, 1),
        ({"Number of X Values": None}, 1),
        ({"Number of X Values": " 4 "}, 1),
        ({"X Units": "Wavelength (nanometers)"}, 1e-3),
        ({"X Units": "Wavelength"}, 1),
        ({"Name": "Straße, naß"}, 1),
    ],
)
def test_other_ways_to_write_the_header(tmp_path, change, factor):
    found = read_library(ecostress(tmp_path, **change))
    np.testing.assert_allclose(found.wavelengths, np.array(MICRONS) * 1e3 * factor, rtol=1e-5)
    np.testing.assert_allclose(found.spectra, [VALUES], rtol=1e-5)
    assert found.names == [change.get("Name", HEADER["Name"])]


def test_percents_stay_percents_however_dark(tmp_path):
    dark = [value / 100 for value in VALUES]
    np.testing.assert_allclose(read_library(ecostress(tmp_path, dark)).spectra, [dark], rtol=1e-3)


def test_a_folder_of_different_wavelengths_meets_where_all_are(tmp_path):
    def line(axis):
        return [0.1 * value for value in axis]

    fine, coarse = np.linspace(0.4, 2.4, 21), np.linspace(0.3, 14.0, 40)
    for name, axis in (("a.txt", fine), ("b.txt", coarse), ("c.txt", np.linspace(0.2, 2.0, 10))):
        ecostress(tmp_path, line(axis), axis, name, Name=name, **{"Number of X Values": str(len(axis))})
    (tmp_path / "a.ancillary.txt").write_text("Name: none\nwords\n")
    found = read_library(tmp_path)
    assert found.names == ["a.txt", "b.txt", "c.txt"] and found.classes == ["Road"] * 3
    np.testing.assert_allclose(found.wavelengths, fine[fine <= 2.0] * 1e3, rtol=1e-6)
    np.testing.assert_allclose(found.spectra, np.tile(line(fine[fine <= 2.0]), (3, 1)), atol=1e-5)


def test_a_folder_without_common_wavelengths_is_refused(tmp_path):
    ecostress(tmp_path, name="a.txt")
    ecostress(tmp_path, axis=(8.0, 9.0, 10.0, 12.0), name="b.txt")
    with pytest.raises(ValueError, match="no wavelengths in common"):
        read_library(tmp_path)


def test_wavelengths_that_come_twice_count_once(tmp_path):
    found = read_library(ecostress(tmp_path, (0.1, 0.2, 0.2, 0.3), (0.4, 0.5, 0.5, 0.6)))
    np.testing.assert_allclose(found.wavelengths, [400, 500, 600], rtol=1e-6)
    np.testing.assert_allclose(found.spectra, [[0.1, 0.2, 0.3]], rtol=1e-5)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"Y Units": "Transmittance (percent)"}, "only reflectance can be used"),
        ({"Y Units": None}, "only reflectance can be used"),
        ({"X Units": "Wavenumber (cm-1)"}, "wavelengths are in 'cm-1'"),
        ({"Number of X Values": "5"}, "it holds 4 values, and its header says 5; it is cut short"),
    ],
)
def test_other_quantities_and_cut_files_are_refused(tmp_path, change, word):
    path = ecostress(tmp_path, **change)
    with pytest.raises(ValueError, match="is not a readable spectrum") as refused:
        read_library(path)
    assert word in str(refused.value)
    with pytest.raises(ValueError, match=r"in manmade\.road\.txt: "):
        read_library(tmp_path)


def test_damaged_lines_are_refused(tmp_path):
    path = ecostress(tmp_path)
    path.write_text(path.read_text() + "oops here\n")
    with pytest.raises(ValueError, match="no pair of numbers: 'oops here'"):
        read_library(path)
    path = usgs(tmp_path)
    path.write_text(path.read_text() + "oops\n")
    with pytest.raises(ValueError, match="no number"):
        read_library(path)


def test_every_cut_gives_a_spectrum_or_one_sentence(tmp_path):
    for write in (usgs, ecostress):
        path = write(tmp_path)
        content = path.read_bytes()
        for end in range(0, len(content), 3):
            path.write_bytes(content[:end])
            try:
                assert read_library(path).spectra.size
            except ValueError as error:
                assert str(path) in str(error) and "\n" not in str(error)


def test_a_file_of_missing_values_only_is_refused(tmp_path):
    with pytest.raises(ValueError, match="every value is missing"):
        read_library(usgs(tmp_path, [-1.23e34] * 4))
