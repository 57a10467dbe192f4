"""What a file says about its bands, in all the ways files say it, and the judgement over it."""

from __future__ import annotations

import pytest
import rasterio
from mixel.backend.axis import Axis, Statement, from_lists, from_names, from_tags, settle
from mixel.backend.facts import MIN_BANDS, MIN_SIDE, Facts, positive_number, spectral_axis, stated_scale
from mixel.backend.scene import Scene
from scenes import WAVELENGTHS, write, write_envi

FINE = {"bands": 12, "rows": 11, "cols": 17, "dtype": "int16", "georeferenced": True, "nodata": -9999.0, "scale": 1e4}
FINE |= {"wavelengths": WAVELENGTHS}
SILENT = (None, None, ())


def facts_of(path):
    with Scene(path) as scene:
        return scene.facts


def listed(values):
    return "{" + ", ".join(f"{value:g}" for value in values) + "}"


def axis(envi=None, tags=None, names=None, count=3):
    return spectral_axis(envi or {}, tags or [{}] * count, names or [""] * count)


def test_an_envi_header_in_micrometres_gives_nanometres_fwhm_good_bands_nodata_and_scale(tmp_path):
    header = (
        f"wavelength = {listed(value / 1000 for value in WAVELENGTHS)}\nwavelength units = Micrometers\n"
        f"fwhm = {listed([0.01] * 12)}\nbbl = {listed([0] + [1] * 11)}\n"
        "reflectance scale factor = 5000\ndata ignore value = -9999\n"
    )
    found = facts_of(write_envi(tmp_path / "scene.img", header=header))
    assert found.wavelengths == pytest.approx(WAVELENGTHS)
    assert found.fwhm == pytest.approx([10] * 12)
    assert found.good_bands == (False, *[True] * 11)
    assert found.num_good_bands == 11
    assert (found.nodata, found.scale, found.georeferenced) == (-9999, 5000, True)
    assert found.notices() == ["Left out: 1 of 12 bands, marked as bad in the file or in the scene settings."]


@pytest.mark.parametrize("factor", ["abc", "0", "-1", "nan", "inf", "1e999", ""])
def test_an_envi_scale_that_is_no_positive_number_is_as_good_as_none(tmp_path, factor):
    path = write_envi(tmp_path / "scene.img", header=f"reflectance scale factor = {factor}\n")
    assert facts_of(path).scale is None
    assert positive_number(factor) is None


@pytest.mark.parametrize(
    ("gain", "factor", "scale"),
    [
        *((1e-4, "", 1e4), (1e-4, "5000", 1e4), (1.0, "5000", 5000), (None, "5000", 5000), (0.0, "{5000}", 5000)),
        *((1.0, "", None), (None, "inf", None), (1.0, "-1", None), (1.0, "1e999", None)),
        *((float("nan"), "", None), (float("inf"), "5000", 5000), (-1e-4, "", None)),
    ],
)
def test_the_bands_gain_states_the_scale_before_the_envi_header_does(gain, factor, scale):
    assert stated_scale(gain, {"reflectance_scale_factor": factor}) == (scale and pytest.approx(scale))
    assert stated_scale(gain, {}) == (pytest.approx(scale) if gain == 1e-4 else None)


def test_a_geotiff_with_a_wavelength_tag_in_every_band(tmp_path):
    found = facts_of(write(tmp_path / "scene.tif"))
    assert found.wavelengths == WAVELENGTHS
    assert (found.bands, found.rows, found.cols, found.dtype) == (12, 11, 17, "int16")
    assert (found.fwhm, found.good_bands, found.scale, found.nodata) == (None, (), None, None)


def test_gdals_imagery_domain(tmp_path):
    path = write(tmp_path / "scene.tif", wavelengths=None)
    with rasterio.open(path, "r+") as dataset:
        for band, value in enumerate(WAVELENGTHS, start=1):
            dataset.update_tags(band, ns="IMAGERY", CENTRAL_WAVELENGTH_UM=value / 1000, FWHM_UM=0.008)
    found = facts_of(path)
    assert found.wavelengths == pytest.approx(WAVELENGTHS)
    assert found.fwhm == pytest.approx([8] * 12)


@pytest.mark.parametrize(
    "pattern", ["Band {} ({:.1f} Nanometers)", "B{}: {:g} nm", "{}_{:g}nm", "Band {} ({:.0f} NANOMETRES)"]
)
def test_names_of_the_bands_are_the_last_resort(tmp_path, pattern):
    names = [pattern.format(number, value) for number, value in enumerate(WAVELENGTHS, start=1)]
    assert facts_of(write(tmp_path / "scene.tif", wavelengths=None, names=names)).wavelengths == WAVELENGTHS


@pytest.mark.parametrize("unit", ["um", "µm", "μm", "Micrometers", "microns", "micrometre"])
def test_names_of_the_bands_in_micrometres(unit):
    assert axis(names=[f"B (0.5 {unit})", f"B (0.6 {unit})", f"B (0.7 {unit})"])[0] == (500, 600, 700)


@pytest.mark.parametrize(
    "names", [["B1 500 nm", "B2", "B3"], ["a", "b", "c"], ["1", "2", "3"], ["Band 399", "Band 400", "Band 401"]]
)
def test_names_that_tell_few_wavelengths_or_only_count_tell_none(names):
    assert axis(names=names) == SILENT


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["Band_503", "Band_510", "Band_535"], (503, 510, 535)),
        (["418.24", "468.26", "1105.17"], (418.24, 468.26, 1105.17)),
        (["X400", "X401", "X402"], (400, 401, 402)),
        (["wl_398.5", "wl_401", "wl_403"], (398.5, 401, 403)),
        (["500 nm", "0.95 um", "1.05um"], (500, 950, 1050)),
    ],
)
def test_names_that_are_wavelengths(names, found):
    assert axis(names=names)[0] == pytest.approx(found)


@pytest.mark.parametrize("unit", ["", "Unknown", "furlongs"])
def test_without_a_known_unit_small_numbers_are_micrometres_and_large_ones_nanometres(unit):
    assert axis({"wavelength": "{0.5, 0.6, 2.5}", "wavelength_units": unit})[0] == (500, 600, 2500)
    assert axis({"wavelength": "{500, 600, 2500}", "wavelength_units": unit})[0] == (500, 600, 2500)
    assert axis(tags=[{"wavelength": value} for value in ("0.5", "0.6", "0.7")])[0] == pytest.approx((500, 600, 700))


@pytest.mark.parametrize(
    ("unit", "text", "first"),
    [
        *((unit, "{500, 600, 700}", 500) for unit in ("Nanometers", "nm", " NM ", "nanometre", "Nanometer", "[nm]")),
        *((unit, "{0.5, 0.6, 0.7}", 500) for unit in ("Micrometers", "um", "µm", "Microns", "Micrometre")),
        *(("Angstroms", "{5000, 6000, 7000}", 500), ("m", "{5e-7, 6e-7, 7e-7}", 500), ("", "{5e-7, 6e-7, 7e-7}", 500)),
    ],
)
def test_units_of_wavelengths(unit, text, first):
    found = settle([from_lists({"wavelength": text, "wavelength units": unit}, "It")], 3)
    assert found.wavelengths == pytest.approx((first, first + 100, first + 200)) and found.notes == ()


@pytest.mark.parametrize(
    ("unit", "text", "taken"),
    [("Nanometers", "{0.5, 0.6, 0.7}", "micrometres"), ("um", "{500, 600, 700}", "nanometres")],
)
def test_a_unit_that_contradicts_the_numbers_is_told(unit, text, taken):
    found = settle([from_lists({"wavelength": text, "wavelength units": unit}, "The header")], 3)
    assert found.wavelengths == pytest.approx((500, 600, 700))
    (note,) = found.notes
    assert unit in note and f"taken as {taken}" in note and note.startswith("The header: ")


@pytest.mark.parametrize("unit", ["Wavenumber", "GHz", "MHz", "Index"])
def test_units_that_are_no_lengths_give_no_wavelengths(unit):
    assert axis({"wavelength": "{500, 600, 700}", "wavelength_units": unit}) == SILENT


@pytest.mark.parametrize(
    "text",
    [
        *("{500, 600}", "{500, 600, 700, 800}", "", "{}", "{a, b, c}", "{1, 2, 3}", "[500 600 700]"),
        *("{500, nan, nan}", "{inf, inf, 700}", "{0, 0, 2}", "{-500, -600, 700}"),
    ],
)
def test_a_wrong_count_or_no_number_is_no_wavelength(text):
    assert axis({"wavelength": text, "fwhm": text.replace("0", "x"), "bbl": "{1, 0}"}) == SILENT


def test_a_list_of_the_wrong_length_is_told_with_both_numbers():
    found = settle([from_lists({"wavelength": "{500, 600}", "bbl": "{1, 0}"}, "The ENVI header")], 3)
    assert found[:3] == SILENT
    assert found.notes == (
        "The ENVI header: 2 wavelengths are listed for 3 bands, and are not used.",
        "The ENVI header: 2 marks of bad bands (bbl) are listed for 3 bands, and are not used.",
    )


def test_what_one_place_lacks_another_says_and_then_nothing_is_told():
    wrong = from_lists({"wavelength": "{500, 600}", "fwhm": "{5, 6, 7}"}, "The header")
    right = from_tags(
        [{"wavelength": text, "good_wavelength": mark} for text, mark in (("500", "1"), ("600", "0"), ("700", "1"))]
    )
    assert settle([wrong, right], 3) == Axis((500, 600, 700), (5, 6, 7), (True, False, True))


@pytest.mark.parametrize("stray", ["0", "-1", "nan", "", "x", "inf"])
def test_a_band_without_a_wavelength_costs_that_band_only(stray):
    found = settle([Statement("The tags", ("500", "600", stray, "700"), fwhm=("5", "6", stray, "7"), unit="nm")], 4)
    assert found.wavelengths == (500, 600, 0, 700) and found.good == (True, True, False, True)
    assert found.fwhm == (5, 6, 0, 7)
    assert found.notes == ("Bands without a wavelength count as bad: 3.",)


def test_a_stray_band_that_the_file_itself_marks_as_bad_is_not_told_twice():
    found = settle([from_lists({"wavelength": "500, 600, 0", "bbl": "1, 1, 0"}, "It")], 3)
    assert found == Axis((500, 600, 0), None, (True, True, False), ())


def test_a_list_may_leave_out_the_alpha_band():
    found = settle([from_lists({"wavelength": "{500, 600, 700}", "bbl": "{0, 1, 1}"}, "It")], 4, not_spectral=[3])
    assert found == Axis((500, 600, 700, 0), None, (False, True, True, False), ())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("700, 600, 500", "long to short"),
        ("500, 700, 600, 800", "behind band 2."),
        ("500, 600, 600, 700", "behind band 2."),
    ],
)
def test_axes_that_do_not_ascend_are_told(text, words):
    found = settle([from_lists({"wavelength": text}, "It")], text.count(",") + 1)
    (note,) = found.notes
    assert found.wavelengths is not None and words in note


@pytest.mark.parametrize(
    ("widths", "found"),
    [
        ("8, 8, 8", 8),
        ("0.008, 0.008, 0.008", 8),
        ("0, 0, 0", None),
        ("8, 0, 8", None),
        ("8, 8", None),
        ("x, 8, 8", None),
    ],
)
def test_band_widths_in_another_unit_and_lacking_ones(widths, found):
    for scale, unit in ((1, "nm"), (1e-3, "um")):
        text = ", ".join(f"{value * scale}" for value in (500, 600, 700))
        axis = settle([from_lists({"wavelength": text, "fwhm": widths, "wavelength units": unit}, "It")], 3)
        assert axis.wavelengths == pytest.approx((500, 600, 700))
        assert axis.fwhm == (found and pytest.approx([found] * 3))


@pytest.mark.parametrize(
    "key", ["Wavelength", "WAVELENGTHS", "wavelengths", "center_wavelength", "Central Wavelength (nm)"]
)
def test_spellings_of_the_key(key):
    text = "{ \n500,\n 600,\n7e2 }"
    assert settle([from_lists({key: text, "FWHM": "5 6 7"}, "It")], 3) == Axis((500, 600, 700), (5, 6, 7))
    assert settle([from_tags([{key: value} for value in ("500", "600", "700")])], 3).wavelengths == (500, 600, 700)


def test_names_are_a_statement_of_their_own():
    assert from_names(["Band 1 (0.5 µm)", "quality", "Band 2 (0.6 µm)"]) == Statement(
        "The bands' names", ("0.5", "", "0.6"), unit="µm"
    )


def test_a_wrong_fwhm_does_not_spoil_the_wavelengths():
    assert axis({"wavelength": "{500, 600, 700}", "fwhm": "{10, 10}"}) == ((500, 600, 700), None, ())


def test_bad_bands_count_in_the_header_and_in_the_bands_tags():
    assert axis({"bbl": "{1, 0, 1}"})[2] == (True, False, True)
    assert axis(tags=[{"bbl": "0"}, {"BBL": "1"}, {"bbl": "1"}])[2] == (False, True, True)


def test_tags_are_read_in_any_case():
    tags = [{"WaveLength": "500", "Wavelength_Unit": "nm"}, {"wavelength": "600"}, {"WAVELENGTH": "700"}]
    assert axis(tags=tags)[0] == (500, 600, 700)
    assert axis(tags=[{"wavelength": "500"}, {}, {"wavelength": "700"}])[2] == (True, False, True)
    assert axis(tags=[{"wavelength": "500"}, {}, {}]) == SILENT


def test_a_raster_that_says_everything_is_used_without_a_word():
    assert (Facts(**FINE).refusals(), Facts(**FINE).notices()) == ([], [])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"bands": 3}, "has 3 usable bands; Mixel needs at least 4"),
        ({"bands": 1}, "has 1 usable band;"),
        ({"good_bands": (True,) * 3 + (False,) * 9}, "has 3 usable bands"),
        ({"rows": 3, "cols": 5}, "has 3 x 5 pixels; Mixel needs at least 8 x 8"),
        ({"rows": 7}, "has 7 x 17 pixels"),
        ({"cols": 7}, "has 11 x 7 pixels"),
        ({"dtype": "complex64"}, "complex numbers"),
    ],
)
def test_a_raster_that_cannot_be_used_is_refused_in_one_sentence_that_says_what_to_do(change, words):
    (refusal,) = Facts(**{**FINE, **change}).refusals()
    assert words in refusal and "hoose" in refusal and refusal.endswith(".")


def test_the_smallest_raster_is_used():
    assert Facts(**{**FINE, "bands": MIN_BANDS, "rows": MIN_SIDE, "cols": MIN_SIDE}).refusals() == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"wavelengths": None}, "names no wavelengths"),
        ({"georeferenced": False}, "has no georeference"),
        ({"nodata": None}, "names no nodata value"),
        ({"scale": None}, "names no reflectance scale"),
        ({"good_bands": (False, False) + (True,) * 10}, "Left out: 2 of 12 bands, marked as bad"),
    ],
)
def test_what_a_raster_does_not_say_is_a_notice(change, words):
    (notice,) = Facts(**{**FINE, **change}).notices()
    assert words in notice and notice.endswith(".")
