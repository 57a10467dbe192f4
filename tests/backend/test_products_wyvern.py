"""Wyvern Dragonette: radiance with the bands of the STAC item beside it, or of the bands' names."""

import json

import numpy as np
import pytest
from dlr_files import raster
from mixel.backend.products import open_product, wyvern
from mixel.backend.scene import Scene

NAME = "wyvern_dragonette-002_20240102T030405_0a1b2c3d"
WAVES = (503, 549, 600, 660, 711, 799)


def write(folder, name=NAME, level="L1B", item=True, end=".tiff", named=True, scale=60, **properties):
    """Write an image and its STAC item; gives the image's path and values."""
    import rasterio

    folder.mkdir(exist_ok=True)
    values = (np.random.default_rng(0).random((len(WAVES), 10, 12)) * scale + 1).astype(np.float32)
    values[:, 0, 0] = -9999
    path = raster(folder / f"{name}{end}", values, nodata=-9999)
    if named:
        with rasterio.open(path, "r+") as dataset:
            dataset.descriptions = tuple(f"Band_{wave}" for wave in WAVES)
    if item:
        bands = [{"name": f"Band_{w}", "center_wavelength": w / 1000, "full_width_half_max": 0.015} for w in WAVES]
        said = {
            "datetime": "2024-01-02T03:04:05Z",
            "platform": "dragonette-002",
            "processing:level": level,
            **properties,
        }
        assets = {"Cloud optimized GeoTiff": {"href": f"./{name}{end}", "eo:bands": bands},
                  "Preview": {"href": f"./{name}_preview.tiff"}}  # fmt: skip
        content = {"type": "Feature", "stac_version": "1.0.0", "id": name, "properties": said, "assets": assets}
        (folder / f"{name}.json").write_text(json.dumps(content))
    return path, values


def test_image_and_item_open_as_radiance(tmp_path):
    path, values = write(tmp_path)
    for picked in (path, path.with_suffix(".json")):
        with Scene(picked) as scene:
            facts = scene.facts
            assert (facts.product, facts.quantity, facts.unit) == ("Wyvern Dragonette L1B", "radiance", "W/m2/sr/um")
            assert facts.wavelengths == pytest.approx(WAVES) and facts.fwhm == pytest.approx([15] * len(WAVES))
            assert facts.date == "2024-01-02T03:04:05Z" and "radiance" in " ".join(scene.notices)
            cube = scene.read(scene.windows(100)[0])
            assert len(scene._product.files) == 2
        assert cube.valid.sum() == 119
        np.testing.assert_allclose(cube.reflectance[:, 4, 5], values[:, 4, 5])


def test_without_the_item_names_give_wavelengths_and_the_level_is_told(tmp_path):
    path, _ = write(tmp_path, item=False)
    product = open_product(path)
    assert product.facts.quantity == "radiance" and product.facts.wavelengths == pytest.approx(WAVES)
    assert any("No STAC item lies beside the image: it was taken as level L1B" in one for one in product.facts.notes)
    product.close()


def test_reflectance_is_not_called_radiance(tmp_path):
    path, values = write(tmp_path, level="L2A", scale=0.6)
    with Scene(path) as scene:
        assert scene.is_reflectance and scene.facts.product == "Wyvern Dragonette L2A"
        cube = scene.read(scene.windows(100)[0])
    np.testing.assert_allclose(cube.reflectance[:, 4, 5], values[:, 4, 5], rtol=1e-6)


def test_a_renamed_image_is_known_by_its_item_and_others_are_not_taken(tmp_path):
    path, _ = write(tmp_path, name="field", platform="Dragonette-003")
    product = open_product(path)
    assert product.facts.product == "Wyvern Dragonette L1B"
    product.close()
    derived, _ = write(tmp_path, name="wyvern_reflectance", item=False)
    other, _ = write(tmp_path, name="landsat", platform="landsat-9")
    mask, _ = write(tmp_path, name=f"{NAME}_data_mask", item=False)
    foreign = tmp_path / "landsat.json"
    for one in (derived, other, mask, foreign, tmp_path, tmp_path / "absent.tiff"):
        assert wyvern.recognise(one) is None


def test_an_item_without_its_image_is_refused(tmp_path):
    path, _ = write(tmp_path)
    path.unlink()
    with pytest.raises(ValueError, match=r"The image that the STAC item .* does not lie beside it"):
        open_product(path.with_suffix(".json"))
    for content in ("{", "[1]", "x" * 10):
        path.with_suffix(".json").write_text(content)
        assert wyvern.recognise(path.with_suffix(".json")) is None
