"""How right the map is on pixels set aside, and how right a random forest is on the same ones."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ... import config
from ...accuracy import confusion, difference_interval, mcnemar, no_interval
from ...cube import Cube, Mask, Window
from ...labels import Labels
from ...methods import method
from ...methods.contract import Classifier, TrainingData
from ...outputs import OutputFolder, refusals
from ...protocol import Progress
from ...record import Run
from ...report import Section, Table
from ...scene import Scene
from ..accuracy_report import Assessed, accuracy_sections, percent, write_accuracy
from ..class_maps import Tested
from ..labelled import spectra_by_window
from ..training_data import Ground

YARDSTICK = "random_forest"


@dataclass(frozen=True)
class Beside:
    """The yardstick on the same split: what it says of the test pixels, and how long it learnt."""

    tested: Tested
    seconds: float


def tested_sections(run: Run, folder: OutputFolder, known: Ground, data: TrainingData, tested: Tested) -> list[Section]:
    """Accuracy of the map, and of the random forest beside it; writes accuracy.csv. Nothing without test pixels."""
    seen = tested.seen
    if not seen.any():
        text = "No pixels were set aside, so nothing is known of how right the map is. 'Assess a class map' tells it."
        return [Section("Accuracy", text)]
    names = [one.name for one in known.labels.classes]
    found = Assessed(
        names, tested.mapped[seen], known.test.values[seen], known.blocks[seen], tested.confidence[seen],
        tested.truth[seen],
    )  # fmt: skip
    run.metrics.update(found.metrics)
    with refusals(folder.path):
        write_accuracy(folder.partial / "accuracy.csv", found)
    pages = accuracy_sections(found)
    if run.options.compare and run.job.method != YARDSTICK:
        run.emit(Progress(1.0, "Learning a random forest for comparison"))
        pages.insert(1, _beside(run, known, tested, forest(run, known.test, data)))
    return pages


def forest(run: Run, test: Labels, data: TrainingData) -> Beside:
    """Fit the random forest to the same training pixels and ask it for the test pixels."""
    started = time.monotonic()
    chosen = method(YARDSTICK)
    settings = config.build(chosen.config, {"seed": run.settings.seed})
    classifier: Classifier = chosen.load().fit(data, settings, "cpu", lambda *_: None)
    seconds = time.monotonic() - started
    tested = Tested(test)
    predict(run.scene, test, classifier, tested)
    return Beside(tested, seconds)


def predict(scene: Scene, labels: Labels, classifier: Classifier, tested: Tested) -> None:
    """Ask a classifier that looks at single spectra for labelled pixels only."""
    for index, spectra, valid in spectra_by_window(scene, labels):
        cube = Cube(Window(0, 0, 1, len(index)), np.ascontiguousarray(spectra.T[:, None]), valid[None])
        tested.take(index, classifier.classify(cube)[:, 0])


def _beside(run: Run, known: Ground, own: Tested, other: Beside) -> Section:
    both = own.seen & other.tested.seen
    reference, blocks = known.test.values[both], known.blocks[both]
    results = [one.mapped[both] for one in (own, other.tested)]
    figures = [confusion(one, reference, len(known.labels.classes)) for one in results]
    run.metrics["forest_overall_accuracy"] = figures[1].overall_accuracy
    seconds = [f"{run.training.seconds:.0f} s" if run.training else "-", f"{other.seconds:.1f} s"]
    labels = [run.method.label if run.method else "", method(YARDSTICK).label]
    rows = [
        [
            label,
            percent(one.overall_accuracy),
            percent(one.average_accuracy),
            f"{one.kappa:.3f}",
            taken,
        ]
        for label, one, taken in zip(labels, figures, seconds, strict=True)
    ]
    table = Table(("Method", "Overall accuracy", "Average accuracy", "Kappa", "Time to learn"), rows)
    own_right, other_right = (np.asarray(one == reference) for one in results)
    chance = f"McNemar's test, which takes pixels as independent: p = {mcnemar(own_right, other_right).p_value:.2g}."
    text = f"{_difference(own_right, other_right, blocks)} {chance}"
    return Section("Beside a random forest", text, tables=[table])


def _difference(own: Mask, other: Mask, blocks: NDArray[np.int64]) -> str:
    few = no_interval(blocks)
    if few:
        points = 100 * (own.mean() - other.mean())
        return f"The method's overall accuracy is {points:+.1f} points from the forest's. Test pixels lie in {few}."
    low, high = difference_interval(own, other, blocks)
    return (
        f"The method's overall accuracy is {100 * low:+.1f} to {100 * high:+.1f} points from the forest's (95 %, by "
        "resampling blocks)."
    )
