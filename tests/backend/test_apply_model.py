"""A trained model on other scenes: the same sensor, another one, one that does not have what the model needs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from fields import BANDS, SPECTRA, crops, reflectance, write_areas, write_scene
from mixel.backend.protocol import Job, Notice
from mixel.backend.tasks import running
from scenes import WAVELENGTHS


def perform(task, scene, folder, method="", settings=None, options=None, **inputs):
    told = []
    job = Job(task, method, scene, str(folder), settings or {}, options or {}, inputs, scale=1.0)
    metrics = running.run(job, lambda event: told.append(event.message) if isinstance(event, Notice) else None)
    return metrics, told


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The card of a model of each method tried here, trained on the fields."""
    place = tmp_path_factory.mktemp("models")
    areas, scene = write_areas(place / "areas.gpkg"), write_scene(place / "scene.tif")
    methods = {"random_forest": {"trees": 25}, "mim": {"epochs": 40, "patch": 3, "stem": 1, "width": 16}}
    for method, settings in methods.items():
        perform("classify", scene, place / method, method, settings, {"split": "none"}, training=areas)
    return lambda method: {"path": str(place / method / "model.json")}


def classes(folder):
    with rasterio.open(folder / "classes.tif") as dataset:
        return dataset.read(1)


@pytest.mark.parametrize("method", ["random_forest", "mim"])
def test_the_same_sensor(model, tmp_path, method):
    scene = write_scene(tmp_path / "later.tif", reflectance(seed=5))
    metrics, told = perform("apply_model", scene, tmp_path / "out", model=model(method))
    assert {item.name for item in (tmp_path / "out").iterdir()} == {
        "classes.tif", "classes.tif.aux.xml", "confidence.tif", "novelty.tif", "report.html", "job.json",
    }  # fmt: skip
    assert (classes(tmp_path / "out") == crops()).mean() > 0.85
    assert metrics["outside_training_range"] < 0.05
    assert told == []


@pytest.mark.parametrize("method", ["random_forest", "mim"])
def test_the_training_scene_gives_the_training_map(model, tmp_path, method):
    scene = write_scene(tmp_path / "same.tif")
    perform("apply_model", scene, tmp_path / "out", model=model(method))
    assert np.array_equal(classes(tmp_path / "out"), classes(Path(model(method)["path"]).parent))


def test_another_sensor_is_matched_by_wavelength(model, tmp_path):
    axis = np.linspace(440, 1010, 40)
    finer = np.stack([np.interp(axis, WAVELENGTHS, one) for one in SPECTRA])
    values = finer[crops() - 1].transpose(2, 0, 1) + np.random.default_rng(1).normal(0, 0.02, (40, *crops().shape))
    scene = write_scene(tmp_path / "finer.tif", values.astype(np.float32), wavelengths=tuple(axis))
    _, told = perform("apply_model", scene, tmp_path / "out", model=model("random_forest"))
    assert (classes(tmp_path / "out") == crops()).mean() > 0.85
    assert any("40 bands were brought to the 12 bands of the model" in one for one in told)


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


def test_a_file_that_is_no_model(tmp_path):
    (tmp_path / "model.json").write_text("hello", encoding="utf-8")
    scene = write_scene(tmp_path / "scene.tif")
    with pytest.raises(ValueError, match="cannot be read"):
        perform("apply_model", scene, tmp_path / "out", model={"path": str(tmp_path / "model.json")})
    assert not (tmp_path / "out").exists()
