"""Hyperion: single-band GeoTIFFs are one scene of radiance, with the sensor's bands, from any file of it."""

import numpy as np
import pytest
import rasterio
from dlr_files import packed, raster
from mixel.backend.cube import Window
from mixel.backend.products import hyperion, open_product
from mixel.backend.scene import Scene

NAME = "EO1H1930232016133110PF"
ROWS, COLS = 9, 11
ALL = tuple(range(1, 243))
ZERO = (*range(1, 8), *range(58, 77), *range(225, 243))


@pytest.fixture(scope="module")
def stored():
    """Stored values (242, rows, cols); bands that are not calibrated are 0, and so is the first pixel."""
    found = np.random.default_rng(0).integers(100, 4000, (242, ROWS, COLS)).astype(np.int16)
    found[[band - 1 for band in ZERO]] = 0
    found[:, 0, 0] = 0
    found[100, 3, 3] = 0  # band 101 is dark there
    return found


def write(folder, stored, bands=ALL, level="L1T", end="TIF", mtl=True, factors=(40, 80), name=NAME):
    """Write a product; gives the folder."""
    folder.mkdir(exist_ok=True)
    for band in bands:
        raster(folder / f"{name}_B{band:03d}_{level}.{end}", stored[band - 1 : band])
    if mtl:
        (folder / f"{name}_MTL_{level}.TXT").write_text(
            f'GROUP = L1_METADATA_FILE\n  PRODUCT_TYPE = "{level}"\n  ACQUISITION_DATE = 2016-05-12\n'
            f"  START_TIME = 2016 133 09:41:07\n  SCALING_FACTOR_VNIR = {factors[0]}\n"
            f"  SCALING_FACTOR_SWIR = {factors[1]}\nEND\n"
        )
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory, stored):
    return write(tmp_path_factory.mktemp("hyperion") / "scene", stored)


def test_the_bands_are_one_scene_of_radiance(folder, stored):
    with Scene(folder / f"{NAME}_MTL_L1T.TXT") as scene:
        facts = scene.facts
        assert (facts.product, facts.quantity, facts.unit) == ("Hyperion L1T", "radiance", "W/m2/sr/um")
        assert facts.date == "2016-05-12T09:41:07Z" and facts.bands == 242 and scene.bands == 198
        assert list(scene.band_numbers) == [band for band in ALL if band not in ZERO]
        assert scene.wavelengths[0] == pytest.approx(426.82, abs=0.1)
        assert scene.wavelengths[-1] == pytest.approx(2395.5, abs=0.1)
        assert facts.wavelengths[69] == pytest.approx(1057.68) and facts.wavelengths[70] == pytest.approx(851.92)
        assert facts.fwhm[30] == pytest.approx(10.2856)
        cube = scene.read(scene.windows(100)[0])
        assert scene.place.crs.to_epsg() == 32632
    assert not cube.valid[0, 0] and cube.valid.sum() == ROWS * COLS - 1
    numbers = np.array([band for band in ALL if band not in ZERO])
    right = stored[numbers - 1, 4, 5] / np.where(numbers <= 70, 40, 80)
    np.testing.assert_allclose(cube.reflectance[:, 4, 5], right, rtol=1e-5)


def test_any_file_folder_or_zip_of_it_opens_it(folder, stored, tmp_path):
    zipped = packed(tmp_path / "EO1H_1T.ZIP", folder, f"{NAME}_1T/")
    for picked in (folder, folder / f"{NAME}_B007_L1T.TIF", folder.parent, zipped):
        product = open_product(picked)
        assert product.facts.bands == 242 and len(product.files) == (1 if picked == zipped else 243)
        np.testing.assert_array_equal(product.read(Window(2, 3, 4, 5), [0, 30, 120]), stored[[0, 30, 120], 2:6, 3:8])
        product.close()


def test_few_files_are_open_at_a_time(folder):
    import os

    product = open_product(folder)
    before = len(os.listdir("/proc/self/fd"))
    product.read(Window(0, 0, ROWS, COLS), range(242))
    assert len(os.listdir("/proc/self/fd")) - before <= 128
    product.close()
    assert len(os.listdir("/proc/self/fd")) <= before


def test_missing_bands_are_told_and_keep_the_others_right(tmp_path, stored):
    bands = [band for band in ALL if band not in ZERO and band not in (20, 140)]
    found = write(tmp_path / "part", stored, bands, mtl=False, end="tif")
    product = open_product(found)
    assert product.facts.bands == 196 and product.facts.notes == ("Files of these bands are missing: 20, 140.",)
    assert product.facts.wavelengths[12] == pytest.approx(559.09) and product.facts.date == "2016-05-12"
    assert product.gains[0] == pytest.approx(1 / 40) and product.gains[-1] == pytest.approx(1 / 80)
    np.testing.assert_array_equal(product.read(Window(0, 0, 3, 3), [12]), stored[20:21, :3, :3])
    product.close()


def test_l1gst_and_other_factors_are_read_from_the_metadata(tmp_path, stored):
    bands = range(40, 50)
    found = write(tmp_path / "gst", stored, bands, "L1GST", factors=(50, 100))
    product = open_product(found)
    assert product.facts.product == "Hyperion L1GST" and product.gains[0] == pytest.approx(1 / 50)
    product.close()
    write(found, stored, bands, "L1T")
    with pytest.raises(ValueError, match=r"holds L1GST and L1T of .* Choose a band of one of them"):
        open_product(found)
    product = open_product(found / f"{NAME}_B041_L1T.TIF")
    assert product.facts.product == "Hyperion L1T" and product.facts.bands == 10
    product.close()


def test_bands_that_differ_or_are_damaged_are_refused(tmp_path, stored):
    found = write(tmp_path / "a", stored, range(30, 40))
    raster(found / f"{NAME}_B035_L1T.TIF", stored[34:35, :-1])
    with pytest.raises(ValueError, match=r"B030_L1T.TIF and .*B035_L1T.TIF differ in size, place or type"):
        open_product(found)
    (found / f"{NAME}_B035_L1T.TIF").write_bytes(b"II*\0")
    with pytest.raises(ValueError, match=r"B035_L1T.TIF .* cannot be opened as a raster"):
        open_product(found)
    alone = tmp_path / "alone" / f"{NAME}_MTL_L1T.TXT"
    alone.parent.mkdir()
    alone.write_text("END")
    with pytest.raises(ValueError, match=r"No band of .* lies beside its metadata"):
        open_product(alone)
    write(tmp_path / "two", stored, range(30, 35))
    write(tmp_path / "two", stored, range(30, 35), name=NAME.replace("2016", "2015"))
    with pytest.raises(ValueError, match="holds 2 products"):
        open_product(tmp_path / "two")


def test_l1r_is_read_by_its_envi_header_and_refused_without_it(tmp_path, stored):
    path = tmp_path / f"{NAME}.L1R"
    with rasterio.open(path, "w", driver="ENVI", count=242, height=ROWS, width=COLS, dtype="int16") as dataset:
        dataset.write(stored)
    header = tmp_path / f"{NAME}.hdr"
    for picked in (path, header):
        product = open_product(picked)
        assert product.facts.product == "Hyperion L1R" and product.facts.quantity == "radiance"
        assert product.gains[0] == pytest.approx(1 / 40) and product.facts.wavelengths[8] == pytest.approx(436.99)
        product.close()
    header.unlink()
    path.write_bytes(b"\x0e\x03\x13\x01" + bytes(1000))
    with pytest.raises(ValueError, match=r"L1R file .* is HDF4"):
        open_product(path)


def test_a_stack_that_a_user_made_is_a_plain_raster(folder):
    assert hyperion.recognise(folder / f"{NAME}_stack.vrt") is None
    assert hyperion.recognise(folder / f"{NAME}_B001_L1T_copy.TIF") is None
