"""What tasks share that solve for a library's spectra pixel by pixel: from a cube to pixels, from shares to images."""

from __future__ import annotations

from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..cube import Array, Cube, Mask
from ..results import Unmixing
from ..summary import Summary

Number = TypeVar("Number", np.float32, np.int16)
ALL_SHADE = 1e-3
"""Pixels with less than this share of anything lit tell no material."""


class Solved(Protocol):
    """A Result with ``abundances`` (materials, rows, cols) and ``error`` (rows, cols)."""

    @property
    def abundances(self) -> Array: ...

    @property
    def error(self) -> Array: ...


def all_pixels(cube: Cube, bands: Mask) -> Array:
    """All pixels of a cube, valid or not, row by row, in some of its bands: (pixels, bands in use)."""
    pixels: Array = cube.reflectance[bands].reshape(int(bands.sum()), -1).T
    return pixels


def image(values: NDArray[Number], cube: Cube, blank: float) -> NDArray[Number]:
    """Values of all pixels, (pixels,) or (pixels, n), as an image (rows, cols) or (n, rows, cols).

    ``blank`` stands where the cube is not valid.
    """
    shaped: NDArray[Number] = np.array(values.T, order="C").reshape(*values.shape[1:], *cube.valid.shape)
    shaped[..., ~cube.valid] = blank
    return shaped


def without_shade(lit: Array) -> tuple[Array, Array]:
    """Shares (pixels, materials) of what is lit, and the share of shade (pixels,): 1 less their sum.

    ``lit`` (pixels, materials): abundances beside that of shade. A pixel that is all shade has shares of 0, and its
    shade is 1: NaN would say that it holds no data.
    """
    total = lit.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.where(total > ALL_SHADE, lit / total, 0 * total)
    return shares, 1 - total[:, 0]


def add_solved(summary: Summary, result: Solved) -> None:
    """Take a window's result into a summary. Pixels that are all shade count, with shares of 0."""
    summary.add(Unmixing(np.nan_to_num(result.abundances), result.error))
