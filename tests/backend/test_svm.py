"""The support vector machine: what it learns, how sure it is, and arrays from strangers."""

from __future__ import annotations

import numpy as np
import pytest
from mixel.backend.config import build
from mixel.backend.cube import Cube, Window
from mixel.backend.methods.contract import Labelled, TrainingData
from mixel.backend.methods.svm import method
from mixel.backend.methods.svm.config import Config

BANDS, CLASSES, ROWS, COLS = 8, 3, 12, 17


def data(noise=0.05, every=3, seed=0, weights=None, classes=CLASSES):
    generator = np.random.default_rng(seed)
    truth = generator.integers(1, classes + 1, (ROWS, COLS))
    means = np.random.default_rng(9).uniform(0.1, 0.7, (classes, BANDS))
    values = means[truth - 1].transpose(2, 0, 1) + generator.normal(0, noise, (BANDS, ROWS, COLS))
    labels = np.where(np.arange(ROWS * COLS).reshape(ROWS, COLS) % every == 0, truth, 0).astype(np.int16)
    cube = Cube(Window(0, 0, ROWS, COLS), values.astype(np.float32), np.ones((ROWS, COLS), bool))
    counted = np.ones(classes, np.float32) if weights is None else weights
    return TrainingData([Labelled(cube, labels)], [], classes, counted), truth


def fitted(known, report=lambda *_: None, **settings):
    return method.fit(known, build(Config, settings), "cpu", report)


def test_it_learns_and_maps():
    known, truth = data()
    found = fitted(known).classify(known.training[0].cube)
    assert np.allclose(found.sum(axis=0), 1, atol=1e-5)
    assert (found.argmax(axis=0) + 1 == truth).mean() > 0.95


def test_two_classes():
    known, truth = data(classes=2)
    found = fitted(known).classify(known.training[0].cube)
    assert (found.argmax(axis=0) + 1 == truth).mean() > 0.95


def test_it_is_as_sure_as_it_is_right():
    known, truth = data(noise=0.25, every=2)
    found = fitted(known).classify(known.training[0].cube)
    unseen = known.training[0].labels == 0
    right = (found.argmax(axis=0) + 1 == truth)[unseen].mean()
    assert abs(found.max(axis=0)[unseen].mean() - right) < 0.15


def test_the_pairs_tried_are_told():
    heard = []
    fitted(data()[0], lambda *told: heard.append(told))
    assert [step for step, _, _ in heard] == list(range(1, 17))
    assert all(0 <= error <= 1 for _, _, error in heard)


def test_nothing_is_tried_if_both_are_set():
    heard = []
    machine = fitted(data()[0], lambda *told: heard.append(told), penalty=10, width=0.5)
    assert heard == [] and machine.constants[0] == 10 and machine.machine.svc.gamma == pytest.approx(0.5)


def test_weights_bring_the_same_machine_back():
    known, _ = data()
    first = fitted(known)
    again = method.restore(first.weights(), Config(), CLASSES, None, "cpu")
    assert np.array_equal(first.classify(known.training[0].cube), again.classify(known.training[0].cube))


def test_bands_count_alike_or_as_they_vary():
    known, _ = data(noise=0.2)
    values = known.training[0].pixels
    assert np.allclose(method.each_band(values), values.std(axis=0))
    assert np.allclose(method.all_bands(values), np.sqrt(values.var(axis=0).mean()))
    first = fitted(known, penalty=10, width=0.1)
    second = method.fit(known, build(Config, {"penalty": 10, "width": 0.1}), "cpu", lambda *_: None, method.all_bands)
    assert np.allclose(first.machine.scale, values.std(axis=0)) and len(set(second.machine.scale)) == 1
    again = method.restore(second.weights(), Config(), CLASSES, None, "cpu", method.all_bands)
    assert np.array_equal(second.classify(known.training[0].cube), again.classify(known.training[0].cube))


def test_pixels_without_data_and_classes_without_pixels():
    known, _ = data()
    cube, labels = known.training[0].cube, known.training[0].labels
    cube.valid[1, 1] = False
    some = TrainingData([Labelled(cube, np.where(labels == 2, 0, labels))], [], CLASSES, known.class_weights)
    found = fitted(some).classify(cube)
    assert np.isnan(found[:, 1, 1]).all() and (found[1, cube.valid] == 0).all()


def test_a_class_with_one_pixel_can_be_learnt():
    known, _ = data()
    labels = known.training[0].labels.copy()
    rare = np.flatnonzero(labels.ravel() == 3)[1:]
    labels.ravel()[rare] = 0
    found = fitted(TrainingData([Labelled(known.training[0].cube, labels)], [], CLASSES, known.class_weights))
    assert np.isfinite(found.classify(known.training[0].cube)).all()


def test_of_many_pixels_so_many_are_used_of_every_class():
    known, _ = data(every=1)
    machine = fitted(known, most=100)
    assert len(machine.classes) == 100 and set(machine.classes) == {1, 2, 3}


def test_one_class_only():
    known, _ = data()
    labels = np.where(known.training[0].labels == 1, 1, 0).astype(np.int16)
    with pytest.raises(ValueError, match="two classes or more"):
        fitted(TrainingData([Labelled(known.training[0].cube, labels)], [], CLASSES, known.class_weights))


HOSTILE = {
    "a missing array": lambda arrays: arrays.pop("classes"),
    "no numbers": lambda arrays: arrays["spectra"].__setitem__((0, 0), np.nan),
    "doubles": lambda arrays: arrays.__setitem__("spectra", arrays["spectra"].astype(float)),
    "a class that is not there": lambda arrays: arrays["classes"].__setitem__(0, 9),
    "one class": lambda arrays: arrays["classes"].fill(1),
    "fewer spectra": lambda arrays: arrays.__setitem__("spectra", arrays["spectra"][1:]),
    "a negative cost": lambda arrays: arrays["costs"].__setitem__(0, -1),
    "no penalty": lambda arrays: arrays["constants"].__setitem__(0, 0),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_strangers_arrays_are_refused_with_a_sentence(case):
    arrays = {name: value.copy() for name, value in fitted(data()[0]).weights().items()}
    HOSTILE[case](arrays)
    with pytest.raises(ValueError, match="no support vector machine for these"):
        method.restore(arrays, Config(), CLASSES, None, "cpu")
