"""The logistic regression beside networks, and how much each of the two counts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mixel.backend.config import build
from mixel.backend.cube import Cube, Window
from mixel.backend.methods import methods
from mixel.backend.methods.contract import Labelled, TrainingData
from mixel.backend.methods.regression import ABSENT, LEAST, PIXELS, Regression, shares
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


def guessed(regression: Regression, cube: Cube) -> np.ndarray:
    return regression.scores(cube, slice(None)).argmax(dim=1).numpy().reshape(cube.valid.shape) + 1


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_it_tells_classes_apart_that_a_plane_separates(classes: int) -> None:
    cube, labels = fields(classes)
    some = np.where(np.arange(ROWS)[:, None] < 8, labels, 0).astype(np.int16)
    found = guessed(Regression.of(training(cube, some, classes)), cube)
    assert (found == labels)[labels > 0].all()


def test_scores_are_the_log_odds_of_scikit_learns_regression() -> None:
    cube, labels = fields(2)
    regression = Regression.of(training(cube, labels, 2))
    pixels = cube.pixels
    standard = (pixels - pixels.mean(0)) / pixels.std(0)
    variances, vectors = np.linalg.eigh(standard.T @ standard / len(pixels))
    whitened = standard @ vectors / np.sqrt(variances)
    model = LogisticRegression(C=0.1, max_iter=1000).fit(whitened, labels[labels > 0])
    chosen = np.flatnonzero(cube.valid)
    scores = regression.scores(cube, chosen).numpy()
    np.testing.assert_allclose(scores[:, 1] - scores[:, 0], model.decision_function(whitened), atol=2e-3)


def test_a_class_without_training_pixels_is_never_guessed_and_one_class_alone_always() -> None:
    cube, labels = fields()
    missing = Regression.of(training(cube, np.where(labels == 2, 0, labels).astype(np.int16)))
    assert missing.bias[1] == ABSENT
    assert not missing.weight[1].any()
    assert set(np.unique(guessed(missing, cube))) == {1, 3}
    alone = Regression.of(training(cube, np.where(labels == 3, labels, 0).astype(np.int16)))
    assert (guessed(alone, cube) == 3).all()


def test_few_pixels_get_few_components() -> None:
    """Else every pixel could be told from every other by noise alone."""
    cube, labels = fields()
    few = np.zeros_like(labels)
    few[10, [1, 2, 6, 7, 12, 13]] = labels[10, [1, 2, 6, 7, 12, 13]]
    regression = Regression.of(training(cube, few))
    assert np.linalg.matrix_rank(regression.weight, tol=1e-4) == max(1, 6 // PIXELS)


def test_class_weights_count() -> None:
    generator = np.random.default_rng(4)
    labels = (generator.random((ROWS, COLS)) < 0.2).astype(np.int16) + 1
    values = (0.3 + 0.05 * labels + generator.normal(0, 0.1, (BANDS, ROWS, COLS))).astype(np.float32)
    cube = Cube(Window(0, 0, ROWS, COLS), values, np.ones((ROWS, COLS), bool))
    plain, fair = (
        (guessed(Regression.of(training(cube, labels, 2, np.array(weights, np.float32))), cube) == 2).mean()
        for weights in ((1, 1), (0.4, 1.6))
    )
    assert fair > plain + 0.05


def test_a_far_scene_keeps_its_digits() -> None:
    """Reflectances of a hundred and a little: the mean is taken off before the product."""
    cube, labels = fields()
    far = Cube(cube.window, cube.reflectance + np.float32(100), cube.valid)
    assert (guessed(Regression.of(training(far, labels)), far) == labels)[labels > 0].mean() > 0.99


def told(seed: int, network: float, regression: float, pixels: int = 4000) -> tuple:
    """Scores of two judges of three classes: so many times the truth's, plus noise of their own."""
    generator = np.random.default_rng(seed)
    classes = generator.integers(0, 3, pixels)
    truth = np.eye(3)[classes]
    scores = [weight * truth + generator.normal(0, 1, truth.shape) for weight in (network, regression)]
    return scores[0], scores[1], classes


def test_who_knows_more_counts_more() -> None:
    ones = np.ones(3)
    knows, guesses = shares([told(0, 3.0, 0.0)], ones)
    assert knows > 0.7 and guesses < 0.1
    guesses, knows = shares([told(0, 0.0, 3.0)], ones)
    assert knows > 0.7 and guesses < 0.1
    both = shares([told(1, 0.8, 0.8)], ones)
    assert both[0] == pytest.approx(both[1], abs=0.1)


def test_shares_are_the_best_of_all_in_their_bounds() -> None:
    """Against a search of the whole square; the overconfident judge is believed less than it says."""
    network, regression, classes = told(3, 1.0, 0.5)
    parts, weights = [(4 * network, regression, classes)], np.array([1.0, 2.0, 0.5])

    def loss(own: float, other: float) -> float:
        logs = torch.log_softmax(torch.from_numpy(own * 4 * network + other * regression), dim=1).numpy()
        return float(-(weights[classes] * logs[np.arange(len(classes)), classes]).sum() / weights[classes].sum())

    own, other = shares(parts, weights)
    grid = np.linspace(0, 1, 21)
    assert loss(own, other) <= min(loss(one, two) for one in grid for two in grid) + 1e-6
    assert 0.1 < own < 0.5 and 0 <= other <= 1


def test_without_validation_pixels_that_count_each_counts_half() -> None:
    assert shares([], np.ones(3)) == (0.5, 0.5)
    assert shares([told(0, 3.0, 0.0)], np.zeros(3)) == (0.5, 0.5)


def test_of_two_that_know_nothing_the_better_one_keeps_a_word() -> None:
    _, _, classes = told(7, 0.0, 0.0)
    own, other = shares([(-5 * np.eye(3)[classes], -np.eye(3)[classes], classes)], np.ones(3))
    assert (own, other) == (0, LEAST)


def test_one_broken_validation_pixel_does_not_silence_the_regression() -> None:
    cube, labels = fields()
    data = training(cube, labels)
    broken = Cube(cube.window, cube.reflectance.copy(), cube.valid)
    broken.reflectance[:, 5, 5] = np.linspace(-1e9, 1e9, BANDS)
    regression = Regression.of(data)
    chosen = np.flatnonzero(cube.valid)
    scores = regression.scores(broken, chosen).double().numpy()
    classes = labels[cube.valid].astype(np.int64) - 1
    assert shares([(np.zeros_like(scores), scores, classes)], np.ones(3))[1] > 0.5


def test_a_rare_class_is_kept_where_not_all_pixels_are_learnt_from(monkeypatch) -> None:
    monkeypatch.setattr("mixel.backend.methods.regression.MOST", 40)
    cube, labels = fields()
    labels[:, 1:5] = 0
    labels[3:, :1] = 0  # two pixels of class 1 are left
    found = guessed(Regression.of(training(cube, labels)), cube)
    assert found[1, 0] == 1 and set(np.unique(found)) == {1, 2, 3}


DEEP = [one for one in methods("classify") if any(item.name == "learning_rate" for item in one.settings)]


@pytest.mark.parametrize("method", DEEP, ids=lambda one: one.name)
def test_every_network_is_pooled_with_the_regression_of_its_training_pixels(method) -> None:
    cube, labels = fields()
    rows = np.arange(ROWS)[:, None]
    parts = [Labelled(cube, np.where(where, labels, 0).astype(np.int16)) for where in (rows < 8, rows >= 14)]
    data = TrainingData(parts[:1], parts[1:], 3, np.ones(3, np.float32))
    known = {item.name for item in method.settings}
    config = build(method.config, {name: value for name, value in SMALL.items() if name in known})
    fitted = method.load().fit(data, config, CPU, lambda *_: None)
    own, other = fitted.record.shares
    assert other >= own  # three steps teach a network nothing
    expected = Regression.of(data).times(other)
    np.testing.assert_allclose(fitted.regression.weight, expected.weight, rtol=1e-6)
    assert (fitted.classify(cube).argmax(axis=0) + 1 == labels)[labels > 0].mean() > 0.97


def test_a_pool_is_the_product_of_powers_of_both_probabilities() -> None:
    """And without the regression the network speaks alone, as it was trained."""
    method = DEEP[0]
    cube, labels = fields()
    data = training(cube, labels)
    alone, both = (
        method.load().fit(data, build(method.config, {**SMALL, "regression": wanted}), CPU, lambda *_: None)
        for wanted in (False, True)
    )
    assert alone.record.shares is None
    assert not alone.regression.weight.any() and not alone.regression.bias.any()
    assert both.record.shares == (0.5, 0.5)
    beside = torch.softmax(Regression.of(data).scores(cube, np.flatnonzero(cube.valid)), dim=1).numpy().T
    product = np.sqrt(alone.classify(cube)[:, cube.valid] * beside)
    np.testing.assert_allclose(both.classify(cube)[:, cube.valid], product / product.sum(axis=0), atol=1e-5)
