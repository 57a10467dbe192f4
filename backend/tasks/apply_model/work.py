"""A trained model on another scene: its bands matched by wavelength, its values compared with those trained on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...cube import Array, Cube
from ...methods.contract import Plan
from ...model import Model, read_model
from ...outputs import OutputFolder, required_bytes
from ...protocol import Progress
from ...record import Run
from ...report import Section
from ...sensors import Bands
from ..class_maps import map_classes, pixel_area, sections
from ..labelled import grid_of

FAR = 0.05
"""Share of values outside the training's range from which on the user is told."""


def prepare(run: Run) -> float:
    """Read the model and match its bands. ValueError, a sentence, if it cannot serve. Gives the results' bytes."""
    model = _model(run)
    Bands(run.scene, model)
    return required_bytes(run.scene, 3 + (len(model.classes) if run.options.probabilities else 0))


def perform(run: Run, folder: OutputFolder) -> list[Section]:
    """Map the scene: classes, confidence, novelty."""
    run.emit(Progress(0.0, "Reading the model"))
    model = _model(run)
    bands, range_ = Bands(run.scene, model), Range(model.lowest, model.highest)
    if bands.notice:
        run.notice(bands.notice)
    classifier = run.on_device(model.restored)

    def adapted(cube: Cube) -> Cube:
        moved = bands.of(cube)
        range_.add(moved)
        return moved

    plan: Plan = model.described.load().plan(model.configured)
    tally = map_classes(run, folder.partial, classifier, model.novelty, model.classes, plan, 0.0, bands=adapted)
    run.metrics["outside_training_range"] = range_.share
    if range_.share > FAR:
        run.notice(
            f"{100 * range_.share:.0f} % of the scene's values lie outside the range of the training pixels. Check "
            "that both scenes hold reflectance of the same processing."
        )
    return [_section(model, range_), *sections(folder.partial, model.classes, tally, pixel_area(grid_of(run.scene)))]


class Range:
    """How much of a scene lies outside the values trained on."""

    def __init__(self, lowest: Array, highest: Array) -> None:
        self.lowest, self.highest = lowest[:, None], highest[:, None]
        self.outside: NDArray[np.int64] = np.zeros(len(lowest), np.int64)
        self.pixels = 0

    def add(self, cube: Cube) -> None:
        """Take in the core of one cube."""
        rows, cols = cube.window.core
        values = cube.reflectance[:, rows, cols][:, cube.valid[rows, cols]]
        self.outside += ((values < self.lowest) | (values > self.highest)).sum(axis=1)
        self.pixels += values.shape[1]

    @property
    def share(self) -> float:
        """Part of all values, 0 to 1."""
        return float(self.outside.sum()) / max(1, self.pixels * len(self.outside))

    @property
    def worst(self) -> tuple[int, float]:
        """The band with the most values outside, and their share."""
        band = int(self.outside.argmax())
        return band, float(self.outside[band]) / max(1, self.pixels)


def _model(run: Run) -> Model:
    model = read_model(run.job.inputs["model"]["path"])
    if model.task != "classify":
        raise ValueError(f"The model does the task {model.task!r}; only models of 'classify' can be applied.")
    return model


def _section(model: Model, range_: Range) -> Section:
    record = model.record
    band, share = range_.worst
    axis = "" if model.wavelengths is None else f" ({model.wavelengths[band]:.0f} nm)"
    rows = [
        ("Method", model.described.label),
        ("Trained on", str(record.get("scene", "not known"))),
        ("Classes", str(len(model.classes))),
        ("Values outside the range of the training pixels", f"{100 * range_.share:.1f} %"),
        ("Most in band", f"{band + 1}{axis}: {100 * share:.1f} %"),
    ]
    tested = record.get("metrics", {}).get("overall_accuracy") if isinstance(record.get("metrics"), dict) else None
    if isinstance(tested, float):
        rows.append(("Overall accuracy where it was trained", f"{100 * tested:.1f} %"))
    return Section("The model", "Accuracies of another scene do not carry over; assess this map too.", rows=rows)
