"""The spatial forest at work: a random forest of spatial features."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from ...cube import Array
from ...training import Report
from ..contract import Plan, TrainingData
from ..random_forest import method as forest
from ..random_forest.config import Config as ForestConfig
from ..spatial_features import PLAN, SpatialClassifier, fitted, restored
from .config import Config


def plan(config: Config) -> Plan:
    """Tiles around the training pixels and windows to map, with as many pixels around as the means reach."""
    return PLAN


def fit(data: TrainingData, config: Config, device: Any, report: Report) -> SpatialClassifier:
    """Grow the trees on the features of the labelled pixels, weighted by class. ValueError if there are none.

    Runs on the processor whatever the device. A step of the report is a tree, as in a random forest.
    """
    return fitted(data, lambda known: forest.fit(known, _forest(config), device, report))


def restore(
    weights: dict[str, NDArray[Any]], config: Config, num_classes: int, wavelengths: Array | None, device: Any
) -> SpatialClassifier:
    """The forest that gave these weights. ValueError, one sentence, if they are none for these classes and bands."""
    settings = _forest(config)
    return restored(
        weights, wavelengths, lambda own, numbers: forest.restore(own, settings, num_classes, numbers, device)
    )


def _forest(config: Config) -> ForestConfig:
    return ForestConfig(config.trees, config.seed, config.features, config.leaf, config.pixels)
