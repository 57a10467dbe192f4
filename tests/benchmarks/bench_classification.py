"""Classification against test labels: ``python -m tests.benchmarks.bench_classification DATA [--seeds 3]``.

DATA is a folder that holds ``indian_pines/`` and ``enmap_potsdam/`` as their authors spread them; see
``labelled_scenes.py``. Every method learns with its shipped settings from the training pixels of the split (validation
pixels, a tenth of them, choose the step) and classifies the scene. Printed per scene and method: overall and average
accuracy, kappa, calibration error as mean and standard deviation over seeds, seconds to learn and to map, parameters.
A seed is that of the method and of the validation pixels; of ``potsdam_blocks`` that of the split too.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import torch

from backend.accuracy import confusion, expected_calibration_error
from backend.config import build
from backend.cube import Cube, Window, partition
from backend.labels import Labels, class_weights
from backend.labels.balance import POWERS
from backend.memory import keep_freed_memory
from backend.methods import Method, method, methods
from backend.methods.contract import Classifier, Labelled, Plan, TrainingData
from tests.benchmarks.labelled_scenes import SCENES, LabelledScene

NAMES = ("OA", "AA", "kappa", "ECE", "learn s", "map s", "parameters")


def main() -> None:
    """Run and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--scene", choices=sorted(SCENES), action="append")
    parser.add_argument("--method", choices=[one.name for one in methods("classify")], action="append")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the method")
    parser.add_argument("--validation", action="store_true", help="score validation pixels: for choosing settings")
    parser.add_argument("--balance", choices=sorted(POWERS), default="moderate")
    options = parser.parse_args()
    keep_freed_memory()
    chosen = [method(name) for name in options.method] if options.method else methods("classify")
    pairs = dict(pair.split("=", 1) for pair in options.set)
    for name in options.scene or SCENES:
        first = SCENES[name](options.data, 0)
        counts = first.split.counts.sum(axis=1)
        print(
            f"{name}: {counts[0]} training, {counts[1]} validation, {counts[2]} test pixels; {first.note}", flush=True
        )
        for one in chosen:
            kinds = {setting.name: setting.type for setting in one.settings}
            given = {key: kinds[key](value) for key, value in pairs.items()}
            rows = []
            for seed in range(options.seeds):
                scene = SCENES[name](options.data, seed)
                data = partial(training, scene, balance=options.balance)
                rows.append(score(one, {**given, "seed": seed}, scene, data, options.validation))
                print(f"  {one.name} seed {seed}: " + _line(rows[-1]), flush=True)
            print(f"{one.name:>14} mean: " + _line(np.mean(rows, axis=0)), flush=True)
            print(f"{one.name:>14} s.d.: " + _line(np.std(rows, axis=0)), flush=True)


def score(
    chosen: Method,
    settings: dict[str, object],
    scene: LabelledScene,
    data: Callable[[Plan], TrainingData],
    validation: bool,
) -> list[float]:
    """The figures of one run, in the order of ``NAMES``."""
    module, config = chosen.load(), build(chosen.config, settings)
    plan: Plan = module.plan(config)
    started = time.monotonic()
    fitted = module.fit(data(plan), config, torch.device("cpu"), lambda *_: None)
    learnt = time.monotonic()
    probabilities = mapped(fitted, scene.cube, plan)
    seconds = time.monotonic() - learnt
    asked = scene.labels.select(scene.split.validation if validation else scene.split.test)
    found = probabilities[:, asked.rows, asked.cols]
    classes = found.argmax(axis=0) + 1
    matrix = confusion(classes, asked.values, len(asked.classes))
    error = expected_calibration_error(found.max(axis=0), classes == asked.values)
    accuracies = [matrix.overall_accuracy, matrix.average_accuracy, matrix.kappa, error]
    return [*accuracies, learnt - started, seconds, float(fitted.num_parameters)]


def training(scene: LabelledScene, plan: Plan, balance: str) -> TrainingData:
    """What a method may learn from, in tiles as a run gives them."""
    parts = [scene.labels.select(mask) for mask in (scene.split.train, scene.split.validation)]
    counts = parts[0].counts
    data = [_tiles(scene.cube, part, plan) for part in parts]
    return TrainingData(data[0], data[1], len(counts), class_weights(counts, balance), scene.wavelengths)


def mapped(fitted: Classifier, cube: Cube, plan: Plan) -> np.ndarray:
    """Probabilities (classes, rows, cols), window by window."""
    parts, found = partition(*cube.valid.shape, plan.window, plan.halo), None
    for window in parts:
        part = fitted.classify(_cut(cube, window))[(slice(None), *window.core)]
        found = np.empty((len(part), *cube.valid.shape), np.float32) if found is None else found
        found[:, window.row : window.row + window.rows, window.col : window.col + window.cols] = part
    return np.asarray(found)


def _tiles(cube: Cube, labels: Labels, plan: Plan) -> list[Labelled]:
    windows = partition(*cube.valid.shape, plan.tile, plan.halo)
    return [Labelled(_cut(cube, one), labels.on(one)) for one in windows if len(labels.inside(one))]


def _cut(cube: Cube, window: Window) -> Cube:
    top, bottom, left, right = window.halo
    rows = slice(window.row - top, window.row + window.rows + bottom)
    cols = slice(window.col - left, window.col + window.cols + right)
    return Cube(window, np.ascontiguousarray(cube.reflectance[:, rows, cols]), cube.valid[rows, cols])


def _line(values: list[float]) -> str:
    return "  ".join(f"{name} {value:.4g}" for name, value in zip(NAMES, values, strict=True))


if __name__ == "__main__":
    main()
