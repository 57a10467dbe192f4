"""How sure accuracies are, and whether two maps differ: block bootstrap and McNemar's test."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom, chi2

from .confusion import Floats, confusion, ratio

Interval = tuple[float, float]
REPEATS = 2000
LEAST_BLOCKS = 5
"""Samples of fewer blocks are too much alike to tell how far off a figure may be."""
CHUNK = 4_000_000
"""Numbers drawn at once."""
EXACT_BELOW = 25


@dataclass(frozen=True)
class Intervals:
    """95 % intervals (low, high). ``recall``, ``precision``, ``f1`` (classes, 2); NaN where one is never a number."""

    overall_accuracy: Interval
    average_accuracy: Interval
    kappa: Interval
    recall: Floats
    precision: Floats
    f1: Floats


def bootstrap_intervals(
    mapped: ArrayLike, reference: ArrayLike, blocks: ArrayLike, num_classes: int, seed: int = 0, repeats: int = REPEATS
) -> Intervals:
    """95 % intervals from ``repeats`` samples of whole blocks, drawn with replacement: neighbours are alike.

    ``mapped``, ``reference`` (pixels,) class values from 1; ``blocks`` (pixels,) a number for the block each is in.
    ValueError with fewer than five blocks.
    """
    whole = confusion(mapped, reference, num_classes)  # checks the values too
    rows, cols = np.asarray(mapped), np.asarray(reference)
    names, place = np.unique(blocks, return_inverse=True)
    hit = rows == cols
    sums = [_per_block(place[hit], cols[hit], len(names), num_classes)]
    sums += [_per_block(place, values, len(names), num_classes) for values in (cols, rows)]
    drawn = [np.concatenate(parts) for parts in zip(*_resampled(sums, seed, repeats), strict=True)]
    hits, references, mappeds = drawn
    pixels = references.sum(axis=1)
    right, chance = ratio(hits.sum(axis=1), pixels), ratio((references * mappeds).sum(axis=1), pixels**2)
    recall, precision, f1 = ratio(hits, references), ratio(hits, mappeds), ratio(2 * hits, references + mappeds)
    known = np.isfinite(recall)
    average = ratio(np.where(known, recall, 0).sum(axis=1), known.sum(axis=1))
    figures = [_limits(values[:, None])[0] for values in (right, average, ratio(right - chance, 1 - chance))]
    overall, averaged, agreement = ((float(low), float(high)) for low, high in figures)
    never = np.where(whole.reference[:, None] > 0, 1, np.nan)
    return Intervals(overall, averaged, agreement, _limits(recall) * never, _limits(precision), _limits(f1))


def difference_interval(
    first: ArrayLike, second: ArrayLike, blocks: ArrayLike, seed: int = 0, repeats: int = REPEATS
) -> Interval:
    """95 % interval of OA of the first map minus OA of the second; ``first``, ``second`` (pixels,): whether right.

    ValueError with fewer than five blocks.
    """
    names, place = np.unique(blocks, return_inverse=True)
    gains = np.asarray(first, np.float64) - np.asarray(second, np.float64)
    sums: list[Floats] = [
        np.asarray(np.bincount(place, weights, len(names))[:, None], np.float64) for weights in (gains, None)
    ]
    gained, pixels = (np.concatenate(parts) for parts in zip(*_resampled(sums, seed, repeats), strict=True))
    low, high = _limits(ratio(gained, pixels))[0]
    return float(low), float(high)


def no_interval(blocks: ArrayLike) -> str:
    """Why pixels in these blocks give no interval, in words to follow "Test pixels lie in"; empty if they do."""
    number = len(np.unique(blocks))
    if number >= LEAST_BLOCKS:
        return ""
    return f"{'one block' if number == 1 else f'{number} blocks'}: too few for an interval"


@dataclass(frozen=True)
class McNemar:
    """Whether two maps differ on the same pixels: pixels only one has right, and the probability of that by chance."""

    only_first: int
    only_second: int
    p_value: float
    exact: bool


def mcnemar(first: ArrayLike, second: ArrayLike) -> McNemar:
    """McNemar's test with continuity correction, chi2 = (|b - c| - 1)^2 / (b + c); exact if b + c < 25.

    ``first``, ``second`` (pixels,): whether each map is right. It takes pixels as independent, which neighbours are
    not: see :func:`difference_interval` too.
    """
    one, other = np.asarray(first, bool), np.asarray(second, bool)
    if one.shape != other.shape:
        raise ValueError(f"Two maps are compared on the same pixels, not on {one.size} and {other.size}.")
    b, c = int((one & ~other).sum()), int((other & ~one).sum())
    if b + c < EXACT_BELOW:
        return McNemar(b, c, min(1.0, 2 * float(binom.cdf(min(b, c), b + c, 0.5))), True)
    statistic = max(0, abs(b - c) - 1) ** 2 / (b + c)
    return McNemar(b, c, float(chi2.sf(statistic, 1)), False)


def _per_block(place: NDArray[np.integer], values: NDArray[np.integer], blocks: int, classes: int) -> Floats:
    """How often each class comes in each block (blocks, classes)."""
    pairs = place * classes + values - 1
    return np.bincount(pairs, minlength=blocks * classes).reshape(blocks, classes).astype(np.float64)


def _resampled(sums: list[Floats], seed: int, repeats: int) -> Iterator[list[Floats]]:
    """The sums (blocks, k) over samples of as many blocks as there are: (repeats, k), some repeats at a time."""
    number = len(sums[0])
    if number < LEAST_BLOCKS:
        raise ValueError(f"An interval needs test pixels in {LEAST_BLOCKS} blocks or more, not {number}.")
    generator = np.random.default_rng(seed)
    step = max(1, CHUNK // number)
    for start in range(0, repeats, step):
        drawn = generator.multinomial(number, np.full(number, 1 / number), min(step, repeats - start)).astype(float)
        yield [drawn @ values for values in sums]


def _limits(values: Floats) -> Floats:
    """2.5 and 97.5 % points of every column (k, 2), of what is a number."""
    found = np.full((values.shape[1], 2), np.nan)
    for column, drawn in enumerate(values.T):
        there = drawn[np.isfinite(drawn)]
        if len(there):
            found[column] = np.percentile(there, [2.5, 97.5])
    return found
