"""EnMAP products open right from every file, folder and zip that an analyst may pick, or are refused with a reason."""

import shutil
import zipfile

import numpy as np
import pytest
from dlr_files import (
    COLS,
    MARKS,
    NAME,
    ROWS,
    SWIR,
    VNIR,
    dimension,
    l2a,
    marked,
    metadata,
    packed,
    quality,
    raster,
    values,
    wavelength,
)
from mixel.backend.cube import Window
from mixel.backend.products import enmap, open_product
from mixel.backend.scene import Scene
from rasterio.transform import from_origin

BANDS = VNIR + SWIR
DEFAULT = ["cloud", "cirrus", "shadow"]
WHOLE = Window(0, 0, ROWS, COLS)
L1 = NAME.replace("L2A", "L1B")


def unmarked(product, flags=None):
    """Pixels (row, col) that the flags leave out."""
    flags = [one.name for one in product.facts.flags if one.by_default] if flags is None else flags
    return sorted(map(tuple, np.argwhere(~product.usable(WHOLE, flags)).tolist()))


def test_l2a_is_reflectance_with_the_bands_of_its_metadata(tmp_path):
    path, stored = l2a(tmp_path)
    product = open_product(path)
    facts = product.facts
    assert (facts.product, facts.quantity, facts.bands, facts.nodata) == ("EnMAP L2A", "reflectance", BANDS, -32768)
    assert facts.date == "2023-01-02T03:04:05.678Z" and facts.place == "grid" and facts.scale == pytest.approx(1e4)
    assert facts.wavelengths == tuple(wavelength(band) for band in range(1, BANDS + 1))
    assert facts.fwhm == pytest.approx([6 + band / 10 for band in range(1, BANDS + 1)])
    np.testing.assert_array_equal(product.read(Window(2, 3, 4, 5), [0, 11]), stored[[0, 11], 2:6, 3:8])
    np.testing.assert_allclose(product.gains, 0.0001)
    assert product.usable(WHOLE, []) is None and not facts.notes
    assert len(product.files) == 7
    product.close()


def test_every_flag_marks_its_own_pixels_and_water_marks_none(tmp_path):
    path, _ = l2a(tmp_path)
    product = open_product(path)
    assert [(one.name, one.by_default) for one in product.facts.flags] == [
        ("cloud", True), ("cirrus", True), ("shadow", True), ("snow", False), ("haze", False)]  # fmt: skip
    assert unmarked(product) == [(1, 1), (2, 2), (3, 3)]
    assert unmarked(product, ["snow", "haze"]) == [(4, 4), (5, 5)]
    part = product.usable(Window(2, 2, 3, 3), DEFAULT)
    assert sorted(map(tuple, np.argwhere(~part).tolist())) == [(0, 0), (1, 1)]
    product.close()


@pytest.mark.parametrize("nodata", [0, 255])
def test_background_of_quality_rasters_marks_nothing(tmp_path, nodata):
    edge = MARKS["CIRRUS"].copy()
    edge[0] = 255
    path, _ = l2a(tmp_path, marks={})
    quality(tmp_path, NAME, {**MARKS, "CIRRUS": edge}, nodata=nodata)
    product = open_product(path)
    assert unmarked(product) == [(1, 1), (2, 2), (3, 3)]
    product.close()


def test_missing_quality_rasters_are_told_and_the_others_used(tmp_path):
    path, _ = l2a(tmp_path, marks={"CLOUD": MARKS["CLOUD"]})
    product = open_product(path)
    assert [one.name for one in product.facts.flags] == ["cloud"] and unmarked(product) == [(1, 1)]
    assert "No quality raster lies beside the image for cirrus, cloud shadow, snow, haze" in product.facts.notes[0]
    product.close()
    bare, _ = l2a(tmp_path / "bare", marks={})
    product = open_product(bare)
    assert product.facts.flags == () and product.usable(WHOLE, DEFAULT) is None and "cloud" in product.facts.notes[0]
    product.close()


def test_all_that_a_user_may_pick_leads_to_the_same_scene(tmp_path):
    path, stored = l2a(tmp_path / "data" / "deep" / NAME)
    image = path.with_name(f"{NAME}-SPECTRAL_IMAGE.TIF")
    order = packed(
        tmp_path / "order_17.ZIP", path.parent, f"dims/ENMAP.HSI.L2A/{NAME}/", compression=zipfile.ZIP_DEFLATED
    )
    inner = tmp_path / "within.zip"
    with zipfile.ZipFile(inner, "w") as file:
        file.write(order, "order/inner.zip")
        file.writestr(f"__MACOSX/{NAME}/._{NAME}-METADATA.XML", b"\0\5")
    for picked in (path, image, path.parent, tmp_path / "data", order, inner):
        product = open_product(picked)
        assert product.facts.product == "EnMAP L2A" and len(product.facts.flags) == 5, picked
        np.testing.assert_array_equal(product.read(Window(1, 2, 3, 4), [4, 2]), stored[[4, 2], 1:4, 2:6])
        assert unmarked(product) == [(1, 1), (2, 2), (3, 3)]
        if picked.suffix.lower() == ".zip":
            assert product.files == (picked,) and sorted(tmp_path.rglob("*.aux.xml")) == []
        product.close()


def test_quality_rasters_in_a_zip_or_folder_of_their_own_are_found(tmp_path):
    path, _ = l2a(tmp_path / "all" / "image", marks={})
    marks = tmp_path / "all" / "marks"
    marks.mkdir()
    quality(marks, NAME, MARKS)
    outer = tmp_path / "outer.zip"
    with zipfile.ZipFile(outer, "w") as file:
        for one in path.parent.iterdir():
            file.write(one, f"{NAME}/{one.name}")
        file.write(packed(tmp_path / "quality.zip", marks), f"{NAME}/quality.zip")
    for picked in (tmp_path / "all", outer):
        product = open_product(picked)
        assert len(product.facts.flags) == 5 and unmarked(product) == [(1, 1), (2, 2), (3, 3)]
        product.close()


def test_names_in_small_letters_and_cloud_optimised_forms_are_known(tmp_path):
    path, _ = l2a(tmp_path / "cog", end="_COG.tiff", tiled=True, blockxsize=16, blockysize=16)
    product = open_product(path.rename(path.with_name(path.name.lower())))
    assert len(product.facts.flags) == 5 and product.facts.wavelengths
    product.close()
    product = open_product(path.with_name(f"{NAME}-SPECTRAL_IMAGE_COG.tiff"))
    assert product.facts.product == "EnMAP L2A"
    product.close()


def test_a_renamed_product_is_known_by_its_metadata(tmp_path):
    path, _ = l2a(tmp_path, name="potsdam")
    product = open_product(path.with_name("potsdam-SPECTRAL_IMAGE.TIF"))
    assert product.facts.product == "EnMAP L2A"
    product.close()


@pytest.mark.parametrize("options", [{"scales": True}, {"interleave": "band"}, {"nodata": None}, {"south": True}])
def test_l2a_in_other_forms_gives_the_same_values(tmp_path, options):
    import rasterio

    stated, south = options.pop("scales", False), options.pop("south", False)
    stored = values(BANDS)
    stored[:, 0, 0] = -32768
    if south:
        options["transform"] = from_origin(500000, 5300000, 30, -30)
    path, _ = l2a(tmp_path, data=stored, **options)
    if stated:
        with rasterio.open(path.with_name(f"{NAME}-SPECTRAL_IMAGE.TIF"), "r+") as dataset:
            dataset.scales, dataset.offsets = [0.0001] * BANDS, [0.0] * BANDS
    with Scene(path) as scene:
        cube = scene.read(scene.windows(100)[0])
    expected = np.where(cube.valid, stored * 0.0001, 0)
    np.testing.assert_allclose(cube.reflectance, expected, atol=1e-6)
    assert not cube.valid[0, 0] and cube.valid.sum() == ROWS * COLS - 4


def test_metadata_in_another_order_of_bands_are_sorted_by_number(tmp_path):
    order = list(range(BANDS, 0, -1))
    path, _ = l2a(tmp_path, xml=metadata("L2A", BANDS, [0.0001] * BANDS, [0.0] * BANDS, order=order))
    product = open_product(path)
    assert product.facts.wavelengths[0] == wavelength(1) and product.facts.wavelengths[-1] == wavelength(BANDS)
    product.close()


def test_gains_missing_or_one_leave_reflectance_by_the_specification(tmp_path):
    path, _ = l2a(tmp_path, xml=metadata("L2A", BANDS))
    product = open_product(path)
    np.testing.assert_allclose(product.gains, 0.0001)
    product.close()


def test_bands_of_nodata_only_are_bad_by_their_statistics(tmp_path):
    stored = values(BANDS)
    stored[[6, 7]] = -32768
    statistics = "".join(
        f'<bandID number="{band}"><mean>{-1000000 if band in (7, 8) else 1500}</mean>'
        f"<stdDeviation>{0 if band in (7, 8) else 300}</stdDeviation></bandID>"
        for band in range(1, BANDS + 1)
    )
    extra = f"<bandStatistics>{statistics}</bandStatistics>"
    path, _ = l2a(tmp_path, data=stored, xml=metadata("L2A", BANDS, [0.0001] * BANDS, extra=extra))
    with Scene(path) as scene:
        assert scene.facts.good_bands == tuple(band not in (6, 7) for band in range(BANDS))
        assert scene.bands == BANDS - 2 and scene.read(scene.windows(100)[0]).valid.sum() == ROWS * COLS - 3
    without, _ = l2a(tmp_path / "silent", data=stored)
    with Scene(without) as scene:
        assert list(scene.band_numbers) == [1, 2, 3, 4, 5, 6, 9, 10, 11, 12]


def test_l1c_is_radiance_by_the_gains_and_offsets_of_every_band(tmp_path):
    gains, offsets = [1e-5 * band for band in range(1, BANDS + 1)], [-1e-4 * band for band in range(1, BANDS + 1)]
    stored = values(BANDS, dtype="uint16")
    stored[:, 0, 0] = 0
    stored[3, 5, 6] = 0  # dark in one band
    name = NAME.replace("L2A", "L1C")
    path, _ = l2a(tmp_path, name, stored, nodata=0, xml=metadata("L1C", BANDS, gains, offsets))
    with Scene(path) as scene:
        assert (scene.facts.quantity, scene.facts.unit) == ("radiance", "W/m2/sr/nm")
        assert "radiance" in " ".join(scene.notices) and not scene.is_reflectance
        cube = scene.read(scene.windows(100)[0])
    assert not cube.valid[0, 0] and cube.valid[5, 6]
    right = stored[:, 7, 8] * np.array(gains) + np.array(offsets)
    np.testing.assert_allclose(cube.reflectance[:, 7, 8], right, rtol=1e-5)
    with pytest.raises(ValueError, match="does not give every band's gain"):
        open_product(l2a(tmp_path / "silent", name, stored, nodata=0, xml=metadata("L1C", BANDS))[0])


def rpc(band):
    """Rational polynomials that put rows south and columns east of 48 N, 11 E."""
    size = {"ROW": ROWS / 2, "COL": COLS / 2}
    parts = [f"<{axis}_OFF>{size[axis]}</{axis}_OFF><{axis}_SCALE>{size[axis]}</{axis}_SCALE>" for axis in size]
    parts.append("<LAT_OFF>48</LAT_OFF><LAT_SCALE>0.01</LAT_SCALE><LONG_OFF>11</LONG_OFF><LONG_SCALE>0.02</LONG_SCALE>")
    parts.append("<HEIGHT_OFF>500</HEIGHT_OFF><HEIGHT_SCALE>100</HEIGHT_SCALE>")
    terms = {"ROW_NUM": {3: -1}, "ROW_DEN": {1: 1}, "COL_NUM": {2: 1}, "COL_DEN": {1: 1}}
    for name, known in terms.items():
        parts += [f"<{name}_{at}>{known.get(at, 0)}</{name}_{at}>" for at in range(1, 21)]
    return f'<bandID number="{band}">{"".join(parts)}</bandID>'


def l1b(folder, rpcs=True, marks=None):
    """Write an EnMAP L1B product; gives the path of its METADATA.XML, and VNIR and SWIR."""
    folder.mkdir(exist_ok=True)
    wrong = {"transform": from_origin(11, 48, 0.0004, -0.0003), "crs": "EPSG:4326"}
    parts = [values(VNIR, dtype="uint16", seed=1), values(SWIR, dtype="uint16", seed=2)]
    for end, data in zip(("VNIR", "SWIR"), parts):
        raster(folder / f"{L1}-SPECTRAL_IMAGE_{end}.TIF", data, **wrong)
    quality(folder, L1, MARKS if marks is None else marks)
    gains = [1e-5 * band for band in range(1, BANDS + 1)]
    extra = f"<navigation><RPC>{''.join(map(rpc, range(1, BANDS + 1)))}</RPC></navigation>" if rpcs else ""
    sizes = dimension("vnir") + dimension("swir")
    path = folder / f"{L1}-METADATA.XML"
    path.write_text(metadata("L1B", BANDS, gains, [0.0] * BANDS, sizes=sizes, extra=extra))
    return path, *parts


def test_l1b_is_two_scenes_each_with_its_bands_and_place(tmp_path):
    path, vnir, swir = l1b(tmp_path)
    for end, stored, first, flags in (("VNIR", vnir, 1, 5), ("SWIR", swir, VNIR + 1, 0)):
        product = open_product(path.with_name(f"{L1}-SPECTRAL_IMAGE_{end}.TIF"))
        facts = product.facts
        assert (facts.product, facts.quantity, facts.place) == (f"EnMAP L1B {end}", "radiance", "gcps")
        assert facts.wavelengths[0] == wavelength(first) and facts.bands == len(stored) and len(facts.flags) == flags
        assert product.gains[0] == pytest.approx(1e-5 * first)
        np.testing.assert_array_equal(product.read(WHOLE, range(facts.bands)), stored)
        cols, rows = product.place.to_pixels(np.array([11.0]), np.array([48.0]))
        assert cols[0] == pytest.approx(COLS / 2 + 0.5, abs=0.6) and rows[0] == pytest.approx(ROWS / 2 + 0.5, abs=0.6)
        west = product.place.to_pixels(np.array([11.0, 10.99]), np.array([48.005, 48.0]))
        assert west[1][0] < rows[0] and west[0][1] < cols[0]
        product.close()


def test_metadata_of_l1b_opens_the_vnir_and_names_the_swir(tmp_path):
    path, *_ = l1b(tmp_path / "a", marks={})
    for picked in (path, path.parent, packed(tmp_path / "l1b.zip", path.parent)):
        product = open_product(picked)
        assert product.facts.product == "EnMAP L1B VNIR"
        said = " ".join(product.facts.notes)
        assert f"{L1}-SPECTRAL_IMAGE_SWIR.TIF" in said and ("unpack the zip" in said) == (picked.suffix == ".zip")
        product.close()


def test_l1b_without_polynomials_has_no_place_rather_than_the_images_wrong_one(tmp_path):
    path, *_ = l1b(tmp_path, rpcs=False)
    product = open_product(path)
    assert product.facts.place == "none" and not product.facts.georeferenced
    assert any("no place on the map" in note for note in product.facts.notes)
    product.close()


def test_several_products_in_one_folder_ask_to_choose(tmp_path):
    other = NAME.replace("001_V", "002_V")
    path, _ = l2a(tmp_path / "both")
    l2a(tmp_path / "both", other)
    with pytest.raises(ValueError, match=r"holds 2 products\. Choose a file of one of them: .*001_V.*, .*002_V"):
        open_product(path.parent)
    with pytest.raises(ValueError, match=r"holds 2 products\. Unpack it, and choose"):
        open_product(packed(tmp_path / "both.zip", path.parent))
    product = open_product(path)
    assert len(product.files) == 7
    product.close()


def break_xml(path):
    path.write_text(path.read_text()[:700])


def declare_entities(path):
    path.write_text('<!DOCTYPE x [<!ENTITY a "b">]>' + path.read_text().partition("?>")[2])


def declare_entities_in_utf16(path):
    path.write_bytes(('<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE x><x/>').encode("utf-16"))


def lose_wavelength(path):
    path.write_text(path.read_text().replace("<wavelengthCenterOfBand>520.0</wavelengthCenterOfBand>", ""))


def number_twice(path):
    path.write_text(path.read_text().replace('number="2"', 'number="1"'))


def lose_image(path):
    path.with_name(f"{NAME}-SPECTRAL_IMAGE.TIF").unlink()


def cut_image(path):
    image = path.with_name(f"{NAME}-SPECTRAL_IMAGE.TIF")
    image.write_bytes(image.read_bytes()[:100])


def fewer_bands(path):
    raster(path.with_name(f"{NAME}-SPECTRAL_IMAGE.TIF"), values(BANDS - 1), nodata=-32768)


def other_size(path):
    raster(path.with_name(f"{NAME}-SPECTRAL_IMAGE.TIF"), values(BANDS, ROWS - 1), nodata=-32768)


def other_quality(path):
    quality(path.parent, NAME, {"CLOUD": marked(rows=ROWS + 1)})


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        (break_xml, "METADATA.XML is damaged"),
        (declare_entities, "declares a document type"),
        (declare_entities_in_utf16, "declares a document type"),
        (lose_wavelength, "does not give every band's wavelength"),
        (number_twice, "does not number its bands"),
        (lose_image, "SPECTRAL_IMAGE of .* is missing"),
        (cut_image, "cannot be opened as a raster"),
        (fewer_bands, "has 11 bands and its METADATA.XML names 12"),
        (other_size, "has 12 x 17 pixels and its METADATA.XML gives it 13 x 17"),
        (other_quality, "QL_QUALITY_CLOUD.TIF has 14 x 17 pixels and the image 13 x 17"),
    ],
)
def test_damage_is_refused_with_one_sentence(tmp_path, harm, sentence):
    path, _ = l2a(tmp_path)
    harm(path)
    with pytest.raises(ValueError, match=sentence):
        open_product(path)


def test_a_broken_zip_and_missing_metadata_are_refused(tmp_path):
    path, _ = l2a(tmp_path / "a")
    order = packed(tmp_path / "order.zip", path.parent)
    order.write_bytes(order.read_bytes()[:-200])
    with pytest.raises(ValueError, match="is no whole zip"):
        open_product(order)
    l1, *_ = l1b(tmp_path / "b")
    l1.unlink()
    with pytest.raises(ValueError, match=r"METADATA\.XML of .* is missing beside its image"):
        open_product(l1.with_name(f"{L1}-SPECTRAL_IMAGE_VNIR.TIF"))


def test_reflectance_without_its_metadata_is_a_plain_raster(tmp_path):
    path, _ = l2a(tmp_path)
    path.unlink()
    product = open_product(path.with_name(f"{NAME}-SPECTRAL_IMAGE.TIF"))
    assert product.facts.product == "" and product.facts.wavelengths is None
    product.close()


def test_other_files_and_folders_are_no_enmap_product(tmp_path):
    (tmp_path / "x-METADATA.XML").write_text("<a/>")
    other = raster(tmp_path / "x.tif", values(BANDS))
    for path in (tmp_path, other, tmp_path / "x-METADATA.XML", tmp_path / "absent.zip"):
        assert enmap.recognise(path) is None


def test_windows_side_by_side_are_right_whatever_was_read_before(tmp_path):
    for interleave, options in (
        ("pixel", {}),
        ("band", {}),
        ("pixel", {"tiled": True, "blockxsize": 16, "blockysize": 16}),
    ):
        shutil.rmtree(tmp_path / "a", ignore_errors=True)
        path, stored = l2a(tmp_path / "a", data=values(BANDS, 40, 50), marks={}, interleave=interleave, **options)
        product = open_product(path)
        for row, rows, bands in ((0, 20, [0, 3]), (20, 20, [0, 3]), (20, 20, [1]), (20, 11, [1]), (0, 40, [2, 5])):
            for col, cols in ((0, 20), (20, 30), (5, 5), (0, 50)):
                found = product.read(Window(row, col, rows, cols), bands)
                np.testing.assert_array_equal(found, stored[bands, row : row + rows, col : col + cols])
        product.close()


def test_a_large_product_that_states_all_opens_without_a_look_at_its_pixels(tmp_path, monkeypatch):
    statistics = "".join(
        f'<bandID number="{band}"><mean>{-1000000 if band == 3 else 1500}</mean>'
        f"<stdDeviation>{0 if band == 3 else 300}</stdDeviation></bandID>"
        for band in range(1, BANDS + 1)
    )
    xml = metadata("L2A", BANDS, [0.0001] * BANDS, extra=f"<bandStatistics>{statistics}</bandStatistics>")
    stored = values(BANDS)
    stored[2] = -32768
    path, _ = l2a(tmp_path / "said", data=stored, xml=xml)
    silent, _ = l2a(tmp_path / "silent", data=stored)
    monkeypatch.setattr("mixel.backend.interpretation.SPARED_BYTES", 1000)
    reads = []
    read = enmap.DlrScene.read
    monkeypatch.setattr(enmap.DlrScene, "read", lambda *given: reads.append(given) or read(*given))
    for picked in (path, packed(tmp_path / "said.zip", path.parent)):
        with Scene(picked) as scene:
            assert not reads and scene.bands == BANDS - 1
            assert not any("impossibly" in one or "judging" in one for one in scene.notices)
            cube = scene.read(scene.windows(100)[0])
            np.testing.assert_allclose(cube.reflectance[0, 7, 7], stored[0, 7, 7] * 0.0001, rtol=1e-6)
        reads.clear()
    with Scene(silent) as scene:
        assert reads and scene.bands == BANDS - 1
