"""Endmembers searched inside an area only: which pixels are seen, and what is refused."""

from __future__ import annotations

import csv
from types import SimpleNamespace

import numpy as np
import pyogrio.raw
import pytest
import rasterio
import shapely
from mixel.backend.labels import Area
from mixel.backend.library import read_library
from mixel.backend.protocol import Job, Notice
from mixel.backend.scene import Scene
from mixel.backend.tasks import running, sampling
from scenes import BANDS, COLS, GRID, ROWS, mixture, write

LEFT, TOP, SIZE = GRID["transform"].c, GRID["transform"].f, GRID["transform"].a
HOLE = (2, 3)


def image():
    values = mixture()
    values[:, HOLE[0], HOLE[1]] = -9999
    return values


@pytest.fixture
def scene(tmp_path):
    return write(tmp_path / "scene.tif", image(), nodata=-9999)


@pytest.fixture
def polygon(tmp_path):
    """Writes a box in rows and columns as a layer; gives what a job file says of it."""

    def written(top, left, bottom, right):
        shape = shapely.box(LEFT + left * SIZE, TOP - bottom * SIZE, LEFT + right * SIZE, TOP - top * SIZE)
        path = tmp_path / "area.gpkg"
        pyogrio.raw.write(
            path,
            geometry=shapely.to_wkb(np.array([shape])),
            field_data=[],
            fields=[],
            geometry_type="Polygon",
            crs="EPSG:32633",
        )
        return {"path": str(path)}

    return written


@pytest.fixture
def run(tmp_path):
    """Runs a task; gives its metrics, its folder and what the user was told."""

    def perform(name, scene, area=None, **options):
        folder, told = tmp_path / "out", []
        job = Job(name, "", scene, str(folder), {}, options, {"area": area} if area else {}, scale=1.0)
        metrics = running.run(job, lambda event: told.append(event.message) if isinstance(event, Notice) else None)
        return metrics, folder, told

    return perform


def places(folder):
    """(row, col) of the points that were written."""
    points = shapely.from_wkb(pyogrio.raw.read(folder / "endmember_pixels.gpkg")[2])
    return {(int((TOP - point.y) / SIZE), int((point.x - LEFT) / SIZE)) for point in points}


@pytest.mark.parametrize("extraction", ["vca", "nfindr", "sivm", "ppi"])
def test_only_pixels_inside_are_found(run, scene, polygon, extraction):
    _, folder, _ = run(
        "extract_endmembers", scene, polygon(1, 2, 6, 9), extraction=extraction, num_endmembers=3, num_skewers=100
    )
    found = places(folder)
    assert len(found) == 3 and all(1 <= row < 6 and 2 <= col < 9 for row, col in found)
    values = mixture()
    expected = {tuple(values[:, row, col]) for row, col in found}
    assert {tuple(one) for one in read_library(folder / "endmembers.sli").spectra} == expected
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "34 pixels, spread over the area" in page and "area.gpkg" in page


def test_an_area_of_the_whole_scene_changes_nothing(run, scene, polygon, tmp_path):
    _, folder, _ = run("extract_endmembers", scene, num_endmembers=3)
    whole = read_library(folder / "endmembers.sli").spectra
    for path in folder.iterdir():
        path.unlink()
    _, folder, _ = run("extract_endmembers", scene, polygon(0, 0, ROWS, COLS), num_endmembers=3)
    np.testing.assert_array_equal(read_library(folder / "endmembers.sli").spectra, whole)


def test_a_mask_does_the_same_as_a_polygon(run, scene, tmp_path):
    values = np.zeros((1, ROWS, COLS), np.uint8)
    values[0, 5:, 10:] = 7
    path = tmp_path / "mask.tif"
    with rasterio.open(
        path, "w", driver="GTiff", count=1, height=ROWS, width=COLS, dtype="uint8", **GRID
    ) as dataset:  # fmt: skip
        dataset.write(values)
    _, folder, _ = run("extract_endmembers", scene, {"path": str(path)}, num_endmembers=3)
    assert all(row >= 5 and col >= 10 for row, col in places(folder))


def test_counting_sees_the_area_only(run, scene, polygon):
    metrics, folder, _ = run("count_endmembers", scene, polygon(0, 0, 5, 10))
    assert metrics["sampled_pixels"] == 49
    assert "49 pixels, spread over the area" in (folder / "report.html").read_text(encoding="utf-8")
    with (folder / "eigenvalues.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    inside = mixture()[:, :5, :10].reshape(BANDS, -1).T.astype(np.float64)
    inside = np.delete(inside, HOLE[0] * 10 + HOLE[1], axis=0)
    largest = np.linalg.eigvalsh(inside.T @ inside / len(inside))[-1]
    assert float(rows[0]["eigenvalue"]) == pytest.approx(largest, rel=1e-3)


def test_what_the_area_leaves_out_is_told(run, scene, polygon):
    _, _, told = run("extract_endmembers", scene, polygon(-4, -4, 5, 5), num_endmembers=2)
    assert any("partly outside the scene" in text for text in told)


@pytest.mark.parametrize(
    ("task", "box", "options", "sentence"),
    [
        (
            "extract_endmembers",
            (0, 0, 1, 4),
            {"num_endmembers": 5},
            "Only 4 pixels with data .* 5 endmembers need as many",
        ),
        ("extract_endmembers", (2, 3, 3, 4), {"num_endmembers": 2}, "No pixel inside the area holds data"),
        (
            "extract_endmembers",
            (0, 0, 3, 4),
            {"number": "hysime"},
            "Only 11 pixels with data .* more pixels than bands",
        ),
        ("extract_endmembers", (90, 90, 95, 95), {}, "Nothing of the layer lies on the scene"),
        ("count_endmembers", (0, 0, 3, 4), {}, "Only 11 pixels .* among 12 bands"),
    ],
)
def test_an_area_that_is_too_small_is_refused_and_nothing_is_left(
    run, scene, polygon, tmp_path, task, box, options, sentence
):
    with pytest.raises(ValueError, match=sentence):
        run(task, scene, polygon(*box), **options)
    assert not list((tmp_path / "out").glob("*"))


@pytest.fixture
def wide(tmp_path):
    """A scene of 10 x 23 tiles, half of them without data, whose first band tells row and column."""
    rows, cols = 76, 180
    values = mixture(rows=rows, cols=cols)
    values[0] = (np.arange(rows)[:, None] * cols + np.arange(cols)) / (rows * cols)
    values[:, :, 90:] = -9999
    with Scene(write(tmp_path / "wide.tif", values, nodata=-9999), scale=1.0) as opened:
        yield opened


def whole(rows, cols):
    return Area(np.packbits(np.ones((rows, cols), bool), axis=1), cols)


def sampled(scene, area=None):
    if area is not None:
        scene.look_within(area)
    return sampling.sample_of(SimpleNamespace(scene=scene))


def test_a_large_area_is_sampled_tile_by_tile_until_there_are_enough(wide, monkeypatch):
    monkeypatch.setattr(sampling, "TILE", 8)
    monkeypatch.setattr(sampling, "NUM_TILES", 16)
    read, cubes = [], wide.cubes
    monkeypatch.setattr(wide, "cubes", lambda windows: (read.append(cube.window) or cube for cube in cubes(windows)))
    found = sampled(wide, whole(76, 180))
    assert 16 * 64 - 16 * 32 < len(found.pixels) <= 16 * 64 and found.where == "spread over the area"
    assert 16 <= len(read) < 80, "about every second tile holds data"
    assert np.all(np.diff(found.rows * 180 + found.cols) > 0), "in order, none twice"
    assert found.cols.max() < 90 and found.rows.max() > 60 and found.rows.min() < 16
    np.testing.assert_allclose(found.pixels[:, 0], (found.rows * 180 + found.cols) / (76 * 180), atol=1e-6)


def test_the_same_area_gives_the_same_sample(wide, monkeypatch):
    monkeypatch.setattr(sampling, "TILE", 8)
    first, second = (sampled(wide, whole(76, 180)) for _ in range(2))
    np.testing.assert_array_equal(first.pixels, second.pixels)


def test_all_of_a_small_area_is_taken_wherever_it_lies(wide):
    chosen = np.zeros((76, 180), bool)
    chosen[::7, 3:90:11] = True
    chosen[75, 100:] = True  # without data
    found = sampled(wide, Area(np.packbits(chosen, axis=1), 180))
    chosen[:, 90:] = False
    np.testing.assert_array_equal(np.column_stack([found.rows, found.cols]), np.argwhere(chosen))
    assert found.where == "spread over the area"


def test_a_thin_area_is_sampled_in_smaller_tiles(wide, monkeypatch):
    """Plots strewn over the scene: two whole tiles would hold few of them, as many pixels in small tiles most."""
    monkeypatch.setattr(sampling, "TILE", 64)
    monkeypatch.setattr(sampling, "NUM_TILES", 1)
    chosen = np.zeros((76, 180), bool)
    chosen[4::32, 4:90:40] = True
    found = sampled(wide, Area(np.packbits(chosen, axis=1), 180))
    np.testing.assert_array_equal(np.column_stack([found.rows, found.cols]), np.argwhere(chosen))


def test_the_sample_of_the_whole_scene_remembers_its_places(wide):
    found = sampled(wide)
    np.testing.assert_allclose(found.pixels[:, 0], (found.rows * 180 + found.cols) / (76 * 180), atol=1e-6)
    assert found.where == "spread over the scene" and len(found.pixels) == 76 * 90
