"""MambaHSI: windows join without seams, nodata stays out, stored models and hostile ones."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mixel.backend.config import build
from mixel.backend.cube import Cube, Window
from mixel.backend.methods.contract import Labelled, TrainingData
from mixel.backend.methods.mambahsi import method
from mixel.backend.methods.mambahsi.config import Config
from mixel.backend.methods.mambahsi.network import MambaHsi
from strangers import SPOILERS
from stripes import CLASSES, CPU, data, made_scene, silent

SMALL = {"epochs": 40, "width": 16, "states": 4, "square": 4, "stem": 3, "components": 8}


def fitted(known, **settings):
    return method.fit(known, build(Config, {**SMALL, **settings}), CPU, silent)


@pytest.fixture(scope="module")
def stripes():
    cube, classes = made_scene()
    return cube, classes, fitted(data(cube, classes))


def test_known_classes_are_found_again(stripes):
    cube, classes, machine = stripes
    assert ((machine.classify(cube).argmax(axis=0) + 1) == classes)[cube.valid].mean() > 0.85


def test_probabilities_and_nodata(stripes):
    cube, _, machine = stripes
    found = machine.classify(cube)
    assert np.isnan(found[:, 4, 3]).all() and np.isnan(found).sum() == CLASSES
    assert np.allclose(found[:, cube.valid].sum(axis=0), 1, atol=1e-5)


def test_what_nodata_pixels_hold_does_not_matter(stripes):
    cube, _, machine = stripes
    other = cube.reflectance.copy()
    other[:, ~cube.valid] = 7
    again = machine.classify(Cube(cube.window, other, cube.valid))
    assert np.allclose(machine.classify(cube), again, atol=1e-6, equal_nan=True)


@pytest.mark.parametrize("blocks", [1, 2, 3])
def test_windows_join_without_seams(blocks):
    cube, classes = made_scene(40, 37)
    machine = fitted(data(cube, classes), num_blocks=blocks, epochs=2)
    reach, whole = method.halo(Config(**{**SMALL, "num_blocks": blocks})), machine.classify(cube)
    for top, left in ((0, 0), (13, 11), (30, 20)):
        rows, cols = slice(top, min(top + 10, 40)), slice(left, min(left + 9, 37))
        before, after = min(reach, top), min(reach, 40 - rows.stop)
        west, east = min(reach, left), min(reach, 37 - cols.stop)
        around = (slice(top - before, rows.stop + after), slice(left - west, cols.stop + east))
        window = Window(top, left, rows.stop - top, cols.stop - left, (before, after, west, east))
        part = machine.classify(Cube(window, cube.reflectance[(slice(None), *around)], cube.valid[around]))
        assert np.allclose(part[(slice(None), *window.core)], whole[:, rows, cols], atol=1e-4, equal_nan=True)


def test_a_class_depends_on_nothing_beyond_the_halo():
    cube, classes = made_scene(50, 12)
    machine = fitted(data(cube, classes), epochs=2)
    reach = method.plan(Config(**SMALL)).halo
    other = cube.reflectance.copy()
    other[:, 25 + reach + 1 :] += 1
    before, after = machine.classify(cube), machine.classify(Cube(cube.window, other, cube.valid))
    assert np.allclose(before[:, 25], after[:, 25], atol=1e-6, equal_nan=True)
    assert not np.allclose(before[:, 25 + reach :], after[:, 25 + reach :], atol=1e-3, equal_nan=True)


def test_the_same_seed_gives_the_same_and_another_seed_another_map():
    cube, classes = made_scene()
    first, again, other = (fitted(data(cube, classes), seed=seed, epochs=3).classify(cube) for seed in (1, 1, 2))
    assert np.array_equal(first, again, equal_nan=True) and not np.array_equal(first, other, equal_nan=True)


def test_every_weight_is_trained():
    network = MambaHsi(Config(**{**SMALL, "dropout": 0}), 8, CLASSES)
    network(torch.rand(1, 13, 11, 8), torch.ones(1, 13, 11, dtype=torch.bool), (3, 2)).square().sum().backward()
    assert all(one.grad is not None and one.grad.abs().sum() > 0 for one in network.parameters())


def test_scenes_smaller_than_a_square():
    cube, classes = made_scene(3, 5)
    cube.valid[:] = True
    found = fitted(data(cube, classes, every=1), square=8, epochs=3).classify(cube)
    assert found.shape == (CLASSES, 3, 5) and np.isfinite(found).all()


def test_class_weights_are_heeded():
    cube, classes = made_scene()
    heavy = data(cube, classes, weights=np.array([30, 1, 1], np.float32))
    shares = [fitted(known, epochs=15, regression=False).classify(cube)[0] for known in (heavy, data(cube, classes))]
    assert np.nanmean(shares[0]) > np.nanmean(shares[1])


def test_validation_keeps_the_best_step():
    cube, classes = made_scene()
    machine = fitted(data(cube, classes, validation=20))
    assert machine.record.best_step in dict(machine.record.validation)


def test_several_tiles_are_learnt_from():
    cube, classes = made_scene()
    known = data(cube, classes).training[0]
    halves = [
        Labelled(
            Cube(Window(row, 0, 10, 21), cube.reflectance[:, row : row + 10], cube.valid[row : row + 10]),
            known.labels[row : row + 10],
        )
        for row in (0, 10)
    ]
    machine = fitted(TrainingData(halves, [], CLASSES, np.ones(CLASSES, np.float32)))
    assert ((machine.classify(cube).argmax(axis=0) + 1) == classes)[:20][cube.valid[:20]].mean() > 0.8


def test_a_restored_model_gives_the_same_bits(stripes):
    cube, _, machine = stripes
    again = method.restore(machine.weights(), build(Config, SMALL), CLASSES, None, CPU)
    assert np.array_equal(machine.classify(cube), again.classify(cube), equal_nan=True)


@pytest.mark.parametrize("spoil", SPOILERS)
def test_weights_of_strangers_are_refused_with_a_sentence(stripes, spoil):
    weights = {name: value.copy() for name, value in stripes[2].weights().items()}
    spoil(weights)
    with pytest.raises(ValueError, match="do not belong to a MambaHSI model"):
        method.restore(weights, build(Config, SMALL), CLASSES, None, CPU)


def test_other_bands_no_labels_and_odd_sizes_are_refused(stripes):
    cube, classes, machine = stripes
    with pytest.raises(ValueError, match="has 3 bands; this model was trained on 12"):
        machine.classify(Cube(cube.window, cube.reflectance[:3], cube.valid))
    with pytest.raises(ValueError, match="no training pixels"):
        fitted(data(cube, classes * 0))
    for wrong in ({"square": 5}, {"stem": 4}, {"width": 12}):
        with pytest.raises(ValueError, match="must be"):
            Config(**wrong)


def test_the_halo_is_not_classified(stripes):
    cube, _, machine = stripes
    found = machine.classify(Cube(Window(4, 4, 20, 15, (4, 3, 4, 2)), cube.reflectance, cube.valid))
    there = np.zeros(cube.valid.shape, bool)
    there[4:24, 4:19] = cube.valid[4:24, 4:19]
    assert np.array_equal(np.isfinite(found).all(axis=0), there)


def test_pieces_of_any_size_any_number_of_threads_and_plain_operators_map_alike(stripes, monkeypatch):
    cube, _, machine = stripes
    holes = cube.valid & (np.random.default_rng(3).random(cube.valid.shape) > 0.3)
    holes[10:18, 8:14] = False
    cube = Cube(Window(6, 3, *holes.shape), cube.reflectance * holes, holes)
    network, tile = machine.network, method.read(cube, machine.normalisation)
    with torch.no_grad():
        scores = network(tile.values, tile.valid, tile.origin)[0]
    scores += machine.regression.scores(cube, slice(None)).view(scores.shape)
    whole = torch.softmax(scores, -1).permute(2, 0, 1).numpy()
    expected, threads = np.where(holes, whole, np.nan), torch.get_num_threads()
    try:
        for number, most, compiled in ((1, 8192, True), (2, 8192, True), (2, 30, True), (2, 30, False), (1, 90, False)):
            torch.set_num_threads(number)
            monkeypatch.setattr("mixel.backend.methods.pieces.FEWEST", 1)
            monkeypatch.setattr("mixel.backend.methods.pieces.MOST", most)
            if not compiled:
                monkeypatch.setattr("mixel.backend.methods.mapping.compiled", lambda: False)
            assert np.allclose(machine.classify(cube), expected, atol=1e-5, equal_nan=True)
    finally:
        torch.set_num_threads(threads)


def test_a_scene_without_data_is_nan_throughout(stripes):
    cube, _, machine = stripes
    nothing = Cube(cube.window, np.zeros_like(cube.reflectance), np.zeros_like(cube.valid))
    assert np.isnan(machine.classify(nothing)).all()
