"""How right the map is on pixels set aside, and how right forests are on the same ones, without and with neighbours."""

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
from ...methods.contract import Classifier, Plan, TrainingData
from ...methods.spatial_features import HALO, SpatialClassifier
from ...outputs import OutputFolder, refusals
from ...protocol import Progress
from ...record import Run
from ...report import Section, Table
from ...scene import Scene
from ..accuracy_report import Assessed, accuracy_sections, percent, write_accuracy
from ..class_maps import Tested
from ..labelled import spectra_by_window
from ..training_data import Ground, training_data, windows

YARDSTICKS = {"random_forest": "the random forest's", "spatial_forest": "the spatial forest's"}
"""Methods that stand beside the user's, and how the text calls their figures: single spectra, and neighbours too."""
METRICS = {"random_forest": "forest_overall_accuracy", "spatial_forest": "spatial_forest_overall_accuracy"}
NOTE = f"The spatial forest sees {HALO} pixels to each side: test pixels nearer to training areas than that flatter it."


@dataclass(frozen=True)
class Beside:
    """A yardstick on the same split: what it says of the test pixels, and how long it learnt."""

    name: str
    tested: Tested
    seconds: float


def tested_sections(run: Run, folder: OutputFolder, known: Ground, data: TrainingData, tested: Tested) -> list[Section]:
    """Accuracy of the map, and of the forests beside it; writes accuracy.csv. Nothing without test pixels."""
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
    if run.options.compare:
        run.emit(Progress(1.0, "Learning forests for comparison"))
        pages.insert(1, _beside(run, known, tested, data))
    return pages


def yardstick(run: Run, known: Ground, data: TrainingData, name: str) -> Beside:
    """Fit a yardstick to the same training pixels and ask it for the test pixels.

    One that looks at neighbours reads the training areas anew, with as much around them as it sees. ValueError if
    that takes too much memory.
    """
    chosen = method(name)
    settings, module = config.build(chosen.config, {"seed": run.settings.seed}), chosen.load()
    plan: Plan = module.plan(settings)
    if plan.halo:
        data = training_data(run, plan, known)
    started = time.monotonic()
    classifier = module.fit(data, settings, "cpu", lambda *_: None)
    seconds = time.monotonic() - started
    tested = Tested(known.test)
    if isinstance(classifier, SpatialClassifier):
        predict_around(run.scene, known.test, classifier, plan, tested)
    else:
        predict(run.scene, known.test, classifier, tested)
    return Beside(name, tested, seconds)


def predict(scene: Scene, labels: Labels, classifier: Classifier, tested: Tested) -> None:
    """Ask a classifier that looks at single spectra for labelled pixels only."""
    for index, spectra, valid in spectra_by_window(scene, labels):
        cube = Cube(Window(0, 0, 1, len(index)), np.ascontiguousarray(spectra.T[:, None]), valid[None])
        tested.take(index, classifier.classify(cube)[:, 0])


def predict_around(scene: Scene, labels: Labels, classifier: SpatialClassifier, plan: Plan, tested: Tested) -> None:
    """Ask a classifier that looks at neighbours for labelled pixels only."""
    for window in windows(scene, labels, plan.tile, plan.halo):
        index, cube = labels.inside(window), scene.read(window)
        rows = labels.rows[index] - window.row + window.halo[0]
        cols = labels.cols[index] - window.col + window.halo[2]
        tested.take(index, classifier.at(cube, rows, cols))


def _beside(run: Run, known: Ground, own: Tested, data: TrainingData) -> Section:
    others, missing = [], []
    for name in YARDSTICKS:
        if name != run.job.method:
            try:
                others.append(yardstick(run, known, data, name))
            except ValueError as error:
                missing.append(f"{method(name).label} is left out: {error}")
    if not others:
        return Section("Beside other methods", " ".join(missing))
    both = own.seen & np.logical_and.reduce([one.tested.seen for one in others])
    reference, blocks = known.test.values[both], known.blocks[both]
    mapped = [one.mapped[both] for one in (own, *(other.tested for other in others))]
    labels = [run.method.label if run.method else "", *(method(one.name).label for one in others)]
    seconds = [f"{run.training.seconds:.0f} s" if run.training else "-", *(f"{one.seconds:.1f} s" for one in others)]
    rows, text = [], []
    for label, found, taken in zip(labels, mapped, seconds, strict=True):
        figures = confusion(found, reference, len(known.labels.classes))
        shares = (percent(figures.overall_accuracy), percent(figures.average_accuracy), f"{figures.kappa:.3f}")
        rows.append([label, *shares, taken])
    for other, found in zip(others, mapped[1:], strict=True):
        own_right, other_right = np.asarray(mapped[0] == reference), np.asarray(found == reference)
        run.metrics[METRICS[other.name]] = float(other_right.mean())
        text.append(_difference(own_right, other_right, blocks, YARDSTICKS[other.name]))
        chance = mcnemar(own_right, other_right).p_value
        text.append(f"McNemar's test, which takes pixels as independent: p = {chance:.2g}.")
        text += [NOTE] if other.name == "spatial_forest" else []
    text += missing
    table = Table(("Method", "Overall accuracy", "Average accuracy", "Kappa", "Time to learn"), rows)
    return Section(
        "Beside " + " and ".join(f"a {label.lower()}" for label in labels[1:]), " ".join(text), tables=[table]
    )


def _difference(own: Mask, other: Mask, blocks: NDArray[np.int64], whose: str) -> str:
    few = no_interval(blocks)
    if few:
        points = 100 * (own.mean() - other.mean())
        return f"The method's overall accuracy is {points:+.1f} points from {whose}. Test pixels lie in {few}."
    low, high = difference_interval(own, other, blocks)
    return (
        f"The method's overall accuracy is {100 * low:+.1f} to {100 * high:+.1f} points from {whose} (95 %, by "
        "resampling blocks)."
    )
