"""Labelled pixels without data, and classes all of whose pixels hold none: named, and in nothing that a run leaves."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import rasterio
from fields import COLS, CROPS, ROWS, crops, reflectance, squares, write_areas, write_scene
from mixel.backend.labels import Class, Labels
from mixel.backend.library import read_library
from mixel.backend.model import read_model
from mixel.backend.protocol import Job, Notice
from mixel.backend.tasks import running
from scenes import GRID


def labels(values):
    number = len(values)
    classes = (Class(1, "a", "#111111"), Class(2, "b", "#222222"), Class(3, "c", "#333333"))
    return Labels(
        np.arange(number, dtype=np.int32), np.zeros(number, np.int32), np.array(values, np.int16),
        np.arange(number, dtype=np.int32), classes, ["told"],
    )  # fmt: skip


def test_classes_without_a_pixel_left_are_gone_and_the_others_numbered_anew():
    kept, gone = labels([1, 2, 2, 3, 1]).kept(np.array([True, False, False, True, True]))
    assert gone == ["b"] and kept.values.tolist() == [1, 2, 1] and kept.rows.tolist() == [0, 3, 4]
    assert kept.classes == (Class(1, "a", "#111111"), Class(2, "c", "#333333"))
    assert kept.counts.tolist() == [2, 1] and kept.groups.tolist() == [0, 3, 4] and kept.notices == ["told"]


def test_without_a_loss_nothing_changes():
    whole = labels([1, 2, 3])
    kept, gone = whole.kept(np.ones(3, bool))
    assert not gone and kept.classes == whole.classes and np.array_equal(kept.values, whole.values)
    nothing, gone = whole.kept(np.zeros(3, bool))
    assert gone == ["a", "b", "c"] and not len(nothing) and not nothing.classes


@pytest.fixture
def run(tmp_path):
    """Runs a task on the scene whose pixels of one crop hold no data; gives its folder and what the user was told."""

    def perform(name, inputs, missing="Rüben", **options):
        values = reflectance()
        values[:, crops() == CROPS.index(missing) + 1] = -9999
        method, settings = ("random_forest", {"trees": 10}) if name == "classify" else ("", {})
        told = []
        job = Job(
            name, method, write_scene(tmp_path / "scene.tif", values), str(tmp_path / "out"), settings, options,
            inputs, scale=1.0,
        )  # fmt: skip
        running.run(job, lambda event: told.append(event.message) if isinstance(event, Notice) else None)
        return tmp_path / "out", told

    return perform


@pytest.mark.parametrize("kind", ["vector", "raster"])
def test_a_class_on_nodata_is_in_no_list_map_table_or_model(run, tmp_path, kind):
    training = write_areas(tmp_path / "areas.gpkg")
    if kind == "raster":
        shape = {"count": 1, "height": ROWS, "width": COLS, "dtype": "uint8", "nodata": 0}
        with rasterio.open(tmp_path / "l.tif", "w", driver="GTiff", **shape, **GRID) as dataset:
            dataset.write(np.where(np.indices((ROWS, COLS)).sum(axis=0) % 3, crops(), 0).astype(np.uint8), 1)
            dataset.update_tags(1, category_0="none", **{f"category_{i}": name for i, name in enumerate(CROPS, 1)})
        training = {"path": str(tmp_path / "l.tif")}
    folder, told = run("classify", {"training": training}, block=10)
    assert any("labelled pixels are without data and left out." in text for text in told)
    assert "Classes all of whose labelled pixels lie there are left out: Rüben." in told
    assert [(one.value, one.name) for one in read_model(folder / "model.json").classes] == [(1, "Mais"), (2, "wheat")]
    card = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    assert set(card["record"]["training_pixels"]) == {"Mais", "wheat"}
    with rasterio.open(folder / "classes.tif") as dataset:
        tags, values = dataset.tags(1), dataset.read(1)
    assert [tags.get(f"category_{value}") for value in (1, 2, 3)] == ["Mais", "wheat", None]
    there = crops() != 2
    assert not values[~there].any() and (values[there] == np.where(crops() == 1, 1, 2)[there]).mean() > 0.95
    with (folder / "accuracy.csv").open(encoding="utf-8-sig", newline="") as file:
        cells = {cell for row in csv.reader(file) for cell in row}
    assert {"Mais", "wheat"} <= cells and "Rüben" not in cells
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert page.count("Rüben") == 1, "in the one notice"


def test_test_areas_on_nodata_are_left_out_too(run, tmp_path):
    areas = squares()
    test = write_areas(tmp_path / "test.gpkg", [one for one in areas[12:] if one[1] != "wheat"])
    folder, told = run("classify", {"training": write_areas(tmp_path / "areas.gpkg", areas[:12]), "test": test})
    assert told.count("Classes all of whose labelled pixels lie there are left out: Rüben.") == 2
    assert "Rüben" not in (folder / "accuracy.csv").read_text(encoding="utf-8-sig")


def test_a_library_out_of_areas_lacks_the_class(run, tmp_path):
    folder, told = run("library_from_areas", {"areas": write_areas(tmp_path / "areas.gpkg")}, spectra="class_means")
    assert read_library(folder / "library.sli").classes == ["Mais", "wheat"]
    assert "Classes all of whose labelled pixels lie there are left out: Rüben." in told


@pytest.mark.parametrize("kept", [("Mais", "Rüben"), ("Rüben",)])
def test_too_few_classes_with_data_are_refused_before_anything_is_learnt(run, tmp_path, kept):
    some = [one for one in squares() if one[1] in kept]
    if len(kept) == 1:
        some = [(shape, ("Rüben", "other")[number % 2]) for number, (shape, _) in enumerate(some)]
    names = "only one class, 'Mais'," if len(kept) == 2 else "no class"
    with pytest.raises(ValueError, match=f"There is {names} where the scene holds data"):
        run("classify", {"training": write_areas(tmp_path / "areas.gpkg", some)})


def test_reference_classes_where_a_map_has_none_are_named_and_not_scored(tmp_path):
    values = np.where(crops() == 2, 0, crops()).astype(np.uint8)
    shape = {"count": 1, "height": ROWS, "width": COLS, "dtype": "uint8", "nodata": 0}
    with rasterio.open(tmp_path / "map.tif", "w", driver="GTiff", **shape, **GRID) as dataset:
        dataset.write(values, 1)
        dataset.update_tags(1, category_0="none", **{f"category_{i}": name for i, name in enumerate(CROPS, 1)})
    inputs = {"map": {"path": str(tmp_path / "map.tif")}, "reference": write_areas(tmp_path / "areas.gpkg")}
    told = []
    job = Job("assess", "", "", str(tmp_path / "out"), {}, {}, inputs)
    metrics = running.run(job, lambda event: told.append(event.message) if isinstance(event, Notice) else None)
    assert "Classes of the reference all of whose pixels lie there are left out: Rüben." in told
    assert metrics["overall_accuracy"] == 1
    assert "Rüben" not in (tmp_path / "out" / "accuracy.csv").read_text(encoding="utf-8-sig")
