"""What a method of the task "unmix_and_classify" offers; the rest is as in ``methods/contract.py``.

Its module ``method.py`` has three functions::

    plan(config) -> Plan
    fit(data: TrainingData, sample: list[Cube], config, device, report) -> JointModel
    restore(weights, config, num_classes, wavelengths, device) -> JointModel

Classes are learnt from ``data``, materials from ``sample``, cubes spread over the scene. What it leaves behind is a
Classifier and an Unmixer at once, so that whatever works with either works with it.
"""

from __future__ import annotations

from typing import Any, Protocol

from ...cube import Array, Cube
from ...methods.contract import Classifier, Plan, TrainingData, Unmixer
from ...results import Unmixing


class JointModel(Classifier, Unmixer, Protocol):
    """What fitting a method of this task leaves behind."""

    @property
    def variants(self) -> Array:
        """(endmembers, variants, bands) reflectance, >= 0; the endmembers are their means."""

    def unmix_and_classify(self, cube: Cube) -> tuple[Unmixing, Array]:
        """What ``unmix`` and ``classify`` give for a cube, in one go."""

    def rebuilt(self, cube: Cube) -> Array:
        """The reflectance (bands, rows, cols) that abundances and variants mix; NaN where the cube is not valid."""


class JointMethod(Protocol):
    """The module ``method.py`` of a method of this task; its Config has ``guidance`` and ``num_endmembers``."""

    def plan(self, config: Any) -> Plan:
        """How the method wants to see a scene."""

    def fit(self, data: TrainingData, sample: list[Cube], config: Any, device: Any, report: Any) -> JointModel:
        """Learn classes from labelled pixels and materials from a sample of the scene."""
