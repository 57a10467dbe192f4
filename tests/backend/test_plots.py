"""Maps in reports show the part of the scene that holds data."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from mixel.backend import class_plots, plots

SUMMARY = SimpleNamespace(histogram=lambda: (np.array([1, 2]), np.array([0.0, 0.1, 0.2])))
PICTURES = {
    "abundances": lambda values: plots.maps(np.stack([values, values]), ["first", "second"]),
    "error": lambda values: plots.error(values, SUMMARY),
    "classes": lambda values: class_plots.classes(1 + (values > 0.5) - np.isnan(values), ["a", "b"], ["r", "g"]),
    "trust": lambda values: class_plots.trust(values, 2 * values),
}


def test_the_frame_of_the_pixels_with_data():
    has_data = np.zeros((9, 7), bool)
    has_data[2, 3] = has_data[5, 1] = True
    assert plots.part_with_data(has_data) == (slice(2, 6), slice(1, 4))
    assert plots.part_with_data(np.zeros((9, 7), bool)) == (slice(None), slice(None))


@pytest.mark.parametrize("name", PICTURES)
def test_what_lies_around_the_data_takes_no_room(name):
    part = np.random.default_rng(0).random((6, 8)).astype(np.float32)
    whole = np.full((40, 30), np.nan, np.float32)
    whole[20:26, 5:13] = part
    assert PICTURES[name](whole) == PICTURES[name](part)
    assert PICTURES[name](whole) != PICTURES[name](part[::-1])
