"""Scenes that control points place: results lie where the scene lies, and what is drawn over it counts there."""

from __future__ import annotations

import numpy as np
import pyogrio.raw
import pytest
import rasterio
import shapely
from mixel.backend.control import Control
from mixel.backend.cube import Window
from mixel.backend.labels import Grid, read_area, read_map, read_raster_labels, read_vector_labels
from mixel.backend.outputs import raster_writers
from mixel.backend.results import Classification
from mixel.backend.tasks.class_maps import pixel_area
from mixel.backend.tasks.labelled import grid_of
from mixel.backend.tasks.points import write_points
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.transform import Affine, from_origin
from rasterio.warp import reproject

UTM = CRS.from_epsg(32633)
ROWS, COLS = 40, 60


def curved(col, row):
    """Map coordinates of pixel coordinates: turned, and bent by about two pixels."""
    x = 390000 + 9 * col + 4 * row + 0.02 * col * row
    return x, 5820000 + 3 * col - 10 * row - 0.015 * col**2


def points(step=10, crs_like=curved):
    return tuple(
        GroundControlPoint(row, col, *crs_like(col, row))
        for row in range(0, ROWS + 1, step)
        for col in range(0, COLS + 1, step)
    )


GRID = Grid(UTM, Affine.identity(), ROWS, COLS, points())


def where_qgis_shows(path_of_values, values):
    """Warps an image of pixel numbers as QGIS does to show it; gives the warped image and its transform."""
    wide = from_origin(389900, 5820300, 2, 2)
    shown = np.full((400, 480), -1, np.int32)
    reproject(values, shown, gcps=list(GRID.gcps), src_crs=UTM, dst_crs=UTM, dst_transform=wide, dst_nodata=-1,
              src_nodata=-2)  # fmt: skip
    return shown, wide


def layer(path, shapes, names, crs="EPSG:32633"):
    pyogrio.raw.write(
        path, geometry=shapely.to_wkb(np.array(shapes)), field_data=[np.array(names, object)], fields=["class"],
        geometry_type="Unknown", crs=crs,
    )  # fmt: skip
    return str(path)


@pytest.mark.parametrize("step", [10, 20])
def test_coordinates_and_pixels_lead_to_each_other(step):
    control = Control(points(step), ROWS, COLS)
    cols, rows = (one.ravel().astype(float) for one in np.meshgrid(np.linspace(0, COLS, 7), np.linspace(0, ROWS, 5)))
    x, y = control.to_map(cols, rows)
    np.testing.assert_allclose(control.to_pixels(x, y), (cols, rows), atol=1e-6)
    np.testing.assert_allclose((x, y), curved(cols, rows), atol=3)
    assert control.pixel_size == pytest.approx(10.5, abs=1)


def test_far_away_is_not_on_the_scene():
    """The polynomial alone turns round far outside and would bring such places back onto the scene."""
    control = Control(GRID.gcps, ROWS, COLS)
    x, y = (
        one.ravel() for one in np.meshgrid(390000 + np.linspace(-1e5, 1e5, 401), 5820000 + np.linspace(-1e5, 1e5, 401))
    )
    far = np.hypot(x - 390300, y - 5819800) > 2000
    cols, rows = control.to_pixels(x[far], y[far])
    assert not ((cols > 0) & (cols < COLS) & (rows > 0) & (rows < ROWS)).any()


@pytest.mark.parametrize(
    "gcps",
    [
        [GroundControlPoint(one, one, 390000 + 10 * one, 5820000) for one in range(6)],
        [GroundControlPoint(0, 0, 1, 1), GroundControlPoint(5, 5, 2, 2)],
        [GroundControlPoint(row, col, 7, 7) for row in (0, 9) for col in (0, 9)],
    ],
    ids=["one line", "two points", "one place"],
)
def test_points_that_say_nothing_are_refused_with_what_to_do(gcps):
    with pytest.raises(ValueError, match=r"ground control points .*gdalwarp, or in QGIS Raster > Projections > Warp"):
        Control(gcps, ROWS, COLS)


def test_what_is_drawn_over_the_scene_counts_where_it_is_shown(tmp_path):
    """A large polygon with long edges, against the pixels that lie under it once the scene is warped."""
    shape = shapely.Polygon([(390100, 5819950), (390560, 5820020), (390520, 5819700), (390200, 5819650)])
    other = shapely.box(390120, 5819985, 390250, 5820010)
    found = read_vector_labels(layer(tmp_path / "a.gpkg", [shape, other], ["a", "b"]), None, "class", GRID)
    numbers = np.arange(ROWS * COLS, dtype=np.int32).reshape(ROWS, COLS)
    shown, wide = where_qgis_shows(tmp_path, numbers)
    rows, cols = np.nonzero(shown >= 0)
    xs, ys = wide @ (cols + 0.5, rows + 0.5)
    total = np.bincount(shown[rows, cols], minlength=ROWS * COLS)
    for value, one in ((1, shape), (2, other)):
        under = np.bincount(shown[rows, cols][shapely.contains_xy(one, xs, ys)], minlength=ROWS * COLS) / total.clip(1)
        mine = np.zeros(ROWS * COLS, bool)
        mine[(found.rows.astype(int) * COLS + found.cols)[found.values == value]] = True
        assert mine.sum() > 10
        assert under[mine].min() > 0.25 and under[~mine].max() < 0.75


def test_a_layer_in_degrees_counts_in_the_same_place(tmp_path):
    from rasterio.warp import transform

    shape = shapely.box(390120, 5819700, 390400, 5819900)
    moved = shapely.transform(shape, lambda xy: np.column_stack(transform(UTM, "EPSG:4326", *xy.T)))
    here = read_area({"path": layer(tmp_path / "a.gpkg", [shape], ["a"])}, GRID)
    there = read_area({"path": layer(tmp_path / "b.gpkg", [moved], ["a"], "EPSG:4326")}, GRID)
    assert here.pixels > 400 and abs(here.pixels - there.pixels) <= 4


def test_a_layer_elsewhere_says_where_it_lies(tmp_path):
    with pytest.raises(ValueError, match="Nothing of the layer lies on the scene"):
        read_area({"path": layer(tmp_path / "a.gpkg", [shapely.box(0, 0, 50, 50)], ["a"])}, GRID)


class Placed:
    """As much of a scene as writers of rasters look at."""

    rows, cols = ROWS, COLS

    def __init__(self, place):
        self.place = place


@pytest.mark.parametrize(
    "grid",
    [
        GRID,
        Grid(UTM, Affine(8, 3, 390000, 3, -8, 5820000), ROWS, COLS),
        Grid(UTM, Affine(10, 0, 390000, 0, 10, 5819000), ROWS, COLS),
        Grid(None, from_origin(100, 200, 2, 2), ROWS, COLS),
        Grid(None, Affine.identity(), ROWS, COLS),
    ],
    ids=["control points", "rotated", "south up", "no coordinate system", "nowhere"],
)
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_results_lie_where_the_scene_lies_and_serve_as_labels_of_it(tmp_path, grid):
    values = (np.arange(ROWS * COLS).reshape(ROWS, COLS) // 500 + 1).astype(np.int16)
    names = {"classes": ["Classes"]}
    with raster_writers(tmp_path, Classification, Placed(grid.place), names) as writers:
        writers["classes"].name_values(["none", *"abcde"], ["", *["#112233"] * 5])
        writers["classes"].write(Window(0, 0, ROWS, COLS), values.astype(np.uint8))
    known = read_map(str(tmp_path / "classes.tif"))
    assert known.grid.crs == grid.crs and known.names == list("abcde")
    if grid.gcps:
        same = [(one.row, one.col, one.x, one.y) for one in grid.gcps]
        assert [(one.row, one.col, one.x, one.y) for one in known.grid.gcps] == same
        assert pixel_area(known.grid) is None
    else:
        assert known.grid.transform == grid.transform and not known.grid.gcps
    labels = read_raster_labels(tmp_path / "classes.tif", grid)
    assert not labels.notices and len(labels) == ROWS * COLS
    np.testing.assert_array_equal(labels.values.reshape(ROWS, COLS), values)
    rows, cols = np.array([0, 7, 39]), np.array([59, 3, 30])
    write_points(tmp_path / "p.gpkg", known.grid, rows, cols, {"class": ["a", "b", "c"]})
    back = read_vector_labels(str(tmp_path / "p.gpkg"), None, "class", grid)
    assert sorted(zip(back.rows, back.cols, strict=True)) == sorted(zip(rows, cols, strict=True))


def class_raster(path, **place):
    values = np.tile(np.array([1, 2], np.uint8), (ROWS, COLS // 2))
    with rasterio.open(path, "w", driver="GTiff", height=ROWS, width=COLS, count=1, dtype="uint8", **place) as dataset:
        dataset.write(values, 1)
    return path


PLAIN = Grid(UTM, from_origin(390000, 5820000, 10, 10), ROWS, COLS)


@pytest.mark.parametrize(
    ("grid", "place", "sentence"),
    [
        (GRID, {"gcps": list(points(20)), "crs": UTM}, "on other ground control points than the scene's"),
        (
            GRID,
            {"gcps": [GroundControlPoint(p.row, p.col, p.x + 5, p.y) for p in points()], "crs": UTM},
            "other ground",
        ),
        (GRID, {"gcps": list(points()), "crs": "EPSG:32632"}, "different coordinate systems"),
        (
            GRID,
            {"transform": PLAIN.transform, "crs": UTM},
            "control points place the scene, and a grid the label raster",
        ),
        (PLAIN, {"gcps": list(points()), "crs": UTM}, r"place the label raster, and a grid the scene.*gdalwarp"),
    ],
    ids=["fewer", "moved", "other crs", "grid over points", "points over grid"],
)
def test_a_class_raster_that_lies_otherwise_is_refused(tmp_path, grid, place, sentence):
    with pytest.raises(ValueError, match=sentence):
        read_raster_labels(class_raster(tmp_path / "l.tif", **place), grid)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_class_raster_without_place_is_laid_on_pixel_by_pixel(tmp_path):
    labels = read_raster_labels(class_raster(tmp_path / "l.tif"), GRID)
    assert len(labels) == ROWS * COLS and "pixel by pixel" in labels.notices[0]


def test_the_grid_of_a_scene_is_its_place():
    scene = Placed(GRID.place)
    assert grid_of(scene) == GRID and grid_of(scene).is_georeferenced
    assert not Grid(None, Affine.identity(), 3, 4).is_georeferenced
    assert not Grid(UTM, Affine.identity(), 3, 4).is_georeferenced, "QGIS shows it in columns and rows"
