"""An area for every task that maps a scene: nothing outside it counts, whatever the area is given as."""

from __future__ import annotations

import json

import numpy as np
import pyogrio.raw
import pytest
import rasterio
import shapely
from fields import COLS, CROPS, ROWS, SPECTRA, reflectance, squares, write_areas, write_scene
from mixel.backend.library import Library, write_library
from mixel.backend.model import read_model
from mixel.backend.protocol import Job, Notice
from mixel.backend.tasks import running, task, tasks
from rasterio.warp import transform
from scenes import GRID, WAVELENGTHS

NAMES = [one.name for one in tasks() if one.result is not None]
CHOSEN = {
    "unmix": ("vca_fcls", {"num_endmembers": 3}, {}),
    "classify": ("random_forest", {"trees": 10}, {"compare": False, "split": "none", "validation_share": 0}),
    "unmix_and_classify": (
        "ugm",
        {"epochs": 1, "width": 16, "states": 2, "square": 4, "stem": 3, "num_blocks": 1, "num_endmembers": 3,
         "num_variants": 2},
        {"compare": False, "split": "none", "validation_share": 0},
    ),
    "minimum_noise_fraction": ("", {}, {"num_components": 3}),
    "mesma": ("", {}, {"complexity": 2}),
}  # fmt: skip
TOP, LEFT, BOTTOM, RIGHT = 5, 10, 28, 40
HOLE = (13, 33)


def inside():
    mask = np.zeros((ROWS, COLS), bool)
    mask[TOP:BOTTOM, LEFT:RIGHT] = True
    return mask


def box(top, left, bottom, right):
    (x, y), (far_x, far_y) = (GRID["transform"] @ corner for corner in ((left, top), (right, bottom)))
    return shapely.box(x, far_y, far_x, y)


def polygon(path, shape, crs="EPSG:32633"):
    moved = shapely.transform(shape, lambda points: np.column_stack(transform(GRID["crs"], crs, *points.T)))
    pyogrio.raw.write(
        path, geometry=shapely.to_wkb(np.array([moved])), field_data=[], fields=[], geometry_type="Unknown", crs=crs
    )
    return {"path": str(path)}


def mask_raster(path, chosen):
    shape = {"count": 1, "height": ROWS, "width": COLS, "dtype": "uint8", "nodata": 255}
    with rasterio.open(path, "w", driver="GTiff", **shape, **GRID) as dataset:
        dataset.write(np.where(chosen, 3, np.where(np.arange(COLS) % 2, 0, 255)).astype(np.uint8), 1)
    return {"path": str(path)}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A scene with a pixel without data, labelled areas, a library and a model."""
    folder = tmp_path_factory.mktemp("area")
    values = reflectance()
    values[:, HOLE[0], HOLE[1]] = -9999
    write_scene(folder / "scene.tif", values)
    write_areas(folder / "areas.gpkg")
    library = Library(list(CROPS), SPECTRA, np.array(WAVELENGTHS, np.float32), None, list(CROPS))
    write_library(library, folder / "known.sli")
    method, settings, options = CHOSEN["classify"]
    inputs = {"training": {"path": str(folder / "areas.gpkg"), "field": "crop"}}
    job = Job(
        "classify", method, str(folder / "scene.tif"), str(folder / "model"), settings, options, inputs, scale=1.0
    )
    running.run(job, lambda event: None)
    return folder


@pytest.fixture
def run(place, tmp_path):
    """Runs a task within an area; gives its metrics, its folder and what the user was told."""

    def perform(name, area, folder="out"):
        method, settings, options = CHOSEN.get(name, ("", {}, {}))
        files = {
            "labels": {"path": str(place / "areas.gpkg"), "field": "crop"},
            "library": {"path": str(place / "known.sli")},
            "model": {"path": str(place / "model" / "model.json")},
        }
        inputs = {one.name: files[one.kind] for one in task(name).inputs if not one.optional}
        told = []
        job = Job(
            name, method, str(place / "scene.tif"), str(tmp_path / folder), settings, options,
            {**inputs, "area": area}, scale=1.0,
        )  # fmt: skip
        metrics = running.run(job, lambda event: told.append(event.message) if isinstance(event, Notice) else None)
        return metrics, tmp_path / folder, told

    return perform


def rasters(name, folder):
    """Every raster of a run with the mask of its pixels with data (bands, rows, cols)."""
    for one in task(name).layers:
        if (folder / one.file).exists():
            with rasterio.open(folder / one.file) as dataset:
                yield one.file, dataset.read(masked=True)


def test_every_task_that_maps_takes_an_area():
    for name in NAMES:
        areas = [one for one in task(name).inputs if one.kind == "area"]
        assert [one.name for one in areas] == ["area"] and areas[0].optional, name
        assert areas[0].label == "Only within" and "whole scene" in areas[0].help


@pytest.mark.parametrize("name", NAMES)
def test_results_hold_nothing_outside_and_all_inside_a_polygon_or_mask(run, tmp_path, name):
    _, folder, _ = run(name, polygon(tmp_path / "area.gpkg", box(TOP, LEFT, BOTTOM, RIGHT), "EPSG:4326"))
    _, other, _ = run(name, mask_raster(tmp_path / "mask.tif", inside()), "other")
    expected = inside()
    expected[HOLE] = False
    found = list(rasters(name, folder))
    assert found and "area.gpkg" in (folder / "report.html").read_text(encoding="utf-8")
    for (file, values), (_, same) in zip(found, rasters(name, other), strict=True):
        there = ~np.ma.getmaskarray(values)
        assert not there[:, ~expected].any(), f"{file} holds something outside"
        assert there.any(axis=0)[expected].all(), f"{file} lacks something inside"
        np.testing.assert_array_equal(values.filled(0), same.filled(0), file)


@pytest.mark.parametrize("name", NAMES)
def test_an_area_without_data_or_elsewhere_is_refused_and_leaves_nothing(run, tmp_path, name):
    hole = polygon(tmp_path / "hole.gpkg", box(HOLE[0], HOLE[1], HOLE[0] + 1, HOLE[1] + 1))
    with pytest.raises(ValueError, match="No pixel inside the area holds data; choose another area"):
        run(name, hole)
    with pytest.raises(ValueError, match="Nothing of the layer lies on the scene"):
        run(name, polygon(tmp_path / "far.gpkg", box(900, 900, 910, 910)))
    assert not (tmp_path / "out").exists()


def test_what_the_area_leaves_out_is_told_and_its_share_of_missing_pixels_is_the_areas(run, tmp_path):
    metrics, _, told = run("estimate_abundances", polygon(tmp_path / "area.gpkg", box(-9, LEFT, BOTTOM, RIGHT)))
    assert metrics["valid_pixels"] == BOTTOM * (RIGHT - LEFT) - 1
    assert any("partly outside the scene" in text for text in told)
    share = 100 / (BOTTOM * (RIGHT - LEFT))
    assert f"{share:.1f} % of the pixels inside the area hold no data and were left out." in told


def test_labelled_pixels_outside_the_area_do_not_train_and_are_told(run, tmp_path):
    """The area holds fields of two crops only; the third is no class of map, model and report."""
    area = shapely.union_all([shape for shape, crop in squares(0) if crop != "wheat"])
    _, folder, told = run("classify", polygon(tmp_path / "area.gpkg", area))
    number = sum(crop == "wheat" for _, crop in squares()) * 36
    assert f"{number} labelled pixels are outside the area and left out." in told
    assert "1 labelled pixel is without data and left out." in told
    assert "Classes all of whose labelled pixels lie there are left out: wheat." in told
    assert [one.name for one in read_model(folder / "model.json").classes] == ["Mais", "Rüben"]
    with rasterio.open(folder / "classes.tif") as dataset:
        assert set(np.unique(dataset.read(1))) == {0, 1, 2} and "category_3" not in dataset.tags(1)
    card = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    assert set(card["record"]["training_pixels"]) == {"Mais", "Rüben"}


def test_an_area_with_labels_of_one_class_is_refused(run, tmp_path):
    shape = next(shape for shape, crop in squares(0) if crop == "Mais")
    with pytest.raises(ValueError, match="only one class, 'Mais', where the scene holds data inside the area"):
        run("classify", polygon(tmp_path / "area.gpkg", shape))


def test_windows_outside_the_area_are_not_read(place, tmp_path):
    from mixel.backend.cube import Window
    from mixel.backend.scene import Scene
    from mixel.backend.tasks.labelled import look_within_area

    with Scene(place / "scene.tif", 1.0) as scene:
        job = Job("mesma", "", "x", "y", inputs={"area": polygon(tmp_path / "a.gpkg", box(0, 0, 5, 5))})
        look_within_area(job, scene)
        scene._product.read = None  # whatever reads now fails
        cube = scene.read(Window(20, 30, 4, 6))
        assert cube.reflectance.shape == (scene.bands, 4, 6) and not cube.valid.any() and not cube.reflectance.any()
        with pytest.raises(ValueError, match="cannot be read"):
            scene.read(Window(3, 3, 4, 6))
