"""The support vector machine at work: scikit-learn's, on standardised spectra.

What is kept of it are the training spectra and the constants found; from them the same machine is fitted again, so that
nothing is ever unpickled. Decision values become probabilities by a softmax whose temperature is fitted by
cross-validation on the training pixels (Guo and others, ICML 2017, section 4.2).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedKFold
from sklearn.svm import SVC

from ...cube import Array, Cube
from ...scan import pool
from ...training import Report
from ..contract import Plan, TrainingData
from .config import Config

PENALTIES = (1.0, 10.0, 100.0, 1000.0)
WIDTHS = (0.1, 0.3, 1.0, 3.0)
"""Tried as multiples of 1 / bands."""
FOLDS = 3
MOST = 1500
"""Pixels that penalty and width are chosen on."""
CHUNK = 1024
TEMPERATURES = (0.01, 10.0)
Numbers = NDArray[np.float64]
Classes = NDArray[np.int16]
TYPES = {"spectra": "f4", "classes": "i2", "costs": "f4", "constants": "f8"}
Scaling = Callable[[Array], Array]
"""Of spectra (pixels, bands) the scale of the bands that the machine works on."""


def each_band(spectra: Array) -> Array:
    """Each band's own: all count alike."""
    return np.asarray(spectra.std(axis=0))


def all_bands(spectra: Array) -> Array:
    """One of all bands: those that vary more count more."""
    return np.full(spectra.shape[1], np.sqrt(spectra.var(axis=0, dtype=np.float64).mean()), np.float32)


def plan(config: Config) -> Plan:
    """Tiles around the training pixels and windows to map; a class depends on its own pixel only."""
    return Plan(num_tiles=64, tile=64, window=256, halo=0)


def fit(data: TrainingData, config: Config, device: Any, report: Report, scaling: Scaling = each_band) -> FittedSvm:
    """Fit the machine to the labelled pixels. ValueError with fewer than two classes.

    Runs on the processor whatever the device. Penalty and width are chosen by the balanced accuracy of cross-validation
    within the training pixels; validation pixels stay unseen. A step of the report is a pair tried, its loss the error.
    ``scaling``: another method's, whose bands are features.
    """
    tiles = [item for item in data.training if (item.labels > 0).any()]
    if not tiles or len(np.unique(np.concatenate([tile.classes for tile in tiles]))) < 2:
        raise ValueError("A support vector machine needs training pixels of two classes or more; label some.")
    spectra, classes = (np.concatenate([getattr(tile, name) for tile in tiles]) for name in ("pixels", "classes"))
    kept = _drawn(classes, config.most, config.seed)
    spectra, classes = spectra[kept], classes[kept]
    costs = np.asarray(data.class_weights, np.float32)[classes - 1]
    chosen = _chosen(spectra, classes, costs, config, report, scaling)
    constants = np.array([*chosen, _temperature(spectra, classes, costs, chosen, config.seed, scaling)])
    return FittedSvm(spectra, classes, costs, constants, data.num_classes, scaling)


def restore(
    weights: dict[str, NDArray[Any]],
    config: Config,
    num_classes: int,
    wavelengths: Array | None,
    device: Any,
    scaling: Scaling = each_band,
) -> FittedSvm:
    """The machine fitted again from its training spectra. ValueError, one sentence, if they cannot be these."""
    if set(weights) != set(TYPES):
        raise _misfit(f"{min(set(weights) ^ set(TYPES))!r} is missing or not expected")
    for name, kind in TYPES.items():
        values = weights.get(name)
        if not isinstance(values, np.ndarray) or values.dtype != np.dtype(kind) or not np.isfinite(values).all():
            raise _misfit(f"{name!r} is missing or does not hold numbers of type {np.dtype(kind)}")
    spectra, classes, costs, constants = (weights[name] for name in TYPES)
    number = len(classes) if classes.ndim == 1 else 0
    if spectra.ndim != 2 or len(spectra) != number or costs.shape != (number,) or constants.shape != (3,):
        raise _misfit("its arrays do not fit together")
    if not 2 <= number <= config.most or (wavelengths is not None and spectra.shape[1] != len(wavelengths)):
        raise _misfit("it has too few or too many training pixels, or other bands")
    if classes.min() < 1 or classes.max() > num_classes or len(np.unique(classes)) < 2:
        raise _misfit(f"its training pixels are not of {num_classes} classes")
    if costs.min() < 0 or not costs.any() or constants.min() <= 0:
        raise _misfit("its constants are out of range")
    return FittedSvm(spectra, classes, costs, constants, num_classes, scaling)


class FittedSvm:
    """A fitted machine with its training pixels; see :class:`~..contract.Classifier`."""

    record = None

    def __init__(
        self,
        spectra: Array,
        classes: Classes,
        costs: Array,
        constants: Numbers,
        num_classes: int,
        scaling: Scaling = each_band,
    ) -> None:
        """``constants``: penalty, width as a multiple of 1 / bands, temperature."""
        self.spectra, self.classes, self.costs, self.constants = spectra, classes, costs, constants
        self.num_classes = num_classes
        self.machine = _Machine(spectra, classes, costs, (float(constants[0]), float(constants[1])), scaling)
        self.num_parameters = int(self.machine.svc.dual_coef_.size + self.machine.svc.intercept_.size)

    def weights(self) -> dict[str, NDArray[Any]]:
        """Training spectra, their classes and costs, and the constants found."""
        return {name: np.asarray(getattr(self, name), kind) for name, kind in TYPES.items()}

    def classify(self, cube: Cube) -> Array:
        """Probabilities (classes, rows, cols), NaN where the cube is not valid. ValueError if its bands are others."""
        bands = self.spectra.shape[1]
        if len(cube.reflectance) != bands:
            raise ValueError(f"The scene has {len(cube.reflectance)} bands; this model was trained on {bands}.")
        pixels = cube.pixels
        scores = np.zeros((len(pixels), self.num_classes), np.float32)

        def work(part: int) -> None:
            where = slice(part * CHUNK, (part + 1) * CHUNK)
            shares = _softmax(self.machine.decide(pixels[where]) / self.constants[2])
            scores[where, self.machine.svc.classes_ - 1] = shares

        pool.run(-(-len(pixels) // CHUNK), work)
        found = np.full((self.num_classes, *cube.valid.shape), np.nan, np.float32)
        found[:, cube.valid] = scores.T
        return found


class _Machine:
    """A machine on standardised spectra, of a pair of penalty and width."""

    def __init__(
        self, spectra: Array, classes: Classes, costs: Array, pair: tuple[float, float], scaling: Scaling
    ) -> None:
        self.mean, self.scale = spectra.mean(axis=0), np.maximum(scaling(spectra), 1e-6)
        self.svc = SVC(C=pair[0], gamma=pair[1] / spectra.shape[1], cache_size=500)
        self.svc.fit(self._standard(spectra), classes, sample_weight=costs)

    def decide(self, spectra: Array) -> Numbers:
        """Decision values (pixels, classes seen in training), the larger the surer."""
        values = np.asarray(self.svc.decision_function(self._standard(spectra)))
        return np.stack([-values, values], axis=1) if values.ndim == 1 else values

    def _standard(self, spectra: Array) -> Array:
        return np.asarray((spectra - self.mean) / self.scale, np.float32)


def _chosen(
    spectra: Array, classes: Classes, costs: Array, config: Config, report: Report, scaling: Scaling
) -> tuple[float, float]:
    """Penalty and width: as set, or the pair with the best balanced accuracy in cross-validation."""
    penalties = [config.penalty] if config.penalty else list(PENALTIES)
    widths = [config.width * spectra.shape[1]] if config.width else list(WIDTHS)
    pairs = list(itertools.product(penalties, widths))
    if len(pairs) == 1:
        return pairs[0]
    few = _drawn(classes, MOST, config.seed)
    folds = _folds(classes[few], config.seed)
    if not folds:
        return 100.0 if not config.penalty else config.penalty, 1.0 if not config.width else widths[0]
    scores = []
    for step, pair in enumerate(pairs, start=1):
        values, truth = _cross_validated(spectra[few], classes[few], costs[few], pair, folds, scaling)
        scores.append(balanced_accuracy_score(truth, values.argmax(axis=1)))
        report(step, len(pairs), 1 - scores[-1])
    return pairs[int(np.argmax(scores))]


def _temperature(
    spectra: Array, classes: Classes, costs: Array, pair: tuple[float, float], seed: int, scaling: Scaling
) -> float:
    """What decision values are divided by, so that cross-validated probabilities are likeliest; 1 if none can be."""
    few = _drawn(classes, MOST, seed)
    folds = _folds(classes[few], seed)
    if not folds:
        return 1.0
    values, truth = _cross_validated(spectra[few], classes[few], costs[few], pair, folds, scaling)

    def loss(logarithm: float) -> float:
        shares = _softmax(values / np.exp(logarithm))
        return float(-np.log(np.maximum(shares[np.arange(len(truth)), truth], 1e-12)).mean())

    return float(np.exp(minimize_scalar(loss, bounds=np.log(TEMPERATURES), method="bounded").x))


def _cross_validated(
    spectra: Array,
    classes: Classes,
    costs: Array,
    pair: tuple[float, float],
    folds: list[tuple[Any, Any]],
    scaling: Scaling,
) -> tuple[Numbers, NDArray[np.int64]]:
    """Decision values (pixels, classes) of pixels by machines that have not seen them, and the index of their class."""
    known, truth = np.unique(classes, return_inverse=True)
    values, place = np.empty((len(classes), len(known))), []
    for training, held in folds:
        machine = _Machine(spectra[training], classes[training], costs[training], pair, scaling)
        values[held] = machine.decide(spectra[held])
        place.append(held)
    seen = np.sort(np.concatenate(place))
    return values[seen], truth[seen]


def _folds(classes: Classes, seed: int) -> list[tuple[Any, Any]]:
    """Training and held pixels of each fold, every class in all; none if the rarest class has too few pixels.

    A class with fewer pixels than folds is always trained on and never held.
    """
    known, counts = np.unique(classes, return_counts=True)
    common = np.flatnonzero(np.isin(classes, known[counts >= FOLDS]))
    rare = np.setdiff1d(np.arange(len(classes)), common)
    if len(np.unique(classes[common])) < 2:
        return []
    splits = StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(common, classes[common])
    return [(np.concatenate([common[training], rare]), common[held]) for training, held in splits]


def _drawn(classes: Classes, most: int, seed: int) -> NDArray[np.int64]:
    """Indices of at most so many pixels, drawn from each class in turn."""
    if len(classes) <= most:
        return np.arange(len(classes))
    keys = np.random.default_rng(seed).random(len(classes))
    order = np.lexsort((keys, classes))
    counts = np.unique(classes, return_counts=True)[1]
    turn = np.concatenate([np.arange(count) for count in counts])
    return np.sort(order[np.argsort(turn, kind="stable")[:most]])


def _softmax(values: Numbers) -> Numbers:
    powers = np.exp(values - values.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _misfit(fault: str) -> ValueError:
    return ValueError(f"The weights are no support vector machine for these classes and bands: {fault}.")
