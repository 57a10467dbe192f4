"""What classifying networks start from: a logistic regression of single spectra."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mixel.backend.config import build
from mixel.backend.cube import Cube, Window
from mixel.backend.methods import methods
from mixel.backend.methods.contract import Labelled, TrainingData
from mixel.backend.methods.start import ABSENT, COMPONENTS, PIXELS, Start, kept_if_better
from mixel.backend.training import Record
from sklearn.linear_model import LogisticRegression

ROWS, COLS, BANDS = 20, 15, 12
CPU = torch.device("cpu")
SMALL = {"width": 16, "states": 2, "epochs": 3}


def fields(classes: int = 3, seed: int = 0) -> tuple[Cube, np.ndarray]:
    """Stripes of classes whose spectra differ clearly, with noise, and a pixel without data."""
    generator = np.random.default_rng(seed)
    labels = (np.arange(COLS) * classes // COLS + 1)[None].repeat(ROWS, 0).astype(np.int16)
    values = generator.uniform(0.1, 0.5, (classes, BANDS))[labels - 1].transpose(2, 0, 1)
    values = (values + generator.normal(0, 0.01, values.shape)).astype(np.float32)
    valid = np.ones((ROWS, COLS), bool)
    valid[3, 3] = False
    return Cube(Window(0, 0, ROWS, COLS), values, valid), np.where(valid, labels, 0).astype(np.int16)


def training(cube: Cube, labels: np.ndarray, classes: int = 3, weights: np.ndarray | None = None) -> TrainingData:
    weights = np.ones(classes, np.float32) if weights is None else weights
    return TrainingData([Labelled(cube, labels)], [], classes, weights)


def guessed(start: Start, cube: Cube) -> np.ndarray:
    return start.scores(cube, slice(None)).argmax(dim=0).numpy().reshape(cube.valid.shape) + 1


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_it_tells_classes_apart_that_a_plane_separates(classes: int) -> None:
    cube, labels = fields(classes)
    some = np.where(np.arange(ROWS)[:, None] < 8, labels, 0).astype(np.int16)
    found = guessed(Start.of(training(cube, some, classes)), cube)
    assert (found == labels)[labels > 0].all()


def test_scores_are_the_log_odds_of_scikit_learns_regression() -> None:
    cube, labels = fields(2)
    start = Start.of(training(cube, labels, 2))
    pixels = cube.pixels
    standard = (pixels - pixels.mean(0)) / pixels.std(0)
    variances, vectors = np.linalg.eigh(standard.T @ standard / len(pixels))
    whitened = standard @ vectors / np.sqrt(variances)
    model = LogisticRegression(C=0.1, max_iter=1000).fit(whitened, labels[labels > 0])
    chosen = np.flatnonzero(cube.valid)
    scores = start.scores(cube, chosen).numpy()
    np.testing.assert_allclose(scores[1] - scores[0], model.decision_function(whitened), atol=2e-3)


def test_a_class_without_training_pixels_is_never_guessed_and_one_class_alone_always() -> None:
    cube, labels = fields()
    missing = Start.of(training(cube, np.where(labels == 2, 0, labels).astype(np.int16)))
    assert missing.bias[1] == ABSENT
    assert not missing.weight[1].any()
    assert set(np.unique(guessed(missing, cube))) == {1, 3}
    alone = Start.of(training(cube, np.where(labels == 3, labels, 0).astype(np.int16)))
    assert (guessed(alone, cube) == 3).all()


def test_few_pixels_get_few_components() -> None:
    """Else every pixel could be told from every other by noise alone."""
    cube, labels = fields()
    few = np.zeros_like(labels)
    few[10, [1, 2, 6, 7, 12, 13]] = labels[10, [1, 2, 6, 7, 12, 13]]
    start = Start.of(training(cube, few))
    assert np.linalg.matrix_rank(start.weight, tol=1e-4) == max(1, 6 // PIXELS)
    assert COMPONENTS * PIXELS > 6


def test_class_weights_count() -> None:
    generator = np.random.default_rng(4)
    labels = (generator.random((ROWS, COLS)) < 0.2).astype(np.int16) + 1
    values = (0.3 + 0.05 * labels + generator.normal(0, 0.1, (BANDS, ROWS, COLS))).astype(np.float32)
    cube = Cube(Window(0, 0, ROWS, COLS), values, np.ones((ROWS, COLS), bool))
    plain, fair = (
        (guessed(Start.of(training(cube, labels, 2, np.array(weights, np.float32))), cube) == 2).mean()
        for weights in ((1, 1), (0.4, 1.6))
    )
    assert fair > plain + 0.05


def test_a_far_scene_keeps_its_digits() -> None:
    """Reflectances of a hundred and a little: the mean is taken off before the product."""
    cube, labels = fields()
    far = Cube(cube.window, cube.reflectance + np.float32(100), cube.valid)
    assert (guessed(Start.of(training(far, labels)), far) == labels)[labels > 0].mean() > 0.99


DEEP = [one for one in methods("classify") if any(item.name == "learning_rate" for item in one.settings)]


@pytest.mark.parametrize("method", DEEP, ids=lambda one: one.name)
def test_networks_that_learn_nothing_give_the_regressions_classes(method) -> None:
    """Every deep method begins there: with a learning rate of nearly 0 its map is the regression's."""
    cube, labels, known = *fields(), {item.name for item in method.settings}
    config = build(method.config, {name: value for name, value in SMALL.items() if name in known})
    object.__setattr__(config, "learning_rate", 1e-12)
    fitted = method.load().fit(training(cube, labels), config, CPU, lambda *_: None)
    scores = fitted.start.scores(cube, slice(None)).view(3, ROWS, COLS)
    expected = torch.softmax(scores, dim=0).numpy()
    np.testing.assert_allclose(fitted.classify(cube)[:, cube.valid], expected[:, cube.valid], atol=1e-5)


@pytest.mark.parametrize(("trained", "alone", "kept"), [(0.3, 0.5, True), (0.5, 0.3, False), (0.5, 0.5, False)])
def test_corrections_are_kept_only_if_validation_pixels_are_better_off(trained, alone, kept) -> None:
    head = torch.nn.Linear(4, 3)
    before = {name: value.clone() for name, value in head.state_dict().items()}
    record = Record([1.0, 0.9], 2.0, [(20, 0.9), (40, trained)], 40)
    found = kept_if_better(record, lambda: alone if not head.weight.any() else 1e9, head)
    assert found.validation == [(0, alone), *record.validation]
    assert (found.best_step, found.losses) == (40 if kept else 0, record.losses)
    for name, value in head.state_dict().items():
        assert torch.equal(value, before[name] if kept else torch.zeros_like(value))


def test_without_validation_pixels_corrections_are_kept() -> None:
    head, record = torch.nn.Linear(4, 3), Record([1.0], 2.0, [], 1)
    assert kept_if_better(record, lambda: 0.0, head) is record
    assert head.weight.any()
