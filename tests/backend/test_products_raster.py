"""Rasters as GDAL opens them: what their metadata, headers and files beside them say, in all spellings."""

from __future__ import annotations

import gzip
import json
import time

import numpy as np
import pytest
import rasterio
from mixel.backend.products import open_product
from mixel.backend.scene import Scene
from rasterio.enums import ColorInterp
from scenes import WAVELENGTHS, mixture, refusal, stored, write, write_envi

LISTED = "{" + ", ".join(f"{value:g}" for value in WAVELENGTHS) + "}"


def product(path):
    found = open_product(path)
    found.close()
    return found


def facts(path):
    return product(path).facts


def raw(path, values=None, header="", dtype="<i2", fields=None):
    """A raw BSQ file and its header, written by hand."""
    values = stored() if values is None else values
    bands, rows, cols = values.shape
    path.write_bytes(values.astype(dtype).tobytes())
    said = {"samples": cols, "lines": rows, "bands": bands, "data type": 2, "interleave": "bsq", **(fields or {})}
    text = "ENVI\n" + "".join(f"{key} = {value}\n" for key, value in said.items()) + header
    path.with_suffix(".hdr").write_bytes(text.encode("utf-8") if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize(
    "header",
    [
        f"wavelength = {LISTED}\nwavelength units = nm\n",
        f"Wavelength = {LISTED}\nWavelength Units = Nanometers\n",
        f"WAVELENGTHS={LISTED}\n",
        "wavelength = {" + "\n".join(f"{value:g}," for value in WAVELENGTHS) + "\n}\n",
        "wavelength =\n{ \n" + "\n".join(f" {value:e}" for value in WAVELENGTHS) + "\n}\n",
        "; see {manual\nwavelength units =\n; mine\nwavelength = " + LISTED.replace("{", "{\n") + "\n",
        "wavelength units = Micrometers\nwavelength = {" + ",".join(f"{value / 1e3}" for value in WAVELENGTHS) + "}\n",
        "wavelength units = Nanometers\nwavelength = {" + ",".join(f"{value / 1e3}" for value in WAVELENGTHS) + "}\n",
        "band names = {" + ",".join(f"B ({value:g} nm)" for value in WAVELENGTHS) + "}\n",
    ],
)
def test_spellings_of_an_envi_header(tmp_path, header):
    assert facts(raw(tmp_path / "scene.img", header=header)).wavelengths == pytest.approx(WAVELENGTHS)


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8"])
def test_headers_in_latin_1_and_utf_8(tmp_path, encoding):
    path = raw(tmp_path / "scene.img")
    listed = ", ".join(f"{value / 1000}" for value in WAVELENGTHS)
    more = f"description = {{Überflug}}\nband names = {{{', '.join('Größe' for _ in WAVELENGTHS)}}}\n"
    with path.with_suffix(".hdr").open("ab") as file:
        file.write(f"{more}wavelength units = µm\nwavelength = {{{listed}}}\n".encode(encoding))
    found = facts(path)
    assert found.wavelengths == pytest.approx(WAVELENGTHS) and not any("contradicts" in note for note in found.notes)


def test_keys_in_capitals_that_gdal_passes_over_count(tmp_path):
    header = (
        f"Wavelength = {LISTED}\nFWHM = {{{', '.join(['8'] * 12)}}}\nBBL = {{{', '.join(['0'] + ['1'] * 11)}}}\n"
        "Reflectance Scale Factor = 5000\nData Ignore Value = -7\n"
    )
    found = product(raw(tmp_path / "scene.raw", header=header))
    assert found.facts.fwhm == (8,) * 12 and found.facts.good_bands == (False, *[True] * 11)
    assert (found.facts.scale, found.facts.nodata) == (5000, -7)
    np.testing.assert_allclose(found.gains, 1 / 5000)
    np.testing.assert_array_equal(found.nodata, -7)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        *(("-9999", -9999), ("{-9999}", -9999), ("-9.999e+003", -9999), ("-9999.0000000", -9999), ("{0}", 0)),
        *(("{" + ", ".join(["-9999"] * 12) + "}", -9999), ("nan", np.nan), ("{1, 2}", np.nan), ("none", np.nan)),
        ("{" + ", ".join(["-1"] * 6 + ["0"] * 6) + "}", [-1] * 6 + [0] * 6),
    ],
)
def test_ignore_values_of_an_envi_header(tmp_path, text, values):
    found = product(raw(tmp_path / "scene.img", header=f"data ignore value = {text}\n"))
    np.testing.assert_array_equal(found.nodata, np.broadcast_to(values, 12))
    assert any("2 ignore values are listed" in note for note in found.facts.notes) == (text == "{1, 2}")


def test_gains_and_offsets_of_each_band(tmp_path):
    gains, offsets = [1e-4] * 6 + [2e-4] * 6, [0.0] * 11 + [0.1]
    first, second = (", ".join(map(str, values)) for values in (gains, offsets))
    header = f"Data Gain Values = {{{first}}}\nData Offset Values = {{{second}}}\n"
    found = product(raw(tmp_path / "scene.img", header=header))
    np.testing.assert_allclose(found.gains, gains)
    np.testing.assert_allclose(found.offsets, offsets)
    assert found.facts.scale is None  # no single one holds for all bands
    with Scene(tmp_path / "scene.img") as scene:
        assert scene.scale_sentence == "stored value / 10000 in the first band; other bands have other factors"


@pytest.mark.parametrize("interleave", ["bsq", "bil", "bip"])
@pytest.mark.parametrize(("offset", "lacking"), [(0, 2), (512, 1), (0, 2000)])
def test_a_raw_file_shorter_than_its_header_says_is_refused_with_both_sizes(tmp_path, interleave, offset, lacking):
    path = raw(tmp_path / "scene.raw", fields={"interleave": interleave, "header offset": offset})
    whole = bytes(offset) + path.read_bytes()
    path.write_bytes(whole)
    assert facts(path).bands == 12
    path.write_bytes(whole[:-lacking])
    with pytest.raises(ValueError, match="cannot be read") as caught:
        open_product(path)
    assert f"{len(whole):,} bytes" in str(caught.value) and f"{len(whole) - lacking:,}" in str(caught.value)


def test_a_compressed_raw_file_is_no_truncated_one(tmp_path):
    path = raw(tmp_path / "scene.img", np.ones((12, 11, 17)), fields={"file compression": 1})
    path.write_bytes(gzip.compress(path.read_bytes()))
    found = open_product(path)
    assert found.dataset.read(1).min() == 1
    found.close()


@pytest.mark.parametrize("share", [0.9, 0.999])
def test_a_compressed_raw_file_that_is_cut_is_refused_with_both_sizes(share, tmp_path):
    values = np.random.default_rng(0).normal(size=(12, 60, 70))
    path = raw(tmp_path / "scene.img", values, fields={"file compression": 1})
    size, packed = path.stat().st_size, gzip.compress(path.read_bytes())
    path.write_bytes(packed[: int(share * len(packed))])
    with pytest.raises(ValueError, match="cannot be read") as caught:
        open_product(path)
    assert f"{size:,} bytes" in str(caught.value)


def test_a_raw_file_of_several_compressed_parts_is_whole(tmp_path):
    path = raw(tmp_path / "scene.img", np.ones((12, 11, 17)), fields={"file compression": 1})
    content = path.read_bytes()
    path.write_bytes(gzip.compress(content[:500]) + gzip.compress(content[500:]))
    open_product(path).close()


def test_the_header_with_the_whole_name_counts_as_it_does_for_gdal(tmp_path):
    path = raw(tmp_path / "a.img", header=f"wavelength = {LISTED}\n")
    (tmp_path / "a.hdr").rename(tmp_path / "a.img.hdr")
    (tmp_path / "a.hdr").write_text("ENVI\nsamples = 3\nlines = 2\nbands = 1\ndata type = 1\nwavelength = {7}\n")
    found = product(path)
    assert found.facts.wavelengths == WAVELENGTHS and tmp_path / "a.img.hdr" in found.files


@pytest.mark.parametrize(("data", "header"), [("SCENE.IMG", "SCENE.HDR"), ("scene", "scene.hdr"), ("a.b.c", "a.b.hdr")])
def test_names_of_data_and_header(tmp_path, data, header):
    raw(tmp_path / "scene.img", header=f"wavelength = {LISTED}\n")
    (tmp_path / "scene.hdr").rename(tmp_path / header)
    (tmp_path / "scene.img").rename(tmp_path / data)
    assert facts(tmp_path / data).wavelengths == WAVELENGTHS


def test_the_header_itself_is_refused_by_that_name(tmp_path):
    with pytest.raises(ValueError, match=r"is an ENVI header\. Choose the data file"):
        open_product(raw(tmp_path / "scene.img").with_suffix(".hdr"))


@pytest.mark.parametrize("text", ["[ " + LISTED[1:-1].replace(",", "") + " ]", "{500, 600}", "{a, b}"])
def test_wavelengths_that_cannot_be_used_are_told(tmp_path, text):
    found = facts(raw(tmp_path / "scene.img", header=f"wavelength = {text}\nwavelength units = nm\n"))
    assert found.wavelengths is None
    assert any("wavelengths are listed for 12 bands" in note for note in found.notes)


@pytest.mark.parametrize(("domain", "key"), [("ENVI", "wavelength"), (None, "wavelength"), (None, "Wavelengths")])
def test_lists_in_the_datasets_metadata(tmp_path, domain, key):
    path = write(tmp_path / "scene.tif", wavelengths=None)
    with rasterio.open(path, "r+") as dataset:
        dataset.update_tags(
            ns=domain, **{key: LISTED, "wavelength_units": "Nanometers", "fwhm": "{" + "8," * 11 + "8}"}
        )
    assert facts(path).wavelengths == WAVELENGTHS and facts(path).fwhm == (8,) * 12


def test_tags_with_plural_keys_and_good_wavelengths(tmp_path):
    path = write(tmp_path / "scene.tif", wavelengths=None)
    with rasterio.open(path, "r+") as dataset:
        for band, value in enumerate(WAVELENGTHS, start=1):
            dataset.update_tags(band, wavelengths=value, fwhm=8, good_wavelength=int(band != 3), wavelength_units="nm")
    found = facts(path)
    assert found.wavelengths == WAVELENGTHS and found.good_bands.index(False) == 2 and found.num_good_bands == 11


@pytest.mark.parametrize("at", [0, 5, 12])
def test_a_quality_band_without_a_wavelength_costs_that_band_only(tmp_path, at):
    values = np.insert(stored(), at, 3, axis=0)
    path = write(tmp_path / "scene.tif", values, wavelengths=None)
    with rasterio.open(path, "r+") as dataset:
        for band, value in zip((one for one in dataset.indexes if one != at + 1), WAVELENGTHS, strict=True):
            dataset.update_tags(band, wavelength=value, wavelength_units="nm")
    with Scene(path) as scene:
        assert scene.wavelengths == pytest.approx(WAVELENGTHS) and at + 1 not in scene.band_numbers
        assert f"Bands without a wavelength count as bad: {at + 1}." in scene.notices


def stac(bands, key="eo:bands", prefix="", href="scene.tif"):
    listed = [
        {"name": "b", f"{prefix}center_wavelength": value, f"{prefix}full_width_half_max": 0.01} for value in bands
    ]
    item = {"type": "Feature", "stac_version": "1.0.0", "properties": {"datetime": "2024-07-17T15:25:27Z"}}
    return {**item, "assets": {"thumbnail": {"href": "t.png"}, "a": {"href": f"https://x.org/{href}", key: listed}}}


@pytest.mark.parametrize("name", ["scene.stac.json", "scene.json", "scene.tif.json"])
@pytest.mark.parametrize(("key", "prefix"), [("eo:bands", ""), ("bands", "eo:")])
def test_a_stac_item_beside_the_raster(tmp_path, name, key, prefix):
    path = write(tmp_path / "scene.tif", wavelengths=None)
    (tmp_path / name).write_text(json.dumps(stac([value / 1000 for value in WAVELENGTHS], key, prefix)))
    found = product(path)
    assert found.facts.wavelengths == pytest.approx(WAVELENGTHS) and found.facts.fwhm == pytest.approx((10,) * 12)
    assert found.facts.date == "2024-07-17T15:25:27Z" and tmp_path / name in found.files


@pytest.mark.parametrize(
    "content",
    ["{", "[]", '{"assets": {}}', '{"stac_version": "1.0.0", "assets": {"a": {"eo:bands": [1]}}}', "[" * 5000],
)
def test_other_json_files_beside_the_raster_do_no_harm(tmp_path, content):
    path = write(tmp_path / "scene.tif", wavelengths=None)
    (tmp_path / "scene.json").write_text(content)
    assert facts(path).wavelengths is None


@pytest.mark.parametrize("name", ["scene.hdr", "scene.tif.hdr", "scene.HDR"])
def test_an_envi_header_beside_a_geotiff(tmp_path, name):
    path = write(tmp_path / "scene.tif", wavelengths=None)
    (tmp_path / name).write_text(f"ENVI\nsamples = 17\nlines = 11\nbands = 12\nwavelength = {LISTED}\n")
    assert facts(path).wavelengths == WAVELENGTHS
    (tmp_path / name).write_text(f"ENVI\nsamples = 18\nlines = 11\nbands = 12\nwavelength = {LISTED}\n")
    assert facts(path).wavelengths is None


def test_what_the_raster_says_itself_goes_before_what_lies_beside_it(tmp_path):
    path = write(tmp_path / "scene.tif")
    (tmp_path / "scene.json").write_text(json.dumps(stac([value / 500 for value in WAVELENGTHS])))
    assert facts(path).wavelengths == WAVELENGTHS


@pytest.mark.parametrize("pattern", ["Band_{:g}", "{:g}", "wl_{:.2f}", "X{:g}"])
def test_names_that_are_wavelengths_without_a_unit(tmp_path, pattern):
    path = write(tmp_path / "scene.tif", wavelengths=None, names=[pattern.format(value) for value in WAVELENGTHS])
    assert facts(path).wavelengths == WAVELENGTHS


def test_metadata_that_are_not_utf_8_are_no_failure(tmp_path):
    path = write(tmp_path / "scene.tif", names=[f"Groesse {band}" for band in range(12)])
    with rasterio.open(path, "r+") as dataset:
        dataset.update_tags(TITLE="Groesse")
        dataset.update_tags(2, TITLE="Groesse")
    content = (tmp_path / "scene.tif").read_bytes()
    assert content.count(b"Groesse") >= 14
    (tmp_path / "scene.tif").write_bytes(content.replace(b"Groesse", b"Gr\xf6\xdfe\xfc\xe4"))
    found = facts(path)
    assert found.bands == 12 and found.wavelengths == WAVELENGTHS


def test_alpha_bands_say_which_pixels_count_and_are_no_spectral_bands(tmp_path):
    alpha = np.full((1, 11, 17), 255, np.int16)
    alpha[0, :4] = 0
    path = write(tmp_path / "scene.tif", np.concatenate([stored(), alpha]), photometric="MINISBLACK")
    with rasterio.open(path, "r+") as dataset:
        dataset.colorinterp = [ColorInterp.gray, *[ColorInterp.undefined] * 11, ColorInterp.alpha]
    with Scene(path) as scene:
        assert scene.bands == 12 and scene.wavelengths == pytest.approx(WAVELENGTHS)
        assert any("Band 13 is an alpha band" in note for note in scene.notices)
        valid = scene.read(scene.windows(100)[0]).valid
    assert not valid[:4].any() and valid[4:].all()


def test_a_fourth_spectral_band_that_gdal_calls_alpha_is_used(tmp_path):
    values = (mixture(bands=4, rows=40, cols=50) * 255).astype(np.uint8)
    path = write(tmp_path / "drone.tif", values, wavelengths=None)
    with rasterio.open(path) as dataset:
        assert dataset.colorinterp[3] == ColorInterp.alpha
    assert facts(path).num_good_bands == 4
    assert product(path).facts.notes == ()


def test_a_raster_with_2151_bands_opens_in_less_than_a_second(tmp_path):
    path = tmp_path / "many.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=10, height=10, count=2151, dtype="int16", interleave="pixel"
    ) as dataset:
        for band in dataset.indexes:
            dataset.update_tags(band, wavelength=349 + band, fwhm=3, wavelength_units="nm")
    begin = time.monotonic()
    found = facts(path)
    assert time.monotonic() - begin < 1
    assert found.wavelengths == tuple(range(350, 2501)) and found.fwhm == (3,) * 2151


def test_envi_files_that_rasterio_writes_stay_as_they_were(tmp_path):
    found = facts(
        write_envi(tmp_path / "scene.bsq", header=f"wavelength = {LISTED}\nbbl = {{{', '.join(['1'] * 12)}}}\n")
    )
    assert found.wavelengths == WAVELENGTHS and found.good_bands == () and found.notes == ()


@pytest.mark.parametrize("name", ["scene.tif", "scene.bsq", "scene"])
def test_an_empty_file_is_called_empty(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"")
    path.with_suffix(".hdr").write_text("ENVI\nsamples = 12\nlines = 12\nbands = 5\ndata type = 2\ninterleave = bsq\n")
    assert "is empty: it has 0 bytes" in refusal(path)
