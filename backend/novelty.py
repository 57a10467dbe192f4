"""Novelty: how little a pixel looks like anything a classifier was trained on, whatever the method.

The distance is that of Mahalanobis to the nearest class (Lee, Lee, Lee, Shin, A simple unified framework for detecting
out-of-distribution samples, NeurIPS 2018: one covariance for all classes, shrunk after Ledoit, Wolf, 2004), in the
principal components of the training spectra. Two things are added, because pixels are mixtures and sensors see more
than was trained: the way to the nearest *mixture* of the nearest class with another counts, and so does what the
components leave over of a spectrum. Arrays only; no files.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.covariance import ledoit_wolf
from sklearn.metrics import pairwise_distances

from .cube import Array, Cube
from .facts import MAX_BANDS
from .parallel import each

Floats = NDArray[np.float64]
MAX_COMPONENTS = 30
EXPLAINED = 0.9995
"""So much of the variance of the training spectra the components hold, if they are few enough."""
LEAST_SCALE = 0.1
"""Of the median band: a band that never varied in training must not make novelty of every trifle."""
MAX_PIXELS = 50_000
FOLDS = 5
PERCENTILE = 99.0
CHUNK = 4096
"""Pixels that a thread works on at once: few enough for its part of the processor's cache."""
MAX_CLASSES = 32_767


@dataclass(frozen=True)
class Novelty:
    """A fitted novelty. 1 is the 99th percentile of training pixels, each measured by what the others say.

    ``mean``, ``scale`` (bands,): spectra are centred and scaled so. ``axes`` (bands, k): orthonormal components;
    ``whitening`` (k, k) after them. ``centres`` (classes, k) and ``spreads`` (classes,): of the classes there.
    ``remainder``: usual length of what the components leave over; ``limit``: the distance that is novelty 1.
    """

    mean: Array
    scale: Array
    axes: Array
    whitening: Array
    centres: Array
    spreads: Array
    remainder: float
    limit: float

    @classmethod
    def fit(cls, pixels: ArrayLike, classes: ArrayLike, seed: int = 0) -> Novelty:
        """Learn from training spectra (pixels, bands) and their classes (pixels,), of any numbers.

        ValueError with fewer than 2 pixels, or values that are no numbers. Of many pixels 50,000 are used.
        """
        spectra, kinds = np.asarray(pixels, np.float64), np.unique(np.asarray(classes), return_inverse=True)[1]
        if spectra.ndim != 2 or len(spectra) != len(kinds) or len(spectra) < 2 or not np.isfinite(spectra).all():
            raise ValueError("Novelty needs two training pixels or more, all numbers, and a class for each.")
        order = np.random.default_rng(seed).permutation(len(spectra))[:MAX_PIXELS]
        spectra, kinds = spectra[order], kinds[order]
        whole = _fitted(spectra, kinds)
        distances = [np.empty(0, np.float32)]
        folds = np.arange(len(spectra)) % min(FOLDS, len(spectra))
        for fold in range(FOLDS):
            held = folds == fold
            known = held & np.isin(kinds, kinds[~held])  # a class of one pixel says nothing of the others
            if known.any() and (~held).sum() > 1:
                distances.append(_fitted(spectra[~held], kinds[~held]).distances(spectra[known].astype(np.float32)))
        found = np.concatenate(distances)
        found = found if len(found) else whole.distances(spectra.astype(np.float32))
        limit = max(float(np.percentile(found, PERCENTILE)), 1e-6)
        return replace(whole, limit=limit)

    def of(self, cube: Cube) -> Array:
        """Novelty (rows, cols) float32 of every pixel, 0 and up; above 1 = unlike the training; NaN without data."""
        if len(cube.reflectance) != len(self.mean):
            raise ValueError(f"The scene has {len(cube.reflectance)} bands; novelty was learnt on {len(self.mean)}.")
        found = np.full(cube.valid.size, np.nan, np.float32)
        flat, valid = cube.reflectance.reshape(len(self.mean), -1), cube.valid.ravel()
        apart = _apart(self.centres)

        def work(part: int) -> None:
            some = slice(part * CHUNK, (part + 1) * CHUNK)
            there = valid[some]
            spectra = flat[:, some] if there.all() else flat[:, some][:, there]
            found[some][there] = self._distances(spectra, apart) / self.limit

        each(-(-valid.size // CHUNK), work, torch.device("cpu"))
        return found.reshape(cube.valid.shape)

    def distances(self, spectra: Array) -> Array:
        """Distances (pixels,) of spectra (pixels, bands) before they are scaled to the limit."""
        return self._distances(np.asarray(spectra, np.float32).T, _apart(self.centres))

    def _distances(self, spectra: Array, apart: Array) -> Array:
        """Of spectra (bands, pixels), as they lie in a cube; ``apart``: squared distances of the centres."""
        normal = spectra - self.mean[:, None]
        normal *= (1 / self.scale)[:, None]
        scores = self.axes.T @ normal
        left = np.maximum(np.square(normal, out=normal).sum(axis=0) - np.square(scores).sum(axis=0), 0)
        near = _nearest(self.whitening.T @ scores, self.centres, self.spreads, apart)
        return np.asarray(np.sqrt(near + left / self.remainder**2), np.float32)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All of it as plain arrays, for :meth:`restore`."""
        return {name: np.asarray(value, np.float32) for name, value in vars(self).items()}

    @classmethod
    def restore(cls, arrays: dict[str, NDArray[Any]]) -> Novelty:
        """The novelty of these ``arrays()``. ValueError if they do not fit together: they may be a stranger's."""
        names = list(cls.__dataclass_fields__)
        if sorted(arrays) != sorted(names):
            raise ValueError(
                f"The saved novelty must hold {', '.join(names)}, not {', '.join(sorted(arrays)) or 'nothing'}."
            )
        values = {name: np.asarray(arrays[name]) for name in names}
        _check(values)
        fields: dict[str, Any] = {name: value.astype(np.float32) for name, value in values.items()}
        return cls(**{**fields, "remainder": float(values["remainder"]), "limit": float(values["limit"])})


def _fitted(spectra: Floats, kinds: NDArray[np.integer]) -> Novelty:
    """Everything but the limit."""
    mean, scale = spectra.mean(axis=0), spectra.std(axis=0)
    scale = np.maximum(scale, LEAST_SCALE * float(np.median(scale)) or float(scale.max()) or 1.0)
    normal = (spectra - mean) / scale
    axes = _axes(normal)
    scores = normal @ axes
    place = np.unique(kinds, return_inverse=True)[1]
    counts = np.bincount(place).astype(np.float64)
    centres = np.stack([np.bincount(place, column) for column in scores.T], axis=1) / counts[:, None]
    whitening = _whitening(scores - centres[place])
    distances = np.asarray(np.bincount(place, (((scores - centres[place]) @ whitening) ** 2).sum(axis=1)), np.float64)
    return Novelty(
        mean.astype(np.float32),
        scale.astype(np.float32),
        axes.astype(np.float32),
        whitening.astype(np.float32),
        (centres @ whitening).astype(np.float32),
        _spreads(distances, counts, axes.shape[1]).astype(np.float32),
        _remainder(normal, scores, axes),
        limit=1.0,
    )


def _axes(normal: Floats) -> Floats:
    """The principal components (bands, k), as many as hold nearly all variance."""
    values, vectors = np.linalg.eigh(normal.T @ normal / len(normal))
    held = np.cumsum(values[::-1]) / max(values.sum(), 1e-12)
    most = min(MAX_COMPONENTS, len(values), len(normal) - 1)
    number = int(np.clip(np.searchsorted(held, EXPLAINED) + 1, 1, most))
    return np.asarray(vectors[:, ::-1][:, :number])


def _remainder(normal: Floats, scores: Floats, axes: Floats) -> float:
    """Root mean square length of what the components leave over; never nothing, or any noise would be news."""
    left = np.sqrt(((normal - scores @ axes.T) ** 2).sum(axis=1).mean())
    floor = 1e-3 * np.sqrt((normal**2).sum(axis=1).mean())
    return float(max(left, floor, 1e-6))


def _whitening(inner: Floats) -> Floats:
    """(k, k): turns differences within classes into numbers of variance 1 without correlation."""
    covariance = np.atleast_2d(ledoit_wolf(inner, assume_centered=True)[0])
    values, vectors = np.linalg.eigh(covariance)
    values = np.maximum(values, max(1e-9, 1e-6 * float(values.max())))
    return np.asarray(vectors / np.sqrt(values))


def _spreads(sums: Floats, counts: Floats, number: int) -> Floats:
    """Variance of each class relative to that of all (classes,), drawn to 1 where pixels are few; 0.1 to 10."""
    freedom = np.maximum(counts - 1, 0)
    shrunk = (sums / number + 10 * 1.0) / (freedom + 10)
    return np.asarray(np.clip(shrunk, 0.1, 10))


def _nearest(points: Array, centres: Array, spreads: Array, apart: Array) -> Array:
    """Squared distance (pixels,) of points (k, pixels) to the nearest class, or its nearest mixture with another.

    A mixture of i and j, i the nearest class, is the point at share t on the way from centre i to centre j; its
    variance lies between theirs.
    """
    squares = (centres**2).sum(axis=1)
    to_centres = np.maximum(np.square(points).sum(axis=0) - 2 * centres @ points + squares[:, None], 0)
    first = np.argmin(to_centres / spreads[:, None], axis=0)
    own = np.take_along_axis(to_centres, first[None], axis=0)
    length = np.maximum(apart[:, first], np.float32(1e-12))
    way = own - to_centres + length
    share = np.clip(way / (2 * length), 0, 1)
    off = np.maximum(own - share * way + share**2 * length, 0)
    variance = spreads[first] + share * (spreads[:, None] - spreads[first])
    return np.asarray((off / variance).min(axis=0))


def _apart(centres: Array) -> Array:
    """Squared distances (classes, classes) between centres, without an array (classes, classes, k)."""
    return np.asarray(pairwise_distances(centres, metric="sqeuclidean"), np.float32)


def _check(values: dict[str, NDArray[Any]]) -> None:
    bands, number, classes = (
        values[name].shape[0] if values[name].ndim else 0 for name in ("mean", "whitening", "spreads")
    )
    shapes = {
        "mean": (bands,), "scale": (bands,), "axes": (bands, number), "whitening": (number, number),
        "centres": (classes, number), "spreads": (classes,), "remainder": (), "limit": (),
    }  # fmt: skip
    if not (1 <= number <= bands <= MAX_BANDS and 1 <= classes <= MAX_CLASSES):
        raise ValueError(f"The saved novelty has {bands} bands, {number} components and {classes} classes: not usable.")
    for name, shape in shapes.items():
        value = values[name]
        if value.shape != shape or value.dtype.kind != "f" or not np.isfinite(value).all():
            raise ValueError(f"The saved novelty's '{name}' must be numbers of shape {shape}, not {value.shape}.")
    if min(values[name].min() for name in ("scale", "spreads", "remainder", "limit")) <= 0:
        raise ValueError("The saved novelty's scales must be above 0.")
