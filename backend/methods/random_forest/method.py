"""The random forest at work: scikit-learn grows the trees, our own kernel lets them vote."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier

from ...cube import Array, Cube
from ...training import Report
from ..contract import Plan, TrainingData
from .config import Config
from .trees import Trees

STEP = 20
"""Trees between two reports."""


def plan(config: Config) -> Plan:
    """Tiles around the training pixels and windows to map; a class depends on its own pixel only."""
    return Plan(num_tiles=64, tile=64, window=256, halo=0)


def fit(data: TrainingData, config: Config, device: Any, report: Report) -> FittedForest:
    """Grow the trees on the labelled pixels, weighted by class. ValueError if there are none.

    Runs on the processor whatever the device. Nothing is chosen by validation pixels, so they stay unseen. A step of
    the report is a tree, its loss the share of pixels whose class the trees that have not seen them get wrong.
    """
    spectra, classes = _pixels(data)
    forest = RandomForestClassifier(
        n_estimators=0,
        max_features=min(config.bands, spectra.shape[1]) or "sqrt",
        min_samples_leaf=config.leaf,
        max_samples=config.pixels if config.pixels < len(spectra) else None,
        n_jobs=torch.get_num_threads(),
        random_state=config.seed,
        warm_start=True,
    )
    weights = np.asarray(data.class_weights, np.float64)[classes - 1]
    unseen = _Unseen(spectra, classes)
    while forest.n_estimators < config.trees:
        forest.n_estimators = min(forest.n_estimators + STEP, config.trees)
        forest.fit(spectra, classes, sample_weight=weights)
        report(forest.n_estimators, config.trees, unseen.error(forest))
    trees = Trees.of(forest.estimators_, forest.classes_.astype(np.int64) - 1, data.num_classes)
    return FittedForest(trees, spectra.shape[1])


def restore(
    weights: dict[str, NDArray[Any]], config: Config, num_classes: int, wavelengths: Array | None, device: Any
) -> FittedForest:
    """The forest that gave these weights. ValueError, one sentence, if they are none for these classes and bands."""
    arrays = dict(weights)
    count = arrays.pop("num_bands", np.zeros(0))
    if count.shape != () or count.dtype.kind != "i" or (wavelengths is not None and count != len(wavelengths)):
        raise ValueError("The weights are no random forest for these bands: their number differs or is missing.")
    return FittedForest(Trees.restore(arrays, num_classes, int(count)), int(count))


class FittedForest:
    """Grown trees; see :class:`~..contract.Classifier`."""

    record = None

    def __init__(self, trees: Trees, num_bands: int) -> None:
        self.trees, self.num_bands = trees, num_bands
        self.num_parameters = len(trees.bands)

    def weights(self) -> dict[str, NDArray[Any]]:
        """The trees' nodes, and how many bands they were grown on."""
        return {**self.trees.arrays(), "num_bands": np.array(self.num_bands, np.int32)}

    def classify(self, cube: Cube) -> Array:
        """Probabilities (classes, rows, cols), NaN where the cube is not valid. ValueError if its bands are others."""
        if len(cube.reflectance) != self.num_bands:
            raise ValueError(
                f"The scene has {len(cube.reflectance)} bands; this model was trained on {self.num_bands}."
            )
        found = np.full((self.trees.shares.shape[1], *cube.valid.shape), np.nan, np.float32)
        found[:, cube.valid] = self.trees.vote(cube.pixels).T
        return found


class _Unseen:
    """The votes of each tree on the training pixels that it has not seen."""

    def __init__(self, spectra: Array, classes: NDArray[np.int16]) -> None:
        self.spectra, self.classes, self.counted = spectra, classes, 0
        self.votes = np.zeros((len(classes), len(np.unique(classes))))

    def error(self, forest: RandomForestClassifier) -> float:
        """The share of pixels that are wrong, after the votes of the trees grown since the last call."""
        for seen, tree in zip(forest.estimators_samples_[self.counted :], forest[self.counted :], strict=True):
            unseen = np.setdiff1d(np.arange(len(self.classes)), seen)
            if len(unseen):
                self.votes[unseen] += tree.predict_proba(self.spectra[unseen])
        self.counted = len(forest)
        judged = self.votes.any(axis=1)
        found = forest.classes_[self.votes[judged].argmax(axis=1)]
        return float((found != self.classes[judged]).mean()) if judged.any() else 0.0


def _pixels(data: TrainingData) -> tuple[Array, NDArray[np.int16]]:
    """The labelled spectra (pixels, bands) of all tiles and their classes (pixels,) from 1."""
    tiles = [item for item in data.training if (item.labels > 0).any()]
    if not tiles:
        raise ValueError("There are no training pixels; label some pixels of at least two classes.")
    return np.concatenate([tile.pixels for tile in tiles]), np.concatenate([tile.classes for tile in tiles])
