"""Every method that classifies, held to the contract: those of the task "classify", and those that unmix as well.

``backend/methods/contract.py`` says what is held here; ``test_methods.py`` does the same for unmixing.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from mixel.backend.config import build
from mixel.backend.cube import Array, Cube, partition
from mixel.backend.labels import class_weights
from mixel.backend.methods import method, methods
from mixel.backend.methods.contract import Labelled, TrainingData
from stripes import BANDS, CLASSES, CPU, crop, data, made_scene, silent, small

AXIS = np.linspace(450, 1000, BANDS).astype(np.float32)
CLASSIFYING = [one.name for task in ("classify", "unmix_and_classify") for one in methods(task)]


def settled(name: str, **changes: int) -> object:
    return build(method(name).config, small(name, **changes))


def fitted(name: str, known: TrainingData, **changes: int) -> object:
    """What a method learns; one that unmixes as well learns materials from the cubes with labels."""
    joint = [[item.cube for item in known.training]] if method(name).task == "unmix_and_classify" else []
    return method(name).load().fit(known, *joint, settled(name, **changes), CPU, silent)


def labelled(cube: Cube, labels: np.ndarray, num_classes: int = CLASSES) -> TrainingData:
    """Training on these labels alone, every class counting as much as any other."""
    weights = class_weights(np.bincount(labels.ravel(), minlength=num_classes + 1)[1:], "balanced")
    return TrainingData([Labelled(cube, labels.astype(np.int16))], [], num_classes, weights, AXIS)


def check_shares(found: Array, cube: Cube, num_classes: int = CLASSES) -> None:
    assert found.shape == (num_classes, *cube.valid.shape) and found.dtype == np.float32
    assert np.array_equal(np.isfinite(found), np.broadcast_to(cube.valid, found.shape))
    inside = found[:, cube.valid]
    assert (inside >= 0).all()
    np.testing.assert_allclose(inside.sum(axis=0), 1, atol=1e-5)


@pytest.fixture(scope="module", params=CLASSIFYING)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def stripes(name: str) -> tuple:
    """A scene, what was known of it, what was learnt from it, and the map."""
    cube, classes = made_scene()
    known = data(cube, classes, wavelengths=AXIS)
    machine = fitted(name, known)
    return cube, known, machine, machine.classify(cube)


def test_there_are_classifiers_of_both_tasks() -> None:
    assert {"mim", "random_forest", "ugm"} <= set(CLASSIFYING)


def test_probabilities_sum_to_one_and_are_nan_where_there_are_no_data(stripes: tuple) -> None:
    cube, _, machine, found = stripes
    check_shares(found, cube)
    nothing = Cube(cube.window, np.zeros_like(cube.reflectance), np.zeros_like(cube.valid))
    check_shares(machine.classify(nothing), nothing)


def test_the_same_seed_gives_the_same_bits_and_another_seed_another_map(name: str, stripes: tuple) -> None:
    cube, known, _, found = stripes
    np.testing.assert_array_equal(fitted(name, known).classify(cube), found)
    assert not np.array_equal(fitted(name, known, seed=5).classify(cube), found, equal_nan=True)


@pytest.mark.parametrize("shape", [(1, 1), (3, 2), (1, 40), (50, 9)])
def test_scenes_of_any_size_are_mapped(stripes: tuple, shape: tuple[int, int]) -> None:
    cube, _ = made_scene(*shape)
    check_shares(stripes[2].classify(cube), cube)


def test_a_scene_of_a_few_pixels_can_be_learnt_from(name: str) -> None:
    cube, _ = made_scene(3, 2)
    labels = np.where(cube.valid, [[1, 2], [1, 0], [3, 2]], 0)
    check_shares(fitted(name, labelled(cube, labels)).classify(cube), cube)


def test_window_by_window_equals_the_whole(name: str, stripes: tuple) -> None:
    cube, _ = made_scene(50, 37)
    machine, halo = stripes[2], method(name).load().plan(settled(name)).halo
    whole = machine.classify(cube)
    for window in partition(50, 37, 14, halo):
        top, bottom, left, right = window.halo
        rows = slice(window.row - top, window.row + window.rows + bottom)
        cols = slice(window.col - left, window.col + window.cols + right)
        part = machine.classify(crop(cube, rows, cols, window.halo))[(slice(None), *window.core)]
        np.testing.assert_allclose(part, whole[:, rows, cols][(slice(None), *window.core)], atol=1e-4)


def test_weights_bring_the_same_bits_back(name: str, stripes: tuple) -> None:
    cube, _, machine, found = stripes
    again = method(name).load().restore(machine.weights(), settled(name), CLASSES, AXIS, CPU)
    np.testing.assert_array_equal(again.classify(cube), found)
    assert again.num_parameters == machine.num_parameters and again.record is None


@pytest.mark.parametrize("bands", [BANDS - 1, BANDS + 1])
def test_a_scene_of_other_bands_is_refused_with_a_sentence(stripes: tuple, bands: int) -> None:
    cube, _ = made_scene(bands=bands)
    with pytest.raises(ValueError, match=rf"^The scene has {bands} bands; .* trained on {BANDS}\.$"):
        stripes[2].classify(cube)


@pytest.mark.parametrize("cubes", [0, 1])
def test_no_training_pixels_are_refused_with_a_sentence(name: str, stripes: tuple, cubes: int) -> None:
    cube, known, _, _ = stripes
    empty = [Labelled(cube, np.zeros(cube.valid.shape, np.int16))] * cubes
    with pytest.raises(ValueError, match=r"^[A-Z].*training pixels.*\.$"):
        fitted(name, replace(known, training=empty))


def test_a_class_with_one_pixel_can_be_learnt(name: str, stripes: tuple) -> None:
    cube, known, _, _ = stripes
    labels = known.training[0].labels.copy()
    first, *others = np.flatnonzero(labels == CLASSES)
    labels.ravel()[others] = 0
    found = fitted(name, labelled(cube, labels), epochs=60).classify(cube)
    check_shares(found, cube)
    assert found.reshape(CLASSES, -1)[:, first].argmax() == CLASSES - 1


def test_a_class_without_pixels_is_no_fault(name: str, stripes: tuple) -> None:
    cube, known, _, _ = stripes
    labels = known.training[0].labels
    check_shares(fitted(name, labelled(cube, np.where(labels == 2, 0, labels))).classify(cube), cube)


@pytest.mark.filterwarnings("ignore:The number of unique classes")
def test_hundreds_of_classes_with_a_pixel_or_two_each(name: str) -> None:
    cube, _ = made_scene()
    labels = np.where(cube.valid, np.arange(cube.valid.size).reshape(cube.valid.shape) % 300 + 1, 0)
    part = crop(cube, slice(0, 4), slice(0, 17))
    check_shares(fitted(name, labelled(cube, labels, 300)).classify(part), part, 300)
