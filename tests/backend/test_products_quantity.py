"""What an ENVI header and a file's name say of the values: radiance and counts only on good evidence."""

from __future__ import annotations

import pytest
from mixel.backend.facts import COUNTS, RADIANCE, REFLECTANCE
from mixel.backend.products.envi.header import header_of, numbers, read_header
from mixel.backend.products.envi.quantity import Stated, by_name, radiance_unit, stated


@pytest.mark.parametrize(
    ("name", "quantity"),
    [
        ("Ampl_01_VNIR_1600_SN0014_raw_rad_ortho.bsq", RADIANCE),
        ("Ampl_01_VNIR_1600_SN0014_raw_rad_ortho_refl.bsq", REFLECTANCE),
        ("raw_0_rd", RADIANCE),
        ("raw_0_rd_rf_or", REFLECTANCE),
        ("raw_0", COUNTS),
        ("ang20170706t180808_rdn_v2p9_img", RADIANCE),
        ("ang20170706t180808_rfl_v2p9_img", REFLECTANCE),
        ("f130411t01p00r11rdn_e_sc01_ort_img", RADIANCE),
        ("f130411t01p00r11_refl", REFLECTANCE),
        ("PRS_L1_STD_20190616102249_HCO_FULL.envi", RADIANCE),
        ("PRS_L2D_STD_20190616102249_HCO_FULL.envi", ""),
        ("line3.rad", RADIANCE),
        ("line3.rfl", REFLECTANCE),
        ("flight_dn.bil", COUNTS),
        ("leaf.raw", ""),
        ("road_12_rd.dat", ""),
        ("paradise_radar_grad.dat", ""),
        ("drawing.img", ""),
    ],
)
def test_a_name_says_what_was_done_last(name, quantity):
    assert by_name(name, True) == quantity


def test_a_name_with_raw_means_counts_only_where_whole_numbers_are_stored():
    assert by_name("raw_0", True) == COUNTS and by_name("raw_0", False) == ""
    assert by_name("raw_0_rd", False) == RADIANCE


@pytest.mark.parametrize(
    ("fields", "name", "expected"),
    [
        ({"description": "HySpex at-sensor radiance"}, "a.bsq", Stated(RADIANCE)),
        ({"description": "Atmospherically corrected surface reflectance"}, "a.bsq", Stated(REFLECTANCE)),
        ({"description": "Raw Data, digital numbers"}, "a.bsq", Stated(COUNTS)),
        ({"description": "solar irradiance, gradiance"}, "a.bsq", Stated("")),
        ({"description": "reflectance made of at-sensor radiance"}, "a.bsq", Stated("")),
        ({"description": "reflectance made of at-sensor radiance"}, "a_rad.bsq", Stated(RADIANCE)),
        ({"description": "at-sensor radiance"}, "a_refl.bsq", Stated("")),
        ({"description": "reflectance"}, "a_rad.bsq", Stated("")),
        ({"description": "radiance"}, "raw_rescaled.bsq", Stated(RADIANCE)),
        ({"data units": "W/(m^2 sr um)"}, "a.bsq", Stated(RADIANCE, "W/(m^2 sr um)")),
        ({"data units": "uW cm-2 sr-1 nm-1"}, "a_refl.bsq", Stated(RADIANCE, "uW cm-2 sr-1 nm-1")),
        ({"units": "reflectance"}, "a_rad.bsq", Stated(REFLECTANCE)),
        ({"data units": "W/m2"}, "a.bsq", Stated("")),
        ({"radiance scale factor": "1000"}, "a_refl.bsq", Stated(RADIANCE, "", 1000.0)),
        ({"reflectance scale factor": "10000.0"}, "a_rad.bsq", Stated(REFLECTANCE)),
        ({"wavelength units": "nm", "map info": "units=Meters"}, "a.bsq", Stated("")),
        ({}, "a.bsq", Stated("")),
    ],
)
def test_header_and_name_together(fields, name, expected):
    assert stated(fields, name, True) == expected


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("Radiance [W/m2/sr/nm]", "W/m2/sr/nm"),
        ("Radiance micro-watts/cm^2/nm/sr", "micro-watts/cm^2/nm/sr"),
        ("radiance in mW/(cm^2*um*sr), scaled", "mW/(cm^2*um*sr)"),
        ("radiance in µW cm-2 sr-1 nm-1", "µW cm-2 sr-1 nm-1"),
        ("radiance of Swansea, west of 3 m", ""),
        ("radiance", ""),
    ],
)
def test_units_of_radiance_are_read_as_people_write_them(text, unit):
    assert radiance_unit({"description": text}) == unit


def test_headers_are_read_whatever_their_capitals_braces_and_order(tmp_path):
    header = tmp_path / "a.hdr"
    lines = ["ENVI", "Description = { one", " two = 2 }", "; samples = 3", "SAMPLES=4", "Wave_Length  Units = nm"]
    header.write_bytes("\r\n".join([*lines, "open = {1,", "2"]).encode("latin-1"))
    fields = read_header(header)
    assert fields["samples"] == "4" and fields["wave length units"] == "nm"
    assert fields["description"].split() == ["one", "two", "=", "2"]
    assert numbers(fields["open"]) == [1, 2]


def test_a_header_belongs_to_binary_files_only(tmp_path):
    (tmp_path / "a.HDR").write_text("ENVI\n")
    (tmp_path / "b.bip.hdr").write_text("ENVI\n")
    (tmp_path / "c.hdr").write_text("something else\n")
    starts = {"a.bil": b"\1", "b.bip": b"\1", "c.bil": b"\1", "a.tif": b"II*\0", "a.nc": b"\x89HDF"}
    for name, start in starts.items():
        (tmp_path / name).write_bytes(start + b"\0\0\0\0")
    found = [header_of(tmp_path / name) for name in ("a.bil", "b.bip", "c.bil", "a.tif", "a.nc", "a.HDR", "missing")]
    assert [one.name if one else "" for one in found] == ["a.HDR", "b.bip.hdr", "", "", "", "", ""]
