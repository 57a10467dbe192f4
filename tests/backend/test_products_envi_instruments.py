"""ENVI files of instruments as scenes: their values, quantity, unit and names, in all layouts."""

from __future__ import annotations

import numpy as np
import pytest
from envi_files import BANDS, WAVELENGTHS, spectra, write_cube
from mixel.backend.facts import COUNTS, RADIANCE
from mixel.backend.scene import Scene
from scenes import refusal, whole

LAYOUTS = [("bil", False, 0, False), ("bip", True, 128, True), ("bsq", True, 5, False), ("bip", False, 4096, True)]


def facts_of(path):
    with Scene(path) as scene:
        return scene.facts


@pytest.mark.parametrize(("interleave", "big", "offset", "capitals"), LAYOUTS)
def test_radiance_stays_radiance_in_every_layout(tmp_path, interleave, big, offset, capitals):
    values = (spectra() * 20000).astype("u2")
    path = write_cube(
        tmp_path / "Ampl_VNIR_1800_SN00840_raw_rad.bsq",
        values,
        "description = {HySpex}",
        interleave=interleave,
        big_endian=big,
        offset=offset,
        capitals=capitals,
    )
    cube, notices = whole(path)
    np.testing.assert_array_equal(cube.reflectance, values.astype(np.float32))
    facts = facts_of(path)
    assert (facts.product, facts.quantity, facts.wavelengths) == ("HySpex", RADIANCE, WAVELENGTHS)
    assert any("radiance, not reflectance" in one for one in notices)
    assert not any("Reflectance was taken" in one for one in notices)


def test_a_scale_of_radiance_and_its_unit_are_used(tmp_path):
    values = (spectra() * 20000).astype("i2")
    fields = "radiance scale factor = 500\ndata units = W/m2/sr/um"
    path = write_cube(tmp_path / "line.bil", values, fields)
    np.testing.assert_allclose(whole(path)[0].reflectance, values / 500, rtol=1e-6)
    assert facts_of(path).unit == "W/m2/sr/um"


def test_raw_counts_are_counts(tmp_path):
    values = (spectra() * 4000).astype("u2")
    path = write_cube(tmp_path / "raw_0", values, "description = {HEADWALL Hyperspec III}")
    cube, notices = whole(path)
    np.testing.assert_array_equal(cube.reflectance, values.astype(np.float32))
    assert facts_of(path).quantity == COUNTS and facts_of(path).product == "Headwall"
    assert any("raw counts, not reflectance" in one for one in notices)


@pytest.mark.parametrize(
    ("name", "fields", "product", "factor"),
    [
        ("raw_0_rd_rf_or", "", "Headwall", 10000),
        ("auto_001.dat", "description = {Cubert Utils}", "Cubert", 10000),
        ("field_Pika_L_3.bip", "imager type = Pika L\nREFLECTANCE SCALE FACTOR = 4095", "Resonon", 4095),
        ("hymap_line3_geo.bil", "reflectance scale factor = 10000.0", "HyMap", 10000),
        ("f130411t01p00r11_refl", "", "AVIRIS", 10000),
    ],
)
def test_reflectance_has_the_stated_or_the_likely_scale(tmp_path, name, fields, product, factor):
    values = (spectra() * factor).astype("i2")
    path = write_cube(tmp_path / name, values, fields, header=tmp_path / f"{name}.hdr")
    np.testing.assert_allclose(whole(path)[0].reflectance, values / factor, rtol=1e-5)
    facts = facts_of(path)
    assert facts.product == product and not facts.quantity


def test_a_plain_envi_file_is_nobody_elses(tmp_path):
    path = write_cube(tmp_path / "scene.dat", (spectra() * 10000).astype("i2"))
    assert facts_of(path).product == "" and facts_of(path).quantity == ""


def test_a_radiance_of_aviris_ng_misses_9999_and_has_its_unit(tmp_path):
    values = spectra() * 10
    values[:, 2, 3] = -9999
    path = write_cube(tmp_path / "ang20170706t180808_rdn_v2p9_img", values)
    cube, _ = whole(path)
    assert not cube.valid[2, 3] and cube.valid.sum() == cube.valid.size - 1
    facts = facts_of(path)
    assert (facts.product, facts.quantity, facts.unit) == ("AVIRIS-NG", RADIANCE, "uW/cm2/sr/nm")


@pytest.mark.parametrize("number_first", [False, True])
def test_gains_of_aviris_lie_in_a_file_of_their_own(tmp_path, number_first):
    values = (spectra() * 9000).astype("i2")
    factors = np.array([300.0] * 4 + [600.0] * 4 + [1200.0] * 4)
    rows = [(band, factor) if number_first else (factor, band) for band, factor in enumerate(factors, start=1)]
    (tmp_path / "f130411t01p00r11rdn_e.gain").write_text("".join(f"{one[0]:9.2f} {one[1]:5.0f}\n" for one in rows))
    (tmp_path / "f990101t01p02r03rdn_e.gain").write_text("1 2\n")
    path = write_cube(tmp_path / "f130411t01p00r11rdn_e_sc01_ort_img", values, interleave="bip")
    np.testing.assert_allclose(whole(path)[0].reflectance, values / factors[:, None, None], rtol=1e-6)
    assert facts_of(path).unit == "uW/cm2/sr/nm"


def test_gains_of_aviris_that_are_missing_or_do_not_fit_are_told(tmp_path):
    path = write_cube(tmp_path / "f130411t01p00r11rdn_e_sc01_ort_img", (spectra() * 9000).astype("i2"))
    assert facts_of(path).unit == "" and any("*.gain" in one for one in whole(path)[1])
    (tmp_path / "f130411t01p00r11rdn_e.gain").write_text("300 1\n300 2\n")
    assert f"do not fit the {BANDS} bands" in refusal(path)


def test_a_header_is_watched_as_its_file_is(tmp_path):
    path = write_cube(tmp_path / "line_rad.bil", (spectra() * 9000).astype("i2"))
    with Scene(path) as scene:
        header = path.with_suffix(".hdr")
        header.write_text(header.read_text(encoding="latin-1") + "\n", encoding="latin-1")
        with pytest.raises(ValueError, match="was changed while"):
            scene.check_unchanged()


def test_a_radiance_shorter_than_its_header_says_is_refused(tmp_path):
    path = write_cube(tmp_path / "line_rad.bil", (spectra() * 9000).astype("i2"))
    path.write_bytes(path.read_bytes()[:-100])
    refusal(path)
