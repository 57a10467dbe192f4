"""TIFFs of one page a band: bands where the header of the cube lies beside, else refused."""

from __future__ import annotations

import numpy as np
import pytest
from envi_files import BANDS, COLS, ROWS, WAVELENGTHS, spectra, write_cube
from mixel.backend.cube import Window
from mixel.backend.products import open_product, tiff_pages
from mixel.backend.scene import Scene
from PIL import Image
from scenes import refusal, whole, write

VALUES = np.round(spectra() * 10000).astype("u2")


def pages(path, values=VALUES):
    first, *others = [Image.fromarray(page) for page in values]
    first.save(path, save_all=True, append_images=others)
    return path


@pytest.fixture
def cubert(tmp_path):
    """A cube as a TIFF of pages, with the header of its ENVI file beside it."""
    folder = tmp_path / "a & b <ü>"
    write_cube(folder / "auto_001.dat", VALUES, "description = {Cubert Utils}", interleave="bsq")
    return pages(folder / "auto_001.tiff")


def test_pages_are_bands_with_the_headers_wavelengths(cubert):
    cube, notices = whole(cubert)
    np.testing.assert_allclose(cube.reflectance, VALUES / 10000, rtol=1e-6)
    with Scene(cubert) as scene:
        assert scene.facts.wavelengths == WAVELENGTHS and scene.facts.product == "Cubert"
    assert f"Each of the file's {BANDS} pages was taken as a band" in " ".join(notices)


def test_pages_are_read_by_window_with_few_of_them_open(cubert, monkeypatch):
    monkeypatch.setattr(tiff_pages, "MOST_OPEN", 3)
    product = open_product(cubert)
    for bands in (range(BANDS), [11, 0, 5]):
        found = product.read(Window(2, 3, 4, 5), bands)
        np.testing.assert_array_equal(found, VALUES[list(bands), 2:6, 3:8])
    assert len(product._open) == 3
    product.close()


def test_pages_without_a_header_are_refused(cubert):
    cubert.with_suffix(".hdr").unlink()
    refusal(cubert)


def test_pages_that_the_header_does_not_fit_are_refused(cubert):
    header = cubert.with_suffix(".hdr")
    text = header.read_text(encoding="latin-1")
    for wrong in (f"bands = {BANDS}", f"lines = {ROWS}", f"samples = {COLS}"):
        header.write_text(text.replace(wrong, wrong + "0"), encoding="latin-1")
        assert tiff_pages.recognise(cubert) is None


def test_a_tiff_of_one_page_is_nobody_elses(tmp_path):
    write(tmp_path / "a.tif", VALUES)
    write_cube(tmp_path / "a.dat", VALUES)
    assert tiff_pages.recognise(tmp_path / "a.tif") is None
