"""Gaofen-5 AHSI: counts, calibration, bands and polynomials beside the image make a scene of radiance with a place."""

import numpy as np
import pytest
import rasterio
from dlr_files import packed, values
from mixel.backend.cube import Window
from mixel.backend.products import open_product
from mixel.backend.scene import Scene

NAME = "GF5_AHSI_E11.0_N48.0_20190501_005123_L10000000001"
BANDS, ROWS, COLS = 6, 12, 15


def rpb():
    """Polynomials in DigitalGlobe's form: rows south, columns east of 48 N, 11 E."""
    numbers = {"errBias": 1, "errRand": 0, "lineOffset": ROWS / 2, "sampOffset": COLS / 2, "latOffset": 48,
               "longOffset": 11, "heightOffset": 500, "lineScale": ROWS / 2, "sampScale": COLS / 2, "latScale": 0.01,
               "longScale": 0.02, "heightScale": 100}  # fmt: skip
    lines = ['satId = "GF5";', 'bandId = "VN";', 'SpecId = "RPC00B";', "BEGIN_GROUP = IMAGE"]
    lines += [f"\t{key} = {number};" for key, number in numbers.items()]
    for name, known in {"lineNum": {3: -1}, "lineDen": {1: 1}, "sampNum": {2: 1}, "sampDen": {1: 1}}.items():
        terms = ",\n".join(f"\t\t\t{known.get(at, 0):.6e}" for at in range(1, 21))
        lines.append(f"\t{name}Coef = (\n{terms});")
    return "\n".join([*lines, "END_GROUP = IMAGE", "END;", ""])


def write(folder, part="VN", stored=None, calibration=True, axis=True, name=NAME, end=".geotiff", dtype="uint16"):
    """Write one image of a product with what lies beside it; gives its path and stored values."""
    folder.mkdir(exist_ok=True)
    stored = values(BANDS, ROWS, COLS, dtype) if stored is None else stored
    path = folder / f"{name}_{part}{end}"
    shape = {"count": len(stored), "height": stored.shape[1], "width": stored.shape[2], "dtype": stored.dtype}
    with rasterio.open(path, "w", driver="GTiff", interleave="pixel", **shape) as dataset:
        dataset.write(stored)
    path.with_suffix(".rpb").write_text(rpb())
    (folder / f"{name}.xml").write_text("<ProductMetaData><SensorID>AHSI</SensorID></ProductMetaData>")
    long = {"VN": "VNIR", "SW": "SWIR"}[part]
    if calibration:
        lines = "".join(f"{0.01 * band:.5f},{0.5 * band:.2f}\n" for band in range(1, BANDS + 1))
        (folder / f"GF5_AHSI_RadCal_{long}.raw").write_text(lines)
    if axis:
        first = {"VN": 400, "SW": 1000}[part]
        lines = "".join(f"{first + 80 * band:.4f},{4 + band / 10:.4f}\n" for band in range(BANDS))
        (folder / f"GF5_AHSI_Spectralresponse_{long}.raw").write_text(lines)
    return path, stored


def test_both_images_are_radiance_with_bands_and_place(tmp_path):
    for part, first in (("VN", 400), ("SW", 1000)):
        path, stored = write(tmp_path, part)
        with Scene(path) as scene:
            facts = scene.facts
            assert facts.product == f"Gaofen-5 AHSI L1 {'VNIR' if part == 'VN' else 'SWIR'}"
            assert (facts.quantity, facts.unit, facts.date) == ("radiance", "W/m2/sr/um", "2019-05-01")
            assert facts.wavelengths[0] == first and facts.fwhm[1] == pytest.approx(4.1)
            cols, rows = scene.place.to_pixels(np.array([11.0]), np.array([48.0]))
            assert abs(rows[0] - ROWS / 2) <= 1 and abs(cols[0] - COLS / 2) <= 1
            cube = scene.read(scene.windows(100)[0])
        gain = 0.01 * np.arange(1, BANDS + 1)
        np.testing.assert_allclose(cube.reflectance[:, 2, 3], stored[:, 2, 3] * gain + 50 * gain, rtol=1e-5)


def test_folder_metadata_and_zip_open_the_vnir_and_name_the_swir(tmp_path):
    path, _ = write(tmp_path / "p")
    write(tmp_path / "p", "SW")
    for picked in (path.parent, path.parent / f"{NAME}.xml", packed(tmp_path / "gf5.zip", path.parent)):
        product = open_product(picked)
        assert product.facts.product.endswith("VNIR") and product.facts.quantity == "radiance"
        assert any(f"{NAME}_SW.geotiff" in note for note in product.facts.notes), product.facts.notes
        assert product.facts.place == "gcps" and product.facts.wavelengths
        product.close()


def test_other_names_separators_and_headings_are_read(tmp_path):
    path, stored = write(tmp_path, name="GF5B_AHSI_E11.0_N48.0_20220501_004000_L10000000002", end=".tif", axis=False,
                         calibration=False)  # fmt: skip
    (tmp_path / "GF5B_AHSI_RadCal_VN.raw").write_text("gain offset\n" + "0.02\t0.0\r\n" * BANDS + "\n")
    (tmp_path / "GF5B_AHSI_Spectralresponse_VN.raw").write_text(
        "".join(f" {400 + band} 4.0\n" for band in range(BANDS))
    )
    product = open_product(path)
    assert product.facts.quantity == "radiance" and product.gains[3] == pytest.approx(0.02)
    assert product.facts.wavelengths[5] == 405 and product.facts.date == "2022-05-01"
    assert len(product.files) == 3
    np.testing.assert_array_equal(product.read(Window(1, 1, 3, 4), [5]), stored[5:, 1:4, 1:5])
    product.close()


def test_without_calibration_the_values_are_counts(tmp_path):
    path, stored = write(tmp_path, calibration=False, axis=False)
    with Scene(path) as scene:
        told = " ".join(scene.notices)
        assert scene.facts.quantity == "counts" and "RadCal_VNIR.raw" in told and "raw counts" in told
        np.testing.assert_allclose(scene.read(scene.windows(100)[0]).reflectance, stored)


def test_files_that_do_not_fit_are_refused(tmp_path):
    path, _ = write(tmp_path)
    calibration = tmp_path / "GF5_AHSI_RadCal_VNIR.raw"
    for content in ("0.1,0\n" * (BANDS - 1), "0.1,0\n" * (BANDS - 1) + "0,0\n", "0.1\n" * BANDS, "a,b\nc,d\n" * BANDS):
        calibration.write_text(content)
        with pytest.raises(ValueError, match=r"RadCal_VNIR\.raw does not give two numbers for each of the 6 bands"):
            open_product(path)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(ValueError, match="cannot be opened as a raster"):
        open_product(path)


def test_what_somebody_made_of_the_counts_is_a_plain_raster(tmp_path):
    path, _ = write(tmp_path, dtype="float32")
    product = open_product(path)
    assert product.facts.product == "" and product.facts.quantity == ""
    product.close()
