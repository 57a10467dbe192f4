"""MESMA: every pixel is explained by its own best combination of a library's spectra, at most one of each class.

Roberts, Gardner, Church, Ustin, Scheer and Green 1998 (Remote Sensing of Environment 65): all models of one class,
of two ... are fitted under full constraints, the one of least error is kept at each complexity, and a more complex
one replaces a simpler one only where it lowers the error by more than a threshold.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray

from ..cube import Array
from .least_squares import checked, errors, fully_constrained, in_parts
from .mesma_kernel import search

MOST_MODELS = 2_000_000
ROUNDING = 1e-7
"""Errors closer than this are equal."""
INDEPENDENT = 1e-12
"""Least eigenvalue of a model's Gram matrix, as a share of its trace; below it a smaller model does as well."""
Integers = NDArray[np.int32]


@dataclass(frozen=True)
class Mesma:
    """What MESMA gives for each pixel; NaN and -1 where the pixel holds a value that is not finite."""

    abundances: Array
    """(pixels, classes), >= 0, summing to one; with shade a last column more, the share of shade."""
    spectra: Integers
    """(pixels, classes): index of the library's spectrum that stands for the class, -1 where the class is absent."""
    error: Array
    """(pixels,): root mean square over bands of what is not explained."""


def mesma(
    pixels: Array,
    library: Array,
    classes: Sequence[int],
    complexity: int = 2,
    shade: Array | None = None,
    improvement: float = 0.007,
) -> Mesma:
    """The best fully constrained combination of at most ``complexity`` classes for every pixel; see :class:`Mesma`.

    ``pixels`` (pixels, bands), ``library`` (spectra, bands), ``classes`` (spectra,): the class of each, 0, 1 ...
    ``shade`` (bands,): a spectrum that may be part of every model (zeros: photometric shade); it counts as no class.
    ``improvement``: by how much one more class must lower the error, in reflectance. ValueError for unusable input.
    """
    pixels, library = checked(pixels, library)
    groups = _groups(classes, len(library), complexity)
    origin = library.mean(axis=0, dtype=np.float64) if shade is None else np.asarray(shade, np.float64)
    if origin.shape != library.shape[1:] or not np.isfinite(origin).all():
        raise ValueError("The shade spectrum must have one finite value for every band of the library.")
    if not improvement >= 0:
        raise ValueError(f"The least improvement must be 0 or more, not {improvement}.")
    spectra = library - origin
    shifted = pixels.astype(np.float64) - origin
    with np.errstate(invalid="ignore"):
        products, squares = spectra @ shifted.T, (shifted**2).sum(axis=1)
    good = np.isfinite(products).all(axis=0) & np.isfinite(squares)
    products[:, ~good] = 0
    chosen = np.full((len(pixels), len(groups)), -1, np.int32)
    error = np.sqrt(squares / len(origin)) if shade is not None else np.full(len(pixels), np.inf)
    for size in range(1, min(complexity, len(groups)) + 1):
        value, found = _level(spectra, groups, size, products, shade is not None)
        trial = np.sqrt(np.maximum(squares + value, 0) / len(origin))
        better = (found[:, 0] >= 0) & good & (trial < error - ROUNDING - (improvement if size > 1 else 0.0))
        error[better] = trial[better]
        chosen[better] = _by_class(found[better], np.asarray(classes), len(groups))
    return _settled(pixels, library, shade, chosen, good)


def _groups(classes: Sequence[int], spectra: int, complexity: int) -> list[list[int]]:
    """The spectra of each class. ValueError if classes and library do not fit, or the models are too many."""
    if len(classes) != spectra:
        raise ValueError(f"The library has {spectra} spectra, but {len(classes)} of them have a class.")
    if sorted(set(classes)) != list(range(len(set(classes)))):
        raise ValueError("Classes must be numbered 0, 1, 2 ... without gaps.")
    if complexity < 1:
        raise ValueError(f"A model needs at least one class, not {complexity}.")
    groups = [[index for index, one in enumerate(classes) if one == number] for number in range(len(set(classes)))]
    models = sum(
        math.prod(len(one) for one in chosen)
        for size in range(1, complexity + 1)
        for chosen in combinations(groups, size)
    )
    if models > MOST_MODELS:
        raise ValueError(
            f"{models:,} models would have to be tried in every pixel; at most {MOST_MODELS:,} are possible. "
            "Choose a lower complexity or fewer spectra."
        )
    return groups


def _level(
    spectra: NDArray[np.float64], groups: list[list[int]], size: int, products: NDArray[np.float64], shaded: bool
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The best models of so many classes: their x'Gx - 2 c'x (pixels,), their spectra (pixels, size), -1 for none."""
    models = np.array([one for chosen in combinations(groups, size) for one in product(*chosen)], np.int64)
    gram = spectra @ spectra.T
    constant = float(np.trace(gram) / len(gram)) or 1.0
    best, found = np.full(products.shape[1], np.inf), np.full((products.shape[1], size), -1, np.int64)
    # With a sum of one a constant may be added to the matrix, which makes it definite. With shade, which takes the
    # rest, a model's optimum lies where shade is part of it or where it is not.
    for added, with_rest in ((0.0, True), (constant, False)) if shaded else ((constant, False),):
        matrices = (gram + added)[models[:, :, None], models[:, None, :]]
        usable = np.linalg.eigvalsh(matrices)[:, 0] > INDEPENDENT * np.trace(matrices, axis1=1, axis2=2)
        tried, inverses = models[usable], np.linalg.inv(matrices[usable])
        sums, number = inverses.sum(axis=2), np.full(len(best), -1, np.int64)
        in_parts(len(best), _Search(products, tried, inverses, sums, added, with_rest, best, number))
        found[number >= 0] = tried[number[number >= 0]]
    return best, found


class _Search:
    """The kernel with all its arguments but the part."""

    def __init__(self, *arguments: object) -> None:
        self.before, self.after = arguments[:6], arguments[6:]

    def __call__(self, first: int, last: int) -> None:
        search(*self.before, first, last, *self.after)


def _by_class(found: NDArray[np.int64], classes: NDArray[np.int_], count: int) -> Integers:
    """Spectra (pixels, size) sorted into the columns of their classes (pixels, count)."""
    sorted_in = np.full((len(found), count), -1, np.int32)
    np.put_along_axis(sorted_in, classes[found], found.astype(np.int32), axis=1)
    return sorted_in


def _settled(pixels: Array, library: Array, shade: Array | None, chosen: Integers, good: NDArray[np.bool_]) -> Mesma:
    """Abundances and errors of the chosen models, by the same function as everywhere."""
    shades = 0 if shade is None else 1
    count = chosen.shape[1]
    abundances = np.zeros((len(pixels), count + shades), np.float32)
    error = np.full(len(pixels), np.nan, np.float32)
    abundances[~good] = np.nan
    # Pixels of one model are unmixed together.
    models, where = np.unique(chosen[good], axis=0, return_inverse=True)
    order = np.argsort(where.ravel(), kind="stable")
    ends = np.cumsum(np.bincount(where.ravel(), minlength=len(models)))
    for model, members in zip(models, np.split(np.flatnonzero(good)[order], ends[:-1]), strict=False):
        present = np.flatnonzero(model >= 0)
        endmembers = library[model[present]]
        if shade is not None:
            endmembers = np.vstack([endmembers, np.asarray(shade, np.float32)[None]])
        columns = [*present, *range(count, count + shades)]
        shares = fully_constrained(pixels[members], endmembers)
        abundances[np.ix_(members, columns)] = shares
        error[members] = errors(pixels[members], endmembers, shares)
    return Mesma(abundances, chosen, error)
