"""Where pixels lie: grids, control points, swaths with coordinates of their own."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from affine import Affine
from mixel.backend.place import Place, from_arrays
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS

UTM = CRS.from_epsg(32633)
TURNED = Affine.translation(390000, 5820000) @ Affine.rotation(30) @ Affine.scale(30, -30)


def control(transform, rows=40, cols=60):
    corners = [(row, col) for row in (0, rows / 2, rows) for col in (0, cols / 2, cols)]
    return tuple(GroundControlPoint(row, col, *(transform @ (col, row))) for row, col in corners)


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        (Place(), "none"),
        (Place(UTM), "grid"),
        (Place(None, TURNED), "grid"),
        (Place(UTM, TURNED), "grid"),
        (Place(UTM, gcps=control(TURNED)), "gcps"),
    ],
)
def test_the_kind_of_a_place(place, kind):
    assert place.kind == kind


@pytest.mark.parametrize("place", [Place(UTM, TURNED), Place(UTM, gcps=control(TURNED))])
def test_coordinates_become_pixels_on_turned_grids_and_by_control_points(place):
    cols, rows = np.array([0.0, 12.5, 59.0]), np.array([0.0, 7.25, 39.0])
    x, y = np.array([TURNED @ pair for pair in zip(cols, rows, strict=True)]).T
    found = place.to_pixels(x, y)
    np.testing.assert_allclose(found[0], cols, atol=1e-3)
    np.testing.assert_allclose(found[1], rows, atol=1e-3)


@pytest.mark.parametrize("place", [Place(UTM, TURNED), Place(UTM, gcps=control(TURNED)), Place(None, TURNED)])
def test_a_raster_written_with_the_profile_lies_in_the_place(tmp_path, place):
    with rasterio.open(tmp_path / "a.tif", "w", width=60, height=40, count=1, dtype="uint8", **place.profile) as out:
        out.write(np.ones((1, 40, 60), np.uint8))
    with rasterio.open(tmp_path / "a.tif") as back:
        points, crs = back.gcps
        if place.gcps:
            assert crs == UTM
            assert [(one.row, one.col, one.x, one.y) for one in points] == [
                (one.row, one.col, pytest.approx(one.x), pytest.approx(one.y)) for one in place.gcps
            ]
        else:
            assert back.crs == place.crs and back.transform.almost_equals(place.transform)


def test_a_swath_with_coordinates_of_its_own_is_placed_by_a_net_of_points():
    rows, cols = [0, 20, 39], [0, 30, 59]
    centre = np.array([[TURNED @ (col + 0.5, row + 0.5) for col in cols] for row in rows]) / 1e5
    place = from_arrays(centre[..., 0], centre[..., 1], rows, cols)
    assert place.kind == "gcps" and place.crs.to_epsg() == 4326 and len(place.gcps) == 9
    col, row = place.to_pixels(centre[1:2, 1, 0], centre[1:2, 1, 1])
    assert (col[0], row[0]) == (pytest.approx(30.5, abs=0.01), pytest.approx(20.5, abs=0.01))


def test_points_without_coordinates_are_left_out_and_too_few_give_no_place():
    lon, lat = np.meshgrid([13.0, 13.1], [52.0, 52.1])
    lon[0, 0] = np.nan
    assert from_arrays(lon, lat, [0, 10], [0, 10]).kind == "none"
    lon, lat = np.meshgrid([13.0, 13.1, 13.2], [52.0, 52.1])
    lon[0, 0] = np.nan
    assert len(from_arrays(lon, lat, [0, 10], [0, 10, 20]).gcps) == 5
