"""The sample of a scene: few tiles of one shape, spread over what holds data, however large the scene."""

from __future__ import annotations

import numpy as np
import pytest
from mixel.backend.cube import MAX_TILES, Window, spread, tiles
from mixel.backend.interpretation import Interpretation
from mixel.backend.scene import Scene
from scenes import COLS, ROWS, mixture, refusal, stored, write


def test_a_scene_whose_bands_have_data_in_different_pixels_has_no_pixel_to_learn_from(write_scene):
    values = mixture()
    values[:6, :, :9], values[6:, :, 9:] = np.nan, np.nan
    with Scene(write_scene(values)) as scene, pytest.raises(ValueError, match="Every pixel of the scene is nodata"):
        scene.sample(4, 64)


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
    real = Interpretation.tile
    monkeypatch.setattr(Interpretation, "tile", lambda self, window: read.append(window) or real(self, window))
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
    real = Interpretation.tile
    monkeypatch.setattr(Interpretation, "tile", lambda self, window: read.append(window) or real(self, window))
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
