"""DESIS products open right, with the flags of their quality raster, or are refused with the reason."""

import numpy as np
import pytest
from dlr_files import COLS, ROWS, packed, raster, values
from mixel.backend.cube import Window
from mixel.backend.products import open_product
from mixel.backend.scene import Scene

NAME = "DESIS-HSI-L2A-DT0000000001_002-20200102T030405-V0215"
BANDS = 9
WHOLE = Window(0, 0, ROWS, COLS)


def metadata(level="L2A", gains=None, offsets=None, background="-32768", order=None, root="hsi_doc", attributes=""):
    """METADATA.xml, with the second list of bands that says nothing of wavelengths."""
    order = order or range(1, BANDS + 1)
    interior = "".join(f"<band><bandNumber>{band}</bandNumber><cameraModel>1</cameraModel></band>" for band in order)
    listed = "".join(
        f"<band><bandNumber>{band}</bandNumber><wavelengthCenterOfBand>{400 + 60 * band}</wavelengthCenterOfBand>"
        f"<wavelengthWidthOfBand>{3 + band / 10}</wavelengthWidthOfBand>"
        + ("" if gains is None else f"<gainOfBand>{gains[band - 1]!r}</gainOfBand>")
        + ("" if offsets is None else f"<offsetOfBand>{offsets[band - 1]!r}</offsetOfBand>")
        + "</band>"
        for band in order
    )
    return (
        f"<{root}{attributes}><base><mission>DESIS</mission><productType>{level}</productType>"
        f"<startTime>2020-01-02T03:04:05.000Z</startTime></base><specific><interiorOrientation>{interior}"
        f"</interiorOrientation><bandCharacterisation>{listed}</bandCharacterisation>"
        f"<backgroundValue>{background}</backgroundValue></specific></{root}>"
    )


def flags_raster(**pixels):
    """The quality raster of L2A; ``pixels``: band to the pixel that it marks. Two bands hold amounts."""
    found = np.zeros((10, ROWS, COLS), np.uint8)
    found[8:] = 40
    for band, pixel in pixels.items():
        found[int(band[1:]) - 1][pixel] = 1
    return found


def desis(folder, name=NAME, data=None, xml=None, quality=None, **options):
    """Write a DESIS product; gives the path of its METADATA.xml and the stored values."""
    folder.mkdir(exist_ok=True)
    data = values(BANDS) if data is None else data
    raster(folder / f"{name}-SPECTRAL_IMAGE.tif", data, **{"interleave": "pixel", "nodata": -32768, **options})
    raster(folder / f"{name}-QL_QUALITY.tif", np.full((BANDS, *data.shape[1:]), 255, np.uint8))
    if quality is not None:
        raster(folder / f"{name}-QL_QUALITY-2.tif", quality)
    path = folder / f"{name}-METADATA.xml"
    path.write_text(xml or metadata(gains=[0.0001] * BANDS, offsets=[0.0] * BANDS), encoding="utf-8")
    return path, data


def unmarked(product, flags):
    return sorted(map(tuple, np.argwhere(~product.usable(WHOLE, flags)).tolist()))


def test_l2a_has_wavelengths_scale_and_flags(tmp_path):
    marks = flags_raster(b1=(1, 1), b2=(2, 2), b3=(3, 3), b4=(4, 4), b5=(5, 5), b6=(6, 6), b7=(7, 7), b8=(8, 8))
    path, stored = desis(tmp_path, quality=marks)
    product = open_product(path)
    facts = product.facts
    assert (facts.product, facts.quantity, facts.date) == ("DESIS L2A", "reflectance", "2020-01-02T03:04:05.000Z")
    assert facts.wavelengths == tuple(400.0 + 60 * band for band in range(1, BANDS + 1))
    assert facts.fwhm[0] == pytest.approx(3.1) and not facts.notes
    assert [(one.name, one.by_default) for one in facts.flags] == [
        ("shadow", True), ("snow", False), ("haze", False), ("cloud", True)]  # fmt: skip
    assert unmarked(product, ["cloud", "shadow"]) == [(1, 1), (6, 6), (7, 7)]
    assert unmarked(product, ["haze"]) == [(4, 4), (5, 5)] and unmarked(product, ["snow"]) == [(3, 3)]
    np.testing.assert_array_equal(product.read(WHOLE, range(BANDS)), stored)
    product.close()


def test_every_file_of_it_and_folder_and_zip_open_the_same(tmp_path):
    path, _ = desis(tmp_path / "p", quality=flags_raster())
    header = path.with_name(f"{NAME}-SPECTRAL_IMAGE.hdr")
    header.write_text(f"ENVI\nsamples = {COLS}\nlines = {ROWS}\nbands = {BANDS}\nwavelength = {{1}}\n")
    for picked in (
        path,
        header,
        header.with_suffix(".tif"),
        path.parent,
        packed(tmp_path / "d.zip", path.parent, "x/"),
    ):
        product = open_product(picked)
        assert product.facts.product == "DESIS L2A" and len(product.facts.flags) == 4, picked
        assert product.facts.wavelengths[-1] == 400 + 60 * BANDS and not product.facts.notes
        product.close()


def test_bands_in_another_order_and_a_namespace_change_nothing(tmp_path):
    xml = metadata(gains=[0.0001] * BANDS, order=[3, 1, 2, *range(9, 3, -1)], attributes=' xmlns="http://x.org/y"')
    path, _ = desis(tmp_path, xml=xml)
    product = open_product(path)
    assert list(product.facts.wavelengths) == sorted(product.facts.wavelengths)
    assert "cloud" in product.facts.notes[0] and product.facts.flags == ()
    product.close()


@pytest.mark.parametrize("level", ["L1B", "L1C"])
def test_level_1_is_radiance_with_gains_and_offsets(tmp_path, level):
    name = NAME.replace("L2A", level)
    gains, offsets = [1e-3 * band for band in range(1, BANDS + 1)], [0.1 * band for band in range(1, BANDS + 1)]
    stored = values(BANDS)
    stored[:, 0, 0] = -32768
    xml = metadata(level, gains, offsets)
    grid = {} if level == "L1C" else {"crs": None, "transform": None}
    path, _ = desis(tmp_path, name, stored, xml, nodata=None, **grid)
    with Scene(path) as scene:
        assert (scene.facts.product, scene.facts.quantity, scene.facts.unit) == (
            f"DESIS {level}", "radiance", "mW/cm2/sr/um")  # fmt: skip
        assert scene.facts.nodata == -32768 and scene.place.kind == ("grid" if grid == {} else "none")
        cube = scene.read(scene.windows(100)[0])
    assert not cube.valid[0, 0] and cube.valid[1, 1]
    np.testing.assert_allclose(cube.reflectance[:, 1, 1], stored[:, 1, 1] * np.array(gains) + offsets, rtol=1e-5)


def test_refusals_and_a_lone_image(tmp_path):
    path, _ = desis(tmp_path, xml=metadata(gains=[0.0001] * BANDS).replace("wavelengthCenterOfBand", "other"))
    with pytest.raises(ValueError, match="does not give every band's wavelength"):
        open_product(path)
    path.write_text("<hsi_doc><base><mission>DESIS</mission></base></hsi_doc>")
    with pytest.raises(ValueError, match="does not number its bands"):
        open_product(path)
    path.unlink()
    product = open_product(path.with_name(f"{NAME}-SPECTRAL_IMAGE.tif"))
    assert product.facts.product == ""
    product.close()
    lone, _ = desis(tmp_path / "l1", NAME.replace("L2A", "L1C"), xml=metadata("L1C"))
    lone.unlink()
    with pytest.raises(ValueError, match=r"METADATA.XML of .* is missing"):
        open_product(lone.with_name(f"{NAME.replace('L2A', 'L1C')}-SPECTRAL_IMAGE.tif"))
