"""Pixels per second of every method when it classifies a scene: ``python -m tests.benchmarks.bench_mapping``.

The scene is synthetic: 512 x 217 pixels, 204 bands, 16 classes in fields, as large as Salinas. Every method learns
from the same 50 pixels a class, in a few steps only, since speed does not depend on what was learnt, and classifies
the scene window by window with its halo. Beside them in the same run: scikit-learn's random forest of 500 trees on
all cores, and what every run maps beside the classes: how unlike the training a pixel is. All take their turns one
after another, and the best turn counts, so that a busy machine strikes them alike.

``--keep`` keeps the table for the scoreboard's page; ``--profile METHOD`` prints where the time of one method goes
instead (torch.profiler).
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from dataclasses import fields
from datetime import datetime, timezone

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import torch
from sklearn.ensemble import RandomForestClassifier
from torch.profiler import profile

from backend.config import build
from backend.cube import Cube, Window, partition
from backend.memory import keep_freed_memory
from backend.methods import Method, methods
from backend.methods.contract import Labelled, TrainingData
from backend.novelty import Novelty
from backend.scan import products_sentence
from tests.benchmarks.benchmark import processor
from tests.benchmarks.classifying import cut
from tests.benchmarks.page import MAPPING as KEPT

CLASSES, PER_CLASS, FIELD = 16, 50, 31
FOREST = "scikit-learn's forest, 500 trees"
HEADER = ["", "pixels/s", "times the forest", "per core-second", "times the forest"]
QUICK = {"epochs": 5}
"""Settings of the training; all that bear upon the speed of mapping stay as they are by default."""


def made(rows: int, cols: int, bands: int, seed: int = 0) -> tuple[Cube, np.ndarray]:
    """Fields of one crop each with noise that differs from field to field; labels (rows, cols), 1 to 16."""
    generator = np.random.default_rng(seed)
    axis = np.linspace(0, 1, bands)
    centres, widths = generator.random((CLASSES, 4, 1)), generator.uniform(0.05, 0.3, (CLASSES, 4, 1))
    spectra = 0.05 + 0.4 * np.exp(-0.5 * ((axis - centres) / widths) ** 2).mean(axis=1)
    grid = generator.integers(0, CLASSES, (rows // FIELD + 1, cols // FIELD + 1))
    classes = np.repeat(np.repeat(grid, FIELD, axis=0), FIELD, axis=1)[:rows, :cols]
    values = np.ascontiguousarray(spectra.T[:, classes], dtype=np.float32)  # band by band, as a scene is read
    values *= generator.normal(1, 0.08, (1, rows, cols)).astype(np.float32)
    values += generator.normal(0, 0.01, values.shape).astype(np.float32)
    cube = Cube(Window(0, 0, rows, cols), values, np.ones((rows, cols), dtype=bool))
    return cube, (classes + 1).astype(np.int16)


def training(cube: Cube, classes: np.ndarray) -> TrainingData:
    """At most 50 pixels of every class, drawn at random."""
    generator, labels = np.random.default_rng(1), np.zeros_like(classes)
    for number in range(1, CLASSES + 1):
        places = np.flatnonzero(classes == number)
        labels.flat[generator.permutation(places)[:PER_CLASS]] = number
    return TrainingData([Labelled(cube, labels)], [], CLASSES, np.ones(CLASSES, dtype=np.float32))


def fitted(chosen: Method, data: TrainingData) -> Callable[[Cube], None]:
    """A quickly trained method as a function that classifies a scene window by window."""
    known = {item.name for item in fields(chosen.config)}
    config = build(chosen.config, {name: value for name, value in QUICK.items() if name in known})
    module = chosen.load()
    plan = module.plan(config)
    classifier = module.fit(data, config, torch.device("cpu"), lambda step, steps, loss: None)

    def work(cube: Cube) -> None:
        rows, cols = cube.valid.shape
        size = max(rows, cols) if plan.whole else plan.window
        for window in partition(rows, cols, size, plan.halo):
            classifier.classify(cut(cube, window))

    return work


def forest(data: TrainingData) -> Callable[[Cube], None]:
    """scikit-learn's random forest of 500 trees on every core."""
    labelled = data.training[0]
    trees = RandomForestClassifier(500, n_jobs=torch.get_num_threads(), random_state=0)
    trees.fit(labelled.pixels, labelled.classes)

    def work(cube: Cube) -> None:
        trees.predict_proba(cube.pixels)

    return work


def seconds(work: Callable[[Cube], object], cube: Cube) -> tuple[float, float]:
    """How long it took, and the processor time of all threads."""
    started, busy = time.perf_counter(), time.process_time()
    work(cube)
    return time.perf_counter() - started, time.process_time() - busy


def table(runs: dict[str, Callable[[Cube], object]], cube: Cube, turns: int) -> list[list[str]]:
    """What is mapped by whom: pixels a second and so many times the last run's, by the clock and by processor time."""
    times = [{name: seconds(work, cube) for name, work in runs.items()} for _ in range(turns)]
    best = {name: np.min([turn[name] for turn in times], axis=0) for name in runs}
    last = best[list(runs)[-1]]
    return [
        [name, *(text for one, its in zip(spent, last, strict=True) for text in _rate(cube.valid.size, one, its))]
        for name, spent in best.items()
    ]


def _rate(pixels: int, spent: float, forest: float) -> tuple[str, str]:
    return f"{pixels / spent:,.0f}", f"{forest / spent:.2f}"


def main() -> None:
    """Run and print the table, or the profile of one method."""
    known = {item.name: item for item in methods("classify")}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=512)
    parser.add_argument("--cols", type=int, default=217)
    parser.add_argument("--bands", type=int, default=204)
    parser.add_argument("--turns", type=int, default=6)
    parser.add_argument("--method", choices=sorted(known), action="append", help="only these")
    parser.add_argument("--keep", action="store_true", help="for the scoreboard's page: make benchmark shows it")
    parser.add_argument("--profile", choices=sorted(known), metavar="METHOD")
    options = parser.parse_args()
    keep_freed_memory()  # as the backend does
    cube, classes = made(options.rows, options.cols, options.bands)
    data = training(cube, classes)
    print(
        f"{options.rows} x {options.cols} x {options.bands}, {torch.get_num_threads()} threads. {products_sentence()}"
    )
    if options.profile:
        work = fitted(known[options.profile], data)
        small = cut(cube, Window(0, 0, min(64, options.rows), options.cols))
        work(small)
        with profile() as found:
            work(small)
        print(found.key_averages().table(sort_by="self_cpu_time_total", row_limit=15, max_name_column_width=40))
        return
    runs: dict[str, Callable[[Cube], object]] = {
        item.label: fitted(item, data) for item in known.values() if item.name in (options.method or known)
    }
    labelled = data.training[0]
    runs["novelty, beside any of them"] = Novelty.fit(labelled.pixels, labelled.classes).of
    rows = table({**runs, FOREST: forest(data)}, cube, options.turns)
    for name, *cells in [HEADER, *rows]:
        print(f"{name:>32} " + " ".join(f"{cell:>16}" for cell in cells))
    if options.keep:
        now = datetime.now(timezone.utc).strftime("%Y-%m-%d")
        size = f"{options.rows} x {options.cols} pixels, {options.bands} bands"
        found = {"header": HEADER, "rows": rows, "size": size, "cpu": processor(), "date": now}
        KEPT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
