"""A scene on disk: read by windows, whole and bounded, and every bad file refused in one sentence."""

from __future__ import annotations

import os
import shutil

import numpy as np
import pytest
import rasterio
from mixel.backend.cube import MAX_TILES, Window, spread, tiles
from mixel.backend.scene import Scene
from mixel.backend.survey import Survey
from scenes import COLS, GRID, ROWS, WAVELENGTHS, mixture, stored, write, write_envi

SIZES = [(8, 8), (11, 17), (17, 11), (64, 64), (65, 63), (100, 9), (129, 257), (256, 8)]


def whole(path, scale=None):
    """The one cube of a small scene, and the scene's notices."""
    with Scene(path, scale) as scene:
        (window,) = scene.windows(1000)
        return scene.read(window), scene.notices


def refusal(path, scale=None):
    """The sentence with which a scene is refused on opening or reading."""
    with pytest.raises(ValueError) as refused:
        whole(path, scale)
    assert str(refused.value).endswith(".") and "\n" not in str(refused.value)
    return str(refused.value)


@pytest.fixture(scope="module")
def scene_of_size(tmp_path_factory):
    """Opened scenes without data on disk, by (rows, cols)."""
    folder, opened = tmp_path_factory.mktemp("sizes"), {}

    def scene(rows, cols):
        if (rows, cols) not in opened:
            values = np.arange(10 * rows * cols, dtype=np.int32).reshape(10, rows, cols)
            opened[rows, cols] = Scene(write(folder / f"{rows}x{cols}.tif", values))
        return opened[rows, cols]

    yield scene
    for one in opened.values():
        one.close()


@pytest.mark.parametrize("size", [1, 7, 8, 16, 64, 1000])
@pytest.mark.parametrize("shape", SIZES)
def test_windows_cover_every_pixel_exactly_once(scene_of_size, shape, size):
    covered = np.zeros(shape, int)
    for window in scene_of_size(*shape).windows(size):
        assert 1 <= window.rows <= size and 1 <= window.cols <= size
        covered[window.row : window.row + window.rows, window.col : window.col + window.cols] += 1
    assert (covered == 1).all()


@pytest.mark.parametrize("shape", SIZES)
def test_windows_are_of_nearly_equal_size(scene_of_size, shape):
    windows = scene_of_size(*shape).windows(32)
    for sides in ({window.rows for window in windows}, {window.cols for window in windows}):
        assert max(sides) - min(sides) <= 1


@pytest.mark.parametrize("halo", [0, 1, 5, 300])
@pytest.mark.parametrize("shape", [(11, 17), (65, 63)])
def test_a_window_with_its_halo_reads_what_the_whole_scene_holds_there(scene_of_size, shape, halo):
    scene = scene_of_size(*shape)
    image = scene.read(scene.windows(1000)[0]).reflectance
    for window in scene.windows(8, halo):
        cube = scene.read(window)
        top, bottom, left, right = window.halo
        assert max(window.halo) <= halo
        rows = slice(window.row - top, window.row + window.rows + bottom)
        cols = slice(window.col - left, window.col + window.cols + right)
        np.testing.assert_array_equal(cube.reflectance, image[:, rows, cols])
        np.testing.assert_array_equal(
            cube.reflectance[(slice(None), *window.core)],
            image[:, window.row : window.row + window.rows, window.col : window.col + window.cols],
        )


def test_a_halo_is_full_inside_the_scene_and_ends_where_the_scene_ends(scene_of_size):
    halos = {(window.row, window.col): window.halo for window in scene_of_size(65, 63).windows(22, 5)}
    assert [halos[corner] for corner in ((0, 0), (22, 21), (43, 42))] == [(0, 5, 0, 5), (5, 5, 5, 5), (5, 0, 5, 0)]


def test_cubes_come_in_the_order_of_their_windows(scene_of_size):
    scene = scene_of_size(65, 63)
    windows = scene.windows(20)
    assert [cube.window for cube in scene.cubes(windows)] == windows
    assert [cube.window for cube in scene.cubes(windows[:1])] == windows[:1]


def test_stored_values_become_reflectance(write_scene):
    cube, _ = whole(write_scene())
    np.testing.assert_allclose(cube.reflectance, mixture(), atol=1e-4)
    assert (cube.reflectance.dtype, cube.reflectance.shape) == (np.float32, (12, ROWS, COLS))
    assert cube.valid.all()
    assert cube.pixels.shape == (ROWS * COLS, 12)
    np.testing.assert_array_equal(cube.pixels[COLS], cube.reflectance[:, 1, 0])


@pytest.mark.parametrize("driver", ["GTiff", "ENVI"])
def test_wavelengths_and_bands_in_use_go_together(tmp_path, driver):
    values = stored()
    values[4] = 7
    path = tmp_path / "scene.tif"
    header = f"wavelength = {{{', '.join(map(str, WAVELENGTHS))}}}\nbbl = {{0{', 1' * 11}}}\n"
    path = write(path, values) if driver == "GTiff" else write_envi(path, values, header)
    kept = [index for index in range(12) if index != 4 and not (driver == "ENVI" and index == 0)]
    with Scene(path, 1e4) as scene:
        assert scene.bands == len(kept)
        assert scene.band_numbers.tolist() == [index + 1 for index in kept]
        np.testing.assert_allclose(scene.wavelengths, np.array(WAVELENGTHS)[kept])
        np.testing.assert_allclose(scene.read(scene.windows(99)[0]).reflectance, values[kept] / 1e4, rtol=1e-6)
        assert any("left out: 5." in notice for notice in scene.notices)


@pytest.mark.parametrize(
    ("dtype", "nodata"), [("int16", -9999), ("uint16", 65535), ("int32", -(2**31)), ("uint16", 0), ("float32", -9999)]
)
def test_a_pixel_with_nodata_in_any_band_is_not_valid_and_holds_zeros(write_scene, dtype, nodata):
    values = stored().astype(dtype) + np.array(5, dtype)
    values[:, 2, 3] = nodata
    values[6, 4, 5] = nodata
    cube, notices = whole(write_scene(values, nodata=nodata))
    assert set(zip(*np.nonzero(~cube.valid), strict=True)) == {(2, 3), (4, 5)}
    assert (cube.reflectance[:, ~cube.valid] == 0).all()
    assert (cube.reflectance[:, cube.valid] > 0).all()
    assert len(cube.pixels) == ROWS * COLS - 2
    assert not any("nodata" in notice for notice in notices)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("nodata", [None, float("nan"), -9999.0])
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf"), -3.4028234663852886e38])
def test_pixels_that_are_no_measurement_are_not_valid_whatever_the_nodata_value(write_scene, dtype, nodata, bad):
    values = mixture().astype(dtype)
    values[3, 1, 2] = bad
    cube, _ = whole(write_scene(values, nodata=nodata))
    assert list(zip(*np.nonzero(~cube.valid), strict=True)) == [(1, 2)]
    assert np.isfinite(cube.reflectance).all()
    assert np.abs(cube.reflectance).max() <= 1


def test_a_value_too_large_for_single_precision_does_not_become_infinite(write_scene):
    values = mixture().astype(np.float64)
    values[3, 1, 2] = 1e300
    cube, _ = whole(write_scene(values))
    assert np.isfinite(cube.reflectance).all() and not cube.valid[1, 2]


@pytest.mark.parametrize("nodata", [-9999, 1e10])
def test_a_nodata_value_outside_the_files_type_marks_no_pixel(tmp_path, nodata):
    values = stored().astype(np.uint16)
    values[:, 0, 0] = np.int64(nodata).astype(np.uint16)  # what a careless cast makes of it
    path = write_envi(tmp_path / "scene.img", values, f"data ignore value = {nodata:g}\n")
    cube, _ = whole(path)
    assert cube.valid.all()


def test_a_band_that_is_nodata_everywhere_is_left_out_and_costs_no_pixel(write_scene):
    values = stored()
    values[[0, 11]] = -9999
    cube, notices = whole(write_scene(values, nodata=-9999))
    assert cube.valid.all() and cube.reflectance.shape[0] == 10
    assert "Bands that hold (almost) no data or one value only were left out: 1, 12." in notices


def test_a_band_that_is_mostly_nodata_is_left_out_and_costs_no_pixel(write_scene):
    values = stored() + np.int16(5)
    values[3, 2:] = 0  # a dark band of zeros, and zero is nodata
    values[7, :3] = 0
    cube, notices = whole(write_scene(values, nodata=0))
    assert cube.reflectance.shape[0] == 11
    assert cube.valid[3:].all() and not cube.valid[:3].any(), "a band with gaps stays, and its gaps count"
    assert "Bands that hold (almost) no data or one value only were left out: 4." in notices


def test_bands_that_all_have_data_in_a_small_part_only_are_kept(write_scene):
    values = stored() + np.int16(5)
    values[:, :, 2:] = 0
    cube, notices = whole(write_scene(values, nodata=0))
    assert cube.reflectance.shape[0] == 12 and cube.valid.sum() == 2 * ROWS
    assert not any("left out" in notice for notice in notices)


def test_a_scene_with_too_few_bands_that_hold_data_is_refused(write_scene):
    values = stored() + np.int16(5)
    values[:3, 1:] = 0
    assert "Only 9 bands of the scene vary from pixel to pixel and are not mostly nodata" in refusal(
        write_scene(values, nodata=0)
    )


def test_constant_bands_are_left_out_and_named_the_first_eight_of_many(write_scene):
    values = np.concatenate([stored(), np.full((30, ROWS, COLS), 500, np.int16)])
    cube, notices = whole(write_scene(values))
    assert cube.reflectance.shape[0] == 12
    assert any("left out: 13, 14, 15, 16, 17, 18, 19, 20 and 22 more." in notice for notice in notices)


def test_a_scene_of_too_few_bands_that_vary_is_refused(write_scene):
    values = stored()
    values[:3] = 5
    assert "Only 9 bands of the scene vary" in refusal(write_scene(values))
    assert "Only 0 bands of the scene vary" in refusal(write_scene(np.full_like(values, 3), "flat.tif"))


@pytest.mark.parametrize("bad", [0, -9999])
def test_a_scene_that_is_all_nodata_is_refused(write_scene, bad):
    message = refusal(write_scene(np.full((12, ROWS, COLS), bad, np.int16), nodata=bad))
    assert message.startswith("Every pixel of the scene is nodata, or all but a few; check the layer's nodata value")


def test_a_scene_of_nothing_but_nan_is_refused(write_scene):
    assert "Every pixel of the scene is nodata" in refusal(write_scene(np.full((12, ROWS, COLS), np.nan, np.float32)))


def test_a_scene_whose_bands_have_data_in_different_pixels_has_no_pixel_to_learn_from(write_scene):
    values = mixture()
    values[:6, :, :9], values[6:, :, 9:] = np.nan, np.nan
    with Scene(write_scene(values)) as scene, pytest.raises(ValueError, match="Every pixel of the scene is nodata"):
        scene.sample(4, 64)


@pytest.mark.parametrize(
    ("factor", "dtype", "scale"),
    [(1, "float32", 1), (100, "float32", 100), (255, "uint8", 255), (10000, "int16", 10000), (10000, "uint16", 10000)],
)
def test_a_scale_the_file_does_not_say_is_guessed_and_told(write_scene, factor, dtype, scale):
    values = np.clip(mixture(), 0.01, 1) * factor
    cube, notices = whole(write_scene(values.astype(dtype)))
    np.testing.assert_allclose(cube.reflectance, mixture(), atol=2 / factor if factor > 1 else 1e-6)
    assert sum("scale" in notice for notice in notices) == 1
    assert any(f"stored value / {scale:g}, judging by the values" in notice for notice in notices)


@pytest.mark.parametrize("dtype", ["int16", "uint16", "int32"])
def test_dark_water_in_whole_numbers_stays_dark(write_scene, dtype):
    values = (50 + mixture() * 550).astype(dtype)
    cube, notices = whole(write_scene(values))
    np.testing.assert_allclose(cube.reflectance, values / 1e4, rtol=1e-6)
    assert any("stored value / 10000, judging by the values" in notice for notice in notices)


def test_a_scale_in_the_files_header_is_believed_without_a_word(tmp_path):
    path = write_envi(tmp_path / "scene.img", header="reflectance scale factor = 20000\n")
    cube, notices = whole(path)
    np.testing.assert_allclose(cube.reflectance, mixture() / 2, atol=1e-4)
    assert not any("scale" in notice for notice in notices)


def test_scale_and_offset_of_the_bands_are_believed_without_a_word(write_scene):
    path = write_scene()
    with rasterio.open(path, "r+") as dataset:
        dataset.scales, dataset.offsets = [1 / 20000] * 12, [0.25] * 12
    cube, notices = whole(path)
    np.testing.assert_allclose(cube.reflectance, mixture() / 2 + 0.25, atol=1e-4)
    assert not any("scale" in notice for notice in notices)


@pytest.mark.parametrize("gain", [0.0, float("nan"), float("inf")])
def test_a_scale_that_is_no_number_is_as_good_as_not_stated(write_scene, gain):
    plain = whole(write_scene())[0]
    path = write_scene(name="odd.tif")
    with rasterio.open(path, "r+") as dataset:
        dataset.scales = [gain] * 12
    np.testing.assert_array_equal(whole(path)[0].reflectance, plain.reflectance)


def test_scales_that_begin_with_the_second_band_are_believed_too(write_scene):
    path = write_scene()
    with rasterio.open(path, "r+") as dataset:
        dataset.scales = [1.0] + [1 / 20000] * 11
    cube, notices = whole(path)
    np.testing.assert_allclose(cube.reflectance[1:], mixture()[1:] / 2, atol=1e-4)
    assert not any("scale" in notice for notice in notices)


def test_a_scale_the_user_gives_beats_the_file_and_the_guess_without_a_word(tmp_path, write_scene):
    tagged = write_scene()
    with rasterio.open(tagged, "r+") as dataset:
        dataset.scales, dataset.offsets = [1 / 20000] * 12, [0.25] * 12
    headed = write_envi(tmp_path / "scene.img", header="reflectance scale factor = 20000\n")
    for path in (tagged, headed, write_scene(name="silent.tif")):
        cube, notices = whole(path, 5000.0)
        np.testing.assert_allclose(cube.reflectance, mixture() * 2, atol=2e-4)
        assert not any("scale" in notice for notice in notices)


def test_negative_values_stay_as_they_are(write_scene):
    values = stored()
    values[2] -= 3000
    cube, _ = whole(write_scene(values))
    assert cube.valid.all()
    np.testing.assert_allclose(cube.reflectance[2], values[2] / 1e4, atol=1e-6)
    assert cube.reflectance.min() < 0


@pytest.mark.parametrize("change", ["replaced", "written to", "deleted", "touched"])
def test_a_file_that_changes_while_it_is_read_is_noticed_at_the_next_window(write_scene, change):
    path = write_scene()
    with Scene(path) as scene:
        windows = scene.windows(4)
        scene.read(windows[0])
        if change == "replaced":
            other = write_scene(stored() + np.int16(1), "other.tif")
            shutil.copystat(path, other)
            os.replace(other, path)
        elif change == "written to":
            with open(path, "ab") as file:
                file.write(b"x")
        elif change == "deleted":
            os.remove(path)
        else:
            os.utime(path, ns=(0, 0))
        with pytest.raises(ValueError, match="was changed while it was being read; run again"):
            scene.read(windows[1])
        with pytest.raises(ValueError, match="was changed while it was being read"):
            scene.check_unchanged()


def test_a_file_that_rests_is_unchanged(write_scene):
    with Scene(write_scene()) as scene:
        scene.read(scene.windows(99)[0])
        scene.check_unchanged()


@pytest.mark.parametrize("options", [{}, {"compress": "deflate"}, {"tiled": True, "blockxsize": 16, "blockysize": 16}])
@pytest.mark.parametrize("kept", [0.3, 0.9])
def test_a_truncated_geotiff_is_refused_with_its_path(write_scene, options, kept):
    path = write_scene(stored(mixture(rows=90, cols=70)), **options)
    os.truncate(path, int(os.path.getsize(path) * kept))
    message = refusal(path)
    assert path in message and ("cannot be read completely" in message or "cannot be opened" in message)


def test_a_truncated_envi_file_is_refused_with_its_path(tmp_path):
    path = write_envi(tmp_path / "scene.img")
    os.truncate(path, 1000)
    assert f"The scene {path} cannot be" in refusal(path)


@pytest.mark.parametrize("name", ["missing.tif", "folder", "words.tif", "empty.tif", "nul\0.tif", "\udcfc.tif"])
def test_what_is_no_raster_is_refused_with_its_path(tmp_path, name):
    (tmp_path / "folder").mkdir()
    (tmp_path / "words.tif").write_text("no raster")
    (tmp_path / "empty.tif").touch()
    assert f"The scene {tmp_path / name} cannot be opened as a raster" in refusal(tmp_path / name)


def test_a_path_with_spaces_and_non_latin_letters(tmp_path):
    folder = tmp_path / "Größe 100 % 高光谱 данные 'x' \"y\" #1"
    folder.mkdir()
    cube, _ = whole(write(folder / "scène №1 (копия).tif"))
    assert cube.valid.all()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (stored(mixture(rows=3, cols=5)), "has 3 x 5 pixels; Mixel needs at least 8 x 8"),
        (stored(mixture(bands=3)), "has 3 usable bands; Mixel needs at least 10"),
        (mixture().astype(np.complex64), "complex numbers"),
    ],
)
def test_a_raster_that_is_no_hyperspectral_scene_is_refused(write_scene, values, words):
    assert words in refusal(write_scene(values))


def test_a_refused_scene_is_closed_again(write_scene, monkeypatch):
    paths = [write_scene(stored(mixture(bands=3)), "few.tif"), write_scene(stored() * 0, "flat.tif")]
    opened = []
    real = rasterio.open
    monkeypatch.setattr(rasterio, "open", lambda *args: opened.append(real(*args)) or opened[-1])
    for path in paths:
        refusal(path)
    assert len(opened) == 2 and all(one.closed for one in opened)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_scene_without_georeference_is_used_and_told(write_scene):
    with Scene(write_scene(crs=None, transform=None)) as scene:
        assert not scene.facts.georeferenced
        assert any("has no georeference" in notice for notice in scene.notices)
        assert scene.grid == {"crs": None, "transform": rasterio.Affine.identity()}


def test_the_grid_of_a_scene_is_that_of_its_file(write_scene):
    with Scene(write_scene()) as scene:
        assert scene.grid["crs"].to_epsg() == 32633
        assert scene.grid["transform"] == GRID["transform"]


@pytest.mark.parametrize(("num_tiles", "size"), [(1, 100), (4, 16), (1, 8)])
def test_a_small_scene_is_its_own_sample(write_scene, num_tiles, size):
    with Scene(write_scene()) as scene:
        (tile,) = scene.sample(num_tiles, size)
        assert tile.window == Window(0, 0, ROWS, COLS)


@pytest.mark.parametrize("shape", [(100, 37), (37, 100), (130, 65)])
def test_a_sample_is_of_tiles_of_one_shape_within_the_scene_and_its_bounds(write_scene, shape):
    with Scene(write_scene(stored(mixture(rows=shape[0], cols=shape[1])))) as scene:
        tiles = scene.sample(6, 16)
        assert len(tiles) == 6
        assert len({(tile.window.row, tile.window.col) for tile in tiles}) == 6
        (found,) = {tile.reflectance.shape for tile in tiles}
        assert min(found[1:]) >= 8 and max(found[1:]) <= 16
        for tile in tiles:
            assert tile.window.row + found[1] <= shape[0] and tile.window.col + found[2] <= shape[1]


def repeated(path, values, rows, cols):
    """A virtual raster (VRT) of ``rows`` x ``cols`` copies of a scene on disk."""
    source, (bands, height, width) = path.with_suffix(".tif"), values.shape
    write(source, values, nodata=0)
    places = [(row * height, col * width) for row in range(rows) for col in range(cols)]
    lines = [f'<VRTDataset rasterXSize="{cols * width}" rasterYSize="{rows * height}">']
    for band in range(1, bands + 1):
        lines.append(f'<VRTRasterBand dataType="Int16" band="{band}"><NoDataValue>0</NoDataValue>')
        for top, left in places:
            lines.append(
                f'<SimpleSource><SourceFilename relativeToVRT="1">{source.name}</SourceFilename>'
                f'<SourceBand>{band}</SourceBand><SrcRect xOff="0" yOff="0" xSize="{width}" ySize="{height}"/>'
                f'<DstRect xOff="{left}" yOff="{top}" xSize="{width}" ySize="{height}"/></SimpleSource>'
            )
        lines.append("</VRTRasterBand>")
    path.write_text("\n".join([*lines, "</VRTDataset>"]))
    return str(path)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_sample_of_a_large_scene_holds_few_pixels_and_opening_it_reads_few(tmp_path, monkeypatch):
    read = []
    real = Scene._stored
    monkeypatch.setattr(Scene, "_stored", lambda self, window: read.append(window) or real(self, window))
    with Scene(repeated(tmp_path / "large.vrt", stored(mixture(rows=150, cols=130)), 12, 15)) as scene:
        assert scene.rows * scene.cols > 3_500_000
        tiles = scene.sample(8, 32)
    assert sum(window.rows * window.cols for window in read) <= 32 * 64 * 64 + 8 * 32 * 32
    assert sum(tile.valid.size for tile in tiles) <= 8 * 32 * 32 and len(tiles) == 8
    rows, cols = ({getattr(tile.window, side) for tile in tiles} for side in ("row", "col"))
    assert len(rows) >= 7 and len(cols) >= 7, "spread over the scene, not along one line"


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize("side", [1024, 2048])
def test_a_flight_line_within_an_empty_frame_is_found_and_fills_the_sample(tmp_path, side):
    step = side // 16
    path = tmp_path / "frame.vrt"
    repeated(path, stored(mixture(rows=step, cols=step)), 16, 16)
    lines = path.read_text().splitlines()
    line = [one for one in lines if "<SimpleSource>" not in one or f'DstRect xOff="{7 * step}"' in one]
    path.write_text("\n".join(line))
    with Scene(path) as scene:
        assert (scene.rows, scene.cols) == (side, side)
        tiles = scene.sample(16, 64)
        assert len(tiles) == 16 and all(tile.valid.any() for tile in tiles)


def test_a_few_valid_pixels_in_a_large_empty_scene_are_found(write_scene):
    values = np.zeros((12, 700, 900), np.int16)
    values[:, 333:341, 555:566] = stored(mixture(rows=8, cols=11))
    with Scene(write_scene(values, nodata=0, compress="deflate")) as scene:
        tiles = scene.sample(3, 16)
        assert 1 <= len(tiles) <= 3 and sum(len(tile.pixels) for tile in tiles) >= 8


def test_a_survey_of_tiles_is_the_survey_of_their_union():
    values = stored(mixture(rows=20, cols=30)).astype(np.float32)
    values[5, :, :10] = np.nan
    values[7] = 1
    parts = [values[:, :, :10], values[:, :, 10:]]
    assert Survey.of(parts, None).informative.tolist() == [index != 7 for index in range(12)]
    assert Survey.of(parts, None).scale() == Survey.of([values], None).scale() == 1e4


@pytest.mark.parametrize(
    ("dtype", "bright", "scale"),
    [
        *(("float32", 0.4, 1), ("float32", 2, 1), ("float32", -5, 1), ("int16", 2, 1), ("uint8", 1, 1)),
        *(("uint8", 3, 255), ("uint8", 255, 255), ("int8", 100, 255)),
        *(("int16", 3, 1e4), ("int16", 600, 1e4), ("uint16", 20000, 1e4), ("uint16", 20001, 1e5), ("int32", 3e6, 1e7)),
        *(("float32", 2.01, 100), ("float64", 200, 100), ("float32", 200.5, 1e4), ("float32", 20000, 1e4)),
        *(("float64", 20001, 1e5), ("float32", 3e6, 1e7)),
    ],
)
def test_the_guessed_scale_is_the_one_that_products_of_the_type_use(dtype, bright, scale):
    assert Survey(np.ones(12, bool), bright, np.dtype(dtype)).scale() == pytest.approx(scale)


@pytest.mark.parametrize("size", [8, 64, 512])
@pytest.mark.parametrize("shape", [(300_000, 300_000), (8, 2_000_000_000), (70_000_000, 65), (4097, 4097), (520, 500)])
def test_the_tiles_of_a_scene_of_any_size_are_few_of_one_shape_and_inside(shape, size):
    found = tiles(*shape, size)
    assert 1 <= len(found) <= MAX_TILES and len(spread(found)) == len(set(found)) == len(found)
    ((height, width),) = {(tile.rows, tile.cols) for tile in found}
    assert len(found) == 1 or max(height, width) <= size
    assert 2 * min(height, width) >= min(size, *shape)
    assert min(tile.row for tile in found) >= 0 and max(tile.row for tile in found) + height <= shape[0]
    assert min(tile.col for tile in found) >= 0 and max(tile.col for tile in found) + width <= shape[1]


def huge(path, inside=""):
    """A virtual raster (VRT) of 300000 x 300000 pixels, empty but for what is ``inside`` its bands."""
    bands = (f'<VRTRasterBand dataType="Int16" band="{band}"><NoDataValue>0</NoDataValue>' for band in range(1, 13))
    lines = (f"{line}{inside.format(band=band)}</VRTRasterBand>" for band, line in enumerate(bands, start=1))
    path.write_text('<VRTDataset rasterXSize="300000" rasterYSize="300000">' + "".join(lines) + "</VRTDataset>")
    return path


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_an_empty_huge_scene_is_refused_after_a_bounded_number_of_reads(tmp_path, monkeypatch):
    read = []
    real = Scene._stored
    monkeypatch.setattr(Scene, "_stored", lambda self, window: read.append(window) or real(self, window))
    assert "Every pixel of the scene is nodata, or all but a few" in refusal(huge(tmp_path / "huge.vrt"))
    assert len(read) <= MAX_TILES + 32 and max(window.rows * window.cols for window in read) <= 64 * 64


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_huge_scene_with_data_in_one_quarter_is_sampled_there(tmp_path):
    write(tmp_path / "part.tif", stored() + np.int16(5))
    inside = (
        '<SimpleSource><SourceFilename relativeToVRT="1">part.tif</SourceFilename><SourceBand>{band}</SourceBand>'
        f'<SrcRect xOff="0" yOff="0" xSize="{COLS}" ySize="{ROWS}"/>'
        '<DstRect xOff="150000" yOff="0" xSize="150000" ySize="150000"/></SimpleSource>'
    )
    with Scene(huge(tmp_path / "huge.vrt", inside)) as scene:
        found = scene.sample(16, 64)
    assert len(found) == 16 and {tile.valid.shape for tile in found} == {(64, 64)}
    assert len({tile.window.row for tile in found}) >= 12
