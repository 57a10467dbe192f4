"""A scene opens at once however its file is cut into blocks: few tiles where blocks are large, none across blocks."""

from __future__ import annotations

import numpy as np
import pytest
from mixel.backend import interpretation
from mixel.backend.interpretation import SURVEYED, Interpretation
from mixel.backend.scene import Scene
from scenes import mixture, stored, write


@pytest.fixture
def looked_at(monkeypatch):
    """Windows that are read while a scene is opened."""
    found, read = [], Interpretation.tile

    def noted(self, window):
        found.append(window)
        return read(self, window)

    monkeypatch.setattr(Interpretation, "tile", noted)
    return found


def cube():
    return np.tile(stored(mixture()), (1, 50, 30))[:, :500, :500]


@pytest.mark.parametrize("interleave", ["pixel", "band"])
@pytest.mark.parametrize("block", [64, 256])
def test_tiles_lie_within_blocks(tmp_path, looked_at, interleave, block):
    path = write(tmp_path / "a.tif", cube(), tiled=True, blockxsize=block, blockysize=block, interleave=interleave)
    with Scene(path) as opened:
        assert opened.bands == 12
    assert len(looked_at) <= SURVEYED[1]
    if block == 256:
        for one in looked_at:
            assert one.row // block == (one.row + one.rows - 1) // block or one.row + one.rows == 500
            assert one.col // block == (one.col + one.cols - 1) // block or one.col + one.cols == 500
            assert 0 <= one.row <= 500 - one.rows and 0 <= one.col <= 500 - one.cols


def test_where_blocks_are_dear_few_are_read_but_never_too_few(tmp_path, looked_at, monkeypatch):
    path = write(tmp_path / "a.tif", cube(), tiled=True, blockxsize=256, blockysize=256)
    monkeypatch.setattr(interpretation, "SURVEY_BYTES", 10 * 256 * 256 * 12 * 2)
    with Scene(path):
        assert len(looked_at) == 10
    looked_at.clear()
    monkeypatch.setattr(interpretation, "SURVEY_BYTES", 1)
    with Scene(path) as opened:
        assert len(looked_at) == SURVEYED[0] and opened.scale_sentence == "stored value / 10000"


def test_rows_in_one_strip_and_scenes_smaller_than_a_tile(tmp_path, looked_at):
    for rows, cols in ((500, 9), (9, 500), (40, 40)):
        with Scene(write(tmp_path / f"{rows}.tif", cube()[:, :rows, :cols])) as opened:
            assert (opened.rows, opened.cols) == (rows, cols)
    assert all(one.row >= 0 and one.col >= 0 for one in looked_at)
