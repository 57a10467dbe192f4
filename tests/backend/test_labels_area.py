"""Areas of a scene: vectors and masks in every shape and coordinate system, and what a stranger's job may not hold."""

from __future__ import annotations

import warnings

import numpy as np
import pyogrio.raw
import pytest
import rasterio
import shapely
from mixel.backend.cube import Window
from mixel.backend.labels import Area, Grid, read_area
from mixel.backend.labels import burn as burning
from mixel.backend.labels.burn import burn
from rasterio.crs import CRS
from rasterio.transform import Affine, from_origin
from rasterio.warp import transform as warp

UTM = CRS.from_epsg(32633)
ROWS, COLS = 12, 21
GRID = Grid(UTM, from_origin(390000, 5820000, 10, 10), ROWS, COLS)
WHOLE = Window(0, 0, ROWS, COLS)


def box(left, top, right, bottom):
    """A box in pixels of GRID as a polygon in its coordinates."""
    return shapely.box(390000 + 10 * left, 5820000 - 10 * bottom, 390000 + 10 * right, 5820000 - 10 * top)


def layer(path, geometries, crs="EPSG:32633", **options):
    """Writes a layer without any field; gives what a job file says of it."""
    wkb = np.array([None if one is None else shapely.to_wkb(one) for one in geometries], dtype=object)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of a layer without a coordinate system
        pyogrio.raw.write(
            path, geometry=wkb, field_data=[], fields=[], geometry_type="Unknown", crs=crs, **options
        )  # fmt: skip
    return {"path": str(path)}


def mask(path, values, **options):
    """Writes a raster on GRID; gives what a job file says of it."""
    values = np.asarray(values)
    bands = values if values.ndim == 3 else values[None]
    shape = {"count": len(bands), "height": bands.shape[1], "width": bands.shape[2], "dtype": values.dtype}
    with rasterio.open(
        path, "w", driver="GTiff", **{**shape, "crs": UTM, "transform": GRID.transform, **options}
    ) as file:
        file.write(bands)
    return {"path": str(path)}


def burnt(geometry):
    """The slow way: every pixel's centre asked by itself."""
    centres = shapely.points(*np.meshgrid(390005 + 10 * np.arange(COLS), 5819995 - 10 * np.arange(ROWS)))
    return shapely.contains(geometry, centres)


def test_polygons_take_the_pixels_whose_centre_they_hold(tmp_path):
    shape = shapely.affinity.rotate(box(4, 3, 14, 8), 30).difference(box(7, 4, 9, 6))
    area = read_area(layer(tmp_path / "a.gpkg", [shape, box(18, 9, 21, 12)]), GRID)
    np.testing.assert_array_equal(area.mask(WHOLE), burnt(shape) | burnt(box(18, 9, 21, 12)))
    assert not area.notices


def test_lines_and_points_are_areas_too(tmp_path):
    line = shapely.LineString([(390000, 5819995), (390055, 5819995)])
    area = read_area(layer(tmp_path / "a.gpkg", [line, shapely.Point(390205, 5819885)]), GRID)
    expected = np.zeros((ROWS, COLS), bool)
    expected[0, :6] = expected[11, 20] = True
    np.testing.assert_array_equal(area.mask(WHOLE), expected)


@pytest.mark.parametrize("window", [Window(0, 0, 1, 1), Window(3, 5, 4, 9), Window(11, 20, 1, 1), Window(2, 8, 9, 8)])
def test_every_window_is_that_part_of_the_whole(window, tmp_path):
    values = np.random.default_rng(0).integers(0, 2, (ROWS, COLS)).astype(np.uint8)
    area = read_area(mask(tmp_path / "m.tif", values), GRID)
    part = values[window.row : window.row + window.rows, window.col : window.col + window.cols]
    np.testing.assert_array_equal(area.mask(window), part == 1)
    np.testing.assert_array_equal(area.mask(WHOLE), values == 1)


def test_the_tiles_that_touch_it_hold_it_all(tmp_path):
    values = np.zeros((ROWS, COLS), np.uint8)
    values[1, 7], values[9, 16], values[11, 20] = 1, 1, 1
    area = read_area(mask(tmp_path / "m.tif", values), GRID)
    assert area.tiles(8).tolist() == [[0, 0, 1], [8, 16, 2]]
    assert area.tiles(16).tolist() == [[0, 0, 1], [0, 16, 2]]
    assert area.tiles(64).tolist() == [[0, 0, 3]]
    assert area.pixels == 3
    assert Area(np.zeros((3, 2), np.uint8), 12).tiles(8).shape == (0, 3)


def test_another_coordinate_system_is_brought_to_the_scene(tmp_path):
    corners = np.array(box(2, 3, 9, 8).exterior.coords)
    lon, lat = warp(UTM, CRS.from_epsg(4326), *corners.T)
    degrees = layer(tmp_path / "a.gpkg", [shapely.Polygon(np.column_stack([lon, lat]))], crs="EPSG:4326")
    here = layer(tmp_path / "b.gpkg", [box(2, 3, 9, 8)])
    np.testing.assert_array_equal(read_area(degrees, GRID).bits, read_area(here, GRID).bits)


def test_a_scene_without_georeference_takes_columns_and_rows(tmp_path):
    plain = Grid(None, Affine.identity(), ROWS, COLS)
    area = read_area(layer(tmp_path / "a.gpkg", [shapely.box(2, -5, 4, -1)], crs=None), plain)
    expected = np.zeros((ROWS, COLS), bool)
    expected[1:5, 2:4] = True
    np.testing.assert_array_equal(area.mask(WHOLE), expected)
    assert "no georeference" in area.notices[0]


def test_edges_that_cross_are_repaired_and_features_outside_told(tmp_path):
    bow = shapely.Polygon([(390000, 5820000), (390060, 5819940), (390060, 5820000), (390000, 5819940)])
    area = read_area(layer(tmp_path / "a.gpkg", [bow, box(100, 100, 105, 105), box(19, 4, 30, 6), None]), GRID)
    told = " ".join(area.notices)
    assert "not valid" in told and "outside the scene and left out" in told and "partly outside" in told
    assert "no geometry" in told
    assert area.mask(WHOLE).sum() == pytest.approx(18 + 4, abs=6)


def test_a_large_polygon_is_burnt_in_strips_as_it_is_whole(tmp_path, monkeypatch):
    shape = shapely.affinity.rotate(box(1, 1, 20, 11), 20)
    whole = read_area(layer(tmp_path / "a.gpkg", [shape]), GRID)
    monkeypatch.setattr(burning, "STRIP", 30)
    monkeypatch.setattr(burning, "CELLS", ())
    monkeypatch.setattr(burning, "MAX_PIXELS", 20)
    np.testing.assert_array_equal(read_area({"path": str(tmp_path / "a.gpkg")}, GRID).bits, whole.bits)
    with pytest.raises(ValueError, match="cover more than"):
        burn(shapely.box(0, 0, COLS, ROWS), ROWS, COLS)


def test_one_layer_of_several_is_named(tmp_path):
    layer(tmp_path / "a.gpkg", [box(0, 0, 2, 2)], layer="left")
    layer(tmp_path / "a.gpkg", [box(9, 0, 12, 2)], layer="right", append=True)
    path = str(tmp_path / "a.gpkg")
    assert read_area({"path": path, "layer": "right"}, GRID).mask(WHOLE).sum() == 6
    assert read_area({"path": f"{path}|layername=left"}, GRID).mask(WHOLE).sum() == 4
    with pytest.raises(ValueError, match="several layers; choose one of left, right"):
        read_area({"path": path}, GRID)
    with pytest.raises(ValueError, match="no layer 'middle'"):
        read_area({"path": path, "layer": "middle"}, GRID)


def test_a_filter_of_qgis_chooses_features(tmp_path):
    path = tmp_path / "a.gpkg"
    wkb = shapely.to_wkb(np.array([box(0, 0, 2, 2), box(9, 0, 12, 2)]))
    pyogrio.raw.write(
        path, geometry=wkb, field_data=[np.array([1, 2])], fields=["kind"], geometry_type="Polygon", crs="EPSG:32633"
    )  # fmt: skip
    assert read_area({"path": f"{path}|layername=a|subset=kind = 2"}, GRID).mask(WHOLE).sum() == 6


@pytest.mark.parametrize(
    ("values", "options"),
    [
        (np.eye(ROWS, COLS, dtype=np.uint8), {}),
        (5 * np.eye(ROWS, COLS, dtype=np.int16) - 3 * np.eye(ROWS, COLS, 2, dtype=np.int16), {}),
        (np.where(np.eye(ROWS, COLS) > 0, 0.5, np.nan).astype(np.float32), {}),
        (np.where(np.eye(ROWS, COLS) > 0, 1, 255).astype(np.uint8), {"nodata": 255}),
        (np.where(np.eye(ROWS, COLS) > 0, 1, -9999).astype(np.float64), {"nodata": -9999}),
        (np.eye(ROWS, COLS, dtype=np.uint8), {"crs": None, "transform": None}),
    ],
    ids=["zeros", "negative", "nan", "nodata", "float nodata", "no georeference"],
)
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_mask_chooses_every_value_but_zero_and_nodata(tmp_path, values, options):
    area = read_area(mask(tmp_path / "m.tif", values, **options), GRID)
    expected = np.eye(ROWS, COLS, dtype=bool)
    if values.min() < 0 and "nodata" not in options:
        expected |= np.eye(ROWS, COLS, 2, dtype=bool)
    np.testing.assert_array_equal(area.mask(WHOLE), expected)
    assert len(area.notices) == ("crs" in options)


@pytest.mark.parametrize(
    ("values", "options", "sentence"),
    [
        (np.zeros((ROWS, COLS), np.uint8), {}, "chooses no pixel"),
        (np.ones((2, ROWS, COLS), np.uint8), {}, "The mask raster has 2 bands"),
        (np.ones((ROWS, COLS), np.complex64), {}, "complex numbers"),
        (np.ones((ROWS, COLS + 1), np.uint8), {}, r"12 x 22 pixels .* the scene 12 x 21"),
        (np.ones((ROWS, COLS), np.uint8), {"crs": "EPSG:32632"}, "different coordinate systems"),
        (np.ones((ROWS, COLS), np.uint8), {"transform": from_origin(390004, 5820000, 10, 10)}, "beside the scene's"),
    ],
)
def test_a_raster_that_is_no_mask_of_the_scene_is_refused(tmp_path, values, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        read_area(mask(tmp_path / "m.tif", values, **options), GRID)


def test_a_layer_elsewhere_or_of_slivers_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"Nothing of the layer lies on the scene.*coordinate systems"):
        read_area(layer(tmp_path / "a.gpkg", [box(100, 100, 105, 105)]), GRID)
    with pytest.raises(ValueError, match="between the centres"):
        read_area(layer(tmp_path / "b.gpkg", [box(3.1, 3.1, 3.2, 3.2)]), GRID)
    with pytest.raises(ValueError, match="no feature that can be used"):
        read_area(layer(tmp_path / "c.gpkg", [None]), GRID)


@pytest.mark.parametrize("content", [None, b"", b"PK\3\4 nonsense", b"II*\0\x08\0\0\0"])
def test_a_file_that_is_neither_is_refused(tmp_path, content):
    path = tmp_path / "area.tif"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match="cannot be read"):
        read_area({"path": str(path)}, GRID)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"field": "class"}, "An area in a job file has no 'field'"),
        ({"layer": 3}, "'layer' in the job file must be a text"),
        ({"layer": ["a"]}, "'layer' in the job file must be a text"),
    ],
)
def test_a_job_that_says_it_wrongly(tmp_path, wrong, sentence):
    with pytest.raises(ValueError, match=sentence):
        read_area({**layer(tmp_path / "a.gpkg", [box(0, 0, 2, 2)]), **wrong}, GRID)
