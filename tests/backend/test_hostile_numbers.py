"""Every task that reads a scene on scenes whose numbers are all tiny, or whose pixels are all pure."""

from __future__ import annotations

import warnings

import hostile
import numpy as np
import pytest
from hostile import MISSING, check, perform, rasters
from mixel.backend.tasks import tasks
from scenes import write

NAMES = [one.name for one in tasks() if one.needs_scene]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = hostile.prepared(tmp_path_factory.mktemp("hostile"))
    write(folder / "tiny.tif", hostile.tiny())
    write(folder / "pure.tif", hostile.pure())
    return folder


@pytest.mark.parametrize(("name", "kind"), [(name, "tiny") for name in NAMES] + [("unmix", "pure"), ("mesma", "pure")])
def test_the_results_are_numbers_or_a_sentence_says_why_not(place, tmp_path, name, kind):
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)  # numpy's, where a number overflows
        try:
            metrics = perform(name, place / f"{kind}.tif", place, tmp_path / "out")
        except ValueError as refused:
            assert str(refused).endswith(".") and len(str(refused)) <= 300 and kind == "tiny"
            assert not (tmp_path / "out").exists()
            return
    check(rasters(name, tmp_path / "out"), np.zeros_like(MISSING))
    assert np.isfinite(list(metrics.values())).all()
