"""What a method may learn from a benchmark scene, the map it makes, and how right that is on test pixels."""

from __future__ import annotations

import numpy as np

from backend.accuracy import confusion, expected_calibration_error
from backend.accuracy.confusion import mean
from backend.cube import Cube, Window, partition
from backend.labels import Labels, class_weights
from backend.methods.contract import Classifier, Labelled, Plan, TrainingData
from tests.benchmarks.scene_files import BenchmarkScene
from tests.benchmarks.unmixing import Figures


def training_data(scene: BenchmarkScene, plan: Plan, training: Labels, validation: Labels) -> TrainingData:
    """What a method may learn from, in tiles as a run gives them."""
    data = [_tiles(scene.cube, part, plan) for part in (training, validation)]
    weights = class_weights(training.counts, "moderate")
    return TrainingData(data[0], data[1], len(training.classes), weights, scene.wavelengths)


def mapped(fitted: Classifier, cube: Cube, plan: Plan) -> np.ndarray:
    """Probabilities (classes, rows, cols), window by window."""
    parts, found = partition(*cube.valid.shape, plan.window, plan.halo), None
    for window in parts:
        part = fitted.classify(cut(cube, window))[(slice(None), *window.core)]
        found = np.empty((len(part), *cube.valid.shape), np.float32) if found is None else found
        found[:, window.row : window.row + window.rows, window.col : window.col + window.cols] = part
    return np.asarray(found)


def classification_figures(probabilities: np.ndarray, asked: Labels) -> tuple[Figures, np.ndarray]:
    """The figures on labelled pixels, and the class each was given (pixels,)."""
    found = probabilities[:, asked.rows, asked.cols]
    classes = found.argmax(axis=0) + 1
    matrix = confusion(classes, asked.values, len(asked.classes))
    figures: Figures = {
        "oa": matrix.overall_accuracy,
        "aa": matrix.average_accuracy,
        "kappa": matrix.kappa,
        "f1": mean(np.where(matrix.reference > 0, matrix.f1, np.nan)),
        "ece": expected_calibration_error(found.max(axis=0), classes == asked.values),
        "recall_each": [float(one) for one in matrix.recall],
    }
    return figures, classes


def cut(cube: Cube, window: Window) -> Cube:
    """A window of a cube with its halo."""
    top, bottom, left, right = window.halo
    rows = slice(window.row - top, window.row + window.rows + bottom)
    cols = slice(window.col - left, window.col + window.cols + right)
    return Cube(window, np.ascontiguousarray(cube.reflectance[:, rows, cols]), cube.valid[rows, cols])


def _tiles(cube: Cube, labels: Labels, plan: Plan) -> list[Labelled]:
    windows = partition(*cube.valid.shape, plan.tile, plan.halo)
    return [Labelled(cut(cube, one), labels.on(one)) for one in windows if len(labels.inside(one))]
