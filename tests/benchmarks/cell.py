"""One cell of the scoreboard, in a process of its own so that its memory is its own.

``python -m tests.benchmarks.cell DATA REQUEST FOLDER``: REQUEST is a :class:`Cell` as JSON; FOLDER gets ``cell.json``,
the figures and what they cost, and ``arrays.npz``, the map and which test pixels are right.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import torch

from backend.config import build
from backend.labels import Labels
from backend.memory import keep_freed_memory
from backend.methods import Method, method
from backend.methods.contract import Plan
from backend.methods.regression import Regression
from backend.metrics import match
from backend.splits import leakage
from tests.benchmarks import ablations
from tests.benchmarks.classifying import classification_figures, mapped, training_data
from tests.benchmarks.scene_files import BenchmarkScene, read_scene, scene_files
from tests.benchmarks.unmixing import floors, unmixing_figures

FLOORS = "floors"
"""The name under which the answers that need the reference stand beside the methods."""

PATCHES = (11, 29)
"""Pixels a side of what Mamba-in-Mamba and MambaHSI see: how many test pixels lie so near a training pixel is told."""

KINDS = {"blocks": np.int32, "endmembers": np.float16}
"""Of the arrays that are not bytes."""


@dataclass(frozen=True)
class Cell:
    """What is to be computed.

    ``settings``: those that differ from the shipped ones, as text, and which parts :mod:`.ablations` take away.
    ``per_class``: at most so many training pixels of each class, 0 all. ``validation``: score validation pixels.
    """

    scene: str
    method: str
    seed: int
    settings: dict[str, str] = field(default_factory=dict)
    per_class: int = 0
    validation: bool = False

    @property
    def variant(self) -> str:
        """The method with what is not as shipped: the name its results stand under."""
        given = {**self.settings, **({"per_class": str(self.per_class)} if self.per_class else {})}
        return ",".join([self.method, *(f"{name}={value}" for name, value in sorted(given.items()))])


@dataclass
class Clock:
    """Seconds by the clock and of processor time, of each phase."""

    seconds: dict[str, float] = field(default_factory=dict)

    def __call__(self, phase: str, work: Callable[[], Any]) -> Any:
        """Do the work and note its time."""
        started, busy = time.perf_counter(), time.process_time()
        found = work()
        self.seconds[f"{phase}_seconds"] = time.perf_counter() - started
        self.seconds[f"{phase}_core_seconds"] = time.process_time() - busy
        return found


@dataclass
class Scored:
    """What came of a cell."""

    seed: int
    figures: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    clock: Clock = field(default_factory=Clock)
    parameters: int = 0


def score(cell: Cell, scene: BenchmarkScene) -> Scored:
    """Compute a cell. ValueError, a sentence, if the method cannot learn from the scene."""
    found = Scored(cell.seed)
    if cell.method == FLOORS:
        return _floors(scene, found)
    chosen = method(cell.method)
    config = _config(chosen, cell, scene)
    with ablations.without(cell.settings.get(ablations.KEY, "")):
        unmix = chosen.task == "unmix"
        fitted = _unmix(chosen, config, scene, found) if unmix else _classify(cell, config, scene, found)
    found.parameters = int(fitted.num_parameters)
    return found


def _floors(scene: BenchmarkScene, found: Scored) -> Scored:
    """Answers that need no method, and the reference itself, for the pictures."""
    reference, truth = scene.reference, scene.truth
    found.figures |= {"title": scene.title, "note": scene.note}
    if scene.wavelengths is not None:
        found.figures["wavelengths"] = [float(one) for one in scene.wavelengths]
    if reference:
        found.figures |= {**floors(scene.cube, reference), "endmembers": list(reference.names)}
        found.arrays |= {"abundances": np.nan_to_num(reference.abundances) * 255, "endmembers": reference.spectra}
        found.arrays["known"] = np.isfinite(reference.abundances[0])
    if truth:
        labels, split = truth.labels, truth.split
        training, test = labels.select(split.train), labels.select(split.test)
        commonest = int(training.counts.argmax()) + 1
        image = np.zeros(scene.cube.valid.shape)
        image[labels.rows, labels.cols] = labels.values
        found.figures |= {"commonest training class": float((test.values == commonest).mean())}
        found.figures |= {"logistic regression": _regression(scene, test)}
        found.figures |= {f"near_{patch}": leakage(training, test, patch).in_patch for patch in PATCHES}
        found.figures["classes"] = [one.name for one in labels.classes]
        found.figures["colours"] = [one.colour for one in labels.classes]
        if found.seed == 0:
            found.arrays["map"] = image
    return found


def _regression(scene: BenchmarkScene, asked: Labels) -> float:
    """The OA of the regression that stands beside networks, by itself."""
    assert scene.truth
    regression = Regression.of(training_data(scene, Plan(0, 64, 64, 0), *scene.truth.training(0, 0)))
    places = asked.rows.astype(np.int64) * scene.cube.valid.shape[1] + asked.cols
    return float((regression.scores(scene.cube, places).argmax(dim=1).numpy() + 1 == asked.values).mean())


def _config(chosen: Method, cell: Cell, scene: BenchmarkScene) -> Any:
    kinds = {one.name: one.type for one in chosen.settings}
    given: dict[str, Any] = {"seed": cell.seed}
    if "num_endmembers" in kinds and scene.reference:
        given["num_endmembers"] = len(scene.reference.spectra)
    for name, text in cell.settings.items():
        if name == ablations.KEY:
            continue
        given[name] = text == "True" if kinds[name] is bool else kinds[name](text)
    return build(chosen.config, given)


def _unmix(chosen: Method, config: Any, scene: BenchmarkScene, found: Scored) -> Any:
    module = chosen.load()
    fitted = found.clock("learn", lambda: module.fit([scene.cube], config, torch.device("cpu"), lambda *_: None))
    _abundances(fitted, scene, found, "map")
    return fitted


def _classify(cell: Cell, config: Any, scene: BenchmarkScene, found: Scored) -> Any:
    chosen = method(cell.method)
    module, truth = chosen.load(), scene.truth
    assert truth
    plan, parts = module.plan(config), truth.training(cell.per_class, cell.seed)
    sample = [[scene.cube]] if chosen.task == "unmix_and_classify" else []

    def learn() -> Any:
        data = training_data(scene, plan, *parts)
        return module.fit(data, *sample, config, torch.device("cpu"), lambda *_: None)

    fitted = found.clock("learn", learn)
    probabilities = found.clock("map", lambda: mapped(fitted, scene.cube, plan))
    tested = truth.split.validation if cell.validation else truth.split.test
    asked = truth.labels.select(tested)
    found.figures, classes = classification_figures(probabilities, asked)
    if sample and scene.reference:
        _abundances(fitted, scene, found, "unmix")
    counts = truth.split.counts.sum(axis=1)
    found.figures |= {"training_pixels": len(parts[0]), "validation_pixels": len(parts[1]), "test_pixels": counts[2]}
    found.arrays |= {"right": classes == asked.values, "blocks": truth.blocks(tested)}
    if cell.seed == 0:
        found.arrays["map"] = np.where(scene.cube.valid, probabilities.argmax(axis=0) + 1, 0)
    return fitted


def _abundances(fitted: Any, scene: BenchmarkScene, found: Scored, phase: str) -> None:
    assert scene.reference
    unmixed = found.clock(phase, lambda: fitted.unmix(scene.cube))
    figures, shares = unmixing_figures(unmixed, fitted.endmembers, scene.reference)
    found.figures |= figures
    if found.seed == 0:
        found.arrays["abundances"] = np.nan_to_num(shares) * 255
        found.arrays["endmembers"] = fitted.endmembers[match(fitted.endmembers, scene.reference.spectra)]


def _short(value: Any) -> Any:
    """Numbers with five figures, which are enough and make small files; names as they are."""
    if isinstance(value, list):
        return [_short(one) for one in value]
    return value if isinstance(value, str) else float(f"{value:.5g}")


def main(data: Path, request: Path, folder: Path) -> int:
    """Compute the cell of a request file and write it into a folder."""
    cell = Cell(**json.loads(request.read_text(encoding="utf-8")))
    keep_freed_memory()
    try:
        scene = read_scene(scene_files(data)[cell.scene], data, cell.seed)
        found = score(cell, scene)
    except (FileNotFoundError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    figures = {name: _short(value) for name, value in {**found.figures, **found.clock.seconds}.items()}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    content = {**figures, "peak_mb": round(peak), "parameters": found.parameters, "digest": scene.digest}
    (folder / "cell.json").write_text(json.dumps(content), encoding="utf-8")
    kept = {name: one.astype(KINDS.get(name, np.uint8)) for name, one in found.arrays.items()}
    np.savez_compressed(folder / "arrays.npz", **kept)
    return 0


if __name__ == "__main__":
    sys.exit(main(*(Path(one) for one in sys.argv[1:4])))
