"""A classifier over a whole scene: class map, confidence, novelty, and what the report shows of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from .. import class_plots
from ..cube import Array, Cube
from ..labels import Class, Grid, Labels
from ..methods.contract import Classifier, Plan
from ..novelty import Novelty
from ..outputs import raster_writers, thumbnail
from ..plots import Picture
from ..record import Run
from ..report import Section, Table
from ..results import Classification
from .mapping import map_windows, notice_nodata

C = TypeVar("C", bound=Classification)
MANY_NOVEL = 0.2
"""Share of the pixels from which on the user is told that the scene is unlike the training."""
NOVEL = 1.0


@dataclass
class Tested:
    """What a classifier says of labelled pixels, filled in as windows come by.

    All (pixels,), in the order of ``labels``: ``mapped`` class values, 0 = not seen or no data; ``confidence`` of
    that class; ``truth``: the probability of the class the pixel has.
    """

    labels: Labels
    mapped: NDArray[np.int16] = field(init=False)
    confidence: Array = field(init=False)
    truth: Array = field(init=False)

    def __post_init__(self) -> None:
        """All empty."""
        self.mapped = np.zeros(len(self.labels), np.int16)
        self.confidence, self.truth = (np.full(len(self.labels), np.nan, np.float32) for _ in range(2))

    def see(self, cube: Cube, probabilities: Array) -> None:
        """Take in the probabilities (classes, rows, cols) of a window's cube, halo included."""
        window = cube.window
        index = self.labels.inside(window)
        rows = self.labels.rows[index] - window.row + window.halo[0]
        cols = self.labels.cols[index] - window.col + window.halo[2]
        self.take(index, probabilities[:, rows, cols])

    def take(self, index: NDArray[np.int64], probabilities: Array) -> None:
        """Take in the probabilities (classes, pixels) of some of the pixels; NaN = no data."""
        known = np.isfinite(probabilities).all(axis=0)
        index, found = index[known], probabilities[:, known]
        self.mapped[index] = found.argmax(axis=0) + 1
        self.confidence[index] = found.max(axis=0)
        self.truth[index] = found[self.labels.values[index] - 1, np.arange(len(index))]

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Pixels that have a class (pixels,)."""
        return self.mapped > 0


class Tally:
    """What mapping adds up: pixels of each class, mean confidence, share of novel pixels."""

    def __init__(self, num_classes: int) -> None:
        self.counts = np.zeros(num_classes, np.int64)
        self.novel = np.zeros(num_classes, np.int64)
        self._sure = np.zeros(num_classes)

    def add(self, result: Classification) -> None:
        """Take in one window's core."""
        valid = result.classes > 0
        classes, size = result.classes[valid] - 1, len(self.counts)
        self.counts += np.bincount(classes, minlength=size)
        self.novel += np.bincount(classes[result.novelty[valid] > NOVEL], minlength=size)
        self._sure += np.bincount(classes, result.confidence[valid], minlength=size)

    @property
    def pixels(self) -> int:
        """Pixels with data."""
        return int(self.counts.sum())

    @property
    def confidence(self) -> NDArray[np.float64]:
        """Mean confidence by class (classes,); NaN for a class without pixels."""
        with np.errstate(invalid="ignore"):
            return self._sure / self.counts


def classification(probabilities: Array, novelty: Array) -> Classification:
    """The Result of one cube from its probabilities (classes, rows, cols), NaN without data."""
    valid = np.isfinite(probabilities).all(axis=0)
    classes = np.where(valid, np.nan_to_num(probabilities).argmax(axis=0) + 1, 0).astype(np.int16)
    return Classification(classes, probabilities.max(axis=0), novelty, probabilities)


def told(result: C, cube: Cube) -> C:
    """The result. ValueError, a sentence, if a pixel of the cube's core holds data and its result is no number."""
    found = (result.classes > 0) & np.isfinite(result.novelty)
    if (cube.valid & ~found)[cube.window.core].any():
        raise ValueError(
            "The model gives no number for some pixels: what it holds, or the scene, is beyond reason. Check the "
            "scene's nodata value and reflectance scale, or train a model again."
        )
    return result


def map_classes(
    run: Run,
    folder: Path,
    classifier: Classifier,
    novelty: Novelty,
    classes: Sequence[Class],
    plan: Plan,
    start: float,
    tested: Tested | None = None,
    bands: Callable[[Cube], Cube] = lambda cube: cube,
) -> Tally:
    """Classify the scene of a run window by window into the rasters of a Classification.

    ``bands`` brings a cube to the classifier's bands; ``tested`` hears of every window; ``start``: where the progress
    bar stands.
    """
    scene, tally = run.scene, Tally(len(classes))

    def compute(cube: Cube) -> Classification:
        adapted = bands(cube)
        probabilities = classifier.classify(adapted)
        if tested:
            tested.see(cube, probabilities)
        return told(classification(probabilities, novelty.of(adapted)), adapted)

    names = {"classes": ["Classes"], "confidence": ["Confidence"], "novelty": ["Unlike the training pixels"]}
    if run.options.probabilities:
        names["probabilities"] = [one.name for one in classes]
    with raster_writers(folder, Classification, scene, names) as writers:
        writers["classes"].name_values(
            ["not classified", *(one.name for one in classes)], ["", *(one.colour for one in classes)]
        )
        windows = scene.windows(plan.window, plan.halo)
        map_windows(run, windows, compute, writers, tally.add, "Classifying", start)
    if not tally.pixels:
        raise ValueError("No pixel of the scene holds data; check its nodata value.")
    _tell(run, tally)
    return tally


def _tell(run: Run, tally: Tally) -> None:
    notice_nodata(run, tally.pixels)
    share = float(tally.novel.sum()) / tally.pixels
    run.metrics.update(valid_pixels=float(tally.pixels), novel_share=share)
    if share > MANY_NOVEL:
        run.notice(
            f"{100 * share:.0f} % of the pixels look like nothing the model was trained on; their classes are guesses. "
            "Look at the layer 'Unlike the training pixels', and add training areas there."
        )


def sections(folder: Path, classes: Sequence[Class], tally: Tally, area: float | None) -> list[Section]:
    """The maps and a table of the classes; ``area``: of a pixel in square metres, None if it is not known."""
    names, colours = [one.name for one in classes], [one.colour for one in classes]
    values = thumbnail(folder / "classes.tif", nearest=True)[0].astype(int)
    sure, novel = (thumbnail(folder / name)[0] for name in ("confidence.tif", "novelty.tif"))
    pictures = [
        Picture("Class map", class_plots.classes(values, names, colours)),
        Picture(
            "Left: confidence, the probability of the mapped class. Right: how unlike the training pixels a pixel is; "
            "above 1 it looks like nothing trained on",
            class_plots.trust(sure, novel),
        ),
    ]
    return [
        Section("Map", pictures=pictures),
        Section("Classes in the map", tables=[_table(names, tally, area)]),
    ]


def _table(names: list[str], tally: Tally, area: float | None) -> Table:
    header = ["Class", "Pixels", "Share", *(["Area (km²)"] if area else []), "Mean confidence", "Like nothing known"]
    rows = []
    for index, name in enumerate(names):
        count = int(tally.counts[index])
        extent = [f"{count * area / 1e6:.3f}"] if area else []
        trust = [f"{tally.confidence[index]:.2f}", f"{100 * tally.novel[index] / count:.1f} %"] if count else ["-", "-"]
        rows.append([name, str(count), f"{100 * count / tally.pixels:.1f} %", *extent, *trust])
    note = "Counts of mapped pixels: where the map errs, so do they. 'Assess a class map' gives corrected areas."
    return Table(header, rows, note)


def pixel_area(grid: Grid) -> float | None:
    """Square metres of a pixel; None if the grid's coordinates are not in metres, or every pixel has its own."""
    if grid.crs is None or grid.gcps or not grid.crs.is_projected:
        return None
    factor = float(grid.crs.linear_units_factor[1])
    return abs(float(grid.transform.determinant)) * factor**2
