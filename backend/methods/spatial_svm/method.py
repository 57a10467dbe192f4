"""The spatial support vector machine at work: a support vector machine of spatial features.

Features keep their variances, so that means of many pixels of components that are mostly noise count little. A pixel's
own components, noise and all, would rule the distances; how much they count is chosen by the validation pixels.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from ...cube import Array
from ...training import Report
from ..contract import Plan, TrainingData
from ..spatial_features import PLAN, SpatialClassifier, fitted, restored
from ..svm import method as machine
from ..svm.config import Config as MachineConfig
from .config import Config

OWN = (0.5, 0.25, 1.0)
"""Factors of a pixel's own components that are tried; the first without validation pixels."""


def plan(config: Config) -> Plan:
    """Tiles around the training pixels and windows to map, with as many pixels around as the means reach."""
    return PLAN


def fit(data: TrainingData, config: Config, device: Any, report: Report) -> SpatialClassifier:
    """Fit the machine to the features of the labelled pixels. ValueError with fewer than two classes.

    Runs on the processor whatever the device. A step of the report is a factor of the pixel's own components tried.
    """

    def fit(known: TrainingData) -> machine.FittedSvm:
        features = len(known.training[0].cube.reflectance)
        return machine.fit(known, _machine(config, features), device, lambda *_: None, machine.all_bands)

    return fitted(data, fit, (config.own,) if config.own else OWN, report)


def restore(
    weights: dict[str, NDArray[Any]], config: Config, num_classes: int, wavelengths: Array | None, device: Any
) -> SpatialClassifier:
    """The machine fitted again from its training pixels. ValueError, one sentence, if they cannot be these."""

    def restore(own: dict[str, NDArray[Any]], numbers: Array) -> machine.FittedSvm:
        return machine.restore(own, _machine(config, len(numbers)), num_classes, numbers, device, machine.all_bands)

    return restored(weights, wavelengths, restore)


def _machine(config: Config, features: int) -> MachineConfig:
    return MachineConfig(config.penalty, config.width / features, config.seed, config.most)
