"""A logistic regression of single spectra that speaks beside a network, each as much as validation pixels bear out.

A network of some ten thousand weights learns by heart the areas it is trained on; a linear classifier errs otherwise
where the map reaches beyond them. Class probabilities are multiplied, each raised to a power (logarithmic
opinion pool: Genest, Zidek, Statistical Science 1, 1986). The two powers are fitted to the validation pixels, which
taught neither its weights but chose the network's step, and make probabilities that are too sure less so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from ..cube import Array, Cube
from ..training import Record
from .contract import Labelled, TrainingData
from .patches import EXTREME, Normalisation

COMPONENTS = 60
"""Whitened principal components that the regression sees at the most."""
PIXELS = 5
"""Training pixels for each of them: fewer would fit noise."""
STRENGTH = 0.1
"""Inverse of the ridge penalty on weights of components of variance 1 (scikit-learn's C)."""
MOST = 50_000
"""About how many training pixels the regression learns from at the most; of more, some of each class."""
ABSENT = -5.0
"""The score of a class without training pixels."""
LARGEST = 50.0
"""Scores are cut here, where a class is as good as sure: one broken pixel must not decide what counts."""
LEAST = 0.05
"""The sum of both powers: below, classes would be as good as the same."""
RAREST = 1e-30
"""Probabilities below count as this."""
NAMES = ("regression_weight", "regression_bias")
"""Under which it is kept beside a network's weights; its mean is the normalisation's."""


@dataclass(frozen=True)
class Regression:
    """Class scores: ``weight`` (classes, bands) times reflectance less ``mean`` (bands,), + ``bias`` (classes,)."""

    mean: Array
    weight: Array
    bias: Array

    @classmethod
    def silent(cls, mean: Array, num_classes: int) -> Regression:
        """One whose scores are all 0."""
        return cls(mean, np.zeros((num_classes, len(mean)), np.float32), np.zeros(num_classes, np.float32))

    @classmethod
    def of(cls, data: TrainingData) -> Regression:
        """Multinomial, with a ridge penalty, on whitened components; classes weighted as in the network's loss."""
        pixels = np.concatenate([item.pixels for item in data.training])
        classes = np.concatenate([item.classes for item in data.training]).astype(np.int64) - 1
        normal = Normalisation.of(pixels, max(1, min(COMPONENTS, len(pixels) // PIXELS)))
        found, present = cls.silent(normal.mean, data.num_classes), np.unique(classes)
        every = -(-len(pixels) // MOST)
        some = np.concatenate([np.flatnonzero(classes == one)[::every] for one in present])
        pixels, classes = pixels[some], classes[some]
        found.bias[:] = ABSENT
        found.bias[present] = 0
        if len(present) > 1:
            model = LogisticRegression(C=STRENGTH, max_iter=1000)
            scores = np.clip((pixels - normal.mean) @ normal.folded, -EXTREME, EXTREME)
            model.fit(scores, classes, np.asarray(data.class_weights)[classes])
            weight, bias = model.coef_, model.intercept_
            if len(present) == 2:  # scikit-learn gives the second class's alone
                weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
            found.weight[present], found.bias[present] = weight @ normal.folded.T, bias
        return found

    def times(self, factor: float) -> Regression:
        """One whose scores are so many times these."""
        return replace(self, weight=self.weight * np.float32(factor), bias=self.bias * np.float32(factor))

    def scores(self, cube: Cube, chosen: NDArray[np.int64] | slice) -> Tensor:
        """Class scores (n, classes) of the chosen pixels, by row-major number."""
        values = torch.from_numpy(cube.reflectance.reshape(len(self.mean), -1)[:, chosen])
        centred = values - torch.from_numpy(self.mean)[:, None]
        scores = torch.addmm(torch.from_numpy(self.bias), centred.t(), torch.from_numpy(self.weight).t())
        return scores.nan_to_num_(-LARGEST, LARGEST, -LARGEST).clamp_(-LARGEST, LARGEST)


class Headed(Protocol):
    """A network whose class scores come from a linear ``head``."""

    @property
    def head(self) -> nn.Module: ...


class Pooled(Protocol):
    """A fitted classifier that adds a regression's scores to those of its network."""

    regression: Regression
    record: Record | None

    @property
    def network(self) -> Headed: ...

    def classify(self, cube: Cube) -> Array: ...


P = TypeVar("P", bound=Pooled)


def pooled(fitted: P, data: TrainingData, wanted: bool) -> P:
    """The same classifier; if ``wanted`` its silent regression speaks, both counting as :func:`shares` says."""
    if not wanted:
        return fitted
    regression = Regression.of(data)
    parts = [_told(fitted, regression, item) for item in data.validation if (item.labels > 0).any()]
    own, other = shares(parts, np.asarray(data.class_weights))
    with torch.no_grad():
        for one in fitted.network.head.parameters():
            one.mul_(own)
    fitted.regression = regression.times(other)
    if fitted.record:
        fitted.record = replace(fitted.record, shares=(own, other))
    return fitted


Told = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]
"""Of pixels: the network's and the regression's scores (n, classes), and their classes from 0."""


def shares(parts: Sequence[Told], class_weights: Array) -> tuple[float, float]:
    """How much the network's and the regression's scores count, from 0 to 1, at the lowest cross-entropy of pixels.

    The loss is convex in both. Without pixels of a class that weighs anything each counts half; of two that know
    nothing the better one counts ``LEAST``.
    """
    classes = np.concatenate([np.empty(0, np.int64), *(part[2] for part in parts)])
    weight = class_weights[classes]
    if weight.sum() <= 0:
        return 0.5, 0.5
    first, second = (np.concatenate([part[judge] for part in parts]) for judge in (0, 1))
    counted, rows = weight / weight.sum(), np.arange(len(classes))

    def loss(powers: NDArray[np.float64]) -> tuple[float, list[float]]:
        logs = log_softmax(powers[0] * first + powers[1] * second, axis=1)
        slope = np.exp(logs) * counted[:, None]
        slope[rows, classes] -= counted
        return -float(counted @ logs[rows, classes]), [float((slope * one).sum()) for one in (first, second)]

    found = minimize(loss, (0.5, 0.5), jac=True, method="L-BFGS-B", bounds=[(0, 1), (0, 1)]).x
    if found.sum() < LEAST:
        found = min(np.eye(2) * LEAST, key=lambda powers: loss(powers)[0])
    return float(found[0]), float(found[1])


def _told(fitted: Pooled, regression: Regression, item: Labelled) -> Told:
    labelled = item.labels > 0
    network = np.log(np.maximum(fitted.classify(item.cube)[:, labelled].T, RAREST)).astype(np.float64)
    return network, regression.scores(item.cube, np.flatnonzero(labelled)).double().numpy(), item.classes - np.int64(1)
