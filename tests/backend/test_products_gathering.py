"""Pixels of a swath gathered for a map: the fast way against pixel by pixel, whatever the file's order of axes."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from mixel.backend.cube import Window
from mixel.backend.products.arrays import cube as arrays
from mixel.backend.products.swath import gathering
from mixel.backend.products.swath.gathering import Part, gather

SWATH = np.random.default_rng(3).random((9, 40, 30)).astype(np.float32)


def table(rows, cols, angle, spread=1.0):
    """Lines and samples (rows, cols) of a map that is turned against the swath; -1 where nothing lies."""
    y, x = np.mgrid[:rows, :cols] * spread
    line = np.rint(y * np.cos(angle) - x * np.sin(angle) + 8).astype(np.int64)
    sample = np.rint(x * np.cos(angle) + y * np.sin(angle) - 2).astype(np.int64)
    seen = (line >= 0) & (line < 40) & (sample >= 0) & (sample < 30)
    return np.where(seen, line, -1), np.where(seen, sample, -1)


def by_pixel(lines, samples, bands, nothing):
    out = np.full((len(bands), *lines.shape), nothing, np.float32)
    for row, col in zip(*np.nonzero(lines >= 0), strict=True):
        out[:, row, col] = SWATH[bands, lines[row, col], samples[row, col]]
    return out


@pytest.fixture(params=[(2, 0, 1), (0, 1, 2), (1, 0, 2)], ids=["pixels", "bands", "lines"])
def swath(request, tmp_path):
    """The swath as a cube of an HDF5 file, its axes in one of the three orders."""
    order = tuple(np.argsort(request.param))
    with h5py.File(tmp_path / "swath.h5", "w") as file:
        file["cube"] = SWATH.transpose(order)
        yield arrays.Cube(file["cube"], request.param, Path("swath.h5"))


@pytest.mark.parametrize("bands", [range(9), [1, 2, 3, 6, 7], [4], [8, 0, 3, 3], [0, 8]])
@pytest.mark.parametrize("at_once", [1, 7, 512])
def test_gathering_is_the_same_as_pixel_by_pixel(swath, monkeypatch, bands, at_once):
    monkeypatch.setattr(gathering, "AT_ONCE", at_once)
    lines, samples = table(23, 17, 0.6)
    out = np.empty((len(bands), *lines.shape), np.float32)
    gather(out, lambda box: swath.parts(box, bands), lines, samples, (40, 30), -9.0)
    np.testing.assert_array_equal(out, by_pixel(lines, samples, list(bands), -9.0))


@pytest.mark.parametrize("shape", [(6, 40), (40, 6), (33, 34)])
def test_a_window_whose_box_is_mostly_waste_is_halved(swath, monkeypatch, shape):
    monkeypatch.setattr(gathering, "SMALL", 4)
    monkeypatch.setattr(gathering, "WASTE", 1)
    lines, samples = table(*shape, 0.8)
    boxes = []

    def parts(box):
        boxes.append(box)
        return swath.parts(box, range(9))

    out = np.empty((9, *shape), np.float32)
    gather(out, parts, lines, samples, (40, 30), np.nan)
    assert len(boxes) > 3
    np.testing.assert_array_equal(out, by_pixel(lines, samples, list(range(9)), np.nan))


def test_a_gap_of_bands_is_read_along_and_left_out(swath, monkeypatch):
    monkeypatch.setattr(swath, "_bridged", 1)
    found = [part.values.shape[0] for part in swath.parts(Window(2, 3, 4, 5), [0, 2, 6])]
    assert found == [3, 1]
    np.testing.assert_array_equal(swath.read(Window(2, 3, 4, 5), [6, 0, 2]), SWATH[[6, 0, 2], 2:6, 3:8])


def test_a_place_outside_the_swath_is_an_error_and_nothing_seen_reads_nothing():
    out, nowhere = np.empty((1, 2, 2)), np.full((2, 2), -1)
    gather(out, lambda box: pytest.fail("read"), nowhere, nowhere, (5, 5), 7.0)
    assert (out == 7).all()
    with pytest.raises(IndexError):
        gather(out, lambda box: [Part.of(np.ones((1, 2, 2)))], nowhere + 6, nowhere + 1, (5, 5), 0.0)
