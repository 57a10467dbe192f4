"""Abundances by least squares: without constraints, non-negative, fully constrained, sparse; and their errors.

Everywhere ``pixels`` is (pixels, bands), ``endmembers`` (endmembers, bands), both in one unit (reflectance), and the
result (pixels, endmembers) float32. A pixel with a value that is not finite comes out as NaN. Sums run in float64.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..cube import Array
from ..scan.pool import run
from .kernels import residuals, solve

Table = NDArray[np.float64]
PART = 1024
"""Pixels of one piece of work for a thread."""
MANY = 32
"""From so many endmembers on a pixel's set is small beside them all; it is grown one by one then."""
SAFE = 1e4
"""Condition number of the endmembers up to which the solution without x >= 0 has digits enough to start from."""


def unconstrained(pixels: Array, endmembers: Array) -> Array:
    """Least squares without constraints; of many solutions the one of least norm."""
    pixels, endmembers = checked(pixels, endmembers)
    inverse = np.linalg.pinv(endmembers.astype(np.float64))
    found = np.empty((len(pixels), len(endmembers)), np.float32)
    for part in parts(len(pixels)):
        block = pixels[part].astype(np.float64)
        with np.errstate(invalid="ignore"):
            found[part] = block @ inverse
        found[part][~np.isfinite(block).all(axis=1)] = np.nan
    return found


def nonnegative(pixels: Array, endmembers: Array) -> Array:
    """Least squares with abundances >= 0 (NNLS), exact. Of many solutions one with few endmembers."""
    return _active_set(pixels, endmembers, simplex=False)


def fully_constrained(pixels: Array, endmembers: Array) -> Array:
    """Least squares with abundances >= 0 that sum to one (FCLS; Heinz and Chang 2001), exact.

    Of many solutions (duplicate endmembers, more endmembers than bands) one with few endmembers.
    """
    return _active_set(pixels, endmembers, simplex=True)


def sparse(pixels: Array, endmembers: Array, sparsity: float) -> Array:
    """Abundances >= 0 that minimise |pixel - abundances @ endmembers|^2 / 2 + sparsity * sum of abundances.

    This is SUnSAL's constrained sparse regression (Bioucas-Dias and Figueiredo 2010), solved exactly instead of by
    alternating directions: with x >= 0 the l1 norm is a plain sum. ``sparsity`` >= 0 in squared reflectance.
    """
    if not 0 <= sparsity < np.inf:
        raise ValueError(f"The sparsity must be a number from 0 on, not {sparsity}.")
    return _active_set(pixels, endmembers, simplex=False, penalty=float(sparsity))


def errors(pixels: Array, endmembers: Array, abundances: Array) -> Array:
    """Reconstruction error (pixels,): root mean square over bands of pixel - abundances @ endmembers."""
    pixels, endmembers = checked(pixels, endmembers)
    if abundances.shape != (len(pixels), len(endmembers)):
        raise ValueError(
            f"Abundances of the shape {abundances.shape} do not belong to {len(pixels)} pixels and "
            f"{len(endmembers)} endmembers."
        )
    values, steps = flat(pixels)
    shares, strides = flat(np.asarray(abundances, np.float32))
    found = np.empty(len(pixels), np.float32)
    spectra = endmembers.astype(np.float64)
    in_parts(len(pixels), lambda first, last: residuals(values, steps, first, last, spectra, shares, strides, found))
    return found


def _active_set(pixels: Array, endmembers: Array, simplex: bool, penalty: float = 0.0) -> Array:
    pixels, endmembers = checked(pixels, endmembers)
    spectra = endmembers.astype(np.float64)
    # With a sum of one the origin is free; the endmembers' mean keeps the common brightness out of the differences.
    origin = spectra.mean(axis=0) if simplex else np.zeros(spectra.shape[1])
    spectra -= origin
    gram = spectra @ spectra.T
    gram = (gram + gram.T) / 2
    if simplex:  # the same constant everywhere changes nothing where the sum is one, and makes the matrix definite
        gram += np.trace(gram) / len(gram) or 1.0
    start, factors, free = _start(spectra, simplex)
    if len(start):
        free -= penalty * start.sum(axis=0)
    else:
        factors, free = spectra, np.full(len(spectra), -penalty)
    values, steps = flat(pixels)
    found = np.empty((len(pixels), len(spectra)), np.float32)
    unfinished: list[int] = []

    def work(first: int, last: int) -> None:
        unfinished.append(solve(values, steps, first, last, origin, factors, gram, start, free, simplex, found))

    in_parts(len(pixels), work)
    if sum(unfinished):
        raise ValueError(
            f"The abundances of {sum(unfinished)} pixels cannot be computed: the endmembers are too alike. "
            "Leave out those that nearly equal another one."
        )
    return found


def _start(spectra: Table, simplex: bool) -> tuple[Table, Table, Table]:
    """What gives the solution without x >= 0: inverse (R, R), factors (R, bands) and offset (R,); empty if unsafe.

    The solution is factors @ pixel + offset. With a sum of one the first endmember takes what the others leave: the
    unknowns are the shares of the differences to it. The inverse is that of the Gram matrix (of the differences), out
    of an orthogonal factor: the Gram matrix itself would cost half of the digits.
    """
    size = len(spectra)
    shares = np.eye(size)
    if simplex:
        shares = np.vstack([-np.ones((1, size - 1)), np.eye(size - 1)])
    sides = shares.T @ spectra
    none = np.empty((0, 0)), np.empty((0, 0)), np.empty(0)
    lengths = np.linalg.norm(sides, axis=1)
    if size > MANY or len(sides) > spectra.shape[1] or not lengths.all():
        return none
    axes, triangle = np.linalg.qr(sides.T)
    # Shares that sum to one have a common unit; else a dark endmember is as good as a bright one.
    if len(sides) and np.linalg.cond(triangle if simplex else triangle / lengths) > SAFE:
        return none
    root = shares @ np.linalg.inv(triangle)
    factors, offset = root @ axes.T, np.zeros(size)
    if simplex:
        offset -= factors @ spectra[0]
        offset[0] += 1
    return root @ root.T, factors, offset


def checked(pixels: Array, endmembers: Array) -> tuple[Array, Array]:
    """Both as float32. ValueError, a sentence, if they are no pixels and endmembers of the same bands."""
    pixels, endmembers = np.asarray(pixels, np.float32), np.asarray(endmembers, np.float32)
    if pixels.ndim != 2 or endmembers.ndim != 2 or not endmembers.size:
        raise ValueError("Pixels and endmembers must be tables of spectra, and there must be an endmember.")
    if pixels.shape[1] != endmembers.shape[1]:
        raise ValueError(
            f"The pixels have {pixels.shape[1]} bands and the endmembers {endmembers.shape[1]}; both must have the "
            "same bands."
        )
    if not np.isfinite(endmembers).all():
        raise ValueError("An endmember holds values that are no numbers; leave it out or mend it.")
    return pixels, endmembers


def flat(table: Array) -> tuple[Array, NDArray[np.int64]]:
    """The values of a table one after the other, and the steps from row to row and from column to column.

    Copied only if neither rows nor columns are contiguous. One type of array means one compiled kernel.
    """
    rows, columns = table.shape
    if table.flags.f_contiguous and not table.flags.c_contiguous:
        return table.T.reshape(-1), np.array([1, rows])
    return np.ascontiguousarray(table).reshape(-1), np.array([columns, 1])


def parts(count: int) -> list[slice]:
    """Slices of ``PART`` pixels that cover them all."""
    return [slice(first, min(first + PART, count)) for first in range(0, count, PART)]


def in_parts(count: int, work: Callable[[int, int], Any]) -> None:
    """work(first, last) for every part, on several threads."""
    slices = parts(count)
    run(len(slices), lambda part: work(slices[part].start, slices[part].stop))
