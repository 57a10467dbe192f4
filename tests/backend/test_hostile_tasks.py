"""Every task that reads a scene on strange values: results are numbers, and what tells nothing is missing."""

from __future__ import annotations

import warnings

import hostile
import numpy as np
import pytest
from hostile import MISSING, SHADE, check, perform, rasters
from mixel.backend.tasks import tasks
from scenes import write

NAMES = [one.name for one in tasks() if one.needs_scene]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = hostile.prepared(tmp_path_factory.mktemp("hostile"))
    write(folder / "odd.tif", hostile.odd())
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_strange_pixels_harm_themselves_alone(place, tmp_path, name):
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)  # numpy's, where a number overflows
        metrics = perform(name, place / "odd.tif", place, tmp_path / "out")
    found = rasters(name, tmp_path / "out")
    check(found, MISSING)
    assert np.isfinite(list(metrics.values())).all()
    if "shade.tif" in found:
        assert found["shade.tif"][0][SHADE] == 1 and not found["abundances.tif"][:, SHADE[0], SHADE[1]].any()
