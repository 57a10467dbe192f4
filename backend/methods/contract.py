"""What a method's ``method.py`` offers to the tasks; ``test_methods.py`` and ``test_classifiers.py`` hold it to that.

A method of the task "unmix" has two functions::

    plan(config) -> Plan
    fit(sample: list[Cube], config, device: torch.device, report: training.Report) -> Unmixer

A method of the task "classify" has three::

    plan(config) -> Plan
    fit(data: TrainingData, config, device, report) -> Classifier
    restore(weights, config, num_classes, wavelengths, device) -> Classifier

It sees cubes, never files, jobs or events. It gives the same result for the same seed, and for a window with its halo
what it gives for the whole scene, up to rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..cube import Array, Cube
from ..results import Unmixing
from ..training import Record


@dataclass(frozen=True)
class Plan:
    """How a method wants to see a scene, in pixels.

    ``num_tiles`` tiles of ``tile`` pixels a side to learn from; windows of ``window`` pixels with a ``halo`` to map.
    ``whole``: the method only works on the image it has learnt from, all at once. For classification the tiles are
    those that hold training pixels, each with a halo around it, and ``halo`` is how far the method sees.
    """

    num_tiles: int
    tile: int
    window: int
    halo: int
    whole: bool = False


class Unmixer(Protocol):
    """What fitting an unmixing method leaves behind."""

    @property
    def endmembers(self) -> Array:
        """(endmembers, bands) reflectance, >= 0, the most abundant in the sample first."""

    @property
    def record(self) -> Record | None:
        """How the training went; None if nothing was trained."""

    @property
    def num_parameters(self) -> int:
        """How many numbers were trained."""

    def unmix(self, cube: Cube) -> Unmixing:
        """Unmix one cube; nodata pixels are NaN, those of the halo perhaps too: they are there to be looked at."""


class UnmixingMethod(Protocol):
    """The module ``method.py`` of an unmixing method."""

    def plan(self, config: Any) -> Plan:
        """How the method wants to see a scene."""

    def fit(self, sample: list[Cube], config: Any, device: Any, report: Any) -> Unmixer:
        """Learn from a sample of the scene."""


@dataclass(frozen=True)
class Labelled:
    """A cube some of whose pixels have a known class: ``labels`` (rows, cols), 0 = not labelled, else 1 to classes.

    No labelled pixel is in two cubes of one training.
    """

    cube: Cube
    labels: NDArray[np.int16]

    @property
    def pixels(self) -> Array:
        """Spectra of the labelled pixels (pixels, bands)."""
        return self.cube.reflectance[:, self.labels > 0].T

    @property
    def classes(self) -> NDArray[np.int16]:
        """Their classes (pixels,), from 1, in the same order."""
        return self.labels[self.labels > 0]


@dataclass(frozen=True)
class TrainingData:
    """All that a classification method may learn from; what the figures are made on is not in it.

    ``validation`` chooses the best step, and how much network and regression count, and may be empty.
    ``class_weights`` (classes,): of the loss, 1 on average.
    ``wavelengths`` (bands,) in nm, or None if the scene names none.
    """

    training: list[Labelled]
    validation: list[Labelled]
    num_classes: int
    class_weights: Array
    wavelengths: Array | None = None


class Classifier(Protocol):
    """What fitting a classification method leaves behind."""

    @property
    def record(self) -> Record | None:
        """How the training went; None if nothing was trained step by step, or it was restored from a file."""

    @property
    def num_parameters(self) -> int:
        """How many numbers were trained."""

    def classify(self, cube: Cube) -> Array:
        """Probabilities (classes, rows, cols) of one cube: >= 0, summing to 1; nodata pixels NaN.

        Those of the halo may be NaN too: they are there to be looked at.
        """

    def weights(self) -> dict[str, NDArray[Any]]:
        """Everything :func:`restore` needs besides the Config, as plain arrays: weights, normalisation."""


class OnDevice(Protocol):
    """What fitting a network leaves behind, beside the rest, where its method's ``ON_DEVICE`` is True."""

    def to_processor(self) -> None:
        """Move to the processor. Asked of a copy before the first window: what a broken card holds cannot be read."""


class ClassificationMethod(Protocol):
    """The module ``method.py`` of a classification method."""

    def plan(self, config: Any) -> Plan:
        """How the method wants to see a scene."""

    def fit(self, data: TrainingData, config: Any, device: Any, report: Any) -> Classifier:
        """Learn from labelled pixels. Normalisation is fitted on them, or on all pixels of their tiles."""

    def restore(
        self, weights: dict[str, NDArray[Any]], config: Any, num_classes: int, wavelengths: Array | None, device: Any
    ) -> Classifier:
        """The classifier whose ``weights()`` these are; ValueError if they do not fit: they may be a stranger's."""
