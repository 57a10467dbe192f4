"""Opening a product: the scene that is written is the product, for Mixel and for other programs."""

from __future__ import annotations

import dataclasses
import json
import shutil
import zipfile

import numpy as np
import pytest
import rasterio
from affine import Affine
from mixel.backend.description import describe
from mixel.backend.facts import Facts, Flag
from mixel.backend.place import Place, from_arrays
from mixel.backend.products.product import Product
from mixel.backend.products.raster import Raster
from mixel.backend.protocol import JOB_FILE, Job
from mixel.backend.reading import Reading
from mixel.backend.tasks import running
from opened import assert_same, opened
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.transform import from_origin
from scenes import BANDS, COLS, ROWS, WAVELENGTHS, mixture, stored, write, write_envi

FLAGS = (Flag("cloud", "Cloud", True), Flag("haze", "Haze", False))


class Cube(Product):
    """A product that no other program reads: its values, flags and place come from memory."""

    def __init__(self, path, values, *, flags=(), place=None, largest=None, **facts):
        bands, rows, cols = values.shape
        self.values, self.files, self.marks, self.read_bytes = values, (path,), dict(flags), []
        self.place = place or Place(CRS.from_epsg(32633), from_origin(390000, 5820000, 30, 30))
        told = tuple(one for one in FLAGS if one.name in self.marks)
        base = Facts(bands, rows, cols, str(values.dtype), self.place.kind != "none", flags=told, place=self.place.kind)
        self.facts = dataclasses.replace(base, wavelengths=WAVELENGTHS[:bands], **facts)

    def read(self, window, bands):
        part = self.values[list(bands), window.row : window.row + window.rows, window.col : window.col + window.cols]
        self.read_bytes.append(part.nbytes)
        return part

    def usable(self, window, flags):
        if not self.marks:
            return None
        whole = np.ones(self.values.shape[1:], bool)
        for name in flags:
            whole &= ~self.marks[name]
        return whole[window.row : window.row + window.rows, window.col : window.col + window.cols]

    def close(self):
        self.values = None


class Marked(Raster):
    """A raster of GDAL with quality flags, as the readers of GeoTIFF products are."""

    def __init__(self, path, marks):
        super().__init__(rasterio.open(path), path)
        self.marks = marks
        self.facts = dataclasses.replace(self.facts, flags=FLAGS[:1], product="Test L2A", date="2024-05-06T10:11:12Z")

    def usable(self, window, flags):
        part = self.marks[window.row : window.row + window.rows, window.col : window.col + window.cols]
        return ~part if "cloud" in flags else np.ones(part.shape, bool)


@pytest.fixture
def product(tmp_path, monkeypatch):
    """A path that means this product."""

    def make(made, name="cube.he5"):
        path = tmp_path / name
        if not path.exists():
            path.write_bytes(b"a product")
        real = __import__("mixel.backend.products", fromlist=["open_product"]).open_product
        known = lambda asked: made(path) if str(asked) == str(path) else real(asked)  # noqa: E731
        for place in ("scene", "tasks.open_product.work"):
            monkeypatch.setattr(f"mixel.backend.{place}.open_product", known)
        return path

    return make


def clouds(rows=ROWS, cols=COLS, at=(slice(2, 5), slice(3, 9))):
    marks = np.zeros((rows, cols), bool)
    marks[at] = True
    return marks


def gcps():
    corners = [(0, 0), (0, COLS), (ROWS, 0), (ROWS, COLS), (ROWS / 2, COLS / 2)]
    return [GroundControlPoint(row, col, 13 + col / 100 + row / 900, 52 - row / 100) for row, col in corners]


def rotated():
    return Affine.translation(390000, 5820000) @ Affine.rotation(35) @ Affine.scale(3.6, -3.6)


SOURCES = {
    "int16": lambda folder: write(folder / "a.tif"),
    "uint16 with nodata": lambda folder: write(
        folder / "a.tif", holed(stored().astype(np.uint16), 65535), nodata=65535
    ),
    "float": lambda folder: write(folder / "a.tif", mixture()),
    "float64 with a nodata beyond float32": lambda folder: write(
        folder / "a.tif", holed(mixture().astype(np.float64), -1.5e300), nodata=-1.5e300
    ),
    "nodata NaN": lambda folder: write(folder / "a.tif", holed(mixture(), np.nan), nodata=np.nan),
    "no wavelengths": lambda folder: write(folder / "a.tif", wavelengths=None),
    "rotated": lambda folder: write(folder / "a.tif", transform=rotated()),
    "south up": lambda folder: write(folder / "a.tif", transform=Affine(3.6, 0, 390000, 0, 3.6, 5820000)),
    "no place": lambda folder: write(folder / "a.tif", crs=None, transform=Affine.identity()),
    "no coordinate system": lambda folder: write(folder / "a.tif", crs=None),
    "geographic": lambda folder: write(folder / "a.tif", crs="EPSG:4326", transform=from_origin(13, 52, 1e-4, 2e-4)),
    "gcps": lambda folder: write(folder / "a.tif", transform=None, gcps=gcps(), crs="EPSG:4326"),
    "interleaved by pixel": lambda folder: write(folder / "a.tif", interleave="pixel", compress="deflate"),
    "ENVI": lambda folder: write_envi(
        folder / "a.bsq",
        header=f"wavelength = {{{', '.join(str(one / 1000) for one in WAVELENGTHS)}}}\nwavelength units = Micrometers\n"
        f"fwhm = {{{', '.join(['0.01'] * BANDS)}}}\n"
        f"bbl = {{{', '.join(['1'] * 5 + ['0'] * 2 + ['1'] * (BANDS - 7))}}}\n"
        "reflectance scale factor = 10000\n",
    ),
    "ENVI by line": lambda folder: write_envi(folder / "a.bil", interleave="bil"),
    "ENVI by pixel": lambda folder: write_envi(folder / "a.bip", interleave="bip"),
}


def holed(values, hole):
    values = values.copy()
    values[:, 3, 4:6] = hole
    return values


@pytest.mark.parametrize("how", ["auto", "vrt", "geotiff"])
@pytest.mark.parametrize("name", SOURCES)
def test_what_is_written_is_what_was_there(name, how, tmp_path):
    path = SOURCES[name](tmp_path)
    scene, _ = opened(path, tmp_path / "out", how=how)
    assert scene.endswith("scene.tif" if how == "geotiff" else "scene.vrt")
    assert_same(scene, path)


@pytest.mark.parametrize("how", ["vrt", "geotiff"])
def test_gains_offsets_and_nodata_that_differ_from_band_to_band(how, tmp_path):
    write(tmp_path / "a.tif", holed(stored(), 777))
    opened(tmp_path / "a.tif", tmp_path / "first", how="vrt")
    path = tmp_path / "first" / "scene.vrt"
    parts = path.read_text().split("<SimpleSource>")
    for band in range(1, BANDS + 1):
        words = f"<Scale>{0.0001 + band * 1e-7!r}</Scale><Offset>{-0.01 * (band % 2)!r}</Offset>"
        parts[band - 1] += words + (f"<NoDataValue>{777 + 0 * band}</NoDataValue>" if band % 3 else "")
    path.write_text("<SimpleSource>".join(parts))
    scene, _ = opened(path, tmp_path / "out", how=how)
    assert_same(scene, path)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "float32", "float64", "int64", "float16"])
@pytest.mark.parametrize("nodata", [None, 250.0, np.nan])
def test_a_product_that_only_mixel_reads_becomes_a_geotiff_of_the_same_values(product, dtype, nodata, tmp_path):
    values = (mixture() * 200).astype(dtype)
    if nodata and np.isfinite(nodata):
        values[:, 3, 4:6] = nodata

    def make(path):
        made = Cube(path, values, quantity="reflectance", product="Test L2", date="2024-05-06T10:11:12Z")
        made.gains, made.offsets = np.full(BANDS, 1 / 200), np.full(BANDS, 0.01)
        made.nodata = None if nodata is None else np.full(BANDS, nodata)
        made.facts = dataclasses.replace(made.facts, nodata=nodata)
        return made

    path = product(make)
    scene, _ = opened(path, tmp_path / "out")
    assert scene.endswith("scene.tif")
    assert_same(scene, path)
    with rasterio.open(scene) as dataset:
        kept = dtype in ("uint8", "int16", "uint16", "int32", "float32")
        finite = nodata is None or (np.isfinite(nodata) or dtype.startswith("float"))
        assert dataset.dtypes[0] == (dtype if kept else "float64" if dtype == "int64" else "float32") or not finite
        assert dataset.profile["tiled"] and dataset.profile["interleave"] == "band"
        assert dataset.tags(ns="MIXEL")["date"] == "2024-05-06T10:11:12Z"


def test_bands_with_different_nodata_in_whole_numbers_do_not_lose_values(product, tmp_path):
    values = stored()
    values[0, 0, 0], values[1, 0, 0] = -1, -2  # nodata of the one band is a value of the other
    values[0, 1, 1], values[1, 1, 1] = -2, -1

    def make(path):
        made = Cube(path, values, quantity="reflectance")
        made.gains, made.offsets = np.full(BANDS, 1e-4), np.zeros(BANDS)
        made.nodata = np.full(BANDS, np.nan)
        made.nodata[:2] = -1, -2
        return made

    path = product(make)
    scene, _ = opened(path, tmp_path / "out")
    assert_same(scene, path)
    with rasterio.open(scene) as dataset:
        corner = dataset.read(window=((0, 2), (0, 2)))
    assert np.isnan(corner[:2, 0, 0]).all() and corner[0, 1, 1] == -2 and corner[1, 1, 1] == -1


@pytest.mark.parametrize("quantity, unit", [("radiance", "W/m2/sr/nm"), ("counts", "")])
def test_radiance_and_counts_stay_what_they_are(product, quantity, unit, tmp_path):
    path = product(lambda path: Cube(path, stored(), quantity=quantity, unit=unit, notes=("VNIR only.",)))
    scene, notices = opened(path, tmp_path / "out")
    assert_same(scene, path)
    assert "VNIR only." in notices
    _, again = opened(scene, tmp_path / "again", how="geotiff")
    assert "VNIR only." in again and any("not reflectance" in one for one in again)


def test_a_swath_keeps_its_place(product, tmp_path):
    rows, cols = np.mgrid[0:ROWS:5, 0:COLS:4]
    place = from_arrays(13 + cols / 100 + rows / 900, 52 - rows / 100, rows[:, 0].tolist(), cols[0].tolist())
    path = product(lambda path: Cube(path, stored(), place=place))
    scene, _ = opened(path, tmp_path / "out")
    assert_same(scene, path)
    with rasterio.open(scene) as dataset:
        assert len(dataset.gcps[0]) == len(place.gcps) and dataset.gcps[1] == CRS.from_epsg(4326)


def test_other_programs_see_the_wavelengths(product, tmp_path):
    good = (False, *[True] * (BANDS - 1))
    path = product(
        lambda path: Cube(path, stored(), fwhm=(10.0,) * BANDS, good_bands=good, unit="W", quantity="radiance")
    )
    scene, _ = opened(path, tmp_path / "out")
    for where in (scene, opened(scene, tmp_path / "virtual", how="vrt")[0]):
        with rasterio.open(where) as dataset:
            tags, imagery = dataset.tags(2), dataset.tags(2, ns="IMAGERY")
            assert (float(tags["wavelength"]), tags["wavelength_units"]) == (WAVELENGTHS[1], "Nanometers")
            assert float(tags["fwhm"]) == 10 and tags["bbl"] == "1" and dataset.tags(1)["bbl"] == "0"
            assert float(imagery["CENTRAL_WAVELENGTH_UM"]) == WAVELENGTHS[1] / 1000
            assert float(imagery["FWHM_UM"]) == 0.01
            assert "500.00 Nanometers" in dataset.descriptions[1] and dataset.units[1] == "W"


@pytest.mark.parametrize("virtual", [True, False])
@pytest.mark.parametrize("text, left_out", [("", ["cloud"]), ("none", []), ("cloud", ["cloud"])])
def test_chosen_flags_become_the_mask_of_the_file(product, text, left_out, virtual, tmp_path):
    marks = clouds()

    def make(path):
        if virtual:
            return Marked(path, marks)
        return Cube(path, stored(), flags={"cloud": marks, "haze": clouds(at=(slice(0, 2), slice(None)))})

    if virtual:
        write(tmp_path / "cube.tif")
    path = product(make, "cube.tif" if virtual else "cube.he5")
    scene, _ = opened(path, tmp_path / "out", flags=text)
    assert scene.endswith(".vrt" if virtual else ".tif")
    assert_same(scene, path, Reading(flags=tuple(left_out)))
    with rasterio.open(scene) as dataset:
        assert ((dataset.read_masks(1) == 0) == (marks if left_out else False)).all()
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "Cloud" in page and f"{100 * marks.mean():.2f} %" in page
    record = json.loads((tmp_path / "out" / JOB_FILE).read_text(encoding="utf-8"))["record"]
    assert record["metrics"]["masked_share"] == pytest.approx(marks.mean() if left_out else 0)


def test_a_flag_on_request(product, tmp_path):
    haze = clouds(at=(slice(0, 2), slice(None)))
    path = product(lambda path: Cube(path, stored(), flags={"cloud": clouds(), "haze": haze}))
    scene, _ = opened(path, tmp_path / "out", flags=" haze , cloud,haze")
    with rasterio.open(scene) as dataset:
        assert ((dataset.read_masks(1) == 0) == (haze | clouds())).all()


@pytest.mark.parametrize("nodata", [None, -9999.0, 0.0])
def test_a_background_of_zeros_is_masked_for_other_programs_too(product, nodata, tmp_path):
    values = np.tile(stored(), (1, 20, 18))
    values[:, :150, :40] = 0

    def make(path):
        made = Cube(path, values)
        made.nodata = None if nodata is None else np.full(BANDS, nodata)
        return made

    path = product(make)
    scene, _ = opened(path, tmp_path / "out")
    assert_same(scene, path)
    with rasterio.open(scene) as dataset:
        assert ((dataset.read_masks(3) == 0) == (values == 0).all(axis=0)).all()


def test_a_flag_that_the_product_has_not_is_named(product, tmp_path):
    path = product(lambda path: Cube(path, stored(), flags={"cloud": clouds()}))
    with pytest.raises(ValueError, match="no quality flag 'snow'; it has cloud"):
        opened(path, tmp_path / "out", flags="snow")
    assert not (tmp_path / "out").exists()


def test_what_the_user_knows_better_is_written(tmp_path):
    path = write(tmp_path / "a.tif", stored(), wavelengths=None)
    waves = tuple(500.0 + 20 * band for band in range(BANDS))
    reading = Reading(scale=5000.0, nodata=3.0, wavelengths=waves, left_out=((540.0, 560.0),))
    reading.keep_beside(path)
    scene, _ = opened(path, tmp_path / "out")
    assert_same(scene, path, reading)


def test_a_virtual_raster_and_its_product_move_together(tmp_path):
    (tmp_path / "a").mkdir()
    path = write(tmp_path / "a" / "ä & <b>.tif")
    opened(path, tmp_path / "a" / "out")
    shutil.move(tmp_path / "a", tmp_path / "elsewhere")
    assert_same(tmp_path / "elsewhere" / "out" / "scene.vrt", tmp_path / "elsewhere" / "ä & <b>.tif")


def test_pixels_in_a_zip_are_read_there(product, tmp_path):
    write(tmp_path / "inner.tif")
    with zipfile.ZipFile(tmp_path / "product.zip", "w") as packed:
        packed.write(tmp_path / "inner.tif", "folder/inner.tif")
    inside = f"/vsizip/{tmp_path / 'product.zip'}/folder/inner.tif"

    def make(path):
        made = Raster(rasterio.open(inside), path)
        made.files = (path,)
        return made

    path = product(make, "product.zip")
    scene, _ = opened(path, tmp_path / "out")
    assert scene.endswith(".vrt")
    assert_same(scene, tmp_path / "inner.tif")


def test_a_product_that_gdal_reads_otherwise_becomes_a_geotiff(product, tmp_path):
    write(tmp_path / "cube.tif")

    class Turned(Raster):
        def read(self, window, bands):
            return super().read(window, bands)[::-1]

    path = product(lambda path: Turned(rasterio.open(path), path), "cube.tif")
    scene, _ = opened(path, tmp_path / "out")
    assert scene.endswith(".tif") and not (tmp_path / "out" / "scene.vrt").exists()
    assert_same(scene, path)
    with pytest.raises(ValueError, match="GDAL reads this product otherwise"):
        opened(path, tmp_path / "second", how="vrt")


def test_a_virtual_raster_is_refused_where_there_is_nothing_to_refer_to(product, tmp_path):
    path = product(lambda path: Cube(path, stored()))
    with pytest.raises(ValueError, match="Choose 'geotiff' or 'auto'"):
        opened(path, tmp_path / "out", how="vrt")
    assert not (tmp_path / "out").exists()


def test_nothing_to_open_is_said(tmp_path):
    with pytest.raises(ValueError, match="'scene'"):
        opened("", tmp_path / "out")
    with pytest.raises(ValueError, match="cannot be opened"):
        opened(tmp_path / "nowhere.zip", tmp_path / "out")


def test_a_scene_that_is_all_clouds_is_refused(product, tmp_path):
    path = product(lambda path: Cube(path, stored(), flags={"cloud": np.ones((ROWS, COLS), bool)}))
    with pytest.raises(ValueError, match=r"\.$"):
        opened(path, tmp_path / "out")
    opened(path, tmp_path / "out", flags="none")


def test_windows_of_a_large_scene_are_small_and_cover_it(product, tmp_path, monkeypatch):
    from mixel.backend.tasks.open_product import geotiff

    monkeypatch.setattr(geotiff, "MOST_BYTES", 3e5)
    values = np.random.default_rng(0).integers(1, 9000, (5, 300, 290)).astype(np.int16)
    made = []

    def make(path):
        made.append(Cube(path, values))
        return made[-1]

    path = product(make)
    scene, _ = opened(path, tmp_path / "out")
    assert max(size for one in made for size in one.read_bytes) <= 3e5
    with rasterio.open(scene) as dataset:
        assert np.array_equal(dataset.read(), values)


def test_a_full_disk_is_a_sentence_and_leaves_nothing(product, tmp_path, small_files):
    values = np.random.default_rng(0).integers(1, 9000, (8, 600, 300)).astype(np.int16)
    path = product(lambda path: Cube(path, values))
    with small_files(200_000), pytest.raises(ValueError, match="Is the disk full"):
        opened(path, tmp_path / "out")
    assert not list((tmp_path / "out").rglob("*.tif"))


@pytest.mark.parametrize("flags, told", [("cloud", "cloud"), ("none", "no pixels by quality flags"), ("", "cloud")])
def test_the_scene_says_which_flags_were_left_out(product, flags, told, tmp_path):
    path = product(lambda path: Cube(path, stored(), flags={"cloud": clouds()}))
    scene, _ = opened(path, tmp_path / "out", flags=flags)
    assert describe(scene).facts["masked_by"] == told


def test_the_scene_of_a_product_without_flags_says_nothing_of_them(tmp_path):
    scene, _ = opened(write(tmp_path / "a.tif"), tmp_path / "out")
    assert describe(scene).facts["masked_by"] == ""


def test_runs_on_an_opened_scene_name_the_product_and_what_was_left_out(product, tmp_path):
    told = {"product": "EnMAP L2A", "date": "2022-07-24T10:45:26.123Z", "quantity": "reflectance"}
    path = product(lambda path: Cube(path, stored(), flags={"cloud": clouds(), "haze": clouds()}, **told))
    scene, _ = opened(path, tmp_path / "out")
    running.run(Job("minimum_noise_fraction", "", scene, str(tmp_path / "mnf")), lambda event: None)
    page = (tmp_path / "mnf" / "report.html").read_text(encoding="utf-8")
    assert ": EnMAP L2A, 2022-07-24 10:45</h1>" in page and "scene.tif" in page
    assert "<th>Left out</th><td>cloud</td>" in page
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "<td>not set " in page and "<td>2022-07-24 10:45</td>" in page


@pytest.mark.parametrize("nodata", [-99.0, None])
@pytest.mark.parametrize("kind", ["gcps", "grid"])
def test_a_scene_placed_by_control_points_hides_masked_pixels_from_programs_that_warp_it(
    product, nodata, kind, tmp_path
):
    place = Place(CRS.from_epsg(4326), gcps=tuple(gcps())) if kind == "gcps" else None

    def make(path):
        made = Cube(path, stored(), flags={"cloud": clouds()}, place=place, nodata=nodata)
        made.nodata = None if nodata is None else np.full(BANDS, nodata)
        return made

    path = product(make)
    scene, _ = opened(path, tmp_path / "out", flags="cloud")
    assert_same(scene, path)
    with rasterio.open(scene) as dataset:
        values = dataset.read()
        assert ((dataset.read_masks(1) == 0) == clouds()).all()
    told = kind == "gcps" and nodata is not None
    assert (values[:, clouds()] == (nodata if told else stored()[:, clouds()])).all()
    assert (values[:, ~clouds()] == stored()[:, ~clouds()]).all()
