"""Minimum noise fraction: components ordered by how little of their variance is noise.

Green, Berman, Switzer and Craig (1988), IEEE TGRS 26, in the two steps of Lee, Woodyatt and Berman (1990), IEEE TGRS
28: white noise first, principal components then. The noise is half the variance of the differences of neighbours
(Switzer and Green 1984).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ..cube import Array, Cube, Mask
from ..endmembers.subspace import BLOCK, Table

LEAST = 1e-10
"""The noise along any axis counts as at least this share of its mean over the bands: some bands have none."""


@dataclass(frozen=True)
class Mnf:
    """The transform of a scene: components have noise of variance 1, the clearest first.

    ``mean`` (bands,) reflectance; ``filters`` (bands, components) and ``spectra`` (components, bands), each the
    inverse of the other; ``ratios`` (components,): variance of signal and noise over that of the noise, falling. 1
    is noise alone; less than 1 if neighbours differ more than distant pixels do.
    """

    mean: Table
    filters: Table
    spectra: Table
    ratios: Table

    @property
    def signal_to_noise(self) -> Table:
        """Variance of the signal over that of the noise (components,), >= 0."""
        return np.asarray(np.maximum(self.ratios - 1, 0))

    def forward(self, pixels: Array, num_components: int) -> Array:
        """Components (pixels, components) of pixels (pixels, bands), float32; NaN stays NaN."""
        chosen = self.filters[:, : self._checked(num_components)]
        if pixels.ndim != 2 or pixels.shape[1] != len(self.mean):
            raise ValueError(f"The pixels must be a table of {len(self.mean)} bands, as in the scene of the transform.")
        return _multiplied(pixels, self.mean, chosen)

    def inverse(self, components: Array) -> Array:
        """Reflectance (pixels, bands) of components (pixels, components), float32; missing ones count as zero."""
        if components.ndim != 2:
            raise ValueError("The components must be a table.")
        chosen = self.spectra[: self._checked(components.shape[1])]
        found = _multiplied(components, np.zeros(len(chosen)), chosen)
        found += self.mean.astype(np.float32)
        return found

    def _checked(self, count: int) -> int:
        if not 1 <= count <= len(self.mean):
            raise ValueError(f"There are 1 to {len(self.mean)} components, not {count}.")
        return count


def fit_mnf(cubes: Iterable[Cube]) -> Mnf:
    """The transform of a scene, out of its cubes (windows), one after the other and without their halos.

    A difference counts where both pixels are valid; none is made across the edges of cubes. ValueError if there are
    fewer than two neighbours or all of them are alike.
    """
    moments = _Moments()
    for cube in cubes:
        moments.add(cube)
    mean, total, noise = moments.result()
    powers, axes = np.linalg.eigh(noise)
    roots = np.sqrt(np.maximum(powers, LEAST * np.trace(noise) / len(noise)))
    white = axes / roots
    values, turned = np.linalg.eigh(white.T @ total @ white)
    turned = turned[:, ::-1]
    return Mnf(mean, white @ turned, turned.T @ (axes * roots).T, np.maximum(values[::-1], 0))


class _Moments:
    """Sums over all cubes, in float64, about the first valid pixel, so that few digits cancel."""

    def __init__(self) -> None:
        self.pixels = self.pairs = 0
        self.origin: Table = np.zeros(0)
        self.total: Table = np.zeros(0)
        self.products: Table = np.zeros((0, 0))
        self.noise: Table = np.zeros((0, 0))

    def add(self, cube: Cube) -> None:
        """Take in the core of one cube."""
        rows, cols = cube.window.core
        values, valid = cube.reflectance[:, rows, cols], cube.valid[rows, cols]
        if not valid.any():
            return
        if not self.pixels:
            size = len(values)
            self.origin = values[:, valid][:, 0].astype(np.float64)
            self.total, self.products, self.noise = np.zeros(size), np.zeros((size, size)), np.zeros((size, size))
        self.pixels += int(valid.sum())
        total, products = _sums(values[:, valid], self.origin)
        self.total, self.products = self.total + total, self.products + products
        self._add_pairs(values[:, :-1], values[:, 1:], valid[:-1] & valid[1:])
        self._add_pairs(values[:, :, :-1], values[:, :, 1:], valid[:, :-1] & valid[:, 1:])

    def _add_pairs(self, values: Array, others: Array, both: Mask) -> None:
        """Take in the differences of neighbours."""
        self.pairs += int(both.sum())
        self.noise = self.noise + _sums(values[:, both] - others[:, both], np.zeros(len(values)))[1]

    def result(self) -> tuple[Table, Table, Table]:
        """Mean (bands,), covariance of the pixels and of the noise (bands, bands)."""
        if not self.pairs or not self.noise.any():
            raise ValueError(
                "The noise cannot be told: there are no two neighbouring pixels with data that differ. Choose a "
                "larger part of the scene."
            )
        apart = self.total / self.pixels
        covariance = self.products / self.pixels - np.outer(apart, apart)
        return self.origin + apart, covariance, self.noise / (2 * self.pairs)


def _sums(values: Array, origin: Table) -> tuple[Table, Table]:
    """Sum (bands,) and sum of outer products (bands, bands) of columns (bands, pixels) less the origin."""
    total, products = np.zeros(len(values)), np.zeros((len(values), len(values)))
    for first in range(0, values.shape[1], BLOCK):
        block = values[:, first : first + BLOCK] - origin[:, None]
        total += block.sum(axis=1)
        products += block @ block.T
    return total, products


def _multiplied(pixels: Array, origin: Table, matrix: Table) -> Array:
    """(pixel - origin) @ matrix for every pixel, float32 out of float64."""
    found = np.empty((len(pixels), matrix.shape[1]), np.float32)
    for first in range(0, len(pixels), BLOCK):
        part = slice(first, first + BLOCK)
        found[part] = (pixels[part] - origin) @ matrix
    return found
