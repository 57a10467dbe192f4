"""Training pixels from vector layers: every kind of geometry, attribute, coordinate system and mistake."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pyogrio
import pytest
import shapely
from mixel.backend.labels import Grid, pixels, read_vector_labels
from mixel.backend.labels import burn as burning
from mixel.backend.labels.burn import burn
from rasterio.crs import CRS
from rasterio.transform import Affine, from_origin
from rasterio.warp import transform as warp

UTM = CRS.from_epsg(32633)
GRID = Grid(UTM, from_origin(390000, 5820000, 10, 10), 12, 20)
PLAIN = Grid(None, Affine.identity(), 12, 20)


def box(left, top, right, bottom):
    """A box in pixels of GRID (columns left to right, rows top to bottom) as a polygon in its coordinates."""
    return shapely.box(390000 + 10 * left, 5820000 - 10 * bottom, 390000 + 10 * right, 5820000 - 10 * top)


WATER, SOIL = box(1, 1, 4, 3), box(10, 5, 13, 9)


@pytest.fixture
def write(tmp_path):
    """Writes a layer and gives its path: ``write(geometries, values)``."""

    def written(geometries, values, *, name="areas.gpkg", crs="EPSG:32633", field="class", mask=None, **options):
        wkb = np.array([None if one is None else shapely.to_wkb(one) for one in geometries], dtype=object)
        values = np.asarray(values, dtype=object if isinstance(values[0], str) or values[0] is None else None)
        kind = options.pop("geometry_type", "Unknown")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of a layer without a coordinate system
            pyogrio.raw.write(
                tmp_path / name,
                geometry=wkb,
                field_data=[values],
                fields=[field],
                field_mask=[None if mask is None else np.asarray(mask)],
                geometry_type=kind,
                crs=crs,
                **options,
            )
        return str(tmp_path / name)

    return written


def read(path, grid=GRID, layer=None, field="class", colours=None):
    return read_vector_labels(path, layer, field, grid, colours)


def places(labels, name):
    value = {one.name: one.value for one in labels.classes}[name]
    chosen = labels.values == value
    return set(zip(labels.rows[chosen].tolist(), labels.cols[chosen].tolist(), strict=True))


def block(left, top, right, bottom):
    return {(row, col) for row in range(top, bottom) for col in range(left, right)}


@pytest.mark.parametrize("name", ["areas.gpkg", "areas.geojson", "areas.shp", "areas.fgb"])
def test_polygons_label_the_pixels_whose_centres_they_hold(write, name):
    crs = "EPSG:4326" if name == "areas.geojson" else "EPSG:32633"
    shapes = [WATER, SOIL]
    if crs == "EPSG:4326":
        shapes = [
            shapely.transform(one, lambda points: np.column_stack(warp(UTM, crs, *points.T)[:2])) for one in shapes
        ]
    labels = read(write(shapes, ["water", "soil"], name=name, crs=crs, geometry_type="Polygon"))
    assert [one.name for one in labels.classes] == ["soil", "water"]
    assert places(labels, "water") == block(1, 1, 4, 3) and places(labels, "soil") == block(10, 5, 13, 9)
    assert len(set(labels.groups)) == 2 and labels.values.dtype == np.int16


def test_a_polygon_in_degrees_labels_the_same_pixels(write):
    degrees = [
        shapely.transform(one, lambda points: np.column_stack(warp(UTM, "EPSG:4326", *points.T)[:2]))
        for one in (box(1.2, 1.2, 3.8, 2.8), box(10.2, 5.2, 12.8, 8.8))
    ]
    labels = read(write(degrees, ["water", "soil"], crs="EPSG:4326"))
    assert places(labels, "water") == block(1, 1, 4, 3) and places(labels, "soil") == block(10, 5, 13, 9)


def test_points_take_their_pixel_lines_all_they_touch_multipolygons_and_collections_their_parts(write):
    def at(col, row):
        return shapely.Point(390000 + 10 * col, 5820000 - 10 * row)

    line = shapely.LineString([at(2.5, 2.5).coords[0], at(6.5, 2.5).coords[0]])
    several = shapely.MultiPolygon([box(8, 0, 9, 1), box(8, 3, 10, 4)])
    mixed = shapely.GeometryCollection([at(0.1, 11.9), shapely.GeometryCollection([box(15, 9, 17, 11)])])
    labels = read(write([line, several, mixed, shapely.MultiPoint([at(19.99, 0), at(0, 0)])], list("lmcp")))
    assert places(labels, "l") == block(2, 2, 7, 3)
    assert places(labels, "m") == block(8, 0, 9, 1) | block(8, 3, 10, 4)
    assert places(labels, "c") == {(11, 0)} | block(15, 9, 17, 11)
    assert places(labels, "p") == {(0, 19), (0, 0)}
    assert len(set(labels.groups)) == 7, "every part is an area of its own"


def test_a_polygon_with_a_hole_leaves_the_hole_out(write):
    ring = box(2, 2, 8, 8).difference(box(4, 4, 6, 6))
    labels = read(write([ring, SOIL], ["ring", "soil"]))
    assert places(labels, "ring") == block(2, 2, 8, 8) - block(4, 4, 6, 6)


def test_a_turned_scene_is_labelled_where_the_polygon_lies(write):
    turned = Grid(UTM, from_origin(390000, 5820000, 10, 10) @ Affine.rotation(30), 12, 20)
    corner = [turned.transform @ point for point in ((3, 2), (6, 2), (6, 4), (3, 4))]
    other = turned.transform @ (12.5, 7.5)
    labels = read(write([shapely.Polygon(corner), shapely.Point(other)], ["a", "b"]), turned)
    assert places(labels, "a") == block(3, 2, 6, 4) and places(labels, "b") == {(7, 12)}


def test_a_scene_without_georeference_takes_coordinates_as_columns_and_rows(write):
    shapes = [shapely.box(1, -3, 4, -1), shapely.Point(10.5, -5.5)]
    labels = read(write(shapes, ["water", "soil"], crs="EPSG:32633"), PLAIN)
    assert places(labels, "water") == block(1, 1, 4, 3) and places(labels, "soil") == {(5, 10)}
    assert "no georeference" in labels.notices[0]


@pytest.mark.parametrize(
    "crs",
    [
        None,
        'ENGCRS["Undefined Cartesian SRS",EDATUM[""],CS[Cartesian,2],AXIS["x",east],'
        'AXIS["y",north],LENGTHUNIT["metre",1]]',
    ],
)
def test_a_layer_without_a_coordinate_system_is_taken_as_the_scenes(write, crs):
    labels = read(write([WATER, SOIL], ["water", "soil"], crs=crs))
    assert places(labels, "water") == block(1, 1, 4, 3)
    assert labels.notices[0].startswith("The vector layer names no coordinate system")


def test_whole_numbers_are_classes_in_their_order_and_null_is_left_out(write):
    shapes = [WATER, SOIL, box(15, 1, 17, 3), box(15, 5, 17, 7)]
    path = write(shapes, np.array([10, 9, -3, 0]), mask=[False, False, False, True])
    labels = read(path)
    assert [one.name for one in labels.classes] == ["-3", "9", "10"]
    assert any("1 feature (4) is left out: no class in the field 'class'." in one for one in labels.notices)


def test_real_numbers_are_classes_only_if_they_are_whole(write):
    assert [one.name for one in read(write([WATER, SOIL], np.array([2.0, 1.0]))).classes] == ["1", "2"]
    with pytest.raises(ValueError, match="numbers with fractions"):
        read(write([WATER, SOIL], np.array([2.5, 1.0]), name="b.gpkg"))


def test_names_keep_their_accents_lose_their_blanks_and_empty_ones_are_counted(write):
    decomposed = "Gewa\u0308sser"
    shapes = [WATER, SOIL, box(15, 1, 17, 3), box(15, 5, 17, 7), box(5, 5, 7, 7), box(0, 8, 2, 10)]
    labels = read(write(shapes, ["Gewässer", "Forêt ", decomposed, "", None, "  "]), colours={"Gewässer": "#0000ff"})
    assert [(one.name, one.value) for one in labels.classes] == [("Forêt", 1), ("Gewässer", 2)]
    assert labels.classes[1].colour == "#0000ff"
    assert places(labels, "Gewässer") == block(1, 1, 4, 3) | block(15, 1, 17, 3)
    assert any("3 features (4, 5, 6) are left out: no class" in one for one in labels.notices)


def test_names_that_differ_in_capitals_only_are_pointed_out(write):
    assert any("Soil / soil" in one for one in read(write([WATER, SOIL], ["Soil", "soil"])).notices)


def test_what_takes_no_pixel_is_counted_and_named(write):
    slim, outside, beyond = box(6.6, 1, 6.9, 3), box(100, 100, 105, 105), box(18, 10, 25, 15)
    labels = read(write([WATER, SOIL, slim, outside, beyond, None], ["w", "s", "slim", "far", "w", "w"]))
    text = " ".join(labels.notices)
    assert [one.name for one in labels.classes] == ["s", "w"]
    assert places(labels, "w") == block(1, 1, 4, 3) | block(18, 10, 20, 12)
    assert "1 feature (3) is too small or too slim to hold the centre of a pixel" in text
    assert "1 feature (4) is outside the scene" in text
    assert "1 feature is partly outside the scene" in text
    assert "1 feature (6) is left out: no geometry." in text
    assert "Classes without a single training pixel are left out: far, slim." in text
    assert "s (12)" not in text and "Classes with fewer than 10 labelled pixels: " not in text


def test_rare_classes_are_named(write):
    assert (
        "Classes with fewer than 10 labelled pixels: water (6)." in read(write([WATER, SOIL], ["water", "s"])).notices
    )


def test_overlaps_of_two_classes_are_dropped_and_of_one_class_kept_once(write):
    shapes = [box(1, 1, 5, 5), box(4, 4, 8, 8), box(1, 1, 3, 3)]
    labels = read(write(shapes, ["a", "b", "a"]))
    assert places(labels, "a") == block(1, 1, 5, 5) - {(4, 4)} and places(labels, "b") == block(4, 4, 8, 8) - {(4, 4)}
    assert len(labels) == 30
    assert any(one.startswith("1 pixel is claimed by more than one class") and "a / b" in one for one in labels.notices)


def test_a_bow_tie_is_repaired_and_said_so(write):
    west, east, north, south = 390010, 390050, 5819990, 5819950
    bow = shapely.Polygon([(west, north), (east, south), (east, north), (west, south)])
    labels = read(write([bow, SOIL], ["bow", "soil"]))
    assert any("1 feature (1) is not valid (edges cross, say) and repaired." in one for one in labels.notices)
    found = places(labels, "bow")
    assert (3, 1) in found and (3, 4) in found and (1, 2) not in found


def test_parts_of_a_multipolygon_that_overlap_are_merged_not_cut_out(write):
    double = shapely.MultiPolygon([box(1, 1, 5, 5), box(3, 3, 7, 7)])
    labels = read(write([double, SOIL], ["double", "soil"]))
    assert places(labels, "double") == block(1, 1, 5, 5) | block(3, 3, 7, 7)


def test_a_coordinate_that_has_no_place_costs_its_own_feature_only(write):
    degrees = [
        shapely.transform(one, lambda points: np.column_stack(warp(UTM, "EPSG:4326", *points.T)[:2]))
        for one in (WATER, SOIL)
    ]
    labels = read(write([*degrees, shapely.Point(13, 95)], ["water", "soil", "water"], crs="EPSG:4326"))
    assert len(labels.classes) == 2
    assert any("cannot be placed on the scene" in one and "(3)" in one for one in labels.notices)


def test_layers_of_one_file_are_told_apart_and_qgis_ways_of_writing_them_are_read(write):
    path = write([WATER, SOIL], ["a", "b"], layer="first")
    write([SOIL, WATER, box(15, 1, 17, 3)], ["x", "y", "z"], layer="second", append=True)
    assert [one.name for one in read(path, layer="second").classes] == ["x", "y", "z"]
    assert [one.name for one in read(f"{path}|layername=first").classes] == ["a", "b"]
    assert [one.name for one in read(f"{path}|layerid=1").classes] == ["x", "y", "z"]
    kept = read(f"{path}|layername=second|subset=\"class\" <> 'y' or 'a|b' = 'c'")
    assert [one.name for one in kept.classes] == ["x", "z"]
    with pytest.raises(ValueError, match="several layers; choose one of first, second"):
        read(path)
    with pytest.raises(ValueError, match="no layer 'third'"):
        read(path, layer="third")
    with pytest.raises(ValueError, match="filter"):
        read(f"{path}|layername=second|subset=nonsense ((")


def test_a_table_of_styles_beside_the_only_layer_does_not_count_as_a_layer(write, tmp_path):
    path = write([WATER, SOIL], ["a", "b"], layer="areas")
    nothing = {"geometry": None, "geometry_type": None, "crs": None}
    fields = {"fields": ["style"], "field_data": [np.array(["x"], dtype=object)]}
    pyogrio.raw.write(path, layer="layer_styles", append=True, **nothing, **fields)
    assert len(pyogrio.list_layers(path)) == 2 and len(read(path).classes) == 2


def test_an_unknown_field_and_one_of_dates_are_refused(write, tmp_path):
    with pytest.raises(ValueError, match="no field 'kind'; its fields are class"):
        read(write([WATER, SOIL], ["a", "b"]), field="kind")
    dates = write([WATER, SOIL], np.array(["2020-01-01", "2021-01-01"], "datetime64[D]"), name="dates.gpkg")
    with pytest.raises(ValueError, match="neither text nor whole numbers"):
        read(dates)


def test_a_layer_elsewhere_is_refused_with_where_it_lies(write):
    with pytest.raises(ValueError, match="columns 100 to 105 and rows 100 to 105, the scene columns 0 to 20"):
        read(write([box(100, 100, 105, 105)], ["a"]))


def test_areas_between_the_centres_of_pixels_and_layers_of_nothing_are_refused(write):
    with pytest.raises(ValueError, match="between the centres"):
        read(write([box(6.6, 1, 6.9, 3)], ["a"]))
    with pytest.raises(ValueError, match="no feature that can be used"):
        read(write([None, WATER], ["a", None], name="b.gpkg"))


def test_one_class_is_refused(write):
    with pytest.raises(ValueError, match="only one class, 'a'"):
        read(write([WATER, SOIL], ["a", "a"]))


def test_two_classes_that_only_overlap_leave_nothing(write):
    with pytest.raises(ValueError, match="no class"):
        read(write([WATER, WATER], ["a", "b"]))


@pytest.mark.parametrize("content", [b"", b"not a layer", b"SQLite format 3\0 cut"])
def test_a_broken_file_is_refused_with_a_sentence(tmp_path, content):
    path = tmp_path / "broken.gpkg"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="cannot be read as vectors"):
        read(str(path))
    with pytest.raises(ValueError, match="cannot be read as vectors"):
        read(str(tmp_path / "absent.gpkg"))


def test_a_table_without_geometry_is_refused(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("class\na\nb\n", encoding="utf-8")
    with pytest.raises(ValueError, match="no feature that can be used"):
        read(str(path))


def test_three_dimensions_are_flattened(tmp_path):
    ring = [
        [390010, 5819990, 7],
        [390040, 5819990, 7],
        [390040, 5819970, 7],
        [390010, 5819970, 7],
        [390010, 5819990, 7],
    ]
    point = [390105, 5819945, 3]
    features = [
        {"type": "Feature", "properties": {"class": name}, "geometry": {"type": kind, "coordinates": coordinates}}
        for name, kind, coordinates in (("a", "Polygon", [ring]), ("b", "Point", point))
    ]
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32633"}}
    path = tmp_path / "areas.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "crs": crs, "features": features}), encoding="utf-8")
    labels = read(str(path))
    assert places(labels, "a") == block(1, 1, 4, 3) and places(labels, "b") == {(5, 10)}


def test_300_classes_are_fine_and_more_than_a_map_holds_are_not(write, monkeypatch):
    grid = Grid(UTM, from_origin(390000, 5820000, 10, 10), 30, 30)
    shapes = [box(index % 30, index // 30, index % 30 + 1, index // 30 + 1) for index in range(300)]
    labels = read(write(shapes, np.arange(300)), grid)
    assert len(labels.classes) == 300 and len({one.colour for one in labels.classes}) == 300
    assert labels.classes[299].name == "299"
    monkeypatch.setattr("mixel.backend.labels.classes.MAX_CLASSES", 200)
    with pytest.raises(ValueError, match="300 classes"):
        read(write(shapes, np.arange(300), name="b.gpkg"), grid)


def test_more_training_pixels_than_memory_should_hold_are_refused(write, monkeypatch):
    monkeypatch.setattr(pixels, "MAX_PIXELS", 10)
    monkeypatch.setattr("mixel.backend.labels.burn.MAX_PIXELS", 10)
    with pytest.raises(ValueError, match="cover more than"):
        read(write([WATER, SOIL], ["a", "b"]))


def test_a_large_polygon_is_burnt_in_strips_as_it_is_whole(monkeypatch):
    shape = shapely.Point(40.3, 30.2).buffer(25.7)
    whole = burn(shape, 70, 60)
    centres = shapely.points(*np.meshgrid(np.arange(60) + 0.5, np.arange(70) + 0.5))
    assert np.array_equal(whole, np.flatnonzero(shapely.contains(shape, centres)))
    monkeypatch.setattr(burning, "STRIP", 200)
    assert np.array_equal(burn(shape, 70, 60), whole)


def test_a_small_polygon_in_a_huge_scene_needs_no_memory_of_its_size():
    huge = 2**31 - 1
    found = burn(shapely.box(2e9, 2e9, 2e9 + 3, 2e9 + 2), huge, huge)
    assert len(found) == 6 and found.min() == 2_000_000_000 * huge + 2_000_000_000
