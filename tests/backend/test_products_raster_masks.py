"""Masks of rasters: beside them or internal, of one band or of all; and nodata that differs from band to band."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from mixel.backend.cube import Window
from mixel.backend.products import open_product
from mixel.backend.scene import Scene
from rasterio.enums import ColorInterp
from rasterio.windows import Window as RasterWindow
from scenes import stored, write

PRESENT = np.ones((11, 17), bool)
PRESENT[:3, 5:] = False


def valid(path, size=100):
    """Which pixels of a scene count, put together from windows of this size."""
    with Scene(path) as scene:
        found = np.zeros((scene.rows, scene.cols), bool)
        for window in scene.windows(size):
            rows, cols = slice(window.row, window.row + window.rows), slice(window.col, window.col + window.cols)
            found[rows, cols] = scene.read(window).valid
    return found


@pytest.mark.parametrize("internal", [True, False])
@pytest.mark.parametrize("size", [100, 5])
def test_a_mask_of_the_whole_dataset_counts_window_by_window(tmp_path, internal, size):
    path = write(tmp_path / "scene.tif")
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=internal), rasterio.open(path, "r+") as dataset:
        dataset.write_mask(PRESENT)
    assert (tmp_path / "scene.tif.msk").exists() != internal
    np.testing.assert_array_equal(valid(path, size), PRESENT)


def test_a_product_gives_the_mask_of_a_window(tmp_path):
    path = write(tmp_path / "scene.tif")
    with rasterio.open(path, "r+") as dataset:
        dataset.write_mask(PRESENT)
    found = open_product(path)
    np.testing.assert_array_equal(found.usable(Window(2, 4, 3, 5), []), PRESENT[2:5, 4:9])
    found.close()


def test_a_raster_without_masks_says_that_all_pixels_count(tmp_path):
    found = open_product(write(tmp_path / "scene.tif", nodata=-9999))
    assert found.usable(Window(0, 0, 5, 5), []) is None
    found.close()


def test_masks_of_single_bands_count_in_bands_that_are_used(tmp_path):
    """A .msk file of as many bands as the scene, each flagged as of its own band."""
    path = write(tmp_path / "scene.tif")
    masks = np.full((12, 11, 17), 255, np.uint8)
    masks[4, ~PRESENT] = 0
    with rasterio.open(
        f"{path}.msk", "w", driver="GTiff", count=12, height=11, width=17, dtype="uint8", photometric="MINISBLACK"
    ) as dataset:
        dataset.write(masks)
        dataset.update_tags(**{f"INTERNAL_MASK_FLAGS_{band}": "0" for band in range(1, 13)})
    np.testing.assert_array_equal(valid(path), PRESENT)
    with rasterio.open(path, "r+") as dataset:
        for band in dataset.indexes:
            dataset.update_tags(band, bbl=int(band != 5))
    assert valid(path).all()


@pytest.mark.parametrize(("dtype", "full"), [("int16", 255), ("uint16", 65535), ("float32", 1)])
def test_an_alpha_band_of_any_type(tmp_path, dtype, full):
    values = np.concatenate([stored(), np.where(PRESENT, full, 0)[None]]).astype(dtype)
    path = write(tmp_path / "scene.tif", values, photometric="MINISBLACK")
    with rasterio.open(path, "r+") as dataset:
        dataset.colorinterp = [ColorInterp.gray, *[ColorInterp.undefined] * 11, ColorInterp.alpha]
    np.testing.assert_array_equal(valid(path, 5), PRESENT)


def test_nodata_of_each_band_and_of_a_mask_count_together(tmp_path):
    values = stored()
    values[3, 8, 9] = -1
    values[9, 10, 16] = -2
    for band in range(12):
        with rasterio.open(
            tmp_path / f"b{band}.tif", "w", driver="GTiff", count=1, height=11, width=17, dtype="int16"
        ) as dataset:
            dataset.write(values[band], 1)
    listed = "".join(
        f'<VRTRasterBand dataType="Int16" band="{band + 1}"><NoDataValue>{-1 if band < 6 else -2}</NoDataValue>'
        f'<SimpleSource><SourceFilename relativeToVRT="1">b{band}.tif</SourceFilename><SourceBand>1</SourceBand>'
        "</SimpleSource></VRTRasterBand>"
        for band in range(12)
    )
    path = tmp_path / "stack.vrt"
    path.write_text(f'<VRTDataset rasterXSize="17" rasterYSize="11">{listed}</VRTDataset>')
    found = valid(path)
    assert (~found).sum() == 2 and not found[8, 9] and not found[10, 16]


def test_a_mask_that_cannot_be_read_is_a_sentence(tmp_path):
    path = write(tmp_path / "scene.tif", np.tile(stored(), (1, 30, 30)), compress="deflate")
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False), rasterio.open(path, "r+") as dataset:
        dataset.write_mask(np.random.default_rng(0).random((330, 510)) > 0.5)
    mask = tmp_path / "scene.tif.msk"
    found = open_product(path)
    content = bytearray(mask.read_bytes())
    content[200 : len(content) - 600] = bytes(len(content) - 800)
    mask.write_bytes(bytes(content))
    found.dataset.read(1, window=RasterWindow(0, 0, 5, 5))
    with pytest.raises(ValueError, match="cannot be read completely"):
        found.usable(Window(0, 0, 330, 510), [])
    found.close()


def test_a_damaged_alpha_band_is_told_where_pixels_are_read(tmp_path):
    values = np.concatenate([stored(), np.where(PRESENT, 255, 0)[None]]).astype(np.int16)
    path = write(tmp_path / "scene.tif", values, photometric="MINISBLACK", interleave="band", compress="deflate")
    with rasterio.open(path, "r+") as dataset:
        dataset.colorinterp = [ColorInterp.gray, *[ColorInterp.undefined] * 11, ColorInterp.alpha]
    found = open_product(path)
    begin, size = (int(found.dataset.get_tag_item(f"BLOCK_{key}_0_0", "TIFF", bidx=13)) for key in ("OFFSET", "SIZE"))
    found.close()
    content = bytearray((tmp_path / "scene.tif").read_bytes())
    content[begin : begin + size] = bytes(size)
    (tmp_path / "scene.tif").write_bytes(bytes(content))
    with open_product(path).dataset as dataset, pytest.raises(rasterio.errors.RasterioError):
        dataset.read(13)
    with pytest.raises(ValueError, match="cannot be read completely"):
        valid(path)
