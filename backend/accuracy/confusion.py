"""How well a map agrees with reference pixels: confusion matrix, its figures, and how far confidences can be trusted.

Rows are what the map says, columns what the reference says, as in Olofsson et al. (2014).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
BINS = 15


@dataclass(frozen=True)
class Confusion:
    """A confusion matrix (classes, classes): pixels by class in the map (row) and in the reference (column).

    A figure without pixels to stand on is NaN: recall of a class without reference pixels, say. Averages leave it out.
    """

    matrix: NDArray[np.int64]

    @cached_property
    def mapped(self) -> NDArray[np.int64]:
        """Pixels of each class in the map (classes,)."""
        return np.asarray(self.matrix.sum(axis=1))

    @cached_property
    def reference(self) -> NDArray[np.int64]:
        """Pixels of each class in the reference (classes,)."""
        return np.asarray(self.matrix.sum(axis=0))

    @property
    def overall_accuracy(self) -> float:
        """Share of pixels whose class is right (OA), 0 to 1."""
        return float(ratio(np.trace(self.matrix), self.matrix.sum()))

    @property
    def recall(self) -> Floats:
        """Share of each class's reference pixels that the map has right: producer's accuracy (classes,)."""
        return ratio(np.diag(self.matrix), self.reference)

    @property
    def precision(self) -> Floats:
        """Share of each class's mapped pixels that are right: user's accuracy (classes,)."""
        return ratio(np.diag(self.matrix), self.mapped)

    @property
    def f1(self) -> Floats:
        """Harmonic mean of recall and precision (classes,): 2 hits / (mapped + reference)."""
        return ratio(2 * np.diag(self.matrix), self.mapped + self.reference)

    @property
    def average_accuracy(self) -> float:
        """Mean recall over the classes that have reference pixels (AA), 0 to 1."""
        return mean(self.recall)

    @property
    def kappa(self) -> float:
        """Cohen's kappa: agreement beyond chance, at most OA. NaN if map and reference are all of one class."""
        pixels = self.matrix.sum()
        chance = ratio((self.mapped.astype(float) * self.reference).sum(), float(pixels) ** 2)
        return float(ratio(self.overall_accuracy - chance, 1 - chance))


def confusion(mapped: ArrayLike, reference: ArrayLike, num_classes: int) -> Confusion:
    """The confusion matrix of two lists of class values from 1, (pixels,). ValueError if they do not fit."""
    rows, cols = np.asarray(mapped), np.asarray(reference)
    if rows.shape != cols.shape or rows.ndim != 1:
        raise ValueError(f"The map and the reference must name as many pixels, not {rows.shape} and {cols.shape}.")
    for values in (rows, cols):
        if len(values) and (values.min() < 1 or values.max() > num_classes):
            raise ValueError(f"Class values must be 1 to {num_classes}, not {values.min()} to {values.max()}.")
    pairs = (rows.astype(np.int64) - 1) * num_classes + cols.astype(np.int64) - 1
    return Confusion(np.bincount(pairs, minlength=num_classes**2).reshape(num_classes, num_classes))


def expected_calibration_error(confidences: ArrayLike, correct: ArrayLike) -> float:
    """ECE: mean distance of confidence and share of right pixels over 15 equal bins, weighted by pixels.

    ``confidences`` (pixels,) 0 to 1 of the class chosen, ``correct`` (pixels,) whether it is right. After Guo et al.,
    On calibration of modern neural networks, ICML 2017, equation 3. NaN without pixels.
    """
    sure, right = np.asarray(confidences, np.float64), np.asarray(correct, np.float64)
    bins = np.clip(np.ceil(sure * BINS).astype(int) - 1, 0, BINS - 1)
    gaps = np.abs(np.bincount(bins, sure - right, minlength=BINS))
    return float(ratio(gaps.sum(), len(sure)))


def negative_log_likelihood(probabilities: ArrayLike) -> float:
    """NLL in nats: mean -log of the probability given to the true class (pixels,), none below 1e-7 counted lower."""
    given = np.maximum(np.asarray(probabilities, np.float64), 1e-7)
    return mean(-np.log(given))


def ratio(part: ArrayLike, whole: ArrayLike) -> Floats:
    """part / whole, NaN where the whole is 0."""
    above, below = np.broadcast_arrays(np.asarray(part, np.float64), np.asarray(whole, np.float64))
    return np.asarray(np.divide(above, below, out=np.full(above.shape, np.nan), where=below != 0))


def mean(values: Floats) -> float:
    """The mean of what is a number; NaN if nothing is."""
    there = values[np.isfinite(values)]
    return float(there.mean()) if len(there) else float("nan")
