"""Layers without end, measure or sense: read quickly, or refused by a sentence, in little memory."""

from __future__ import annotations

import os
import resource
import sqlite3
import time

import numpy as np
import pyogrio.raw
import pytest
import shapely
from mixel.backend.labels import Grid, endless, read_area, read_labels
from mixel.backend.labels.burn import burn, burn_all
from rasterio.crs import CRS
from rasterio.transform import from_origin

LEFT, TOP, SIDE, ROWS, COLS = 390000, 5820000, 4, 200, 300
GRID = Grid(CRS.from_epsg(32633), from_origin(LEFT, TOP, SIDE, SIDE), ROWS, COLS)
FIELDS = [shapely.box(LEFT + 40 * n, TOP - 100, LEFT + 40 * n + 32, TOP - 60) for n in range(4)]
PIXELS, NAMES = 4 * 80, ["wheat", "barley"] * 2
SECONDS, MEGABYTES = 20, 500


@pytest.fixture(autouse=True)
def bounded():
    """Every test here ends soon, and takes little memory."""
    started, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert time.process_time() - started < SECONDS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MEGABYTES * 1024


@pytest.fixture
def layer(tmp_path):
    """Writes shapes and their classes as a GeoPackage; gives its path as text."""

    def write(shapes, names, crs="EPSG:32633"):
        path = tmp_path / "areas.gpkg"
        path.unlink(missing_ok=True)
        pyogrio.raw.write(
            path, geometry=shapely.to_wkb(np.array(shapes, dtype=object)), fields=["crop"],
            field_data=[np.array(names, dtype=object)], geometry_type="Unknown", crs=crs, driver="GPKG",
        )  # fmt: skip
        return str(path)

    return write


def labels(path, layer=None):
    return read_labels({"path": path, "field": "crop", "layer": layer}, GRID)


def refusal(path, layer=None):
    with pytest.raises(ValueError) as refused:
        labels(path, layer)
    assert str(refused.value).endswith(".") and "\n" not in str(refused.value)
    return str(refused.value)


def strewn(corners, size=1.0, seed=0):
    """A polygon whose corners lie anywhere over the scene, or over so many times its size."""
    places = np.random.default_rng(seed).uniform(0, 1, (corners, 2)) * [COLS * SIDE * size, -ROWS * SIDE * size]
    return shapely.Polygon(places + np.array([LEFT, TOP]))


@pytest.mark.parametrize("size", [1, 1000])
@pytest.mark.parametrize("corners", [3_000, 20_000])
def test_a_polygon_that_crosses_itself_everywhere_is_burnt_as_it_is(layer, corners, size):
    found = labels(layer([strewn(corners, size), *FIELDS], ["tangle", *NAMES]))
    assert any("edges cross thousands of times" in one and "(1)" in one for one in found.notices)
    assert len(found)
    if size == 1:  # of the large one, no face or all of one may lie on the scene
        assert read_area({"path": layer([strewn(corners)], ["a"])}, GRID).pixels > 0


def test_polygons_that_cross_themselves_a_little_are_repaired(layer):
    rim = shapely.Point(LEFT + 600, TOP - 400).buffer(300, quad_segs=5000)
    points = shapely.get_coordinates(rim)
    points[100:110] = points[100:110][::-1]
    found = labels(layer([shapely.Polygon(points), *FIELDS], ["lake", *NAMES]))
    assert any("repaired" in one for one in found.notices) and not any("thousands" in one for one in found.notices)
    assert found.counts[[one.name for one in found.classes].index("lake")] == pytest.approx(rim.area / 16, rel=0.01)


@pytest.mark.parametrize("far", [1e9, 1e11, 1e12])
def test_coordinates_far_outside_are_clipped_before_they_are_burnt(layer, far):
    square = shapely.Polygon([(LEFT, TOP - 300), (far, TOP - 300), (far, -far), (LEFT, -far)])
    found = labels(layer([square, shapely.LineString([(LEFT, TOP - 2), (far, TOP - 2)]), *FIELDS], ["x", "y", *NAMES]))
    counts = dict(zip((one.name for one in found.classes), found.counts.tolist(), strict=True))
    assert counts["x"] == (ROWS - 75) * COLS and counts["y"] == COLS


@pytest.mark.parametrize(
    "shape",
    [
        shapely.Point(-np.inf, TOP),
        shapely.Point(LEFT, np.nan),
        shapely.LineString([(LEFT, TOP), (np.inf, TOP)]),
        shapely.Polygon([(-np.inf, 0), (LEFT, TOP), (LEFT, 0)]),
        shapely.box(-1e300, -1e300, 1e300, 1e300),
        shapely.box(-1e15, -1e15, 1e15, 1e15),
    ],
    ids=["-inf", "nan", "inf line", "-inf polygon", "1e300", "1e15"],
)
def test_coordinates_that_lie_nowhere_are_left_out_and_told(layer, shape):
    found = labels(layer([shape, *FIELDS], ["x", *NAMES]))
    assert len(found) == PIXELS
    assert any("left out: coordinates that cannot be placed" in one or "no geometry" in one for one in found.notices)


def test_a_square_beyond_the_poles_is_left_out(layer):
    shapes = [shapely.box(-1e9, -1e9, 1e9, 1e9), shapely.box(13.3, 52.4, 13.4, 52.6)]
    given = {"path": layer(shapes, ["x", "y"], "EPSG:4326"), "field": "crop"}
    found = read_labels(given, GRID, least=1)
    assert len(found) and any("1 feature (1) is left out" in one for one in found.notices)


def test_a_forest_of_single_trees_is_read_in_seconds(layer):
    random, count = np.random.default_rng(0), 60_000
    places = np.array([LEFT, TOP]) + random.uniform(0, 1, (count, 2)) * [COLS * SIDE, -ROWS * SIDE]
    trees = shapely.buffer(shapely.points(places[: count // 2]), 3, quad_segs=2)
    found = labels(layer([*trees, *shapely.points(places[count // 2 :])], ["oak", "beech"] * (count // 2)))
    assert len(found) > 1000


def test_many_at_once_take_the_pixels_that_each_takes_alone():
    random, shapes = np.random.default_rng(3), []
    for _ in range(100):
        at = random.uniform(-20, [COLS + 20, ROWS + 20])
        corner = np.round(at) + random.choice([0, 0.5])
        shapes += [
            shapely.Point(at), shapely.LineString(at + random.uniform(-9, 9, (3, 2))),
            shapely.box(*corner, *(corner + random.integers(1, 40, 2))),
            shapely.MultiPoint(at + random.uniform(-30, 30, (6, 2))).convex_hull - shapely.Point(at).buffer(2),
            shapely.MultiPolygon([shapely.Point(at).buffer(2), shapely.Point(at + 7).buffer(3)]),
            shapely.MultiLineString([at + random.uniform(-9, 9, (2, 2)), at + random.uniform(-9, 9, (3, 2))]),
            shapely.GeometryCollection([shapely.Point(at), shapely.Point(at + 3).buffer(2)]),
        ]  # fmt: skip
    geometries = np.array(shapes, dtype=object)
    flat, owners = burn_all(geometries, ROWS, COLS)
    order = np.argsort(owners, kind="stable")
    parts = np.split(flat[order], np.searchsorted(owners[order], np.arange(1, len(geometries))))
    for geometry, taken in zip(geometries, parts, strict=True):
        np.testing.assert_array_equal(np.unique(taken), np.unique(burn(geometry, ROWS, COLS)), geometry.wkt[:200])


def test_more_classes_than_a_map_holds_are_refused_before_anything_is_burnt(layer):
    count = 40_000
    points = shapely.points(LEFT + np.arange(count) % 900, TOP - np.arange(count) % 700)
    assert "There are 40000 classes; a class map holds 32767" in refusal(layer(points, [f"k{n}" for n in range(count)]))
    assert "has 100,003 characters" in refusal(layer(FIELDS, [f"{'n' * 100_000} {n}." for n in range(4)]))


@pytest.fixture
def views(layer):
    """A GeoPackage with a view that ends, one that never does, and one that calls a function of GDAL's."""
    path = layer(FIELDS, NAMES)
    with sqlite3.connect(path) as database:
        database.execute("create view ends as select fid, geom, crop from areas where fid > 1")
        database.execute("create view calls as select fid, geom, crop from areas where ST_IsValid(geom)")
        database.execute(
            "create view never as with recursive c(n) as (select 1 union all select n + 1 from c) "
            "select n as fid, geom, crop from areas, c"
        )
        for view in ("ends", "never", "calls"):
            database.execute(
                f"insert into gpkg_contents select '{view}', data_type, '{view}', description, last_change, min_x, "
                "min_y, max_x, max_y, srs_id from gpkg_contents where table_name = 'areas'"
            )
            database.execute(
                f"insert into gpkg_geometry_columns select '{view}', column_name, geometry_type_name, srs_id, z, m "
                "from gpkg_geometry_columns where table_name = 'areas'"
            )
    database.close()
    return path


def test_views_are_read_and_endless_ones_refused(views, monkeypatch):
    assert len(labels(views, "ends")) == 3 * 80 and len(labels(views, "calls")) == PIXELS
    monkeypatch.setattr(endless, "MOST_STEPS", 5_000_000)
    assert "The layer never of" in refusal(views, "never") and "has not ended" in refusal(views, "never")
    with pytest.raises(ValueError, match="has not ended"):
        read_area({"path": views, "layer": "never"}, GRID)


@pytest.mark.parametrize(
    "never",
    [
        "fid > (with recursive c(n) as (select 1 union all select n + 1 from c) select count(*) from c)",
        "length(zeroblob(1000000000)) > 1",
    ],
)
def test_filters_that_never_end_are_refused(views, monkeypatch, never):
    monkeypatch.setattr(endless, "MOST_STEPS", 5_000_000)
    assert "with its filter has not ended" in refusal(f"{views}|layername=areas|subset={never}")
    assert len(labels(f"{views}|layername=areas|subset=fid > 2")) == 2 * 80
    assert "cannot be used" in refusal(f"{views}|layername=areas|subset=fid >")


@pytest.mark.filterwarnings("ignore:Unable to parse srs_id")
@pytest.mark.parametrize(
    "words",
    [
        "",
        'PROJCS["x"]',
        'LOCAL_CS["x"]',
        "EPSG:99999",
        'GEOGCS["a",DATUM["b",SPHEROID["c",0,0]]]',
        "\udc80",
        "[" * 9999,
    ],
)
def test_coordinate_systems_that_nobody_knows_count_as_none(views, words):
    with sqlite3.connect(views) as database:
        database.execute(
            "update gpkg_spatial_ref_sys set definition = ?, organization = 'NONE', organization_coordsys_id = 7 "
            "where srs_id = 32633", (words.encode("utf-8", "replace").decode(),),
        )  # fmt: skip
    database.close()
    found = labels(views, "areas")
    assert len(found) == PIXELS and any("names no coordinate system" in one for one in found.notices)


def test_a_scene_in_a_system_of_its_own_takes_no_labels_from_elsewhere(layer):
    own = CRS.from_wkt('ENGCRS["x",EDATUM["y"],CS[Cartesian,2],AXIS["(E)",east],AXIS["(N)",north],LENGTHUNIT["m",1]]')
    grid = Grid(own, GRID.transform, ROWS, COLS)
    with pytest.raises(ValueError, match="cannot be placed on the scene; check its coordinate system"):
        read_labels({"path": layer(FIELDS, NAMES), "field": "crop"}, grid)


@pytest.mark.parametrize("kind", ["/dev/zero", "pipe.gpkg", "pipe.tif"])
def test_pipes_and_devices_are_no_labels(tmp_path, kind):
    path = tmp_path / kind
    if not path.exists():
        os.mkfifo(path)
    for given in ({"path": str(path), "field": "crop"}, {"path": str(path)}):
        with pytest.raises(ValueError, match="is a pipe or a device and no file"):
            read_labels(given, GRID)
    with pytest.raises(ValueError, match="is a pipe or a device and no file"):
        read_area({"path": str(path)}, GRID)


def test_a_name_that_is_no_text_is_refused_by_a_sentence(tmp_path):
    assert "cannot be read as vectors" in refusal(str(tmp_path / "\udc80.gpkg"))
