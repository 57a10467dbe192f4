"""The random forest: scikit-learn's votes from our own arrays, and arrays from strangers."""

from __future__ import annotations

import numpy as np
import pytest
from mixel.backend.config import build
from mixel.backend.cube import Cube, Window
from mixel.backend.methods.contract import Labelled, TrainingData
from mixel.backend.methods.random_forest import method
from mixel.backend.methods.random_forest.config import Config
from mixel.backend.methods.random_forest.trees import Trees
from sklearn.ensemble import RandomForestClassifier

BANDS, CLASSES, ROWS, COLS = 7, 3, 9, 14


def data(weights=None, seed=0):
    """Three classes of overlapping spectra; a third of the pixels is labelled."""
    generator = np.random.default_rng(seed)
    classes = generator.integers(1, CLASSES + 1, (ROWS, COLS))
    values = generator.normal(0.3, 0.1, (BANDS, ROWS, COLS)) + 0.12 * classes
    labels = np.where(np.indices(classes.shape).sum(axis=0) % 3 == 0, classes, 0).astype(np.int16)
    cube = Cube(Window(0, 0, ROWS, COLS), values.astype(np.float32), np.ones((ROWS, COLS), bool))
    return TrainingData(
        [Labelled(cube, labels)], [], CLASSES, np.ones(CLASSES, np.float32) if weights is None else weights
    )


def fitted(known, **settings):
    return method.fit(known, build(Config, {"trees": 30, **settings}), "cpu", lambda *_: None)


def test_the_votes_are_those_of_scikit_learn():
    known = data()
    tile = known.training[0]
    theirs = RandomForestClassifier(30, random_state=11, n_jobs=1).fit(tile.pixels, tile.classes)
    ours = Trees.of(theirs.estimators_, theirs.classes_.astype(np.int64) - 1, CLASSES)
    spectra = tile.cube.pixels
    assert np.allclose(ours.vote(spectra), theirs.predict_proba(spectra), atol=1e-6)


def test_a_class_without_training_pixels_gets_no_vote():
    known = data()
    labels = np.where(known.training[0].labels == 2, 0, known.training[0].labels)
    some = TrainingData([Labelled(known.training[0].cube, labels)], [], CLASSES, known.class_weights)
    assert (fitted(some).classify(known.training[0].cube)[1] == 0).all()


def test_pixels_without_data_have_no_class():
    known = data()
    cube = known.training[0].cube
    cube.valid[2, 3] = False
    found = fitted(known).classify(cube)
    assert np.isnan(found[:, 2, 3]).all()
    assert np.isnan(found).sum() == CLASSES


def test_weights_bring_the_same_forest_back():
    known = data()
    first = fitted(known)
    again = method.restore(first.weights(), Config(), CLASSES, None, "cpu")
    cube = known.training[0].cube
    assert np.array_equal(first.classify(cube), again.classify(cube))


def test_class_weights_count():
    known, heavy = data(), data(np.array([100.0, 1, 1], np.float32))
    cube = known.training[0].cube
    assert fitted(heavy, leaf=5).classify(cube)[0].mean() > fitted(known, leaf=5).classify(cube)[0].mean()


def test_progress_tells_the_error_on_unseen_pixels():
    heard = []
    method.fit(data(), build(Config, {"trees": 30}), "cpu", lambda *told: heard.append(told))
    assert [step for step, _, _ in heard] == [20, 30]
    assert all(0 <= error < 0.7 for _, _, error in heard)


def test_no_training_pixels():
    known = data()
    empty = Labelled(known.training[0].cube, np.zeros((ROWS, COLS), np.int16))
    with pytest.raises(ValueError, match="no training pixels"):
        fitted(TrainingData([empty], [], CLASSES, known.class_weights))


def test_another_number_of_bands():
    with pytest.raises(ValueError, match="has 5 bands; this model was trained on 7"):
        cube = Cube(Window(0, 0, 1, 1), np.zeros((5, 1, 1), np.float32), np.ones((1, 1), bool))
        fitted(data()).classify(cube)


HOSTILE = {
    "an endless walk": lambda arrays: arrays["children"].__setitem__((0, 0), 0),
    "a child in another tree": lambda arrays: arrays["children"].__setitem__((0, 0), len(arrays["bands"]) - 1),
    "a band that is not there": lambda arrays: arrays["bands"].__setitem__(0, BANDS),
    "a leaf that is not there": lambda arrays: arrays["children"].__setitem__(
        (int(np.flatnonzero(arrays["bands"] < 0)[0]), 0), 10**6
    ),
    "probabilities above 1": lambda arrays: arrays["shares"].__setitem__((0, 0), 7),
    "a threshold that is no number": lambda arrays: arrays["thresholds"].__setitem__(0, np.nan),
    "roots out of order": lambda arrays: arrays["roots"].__setitem__(1, 0),
    "other bands": lambda arrays: arrays.__setitem__("num_bands", np.array("x")),
    "a missing array": lambda arrays: arrays.pop("roots"),
    "one array more": lambda arrays: arrays.__setitem__("more", np.zeros(3)),
    "doubles": lambda arrays: arrays.__setitem__("shares", arrays["shares"].astype(float)),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_strangers_arrays_are_refused_with_a_sentence(case):
    arrays = {name: value.copy() for name, value in fitted(data()).weights().items()}
    HOSTILE[case](arrays)
    with pytest.raises(ValueError, match="no random forest for these"):
        method.restore(arrays, Config(), CLASSES, None, "cpu")
