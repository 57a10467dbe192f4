"""Scenes that rational polynomial coefficients put on the map."""

from __future__ import annotations

import numpy as np
import pytest
from mixel.backend.place import from_rpcs
from rasterio.crs import CRS
from rasterio.rpc import RPC


def rational(height: float = 500.0, turn: float = 0.0) -> RPC:
    """Coefficients of a scene of 200 x 100 pixels around 13 E 52 N, 0.001 degrees a pixel."""
    one = [1.0] + [0.0] * 19
    line, sample = [0.0] * 20, [0.0] * 20
    line[1], line[2], line[3] = turn, -1.0, 0.01
    sample[1], sample[2] = 1.0, turn
    return RPC(
        height_off=height, height_scale=100.0, lat_off=52.0, lat_scale=0.1, long_off=13.0, long_scale=0.05,
        line_num_coeff=line, line_den_coeff=one, line_off=99.5, line_scale=100.0,
        samp_num_coeff=sample, samp_den_coeff=one, samp_off=49.5, samp_scale=50.0,
    )  # fmt: skip


@pytest.mark.parametrize("height", [0.0, 500.0])
def test_rational_polynomials_become_a_net_of_points_at_their_mean_height(height):
    place = from_rpcs(rational(height), 200, 100)
    assert place.kind == "gcps" and place.crs == CRS.from_epsg(4326)
    cols, rows = place.to_pixels(np.array([13.0, 12.95, 13.05]), np.array([52.0, 52.1, 51.9]))
    np.testing.assert_allclose(cols, [50, 0, 100], atol=0.01)
    np.testing.assert_allclose(rows, [100, 0, 200], atol=0.01)


def test_polynomials_that_lead_nowhere_are_no_place():
    broken = rational()
    broken.lat_scale = broken.long_scale = 1e9
    assert from_rpcs(broken, 200, 100).kind == "none"
