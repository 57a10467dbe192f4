"""A trained model on other scenes: the same sensor, another one, one that does not have what the model needs."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from fields import BANDS, SPECTRA, crops, reflectance, write_areas, write_scene
from mixel.backend.methods import methods
from mixel.backend.model import read_model
from mixel.backend.protocol import Job, Notice
from mixel.backend.scene import Scene
from mixel.backend.sensors import Bands
from mixel.backend.tasks import running
from scenes import WAVELENGTHS, write_envi
from stripes import small

CLASSIFYING = [one.name for one in methods("classify")]


def perform(task, scene, folder, method="", settings=None, options=None, **inputs):
    told = []
    job = Job(task, method, scene, str(folder), settings or {}, options or {}, inputs, scale=1.0)
    metrics = running.run(job, lambda event: told.append(event.message) if isinstance(event, Notice) else None)
    return metrics, told


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The card of a model of each method that classifies, trained on the fields."""
    place = tmp_path_factory.mktemp("models")
    areas, scene = write_areas(place / "areas.gpkg"), write_scene(place / "scene.tif")
    for method in CLASSIFYING:
        perform("classify", scene, place / method, method, small(method, epochs=40), {"split": "none"}, training=areas)
    return lambda method: {"path": str(place / method / "model.json")}


def classes(folder, name="classes"):
    with rasterio.open(folder / f"{name}.tif") as dataset:
        return dataset.read(1)


@pytest.mark.parametrize("method", CLASSIFYING)
def test_the_same_sensor(model, tmp_path, method):
    scene = write_scene(tmp_path / "later.tif", reflectance(seed=5))
    metrics, told = perform("apply_model", scene, tmp_path / "out", model=model(method))
    assert {item.name for item in (tmp_path / "out").iterdir()} == {
        "classes.tif", "classes.tif.aux.xml", "confidence.tif", "novelty.tif", "report.html", "job.json",
    }  # fmt: skip
    assert (classes(tmp_path / "out") == crops()).mean() > 0.85
    assert metrics["outside_training_range"] < 0.05
    assert told == []


@pytest.mark.parametrize("method", CLASSIFYING)
def test_the_training_scene_gives_the_training_map(model, tmp_path, method):
    scene, first = write_scene(tmp_path / "same.tif"), Path(model(method)["path"]).parent
    perform("apply_model", scene, tmp_path / "out", model=model(method))
    for name in ("classes", "confidence", "novelty"):
        again, before = classes(tmp_path / "out", name), classes(first, name)
        assert np.array_equal(again, before) or (name != "classes" and np.allclose(again, before, atol=1e-5))


def test_another_sensor_is_matched_by_wavelength(model, tmp_path):
    axis = np.linspace(440, 1010, 40)
    finer = np.stack([np.interp(axis, WAVELENGTHS, one) for one in SPECTRA])
    values = finer[crops() - 1].transpose(2, 0, 1) + np.random.default_rng(1).normal(0, 0.02, (40, *crops().shape))
    scene = write_scene(tmp_path / "finer.tif", values.astype(np.float32), wavelengths=tuple(axis))
    _, told = perform("apply_model", scene, tmp_path / "out", model=model("random_forest"))
    assert (classes(tmp_path / "out") == crops()).mean() > 0.85
    assert any("40 bands were brought to the 12 bands of the model" in one for one in told)


def test_bands_of_known_widths_see_the_scene_through_their_gaussians(model, tmp_path):
    """What the scene's own bands have blurred already is taken off the width of the model's."""
    axis, own, wanted = np.arange(400.0, 1051, 5), 6.0, np.linspace(20, 60, BANDS)
    values = np.random.default_rng(2).uniform(0.1, 0.6, (len(axis), 8, 9)).astype(np.float32)
    header = f"wavelength units = nm\nwavelength = {{{', '.join(map(str, axis))}}}\n"
    header += f"fwhm = {{{', '.join([str(own)] * len(axis))}}}\n"
    trained = replace(read_model(model("svm")["path"]), fwhm=wanted.astype(np.float32))
    with Scene(write_envi(tmp_path / "finer.bsq", values, header), 1.0) as scene:
        found = Bands(scene, trained).of(scene.read(scene.windows(100)[0])).reflectance
    grid = np.arange(400, 1050, 0.05)
    dense = np.stack([np.interp(grid, axis, spectrum) for spectrum in values.reshape(len(axis), -1).T])
    for band, centre in enumerate(WAVELENGTHS):
        sigma = np.sqrt(wanted[band] ** 2 - own**2) / (2 * np.sqrt(2 * np.log(2)))
        response = np.exp(-(((grid - centre) / sigma) ** 2) / 2)
        np.testing.assert_allclose(found[band].ravel(), dense @ response / response.sum(), atol=1e-4)


def test_a_sensor_that_does_not_cover_the_model(model, tmp_path):
    scene = write_scene(tmp_path / "blue.tif", wavelengths=tuple(np.linspace(400, 600, BANDS)))
    with pytest.raises(ValueError, match="needs bands from 450 to 1000 nm; the scene, with 400 to 600 nm, lacks"):
        perform("apply_model", scene, tmp_path / "out", model=model("mim"))
    assert not (tmp_path / "out").exists()


def test_no_wavelengths_but_as_many_bands(model, tmp_path):
    scene = write_scene(tmp_path / "mute.tif", wavelengths=None)
    _, told = perform("apply_model", scene, tmp_path / "out", model=model("mim"))
    assert any("bands are taken in their order" in one for one in told)


def test_no_wavelengths_and_other_bands(model, tmp_path):
    scene = write_scene(tmp_path / "mute.tif", reflectance()[:-1], wavelengths=None)
    with pytest.raises(ValueError, match="12 bands and the scene has 11"):
        perform("apply_model", scene, tmp_path / "out", model=model("mim"))


def test_a_scene_of_other_values_is_said_to_be_strange(model, tmp_path):
    scene = write_scene(tmp_path / "bright.tif", reflectance() * 3)
    metrics, told = perform("apply_model", scene, tmp_path / "out", model=model("random_forest"))
    assert metrics["outside_training_range"] > 0.3
    assert metrics["novel_share"] > 0.9
    assert any("outside the range" in one for one in told)
    assert any("look like nothing the model was trained on" in one for one in told)


def test_a_model_that_unmixes_as_well_is_refused(model, tmp_path):
    card = shutil.copytree(Path(model("svm")["path"]).parent, tmp_path / "model") / "model.json"
    joint = {"task": "unmix_and_classify", "method": "ugm", "settings": {}}
    card.write_text(json.dumps({**json.loads(card.read_text(encoding="utf-8")), **joint}), encoding="utf-8")
    scene = write_scene(tmp_path / "scene.tif")
    with pytest.raises(ValueError, match="the task 'unmix_and_classify'; only models of 'classify' can be applied"):
        perform("apply_model", scene, tmp_path / "out", model={"path": str(card)})
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_no_model(tmp_path):
    (tmp_path / "model.json").write_text("hello", encoding="utf-8")
    scene = write_scene(tmp_path / "scene.tif")
    with pytest.raises(ValueError, match="cannot be read"):
        perform("apply_model", scene, tmp_path / "out", model={"path": str(tmp_path / "model.json")})
    assert not (tmp_path / "out").exists()
