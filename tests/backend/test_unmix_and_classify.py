"""Unmixing and classifying in one, from job file to files: maps, library, model, ablation; bad input one sentence."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import rasterio
import shapely.affinity
from fields import COLOURS, COLS, CROPS, ROWS, SPECTRA, crops, reflectance, squares, write_areas, write_scene
from mixel.backend.cube import Cube, Window
from mixel.backend.library import Library, read_library, write_sli
from mixel.backend.model import read_model
from mixel.backend.protocol import JOB_FILE, Job, Metric, Notice, Progress
from mixel.backend.results import Classification, Joint, Unmixing, layers
from mixel.backend.tasks import running, task
from mixel.backend.tasks.unmix_and_classify.joint_map import angle
from scenes import WAVELENGTHS, write

QUICK = {
    "epochs": 8, "width": 16, "states": 2, "square": 4, "stem": 3, "num_blocks": 1, "num_endmembers": 3,
    "num_variants": 2, "learning_rate": 0.01,
}  # fmt: skip


@pytest.fixture
def run(tmp_path):
    """A function that runs the task and gives its metrics, its folder, and all events."""

    def perform(training=None, scene=None, settings=None, folder="out", inputs=None, **options):
        scene = scene or write_scene(tmp_path / "scene.tif")
        given = {"training": training or write_areas(tmp_path / "areas.gpkg"), **(inputs or {})}
        events = []
        job = Job(
            "unmix_and_classify", "ugm", scene, str(tmp_path / folder), {**QUICK, **(settings or {})},
            {"compare": False, **options}, given, scale=1.0,
        )  # fmt: skip
        return running.run(job, events.append), tmp_path / folder, events

    return perform


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """One run with everything that can be asked for; the tests look at what it left."""
    place = tmp_path_factory.mktemp("joint")
    scene = write_scene(place / "scene.tif")
    shares = np.stack([crops() == value for value in (1, 2, 3)]).astype(np.float32)
    reference = write(place / "shares.tif", shares, wavelengths=None, names=CROPS)
    write_sli(Library(list(CROPS), SPECTRA, np.array(WAVELENGTHS, np.float32)), place / "known.sli")
    inputs = {
        "training": write_areas(place / "areas.gpkg"), "reference": {"path": reference},
        "library": {"path": str(place / "known.sli")}, "reference_library": {"path": str(place / "known.sli")},
    }  # fmt: skip
    options = {"ablation": True, "probabilities": True, "block": 10, "compare": False}
    events = []
    settings = {**QUICK, "epochs": 40}
    job = Job("unmix_and_classify", "ugm", scene, str(place / "out"), settings, options, inputs, scale=1.0)
    metrics = running.run(job, events.append)
    return metrics, place / "out", events


def values(path):
    with rasterio.open(path) as dataset:
        return dataset.read()


def test_a_result_is_a_classification_and_an_unmixing():
    names = [one.name for one in layers(Joint)]
    assert names == [*(one.name for one in layers(Classification)), *(one.name for one in layers(Unmixing))]
    described = {one.name: one for one in layers(Joint)}
    assert all(described[one.name] == one for one in (*layers(Classification), *layers(Unmixing)))


def test_a_run_leaves_maps_library_model_accuracy_report_and_job(finished):
    metrics, folder, _ = finished
    assert {item.name for item in folder.iterdir() if not item.name.endswith(".aux.xml")} == {
        "classes.tif", "confidence.tif", "novelty.tif", "probabilities.tif", "abundances.tif", "error.tif",
        "endmembers.sli", "endmembers.hdr", "endmembers.csv", "model.json", "model.safetensors", "accuracy.csv",
        "report.html", "job.json",
    }  # fmt: skip
    assert (values(folder / "classes.tif")[0] == crops()).mean() > 0.8
    assert metrics["overall_accuracy"] > 0.9
    record = json.loads((folder / JOB_FILE).read_text(encoding="utf-8"))["record"]
    assert record["metrics"] == metrics


def test_abundances_sum_to_one_and_are_named_by_the_library(finished):
    folder = finished[1]
    shares = values(folder / "abundances.tif")
    assert shares.shape == (3, ROWS, COLS)
    assert shares.min() >= 0
    np.testing.assert_allclose(shares.sum(axis=0), 1, atol=1e-5)
    with rasterio.open(folder / "abundances.tif") as dataset:
        assert set(dataset.descriptions) == set(CROPS)


def test_names_and_colours_of_classes_stand_in_the_map(finished):
    folder = finished[1]
    with rasterio.open(folder / "classes.tif") as dataset:
        tags = dataset.tags(1)
        assert dataset.nodata == 0
    assert [tags[f"category_{value}"] for value in (1, 2, 3)] == list(CROPS)
    probabilities = values(folder / "probabilities.tif")
    assert np.array_equal(probabilities.argmax(axis=0) + 1, values(folder / "classes.tif")[0])


def test_the_library_holds_every_variant_under_its_endmember(finished):
    folder = finished[1]
    for name in ("endmembers.sli", "endmembers.csv"):
        found = read_library(folder / name)
        assert found.spectra.shape == (6, len(WAVELENGTHS))
        assert found.spectra.min() >= 0
        assert sorted(set(found.classes)) == sorted(CROPS)
        assert [one.rsplit(" / ", 1)[0] for one in found.names] == found.classes
        assert len(set(found.names)) == 6
        np.testing.assert_allclose(found.wavelengths, WAVELENGTHS)


def test_the_figures_of_both_halves_are_metrics(finished):
    metrics = finished[0]
    assert {"overall_accuracy", "average_accuracy", "kappa", "test_pixels", "training_seconds", "parameters"} <= set(
        metrics
    )
    assert metrics["reconstruction_rmse"] < 0.1
    assert 0 < metrics["reconstruction_sad"] < 0.3
    assert metrics["abundance_rmse"] < 0.25
    assert metrics["sad"] < 0.2
    assert {"classical_rmse", "classical_agreement", "novel_share", "valid_pixels"} <= set(metrics)


def test_the_ablation_stands_in_the_report_beside_this_run(finished):
    metrics, folder, _ = finished
    report = (folder / "report.html").read_text(encoding="utf-8")
    assert 0 <= metrics["ablation_overall_accuracy"] <= 1
    assert metrics["ablation_reconstruction_rmse"] > 0
    for words in ("With and without guidance", "With guidance", "Without guidance", "McNemar", "Spectral library"):
        assert words in report
    assert report.index("<h2>Accuracy") < report.index("With and without guidance")


def test_progress_grows_and_the_curve_is_that_of_this_runs_network(finished):
    events = finished[2]
    shares = [one.fraction for one in events if isinstance(one, Progress)]
    assert shares == sorted(shares)
    steps = [one.step for one in events if isinstance(one, Metric) and one.name == "loss"]
    assert steps == sorted(steps)
    assert any("Without guidance: training" in one.message for one in events if isinstance(one, Progress))


def test_the_model_gives_the_map_again(finished):
    folder = finished[1]
    model = read_model(folder / "model.json")
    assert (model.task, model.method) == ("unmix_and_classify", "ugm")
    assert {one.name: one.colour for one in model.classes} == COLOURS
    cube = Cube(Window(0, 0, ROWS, COLS), reflectance(), np.ones((ROWS, COLS), bool))
    restored = model.restored("cpu")
    unmixing, probabilities = restored.unmix_and_classify(cube)
    np.testing.assert_allclose(probabilities, values(folder / "probabilities.tif"), atol=1e-4)
    np.testing.assert_allclose(unmixing.abundances, values(folder / "abundances.tif"), atol=1e-4)


def test_windows_are_joined_without_seams(finished, run, tmp_path, monkeypatch):
    """The same run, mapped in windows of 16 pixels that cut across the squares."""
    import mixel.backend.methods.ugm.method as method

    whole = method.plan
    first = run(folder="whole")[1]
    monkeypatch.setattr(method, "plan", lambda config: whole(config).__class__(**{**vars(whole(config)), "window": 13}))
    second = run(folder="parts")[1]
    np.testing.assert_allclose(values(second / "abundances.tif"), values(first / "abundances.tif"), atol=1e-5)
    np.testing.assert_allclose(values(second / "confidence.tif"), values(first / "confidence.tif"), atol=1e-4)
    assert np.array_equal(values(second / "classes.tif"), values(first / "classes.tif"))


def test_accuracy_csv_is_a_table(finished):
    with (finished[1] / "accuracy.csv").open(encoding="utf-8") as file:
        assert len(list(csv.reader(file))) > 4


def test_without_a_split_nothing_is_claimed_of_either_network(run):
    metrics, folder, _ = run(split="none", validation_share=0, ablation=True, settings={"epochs": 3})
    assert "overall_accuracy" not in metrics
    assert "ablation_overall_accuracy" not in metrics
    report = (folder / "report.html").read_text(encoding="utf-8")
    assert "nothing is known of which of the two classifies better" in report
    assert not (folder / "probabilities.tif").exists()


def test_the_ablation_of_a_run_without_guidance_is_one_with_it(run):
    metrics, _, events = run(ablation=True, settings={"epochs": 3, "guidance": False})
    assert "ablation_overall_accuracy" in metrics
    assert any("With guidance: training" in one.message for one in events if isinstance(one, Progress))


def test_the_number_of_endmembers_can_be_counted(run):
    metrics, folder, events = run(number="hysime", settings={"epochs": 3, "num_endmembers": 9})
    count = int(metrics["num_endmembers"])
    assert values(folder / "abundances.tif").shape[0] == count
    assert json.loads((folder / "model.json").read_text(encoding="utf-8"))["settings"]["num_endmembers"] == count
    assert any("HySime counts" in one.message for one in events if isinstance(one, Notice))


def test_nodata_is_nodata_in_every_raster(run, tmp_path):
    pixels = reflectance()
    pixels[:, 12:15, 20:24] = -9999
    metrics, folder, _ = run(scene=write_scene(tmp_path / "holes.tif", pixels), settings={"epochs": 3})
    hole = (slice(12, 15), slice(20, 24))
    for name in ("confidence", "novelty", "error", "abundances"):
        found = values(folder / f"{name}.tif")
        assert np.isnan(found[(slice(None), *hole)]).all()
        assert np.isfinite(found).sum() == found.size - len(found) * 12
    assert (values(folder / "classes.tif")[0][hole] == 0).all()
    assert metrics["valid_pixels"] == ROWS * COLS - 12


def test_labels_in_one_corner_only_are_mapped_with_a_word_on_what_is_unknown(run, tmp_path):
    """Only the first two fields are labelled: the third crop looks like nothing trained on."""
    metrics, folder, events = run(
        write_areas(tmp_path / "corner.gpkg", squares()[:2]), split="none", validation_share=0, settings={"epochs": 5}
    )
    assert metrics["novel_share"] > 0.2
    assert any("look like nothing" in one.message for one in events if isinstance(one, Notice))
    assert values(folder / "classes.tif").max() == 2


def test_one_class_only_is_refused(run, tmp_path):
    one = [(area, name) for area, name in squares() if name == CROPS[0]]
    with pytest.raises(ValueError, match="only one class"):
        run(write_areas(tmp_path / "one.gpkg", one))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("number", "words"), [(13, "12 usable bands; 13 endmembers"), (30, "Ask for fewer endmembers")]
)
def test_more_endmembers_than_the_scene_supports_are_refused(run, tmp_path, number, words):
    with pytest.raises(ValueError, match=words):
        run(settings={"num_endmembers": number})
    assert not (tmp_path / "out" / "classes.tif").exists()


def test_areas_off_the_scene_are_refused(run, tmp_path):
    moved = [(shapely.affinity.translate(area, 1e5), name) for area, name in squares()]
    with pytest.raises(ValueError, match="scene"):
        run(write_areas(tmp_path / "far.gpkg", moved))


def test_a_reference_of_more_bands_than_endmembers_is_refused(run, tmp_path):
    path = write(tmp_path / "many.tif", np.full((5, ROWS, COLS), 0.2, np.float32), wavelengths=None)
    with pytest.raises(ValueError, match="ask for at least as many endmembers"):
        run(inputs={"reference": {"path": path}})


def test_reference_spectra_without_abundances_are_refused(run, tmp_path):
    with pytest.raises(ValueError, match="give both, or none"):
        run(inputs={"reference_library": {"path": str(tmp_path / "x.sli")}})


def test_another_tasks_method_is_refused(tmp_path):
    job = Job("unmix_and_classify", "mim", write_scene(tmp_path / "s.tif"), str(tmp_path / "out"), {}, {}, {})
    with pytest.raises(ValueError, match="cannot do the task"):
        running.run(job, lambda event: None)


def test_options_are_those_of_classification_and_of_unmixing():
    described = task("unmix_and_classify")
    mine = {one.name for one in described.option_settings}
    theirs = {one.name for name in ("classify", "unmix") for one in task(name).option_settings}
    assert mine == theirs | {"ablation"}
    assert [one.name for one in described.methods] == ["ugm"]


def test_the_angle_is_the_mean_over_pixels_with_data():
    class Half:
        """Rebuilds every pixel as (1, 1)."""

        def rebuilt(self, cube):
            return np.where(cube.valid, np.ones_like(cube.reflectance), np.nan)

    pixels = np.array([[[1, 1, 0, 5]], [[1, 0, 0, 5]]], np.float32)
    cube = Cube(Window(0, 0, 1, 4), pixels, np.array([[True, True, True, False]]))
    assert angle(Half(), [cube]) == pytest.approx(np.pi / 8, abs=1e-4)
