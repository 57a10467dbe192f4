"""Spatial features of pixels: whitened principal components, and their means over the pixels around.

The means respect edges: they are guided filters of several radii (He, Sun, Tang, IEEE TPAMI 35, 2013), whose guide is
the first component. Pixels without data, and what lies outside the scene, have weight 0 and the others more
(normalised convolution: Knutsson, Westin, CVPR 1993). Every sum runs in one order in 64 bits, so that a window with its
halo gives the same features as the whole scene: a tree splits at thresholds that the last digit may cross.

Components are learnt from all pixels of the tiles around training pixels; no labels have part in them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..cube import Array, Cube, Window
from ..scan import pool
from ..training import Report
from .contract import Classifier, Labelled, Plan, TrainingData
from .guided import Guide
from .patches import EXTREME, SMALLEST

COMPONENTS = 30
RADII = (1, 2, 4)
"""Pixels to each side of the squares whose means the filters take, twice."""
HALO = 2 * max(RADII)
MOST_OWN = 10.0
"""The largest factor of a pixel's own components."""
MOST = 20_000
"""About how many pixels the components are learnt from at the most."""
CHUNK = 8192
PLAN = Plan(num_tiles=64, tile=64, window=256, halo=HALO)
"""Tiles around the training pixels, and windows to map."""
NAMES = ("feature_mean", "feature_weights", "feature_own")
"""Under which features are kept beside a classifier's own arrays."""


@dataclass(frozen=True)
class SpatialFeatures:
    """``mean`` (bands,) is taken off reflectance, ``weights`` (bands, components) make components of variance 1.

    ``own``: what a pixel's own components are multiplied by, beside means whose factor is 1.
    """

    mean: Array
    weights: Array
    own: float = 1.0

    @classmethod
    def of(cls, tiles: list[Labelled]) -> SpatialFeatures:
        """Those of all valid pixels of tiles, or of every so many-th."""
        every = 1 + sum(int(tile.cube.valid.sum()) for tile in tiles) // MOST
        pixels = np.concatenate([tile.cube.pixels[::every] for tile in tiles]).astype(np.float64)
        mean = pixels.mean(axis=0)
        variances, axes = np.linalg.eigh((pixels - mean).T @ (pixels - mean) / len(pixels))
        order = np.argsort(-variances)[:COMPONENTS]
        large = order[variances[order] > SMALLEST * max(float(variances.max()), 0)]
        weights = axes[:, large] / np.sqrt(variances[large]) if len(large) else axes[:, order[:1]]
        return cls(mean.astype(np.float32), weights.astype(np.float32))

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]], wavelengths: Array | None) -> SpatialFeatures:
        """From ``arrays()``. ValueError, one sentence, if they are none, or not for so many bands."""
        found = [arrays[name] for name in NAMES if name in arrays]
        sound = [isinstance(one, np.ndarray) and one.dtype == np.float32 and np.isfinite(one).all() for one in found]
        if len(found) < len(NAMES) or not all(sound):
            raise misfit("the mean or the weights of the components are missing or no finite float32 numbers")
        mean, weights, own = found
        bands = len(mean) if mean.ndim == 1 else 0
        if bands == 0 or weights.ndim != 2 or len(weights) != bands or not 1 <= weights.shape[1] <= COMPONENTS:
            raise misfit(f"its components are not 1 to {COMPONENTS} of one number of bands")
        if wavelengths is not None and bands != len(wavelengths):
            raise misfit(f"it was made for {bands} bands and there are {len(wavelengths)}")
        if own.shape != (1,) or not 0 < own[0] <= MOST_OWN:
            raise misfit("the factor of a pixel's own components is out of range")
        return cls(mean, weights, float(own[0]))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What :meth:`restore` needs."""
        return dict(zip(NAMES, (self.mean, self.weights, np.array([self.own], np.float32)), strict=True))

    @property
    def components(self) -> int:
        """Components of a pixel."""
        return int(self.weights.shape[1])

    @property
    def count(self) -> int:
        """Features of a pixel."""
        return self.components * (1 + len(RADII))

    def image(self, cube: Cube) -> Array:
        """Features (features, rows, cols): all components, then their means by radius. ValueError: other bands.

        Where the cube is not valid they mean nothing.
        """
        if len(cube.reflectance) != len(self.mean):
            raise ValueError(
                f"The scene has {len(cube.reflectance)} bands; this model was trained on {len(self.mean)}."
            )
        number = self.components
        found = np.zeros((1 + len(RADII), number, *cube.valid.shape), np.float32)
        found[0] = self._components(cube)
        guides = [Guide.of(found[0, 0].astype(np.float64), cube.valid, radius) for radius in RADII]

        def work(component: int) -> None:
            values = found[0, component].astype(np.float64)
            for scale, guide in enumerate(guides, start=1):
                found[scale, component] = guide.filtered(values)

        pool.run(number, work)
        found[0] *= np.float32(self.own)
        return found.reshape(-1, *cube.valid.shape)

    def cube(self, cube: Cube) -> Cube:
        """The same with features for bands."""
        return replace(cube, reflectance=self.image(cube))

    def labelled(self, tile: Labelled) -> Labelled:
        """The labelled pixels of a tile alone, side by side in one row, with features for bands."""
        where = known(tile)
        values, labels = np.ascontiguousarray(self.image(tile.cube)[:, where][:, None]), tile.labels[where][None]
        window = Window(0, 0, 1, labels.size)
        return Labelled(Cube(window, values, np.ones(labels.shape, bool)), labels)

    def _components(self, cube: Cube) -> Array:
        """(components, rows, cols), 0 where the cube is not valid."""
        values, weights = cube.reflectance.reshape(len(self.mean), -1), self.weights.T.astype(np.float64)
        mean = self.mean.astype(np.float64)[:, None]
        found = np.empty((len(weights), values.shape[1]), np.float32)
        for start in range(0, values.shape[1], CHUNK):
            part = slice(start, start + CHUNK)
            found[:, part] = np.clip(weights @ (values[:, part] - mean), -EXTREME, EXTREME)
        found[:, ~cube.valid.ravel()] = 0
        return found.reshape(-1, *cube.valid.shape)


class SpatialClassifier:
    """A classifier of features, from pixels; see :class:`~.contract.Classifier`."""

    record = None

    def __init__(self, features: SpatialFeatures, inner: Classifier) -> None:
        self.features, self.inner = features, inner
        self.num_parameters = inner.num_parameters

    def weights(self) -> dict[str, NDArray[Any]]:
        """The features' arrays and the inner classifier's."""
        return {**self.features.arrays(), **self.inner.weights()}

    def classify(self, cube: Cube) -> Array:
        """Probabilities (classes, rows, cols), NaN where the cube is not valid. ValueError if its bands are others."""
        return self.inner.classify(self.features.cube(cube))

    def at(self, cube: Cube, rows: NDArray[np.integer[Any]], cols: NDArray[np.integer[Any]]) -> Array:
        """Probabilities (classes, pixels) of some of a cube's pixels, NaN where it is not valid."""
        values, valid = self.features.image(cube)[:, rows, cols], cube.valid[rows, cols]
        window = Window(0, 0, 1, len(rows))
        return self.inner.classify(Cube(window, np.ascontiguousarray(values[:, None]), valid[None]))[:, 0]


def fitted(
    data: TrainingData,
    fit: Callable[[TrainingData], Classifier],
    factors: Sequence[float] = (1.0,),
    report: Report = lambda *_: None,
) -> SpatialClassifier:
    """What ``fit`` learns from the features of the training pixels. ValueError if there are none.

    Of the factors of a pixel's own components that is taken with which most validation pixels are right; the first if
    there are no validation pixels. A step of the report is a factor tried, its loss the error.
    """
    tiles, held = ([one for one in some if known(one).any()] for some in (data.training, data.validation))
    if not tiles:
        raise ValueError("There are no training pixels; label some pixels of at least two classes.")
    features = SpatialFeatures.of(tiles)
    training, judges = ([features.labelled(one) for one in some] for some in (tiles, held if factors[1:] else []))
    found, errors = [], []
    for step, factor in enumerate(factors if judges else factors[:1], start=1):
        some = [_weighed(one, features.components, factor) for one in training]
        inner = fit(replace(data, training=some, validation=[], wavelengths=None))
        found.append(SpatialClassifier(replace(features, own=factor), inner))
        errors.append(_error(inner, [_weighed(one, features.components, factor) for one in judges]))
        if judges:
            report(step, len(factors), errors[-1])
    return found[int(np.argmin(errors))]


def restored(
    weights: dict[str, NDArray[Any]],
    wavelengths: Array | None,
    restore: Callable[[dict[str, NDArray[Any]], Array], Classifier],
) -> SpatialClassifier:
    """The classifier that gave these weights; ``restore`` is given its own, and the numbers of the features.

    ValueError, one sentence, if they are none for these bands.
    """
    features = SpatialFeatures.restore(weights, wavelengths)
    own = {name: values for name, values in weights.items() if name not in NAMES}
    return SpatialClassifier(features, restore(own, np.arange(features.count, dtype=np.float32)))


def _weighed(item: Labelled, components: int, factor: float) -> Labelled:
    """With a pixel's own components, the first bands, multiplied by a factor."""
    values = item.cube.reflectance.copy()
    values[:components] *= np.float32(factor)
    return replace(item, cube=replace(item.cube, reflectance=values))


def _error(classifier: Classifier, judges: list[Labelled]) -> float:
    """The share of labelled pixels, rows of features, that a classifier gets wrong; 0 of none."""
    wrong = [classifier.classify(one.cube).argmax(axis=0) + 1 != one.labels for one in judges]
    return float(np.concatenate(wrong, axis=1).mean()) if wrong else 0.0


def known(tile: Labelled) -> NDArray[np.bool_]:
    """Where (rows, cols) a tile has a label and data."""
    return (tile.labels > 0) & tile.cube.valid


def misfit(fault: str) -> ValueError:
    """The sentence that says what is wrong with a stranger's arrays."""
    return ValueError(f"The weights are no spatial model for these classes and bands: {fault}.")
