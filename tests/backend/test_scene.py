"""A scene on disk is read by windows that cover it, and every bad file is refused in one sentence."""

from __future__ import annotations

import os
import shutil

import numpy as np
import pytest
import rasterio
from mixel.backend.scene import Scene
from scenes import GRID, mixture, refusal, stored, whole, write, write_envi

SIZES = [(8, 8), (11, 17), (17, 11), (64, 64), (65, 63), (100, 9), (129, 257), (256, 8)]


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


def test_an_empty_file_is_called_so(tmp_path):
    (tmp_path / "empty.tif").touch()
    assert f"The file {tmp_path / 'empty.tif'} is empty" in refusal(tmp_path / "empty.tif")


@pytest.mark.parametrize("name", ["missing.tif", "folder", "words.tif", "nul\0.tif", "\udcfc.tif"])
def test_what_is_no_raster_is_refused_with_its_path(tmp_path, name):
    (tmp_path / "folder").mkdir()
    (tmp_path / "words.tif").write_text("no raster")
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
        (stored(mixture(bands=3)), "has 3 usable bands; Mixel needs at least 4"),
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
