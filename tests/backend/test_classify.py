"""Classification from job file to files: class map, model, accuracies, and every bad input one sentence."""

from __future__ import annotations

import csv
import json
import re
from xml.etree import ElementTree

import numpy as np
import pytest
import rasterio
import shapely
from fields import COLOURS, COLS, CROPS, ROWS, crops, reflectance, squares, write_areas, write_scene
from mixel.backend.model import read_model
from mixel.backend.protocol import JOB_FILE, Job, Metric, Notice
from mixel.backend.tasks import running
from scenes import GRID

QUICK = {"epochs": 30, "patch": 3, "stem": 1, "width": 16}
FOREST = {"trees": 25}


@pytest.fixture
def run(tmp_path):
    """A function that runs a classification and gives its metrics, its folder, notices and points of curves."""

    def perform(training, scene=None, method="random_forest", settings=None, test=None, folder="out", **options):
        scene = scene or write_scene(tmp_path / "scene.tif")
        inputs = {"training": training, **({"test": test} if test else {})}
        told, curves = [], []

        def hear(event):
            told.extend([event.message] if isinstance(event, Notice) else [])
            curves.extend([event] if isinstance(event, Metric) else [])

        settings = settings if settings is not None else (FOREST if method == "random_forest" else QUICK)
        job = Job("classify", method, scene, str(tmp_path / folder), settings, options, inputs, scale=1.0)
        return running.run(job, hear), tmp_path / folder, told, curves

    return perform


def values(path):
    with rasterio.open(path) as dataset:
        return dataset.read()


def test_a_run_leaves_map_trust_model_accuracy_report_and_job(run, tmp_path):
    metrics, folder, _, curves = run(write_areas(tmp_path / "areas.gpkg"), method="mim")
    assert {item.name for item in folder.iterdir()} == {
        "classes.tif", "classes.tif.aux.xml", "confidence.tif", "novelty.tif", "model.json", "model.safetensors",
        "accuracy.csv", "report.html", "job.json",
    }  # fmt: skip
    assert (values(folder / "classes.tif")[0] == crops()).mean() > 0.8
    assert metrics["overall_accuracy"] > 0.9
    assert metrics["forest_overall_accuracy"] > 0.9
    assert 0 <= metrics["network_share"] <= 1 and 0 < metrics["regression_share"] <= 1
    assert {"loss", "validation loss"} <= {point.name for point in curves}
    record = json.loads((folder / JOB_FILE).read_text(encoding="utf-8"))["record"]
    assert record["metrics"]["kappa"] == metrics["kappa"]


def test_forests_without_and_with_neighbours_stand_beside_every_method(run, tmp_path):
    areas, titles = write_areas(tmp_path / "areas.gpkg"), {}
    for method, quick in (("svm", {}), ("random_forest", FOREST), ("spatial_forest", {})):
        metrics, folder, _, _ = run(areas, method=method, settings=quick, folder=method, split="random")
        page = (folder / "report.html").read_text(encoding="utf-8")
        titles[method] = re.findall("Beside a[^<]*", page)[0]
        assert ("The spatial forest sees 8 pixels" in page) == ("spatial" in titles[method])
        titles[method] += f"; {metrics.get('spatial_forest_overall_accuracy', metrics['overall_accuracy']):.6f}"
        assert ("forest_overall_accuracy" in metrics) == (method != "random_forest")
    names, accuracies = zip(*(title.split("; ") for title in titles.values()), strict=True)
    assert names == ("Beside a random forest and a spatial forest", "Beside a spatial forest", "Beside a random forest")
    assert len(set(accuracies)) == 1  # beside another method, it says of test pixels what its own map says


def test_a_yardstick_that_memory_does_not_hold_is_left_out_with_its_reason(run, tmp_path, monkeypatch):
    def full(*_):
        raise ValueError("The training areas and what lies around them take 9.0 GB of memory.")

    monkeypatch.setattr("mixel.backend.tasks.classify.testing.training_data", full)
    metrics, folder, _, _ = run(write_areas(tmp_path / "areas.gpkg"), method="svm", settings={})
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "Beside a random forest<" in page and "Spatial forest is left out: The training areas" in page
    assert "forest_overall_accuracy" in metrics and "spatial_forest_overall_accuracy" not in metrics


def test_a_network_that_has_no_say_is_told(run, tmp_path, monkeypatch):
    areas = write_areas(tmp_path / "areas.gpkg")
    for network, said in ((0.5, False), (0.01, True)):
        monkeypatch.setattr("mixel.backend.methods.regression.shares", lambda *_, own=network: (own, 0.9))
        metrics, folder, told, _ = run(areas, method="mim", folder=f"out{network}")
        assert (metrics["network_share"], metrics["regression_share"]) == (network, 0.9)
        assert any("the class map is the regression's" in one for one in told) == said
        assert f"{network:.0%} of the network" in (folder / "report.html").read_text(encoding="utf-8")


def test_names_with_control_characters_are_written_with_spaces_everywhere(run, tmp_path):
    areas = [(shape, f"\x02{name}\x01\x7fx\ufffe") for shape, name in squares()]
    _, folder, _, _ = run(write_areas(tmp_path / "areas.gpkg", areas), write_scene(tmp_path / "a\x01b.tif"))
    found = ElementTree.parse(folder / "classes.tif.aux.xml").iter("Category")
    assert [one.text for one in found][1:] == [f"{name}  x" for name in CROPS]
    model = read_model(folder / "model.json")
    assert model.record["scene"] == "a b.tif"
    assert [one.name for one in model.classes] == [f"{name}  x" for name in CROPS]


def test_names_and_colours_of_classes_stand_in_the_map(run, tmp_path):
    _, folder, _, _ = run(write_areas(tmp_path / "areas.gpkg"))
    with rasterio.open(folder / "classes.tif") as dataset:
        tags = dataset.tags(1)
        assert dataset.nodata == 0
    assert [tags[f"category_{value}"] for value in (1, 2, 3)] == list(CROPS)
    card = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    assert {one["name"]: one["colour"] for one in card["classes"]} == COLOURS


def test_probabilities_are_written_if_asked_for(run, tmp_path):
    _, folder, _, _ = run(write_areas(tmp_path / "areas.gpkg"), probabilities=True)
    shares = values(folder / "probabilities.tif")
    assert shares.shape == (3, ROWS, COLS)
    assert np.allclose(shares.sum(axis=0), 1, atol=1e-5)
    assert np.array_equal(shares.argmax(axis=0) + 1, values(folder / "classes.tif")[0])
    with rasterio.open(folder / "probabilities.tif") as dataset:
        assert dataset.descriptions == CROPS


def test_the_test_pixels_lie_in_blocks_of_their_own(run, tmp_path):
    _, folder, _, _ = run(write_areas(tmp_path / "areas.gpkg"), block=10)
    report = (folder / "report.html").read_text(encoding="utf-8")
    assert "Whole blocks of 10 x 10 pixels" in report
    assert "Median distance of a test pixel" in report


def test_a_random_split_is_said_to_be_optimistic(run, tmp_path):
    _, _, told, _ = run(write_areas(tmp_path / "areas.gpkg"), split="random")
    assert any("too good" in one for one in told)


def test_without_a_split_all_train_and_nothing_is_claimed(run, tmp_path):
    metrics, folder, _, _ = run(write_areas(tmp_path / "areas.gpkg"), split="none", validation_share=0)
    assert "overall_accuracy" not in metrics
    assert not (folder / "accuracy.csv").exists()
    assert "nothing is known of how right the map is" in (folder / "report.html").read_text(encoding="utf-8")


def test_given_test_areas_test_the_map(run, tmp_path):
    areas = squares()
    training, test = write_areas(tmp_path / "a.gpkg", areas[:12]), write_areas(tmp_path / "b.gpkg", areas[12:])
    metrics, _, _, _ = run(training, test=test)
    assert metrics["test_pixels"] == 12 * 36


def test_a_limit_per_class_is_kept(run, tmp_path):
    _, folder, _, _ = run(write_areas(tmp_path / "areas.gpkg"), per_class=5)
    card = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    assert card["record"]["training_pixels"] == dict.fromkeys(CROPS, 5)


def test_labels_may_be_a_raster(run, tmp_path):
    labels = np.where(np.indices(crops().shape).sum(axis=0) % 3 == 0, crops(), 0).astype(np.uint8)
    with rasterio.open(
        tmp_path / "labels.tif", "w", driver="GTiff", width=COLS, height=ROWS, count=1, dtype="uint8", **GRID
    ) as dataset:
        dataset.write(labels, 1)
    metrics, _, _, _ = run({"path": str(tmp_path / "labels.tif")})
    assert metrics["overall_accuracy"] > 0.9


def test_the_same_job_gives_the_same_map(run, tmp_path):
    areas = write_areas(tmp_path / "areas.gpkg")
    maps = [values(run(areas, method="mim", folder=name)[1] / "confidence.tif") for name in ("one", "two")]
    assert np.array_equal(*maps)


def test_what_was_never_seen_is_novel(run, tmp_path):
    strange = reflectance()
    strange[:, 5:15, 5:25] = 0.95
    scene = write_scene(tmp_path / "strange.tif", strange)
    areas = [one for one in squares() if one[0].centroid.x > 390000 + 3.6 * 30]
    _, folder, _, _ = run(write_areas(tmp_path / "areas.gpkg", areas), scene=scene)
    novelty = values(folder / "novelty.tif")[0]
    assert novelty[5:15, 5:25].min() > 1
    assert np.median(novelty[20:]) < 1


def test_nodata_has_no_class_and_does_not_train(run, tmp_path):
    holed = reflectance()
    holed[:, :10] = -9999
    _, folder, told, _ = run(write_areas(tmp_path / "areas.gpkg"), scene=write_scene(tmp_path / "holed.tif", holed))
    assert (values(folder / "classes.tif")[0, :10] == 0).all()
    assert np.isnan(values(folder / "confidence.tif")[0, :10]).all()
    assert any("hold no data" in one for one in told)


def test_the_table_of_accuracies_can_be_read(run, tmp_path):
    _, folder, _, _ = run(write_areas(tmp_path / "areas.gpkg"))
    with (folder / "accuracy.csv").open(encoding="utf-8-sig", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert set(CROPS) <= set(cells)


def test_300_classes_fit(run, tmp_path):
    columns, left, top = 30, *(GRID["transform"] @ (0, 0))
    areas = []
    for number in range(300):
        row, col = divmod(number, columns)
        x, y = left + 7.2 * col, top - 14.4 * row
        areas.append((shapely.box(x, y - 14.4, x + 7.2, y), f"class {number}"))
    _, folder, _, _ = run(write_areas(tmp_path / "many.gpkg", areas), split="none", validation_share=0)
    assert values(folder / "classes.tif").max() > 255


def test_a_class_with_one_pixel_trains_and_is_named(run, tmp_path):
    point = shapely.Point(*(GRID["transform"] @ (30.5, 20.5))).buffer(2.2)
    _, _, told, _ = run(write_areas(tmp_path / "areas.gpkg", [*squares(), (point, "well")]), settings={"trees": 5})
    assert any("well (1)" in one for one in told)
    assert any("without test pixels" in one and "well" in one for one in told)


BAD = {
    "no labels inside the scene": (lambda: [(shapely.box(0, 0, 9, 9), "a")], "lies on the scene: in pixels"),
    "one class only": (lambda: [one for one in squares() if one[1] == "Mais"], "only one class, 'Mais'"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_labels_are_refused_with_a_sentence_and_leave_nothing(run, tmp_path, case):
    areas, sentence = BAD[case]
    with pytest.raises(ValueError, match=sentence):
        run(write_areas(tmp_path / "bad.gpkg", areas(), crs=GRID["crs"]))
    assert not (tmp_path / "out").exists()


def test_shares_that_leave_nothing_to_train_on(run, tmp_path):
    with pytest.raises(ValueError, match="leave 0 % of the labelled pixels for training"):
        run(write_areas(tmp_path / "areas.gpkg"), test_share=0.7, validation_share=0.4)


def test_a_label_raster_of_another_size(run, tmp_path):
    with rasterio.open(
        tmp_path / "small.tif", "w", driver="GTiff", width=9, height=8, count=1, dtype="uint8", **GRID
    ) as dataset:
        dataset.write(np.ones((8, 9), np.uint8), 1)
    with pytest.raises(ValueError, match="8 x 9 pixels"):
        run({"path": str(tmp_path / "small.tif")})


def test_a_scene_smaller_than_a_patch(run, tmp_path):
    scene = write_scene(tmp_path / "tiny.tif", reflectance()[:, 6:14, 6:14])
    left, top = GRID["transform"] @ (0, 0)
    areas = [(shapely.box(left, top - 3.6 * (row + 4), left + 28.8, top - 3.6 * row), f"{row}") for row in (0, 4)]
    settings = {**QUICK, "patch": 15}
    _, folder, _, _ = run(
        write_areas(tmp_path / "areas.gpkg", areas), scene, "mim", settings, split="none", validation_share=0
    )
    assert set(np.unique(values(folder / "classes.tif"))) <= {1, 2}
