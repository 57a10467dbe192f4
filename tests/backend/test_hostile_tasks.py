"""Every task that reads a scene on strange values: results are numbers, and what tells nothing is missing."""

from __future__ import annotations

import warnings

import hostile
import numpy as np
import pytest
from fields import crops
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


def reference(path, value):
    """Shares of the three crops, with a value that no share has in one pixel; None: the file is cut short."""
    shares = np.stack([crops() == one for one in (1, 2, 3)]).astype(np.float64)
    shares[1, 5, 5] = value or 0
    write(path, shares, wavelengths=None)
    if value is None:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


@pytest.mark.parametrize("value", [1e300, -1e300, 1e29, np.inf, np.nan])
def test_a_reference_of_strange_values_is_scored_by_its_other_pixels(place, tmp_path, value):
    given = {"reference": {"path": str(reference(tmp_path / "shares.tif", value))}}
    metrics = perform("unmix", place / "odd.tif", place, tmp_path / "out", given)
    assert metrics["reference_pixels"] == MISSING.size - MISSING.sum() - 1 and 0 <= metrics["abundance_rmse"] <= 1


def test_a_reference_cut_short_is_refused_by_a_sentence(place, tmp_path):
    given = {"reference": {"path": str(reference(tmp_path / "shares.tif", None))}}
    with pytest.raises(ValueError, match=r"shares\.tif.*\.$"):
        perform("unmix", place / "odd.tif", place, tmp_path / "out", given)
    assert not (tmp_path / "out").exists()
