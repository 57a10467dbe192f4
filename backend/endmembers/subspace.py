"""Pixels in few dimensions: means and second moments, principal components, the volume of a simplex.

Everywhere ``pixels`` is (pixels, bands); nothing of the size of the pixels is held in float64 but a block.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import factorial

import numpy as np
from numpy.typing import NDArray

from ..cube import Array

Table = NDArray[np.float64]
Integers = NDArray[np.int64]
BLOCK = 8192
"""Pixels that are held in float64 at a time."""


def usable(pixels: Array, num_endmembers: int) -> Integers:
    """Indices of the pixels whose values are all finite. ValueError if there are fewer than endmembers."""
    if pixels.ndim != 2:
        raise ValueError("The pixels must be a table of spectra.")
    if num_endmembers < 1:
        raise ValueError(f"At least one endmember must be asked for, not {num_endmembers}.")
    found = np.flatnonzero(np.isfinite(pixels).all(axis=1))
    if len(found) < num_endmembers:
        raise ValueError(
            f"The scene has {len(found)} valid pixels; {num_endmembers} endmembers cannot be found in them. "
            "Ask for fewer endmembers."
        )
    if num_endmembers > pixels.shape[1] + 1:
        raise ValueError(
            f"The scene has {pixels.shape[1]} bands; at most {pixels.shape[1] + 1} endmembers can be told apart in "
            f"them, not {num_endmembers}."
        )
    return found


def blocks(pixels: Array) -> Iterator[tuple[slice, Table]]:
    """The pixels block by block in float64, each with its place."""
    for first in range(0, len(pixels), BLOCK):
        part = slice(first, first + BLOCK)
        yield part, pixels[part].astype(np.float64)


def moments(pixels: Array) -> tuple[Table, Table]:
    """Mean spectrum (bands,) and covariance (bands, bands), divided by the number of pixels."""
    total = np.zeros(pixels.shape[1])
    for _, block in blocks(pixels):
        total += block.sum(axis=0)
    mean = total / len(pixels)
    return mean, correlation(pixels, mean)


def correlation(pixels: Array, origin: Table | float = 0.0) -> Table:
    """Mean of the outer products of (pixel - origin) with itself (bands, bands)."""
    total = np.zeros((pixels.shape[1], pixels.shape[1]))
    for _, block in blocks(pixels):
        block -= origin
        total += block.T @ block
    return total / len(pixels)


def leading(matrix: Table, count: int) -> Table:
    """The eigenvectors (bands, count) of a symmetric matrix with the largest eigenvalues, largest first."""
    return np.asarray(np.linalg.eigh(matrix)[1][:, ::-1][:, :count])


def project(pixels: Array, axes: Table, origin: Table | float = 0.0) -> Table:
    """(pixel - origin) @ axes for every pixel: (pixels, axes)."""
    found = np.empty((len(pixels), axes.shape[1]))
    for part, block in blocks(pixels):
        found[part] = (block - origin) @ axes
    return found


def principal(pixels: Array, count: int) -> Table:
    """Principal components of the pixels (pixels, count), about their mean."""
    mean, covariance = moments(pixels)
    return project(pixels, leading(covariance, count), mean)


def simplex_volume(corners: Array | Table) -> float:
    """Volume of the simplex with these corners (corners, dimensions), in their unit to the power of corners - 1."""
    sides = np.asarray(corners[1:], np.float64) - np.asarray(corners[:1], np.float64)
    if not len(sides):
        return 0.0
    return float(np.prod(np.linalg.svd(sides, compute_uv=False)) / factorial(len(sides)))
