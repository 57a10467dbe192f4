"""Spectra of listed pixels: the right ones, in their order, with nothing read that holds none of them."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from mixel.backend.scene import Scene
from mixel.backend.tasks import labelled
from scenes import BANDS, COLS, GRID, ROWS, mixture, write


def places(*pairs):
    rows, cols = np.array(pairs, np.int32).reshape(-1, 2).T
    return SimpleNamespace(rows=rows, cols=cols)


@pytest.fixture
def scene(tmp_path):
    values = mixture()
    values[:, 3, 4] = -9999
    with Scene(write(tmp_path / "scene.tif", values, nodata=-9999), scale=1.0) as opened:
        yield opened


@pytest.mark.parametrize("size", [1, 4, 5, 128])
def test_the_spectra_of_all_pixels_in_any_order_and_window(scene, size, monkeypatch):
    monkeypatch.setattr(labelled, "WINDOW", size)
    order = np.random.default_rng(0).permutation(ROWS * COLS)
    rows, cols = np.divmod(order, COLS)
    spectra, valid = labelled.spectra_of(scene, SimpleNamespace(rows=rows.astype(np.int32), cols=cols.astype(np.int32)))
    whole = scene.read(scene.windows(1000)[0])
    assert spectra.shape == (ROWS * COLS, BANDS) and spectra.dtype == np.float32
    np.testing.assert_array_equal(spectra, whole.reflectance[:, rows, cols].T)
    np.testing.assert_array_equal(valid, whole.valid[rows, cols])
    assert not spectra[~valid].any() and (~valid).sum() == 1


def test_a_pixel_that_comes_twice_is_given_twice(scene):
    spectra, valid = labelled.spectra_of(scene, places((2, 3), (10, 16), (2, 3)))
    np.testing.assert_array_equal(spectra[0], spectra[2])
    assert valid.all() and (spectra[0] != spectra[1]).any()


def test_no_pixels_no_spectra(scene):
    spectra, valid = labelled.spectra_of(scene, places())
    assert spectra.shape == (0, BANDS) and valid.shape == (0,)


def test_only_the_windows_that_hold_pixels_are_read_and_no_more_of_them_than_that(scene):
    found = labelled.windows_of(scene, places((0, 0), (9, 14), (8, 12), (1, 2)), size=8)
    assert [(window.row, window.col, window.rows, window.cols) for window, _ in found] == [(0, 0, 2, 3), (8, 12, 2, 3)]
    assert [indices.tolist() for _, indices in found] == [[0, 3], [1, 2]]


def test_every_pixel_lies_in_the_window_it_is_read_from(scene):
    generator = np.random.default_rng(1)
    some = places(*zip(generator.integers(0, ROWS, 40), generator.integers(0, COLS, 40), strict=True))
    found = labelled.windows_of(scene, some, size=4)
    for window, indices in found:
        assert ((some.rows[indices] >= window.row) & (some.rows[indices] < window.row + window.rows)).all()
        assert ((some.cols[indices] >= window.col) & (some.cols[indices] < window.col + window.cols)).all()
        assert window.rows <= 4 and window.cols <= 4
    assert sorted(np.concatenate([indices for _, indices in found])) == list(range(40))


def test_more_than_the_memory_holds_is_refused(scene, monkeypatch):
    monkeypatch.setattr(labelled, "MEMORY_SHARE", 1e-12)
    with pytest.raises(ValueError, match=r"The spectra of 2 pixels take .* Choose smaller areas"):
        labelled.spectra_of(scene, places((0, 0), (1, 1)))


def test_the_grid_is_that_of_the_scene(scene):
    grid = labelled.grid_of(scene)
    assert (grid.rows, grid.cols, grid.transform) == (ROWS, COLS, GRID["transform"])
    assert grid.crs.to_epsg() == 32633 and grid.is_georeferenced
