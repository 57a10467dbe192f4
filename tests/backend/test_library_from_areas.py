"""A library out of areas of known class: the right spectra of the right pixels, from job file to files."""

from __future__ import annotations

import csv

import numpy as np
import pyogrio.raw
import pytest
import rasterio
import shapely
from mixel.backend.labels import Class, Labels, read_labels
from mixel.backend.library import Library, read_library
from mixel.backend.library.pruning import shade_errors
from mixel.backend.protocol import Job, Notice
from mixel.backend.scene import Scene
from mixel.backend.tasks import running, task
from mixel.backend.tasks.library_from_areas import choosing, work
from mixel.backend.tasks.library_from_areas.means import Means
from mixel.backend.tasks.library_from_areas.sections import sections
from scenes import BANDS, COLS, GRID, ROWS, WAVELENGTHS, mixture, write

LEFT, TOP, SIZE = GRID["transform"].c, GRID["transform"].f, GRID["transform"].a
BOXES = {"tree": [(0, 0, 3, 4), (8, 12, 11, 17)], "soil, wet": [(5, 5, 8, 9)], "Dach": [(0, 10, 2, 12)]}
"""Rows and columns: top, left, bottom, right; the second tree holds pixels without data."""
HOLES = [(9, 13), (10, 16), (0, 1)]


def image():
    values = mixture()
    for row, col in HOLES:
        values[:, row, col] = -9999
    return values


def inside(box):
    top, left, bottom, right = box
    return [(row, col) for row in range(top, bottom) for col in range(left, right) if (row, col) not in HOLES]


def pixels(places):
    return np.stack([mixture()[:, row, col] for row, col in places])


EXPECTED = {name: [place for box in boxes for place in inside(box)] for name, boxes in BOXES.items()}


@pytest.fixture
def scene(tmp_path):
    return write(tmp_path / "scene.tif", image(), nodata=-9999)


@pytest.fixture
def areas(tmp_path):
    """A layer of boxes, one feature each, with a field 'kind'; gives what a job file says of it."""
    shapes, kinds = [], []
    for name, boxes in BOXES.items():
        for top, left, bottom, right in boxes:
            box = shapely.box(LEFT + left * SIZE, TOP - bottom * SIZE, LEFT + right * SIZE, TOP - top * SIZE)
            shapes.append(box)
            kinds.append(name)
    path = tmp_path / "areas.gpkg"
    pyogrio.raw.write(
        path,
        geometry=shapely.to_wkb(np.array(shapes)),
        field_data=[np.array(kinds, dtype=object)],
        fields=["kind"],
        geometry_type="Polygon",
        crs="EPSG:32633",
    )
    return {"path": str(path), "field": "kind", "colours": {"tree": "#226622"}}


@pytest.fixture
def run(tmp_path):
    """Runs the task; gives its metrics, its folder and what the user was told."""

    def perform(scene, areas, **options):
        folder, told = tmp_path / "out", []
        job = Job("library_from_areas", "", scene, str(folder), {}, options, {"areas": areas}, scale=1.0)
        metrics = running.run(job, lambda event: told.append(event.message) if isinstance(event, Notice) else None)
        return metrics, folder, told

    return perform


def test_means_of_classes(run, scene, areas):
    metrics, folder, told = run(scene, areas, spectra="class_means")
    found = read_library(folder / "library.sli")
    assert found.classes == ["Dach", "soil, wet", "tree"] and found.names == ["Dach", "soil wet", "tree"]
    for name, spectrum in zip(found.classes, found.spectra, strict=True):
        np.testing.assert_allclose(spectrum, pixels(EXPECTED[name]).mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(found.wavelengths, WAVELENGTHS)
    assert metrics == {"spectra": 3.0, "classes": 3.0, "pixels": float(sum(map(len, EXPECTED.values())))}
    assert any("3 labelled pixels are without data and left out" in text for text in told)
    assert not (folder / "library_pixels.gpkg").exists()


def test_means_of_areas(run, scene, areas):
    _, folder, _ = run(scene, areas, spectra="area_means")
    found = read_library(folder / "library.sli")
    assert found.classes == ["Dach", "soil, wet", "tree", "tree"]
    assert found.names == ["Dach 1", "soil wet 1", "tree 1", "tree 2"]
    boxes = [BOXES["Dach"][0], BOXES["soil, wet"][0], *BOXES["tree"]]
    expected = [pixels(inside(box)).mean(axis=0) for box in boxes]
    np.testing.assert_allclose(found.spectra, expected, rtol=1e-5)


def test_every_pixel_with_its_place(run, scene, areas):
    _, folder, _ = run(scene, areas, spectra="every")
    found = read_library(folder / "library.sli")
    order = ["Dach", "soil, wet", "tree"]
    expected = np.concatenate([pixels(sorted(EXPECTED[name])) for name in order])
    np.testing.assert_array_equal(found.spectra, expected)
    assert found.classes == [name for name in order for _ in EXPECTED[name]]
    meta, _, geometry, columns = pyogrio.raw.read(folder / "library_pixels.gpkg")
    fields = dict(zip(meta["fields"], columns, strict=True))
    assert list(fields["class"]) == found.classes and len(set(fields["name"])) == len(found.names)
    places = [(int((TOP - point.y) / SIZE), int((point.x - LEFT) / SIZE)) for point in shapely.from_wkb(geometry)]
    assert places == [place for name in order for place in sorted(EXPECTED[name])]


@pytest.mark.parametrize("choice", ["kinds", "representative", "random"])
def test_chosen_pixels_are_real_ones_of_their_class(run, scene, areas, choice):
    _, folder, _ = run(scene, areas, choice=choice, count_per_class=4)
    found = read_library(folder / "library.sli")
    assert found.classes == ["Dach"] * 4 + ["soil, wet"] * 4 + ["tree"] * 4
    for name, spectrum in zip(found.classes, found.spectra, strict=True):
        assert (pixels(EXPECTED[name]) == spectrum).all(axis=1).sum() == 1
    assert len(np.unique(found.spectra, axis=0)) == 12
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "soil, wet" in page and "standard deviation" in page and "areas.gpkg, field kind" in page


def test_the_seed_decides_what_is_drawn(run, scene, areas, tmp_path):
    spectra = []
    for seed in (1, 1, 2):
        _, folder, _ = run(scene, areas, choice="random", count_per_class=3, seed=seed)
        spectra.append(read_library(folder / "library.sli").spectra)
        for path in folder.iterdir():
            path.unlink()
    np.testing.assert_array_equal(spectra[0], spectra[1])
    assert (spectra[0] != spectra[2]).any()


def test_a_class_raster_gives_classes_and_patches(run, scene, tmp_path):
    values = np.zeros((1, ROWS, COLS), np.uint8)
    values[0, :2, :3], values[0, 6:8, :3], values[0, 4, 9:] = 5, 5, 2
    path = tmp_path / "classes.tif"
    with rasterio.open(
        path, "w", driver="GTiff", count=1, height=ROWS, width=COLS, dtype="uint8", **GRID
    ) as dataset:  # fmt: skip
        dataset.write(values)
    metrics, folder, _ = run(scene, {"path": str(path)}, spectra="area_means")
    assert read_library(folder / "library.sli").classes == ["2", "5", "5"] and metrics["classes"] == 2


def test_one_class_is_enough(run, scene, tmp_path):
    path = tmp_path / "one.gpkg"
    pyogrio.raw.write(
        path,
        geometry=shapely.to_wkb(np.array([shapely.Point(LEFT + 5, TOP - 5), shapely.Point(LEFT + 9, TOP - 9)])),
        field_data=[np.array([7, 7])],
        fields=["kind"],
        geometry_type="Point",
        crs="EPSG:32633",
    )
    _, folder, _ = run(scene, {"path": str(path), "field": "kind", "names": {"7": "water"}})
    assert read_library(folder / "library.sli").names == ["water 1", "water 2"]


def test_a_scene_without_wavelengths(run, tmp_path, areas):
    path = write(tmp_path / "plain.tif", image(), wavelengths=None, nodata=-9999)
    _, folder, _ = run(path, areas, spectra="class_means")
    assert read_library(folder / "library.sli").wavelengths is None


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning", "ignore:'crs' was not provided")
def test_a_scene_without_georeference_has_areas_and_points_in_columns_and_rows(run, tmp_path):
    scene, path = write(tmp_path / "plain.tif", image(), nodata=-9999, crs=None, transform=None), tmp_path / "box.gpkg"
    pyogrio.raw.write(
        path,
        geometry=shapely.to_wkb(np.array([shapely.box(5, -8, 9, -5)])),
        field_data=[np.array(["soil"], dtype=object)],
        fields=["kind"],
        geometry_type="Polygon",
        crs=None,
    )
    _, folder, told = run(scene, {"path": str(path), "field": "kind"}, spectra="every")
    points = shapely.from_wkb(pyogrio.raw.read(folder / "library_pixels.gpkg")[2])
    assert [(int(-point.y), int(point.x)) for point in points] == sorted(EXPECTED["soil, wet"])
    assert any("no georeference" in text for text in told)


@pytest.mark.parametrize(("spectra", "most", "number"), [("every", 9, 9), ("area_means", 3, 3), ("every", 40, 40)])
def test_a_library_holds_no_more_than_it_may(run, scene, areas, spectra, most, number):
    metrics, folder, told = run(scene, areas, spectra=spectra, most=most)
    assert metrics["spectra"] <= number and metrics["classes"] == 3
    found = read_library(folder / "library.sli")
    assert set(found.classes) == set(BOXES)
    assert any("than the library may hold spectra" in text for text in told) == (metrics["spectra"] < 40)


def test_what_cannot_be_is_refused(run, scene, areas, tmp_path):
    with pytest.raises(ValueError, match="3 classes, and the library may hold 2 spectra"):
        run(scene, areas, most=2)
    with pytest.raises(ValueError, match="no field 'sort'"):
        run(scene, {**areas, "field": "sort"})
    values = image()
    values[:, :, :16] = -9999
    with pytest.raises(ValueError, match="There is no class where the scene holds data"):
        run(
            write(tmp_path / "bare.tif", values, nodata=-9999), {**areas, "path": f"{areas['path']}|subset=kind='Dach'"}
        )
    assert not list((tmp_path / "out").glob("*"))


def test_a_class_without_data_is_left_out(run, tmp_path, areas):
    values = image()
    values[:, :3, 10:12] = -9999
    _, folder, _ = run(write(tmp_path / "part.tif", values, nodata=-9999), areas, spectra="class_means")
    assert read_library(folder / "library.sli").classes == ["soil, wet", "tree"]
    with (folder / "library.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [["spectra names", "class"], ["soil wet", "soil, wet"], ["tree", "tree"]]


def test_the_library_serves_the_abundances_of_the_same_scene(run, scene, areas, tmp_path):
    _, folder, _ = run(scene, areas, spectra="class_means")
    inputs = {"library": {"path": str(folder / "library.sli")}}
    job = Job("mesma", "", scene, str(tmp_path / "mesma"), {}, {}, inputs, scale=1.0)
    assert running.run(job, lambda event: None)["reconstruction_rmse"] < 0.2


def some_labels(count=60, classes=3, per_area=4):
    generator = np.random.default_rng(0)
    values = np.repeat(np.arange(1, classes + 1), count // classes).astype(np.int16)
    groups = (np.arange(count) // per_area).astype(np.int32)
    flat = np.sort(generator.choice(40 * 50, count, replace=False))
    rows, cols = np.divmod(flat, 50)
    made = tuple(Class(value, f"c{value}", "#102030") for value in range(1, classes + 1))
    return Labels(rows.astype(np.int32), cols.astype(np.int32), values, groups, made)


def test_drawing_takes_as_many_of_each_class_and_the_rest_of_small_ones():
    labels = some_labels()
    for per_class in (1, 7, 100):
        kept = choosing.drawn(labels, per_class, 0)
        assert np.bincount(labels.values[kept])[1:].tolist() == [min(20, per_class)] * 3
    assert (choosing.drawn(labels, 7, 0) != choosing.drawn(labels, 7, 1)).any()


def test_areas_are_drawn_whole():
    labels = some_labels()
    kept = choosing.drawn_areas(labels, 6, 0)
    for group in np.unique(labels.groups):
        assert kept[labels.groups == group].all() or not kept[labels.groups == group].any()
    assert np.bincount(labels.values[kept])[1:].tolist() == [8, 8, 8]
    assert choosing.drawn_areas(labels, 15, 0).all()


def test_candidates_stay_few_and_hold_what_is_asked_for(monkeypatch):
    labels = some_labels()
    monkeypatch.setattr(choosing, "MOST_CANDIDATES", 15)
    assert choosing.candidates(labels, "kinds", 2, 0).sum() == 15
    assert choosing.candidates(labels, "representative", 9, 0).sum() == 27


def test_kinds_are_one_of_each_cluster():
    generator = np.random.default_rng(0)
    centres = np.array([[0.1, 0.2, 0.3], [0.6, 0.5, 0.4], [0.9, 0.1, 0.9]])
    which = np.repeat([0, 1, 2], [50, 3, 10])
    spectra = (centres[which] + generator.normal(0, 0.01, (63, 3))).astype(np.float32)
    found = choosing.chosen(spectra, np.ones(63, np.int16), "kinds", 3, 0)
    assert sorted(which[found]) == [0, 1, 2]


def test_kinds_of_equal_spectra_are_one():
    spectra = np.repeat(np.array([[0.1, 0.2], [0.5, 0.4]], np.float32), [5, 4], axis=0)
    found = choosing.chosen(spectra, np.ones(9, np.int16), "kinds", 6, 0)
    assert len(found) == 2 and {tuple(one) for one in spectra[found]} == {tuple(spectra[0]), tuple(spectra[-1])}


def test_representative_pixels_have_the_lowest_mean_error_within_their_class():
    spectra = np.random.default_rng(0).uniform(0.1, 0.9, (30, 5)).astype(np.float32)
    classes = np.repeat([1, 2], [18, 12]).astype(np.int16)
    found = choosing.chosen(spectra, classes, "representative", 3, 0)
    for value in (1, 2):
        own = np.flatnonzero(classes == value)
        slow = shade_errors(spectra[own]).sum(axis=1)
        assert set(found[classes[found] == value]) == set(own[np.argsort(slow)[:3]])


def test_means_and_spreads_are_those_of_all_spectra_at_once():
    generator = np.random.default_rng(0)
    spectra = generator.uniform(0, 1, (200, 6)).astype(np.float32)
    groups = generator.choice([0, 1, 3], 200)
    sums = Means(5, 6)
    for part in np.array_split(np.arange(200), 7):
        sums.add(groups[part], spectra[part])
    sums.add(np.empty(0, np.int64), np.empty((0, 6), np.float32))
    assert sums.numbers.tolist() == [(groups == group).sum() for group in range(5)]
    for group in (0, 1, 3):
        np.testing.assert_allclose(sums.means[group], spectra[groups == group].mean(axis=0), rtol=1e-6)
        np.testing.assert_allclose(sums.spreads[group], spectra[groups == group].std(axis=0), rtol=1e-5)
    assert not sums.means[[2, 4]].any() and not sums.spreads[[2, 4]].any()


def test_a_report_of_many_classes_shows_the_largest():
    labels = some_labels(600, 40, 3)
    sums = Means(40, BANDS)
    sums.add(labels.values - 1, np.random.default_rng(0).uniform(0, 1, (600, BANDS)).astype(np.float32))
    library = Library(
        [f"c{n}" for n in range(1, 41)], sums.means.astype(np.float32), classes=[f"c{n}" for n in range(1, 41)]
    )
    (first,) = sections(labels, sums, library, None)
    assert "(the 24 largest)" in first.pictures[0].caption
    assert first.tables[0].rows[0] == ("c1", "5", "15", "15", "1")


def test_memory_grows_with_what_is_kept_not_with_the_areas(scene, areas, monkeypatch):
    """Of all pixels read only the candidates' spectra stay."""
    with Scene(scene, 1.0) as opened:
        labels = read_labels(areas, work.grid_of(opened))
        kept = choosing.drawn(labels, 2, 0)
        wanted = task("library_from_areas")
        run = work.Run(
            Job("library_from_areas", "", scene, "out"),
            wanted,
            None,
            None,
            wanted.options(),
            opened,
            lambda event: None,
        )
        seen = work._read(run, labels, kept)
    assert len(seen.spectra) == len(seen.indices) <= kept.sum() == 6
    assert seen.classes.numbers.sum() == sum(map(len, EXPECTED.values()))
