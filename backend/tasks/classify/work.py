"""Classification: learn from labelled pixels, map the scene, test the map on pixels set aside, keep the model."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, cast

import numpy as np

from ... import plots
from ...labels import read_labels
from ...methods.contract import ClassificationMethod, Classifier, TrainingData
from ...model import Model
from ...names import plain
from ...novelty import Novelty
from ...outputs import OutputFolder, refusals, required_bytes
from ...protocol import Progress
from ...record import Run
from ...report import Section, training_rows
from ..class_maps import Tested, map_classes, pixel_area, sections
from ..labelled import grid_of
from ..progress import Steps
from ..training_data import Ground, ground, pixels_of, section, tell, training_data
from .testing import tested_sections

TRAINING_SHARE = 0.7
"""Part of the progress bar that training takes."""


def prepare(run: Run) -> float:
    """Read the labels once to see that they fit. ValueError, a sentence, if not; gives the bytes of the results."""
    labels = read_labels(run.job.inputs["training"], grid_of(run.scene))
    bands = 3 + (len(labels.classes) if run.options.probabilities else 0)
    return required_bytes(run.scene, bands)


def perform(run: Run, folder: OutputFolder) -> list[Section]:
    """Train, map, test: class map, confidence, novelty, model, accuracies."""
    module = cast(ClassificationMethod, cast(Any, run.method).load())
    plan = module.plan(run.settings)
    run.emit(Progress(0.0, "Reading the training areas"))
    known = ground(run, plan)
    tell(run, known)
    data = training_data(run, plan, known)
    classifier = run.on_device(lambda device: module.fit(data, run.settings, device, Steps(run.emit, TRAINING_SHARE)))
    run.trained(classifier.record, classifier.num_parameters)
    novelty = Novelty.fit(*pixels_of(data.training), seed=run.options.split_seed)
    tested = Tested(known.test)
    classes = known.labels.classes
    tally = map_classes(run, folder.partial, classifier, novelty, classes, plan, TRAINING_SHARE, tested)
    pages = tested_sections(run, folder, known, data, tested)
    with refusals(folder.path):
        trained(run, known, data, classifier, novelty).write(folder.partial)
    curve = [plots.Picture("Loss of every training step", plots.losses(run.training))] if run.training else []
    return [
        *pages,
        *sections(folder.partial, classes, tally, pixel_area(grid_of(run.scene))),
        section(known),
        *([Section("Training", rows=training_rows(run), pictures=curve)] if run.training else []),
    ]


def trained(run: Run, known: Ground, data: TrainingData, classifier: Classifier, novelty: Novelty) -> Model:
    """The model of this run with its card."""
    scene, pixels = run.scene, pixels_of(data.training)[0]
    record = {
        "scene": plain(scene.path.name),
        "split": known.how,
        "training_pixels": {one.name: int(known.training.counts[one.value - 1]) for one in known.labels.classes},
        "metrics": dict(run.metrics),
    }
    return Model(
        run.task.name,
        run.job.method,
        asdict(run.settings),
        known.labels.classes,
        scene.wavelengths,
        scene.fwhm,
        pixels.min(axis=0).astype(np.float32),
        pixels.max(axis=0).astype(np.float32),
        classifier.weights(),
        novelty,
        record,
    )
