"""Accuracy and class areas of a whole map from a probability sample of reference pixels.

Olofsson, Foody, Herold, Stehman, Woodcock, Wulder: Good practices for estimating area and assessing accuracy of land
change, Remote Sensing of Environment 148 (2014), doi:10.1016/j.rse.2014.02.015. Valid only for a sample that was drawn
at random within the classes of the map (:func:`.sampling.stratified_sample`), never for areas chosen by hand.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .confusion import Floats, ratio

Z = 1.96
"""Standard errors to either side of a 95 % interval."""


@dataclass(frozen=True)
class AreaAdjusted:
    """Estimates for the whole map, each with half the width of its 95 % interval (``..._margin``).

    ``shares`` (classes, classes): estimated share of the map by class in the map (row) and in truth (column).
    ``areas`` (classes,): true area of each class, in the unit of a pixel's area. ``users_accuracy``,
    ``producers_accuracy`` (classes,): precision and recall over the map. NaN where a class has no pixel to stand on.
    """

    shares: Floats
    overall_accuracy: float
    overall_accuracy_margin: float
    users_accuracy: Floats
    users_accuracy_margin: Floats
    producers_accuracy: Floats
    producers_accuracy_margin: Floats
    areas: Floats
    areas_margin: Floats


def area_adjusted(counts: ArrayLike, mapped_pixels: ArrayLike, pixel_area: float = 1.0) -> AreaAdjusted:
    """Accuracies and areas adjusted for how much of the map each class takes.

    ``counts`` (classes, classes): sampled pixels by class in the map (row) and in the reference (column);
    ``mapped_pixels`` (classes,): pixels of each class in the whole map. ValueError if a mapped class has fewer than two
    sampled pixels, or is sampled without being mapped. Equations 1 to 11 of the paper.
    """
    n, pixels = np.asarray(counts, np.float64), np.asarray(mapped_pixels, np.float64)
    rows = n.sum(axis=1)
    _check(n, rows, pixels)
    weights = pixels / pixels.sum()
    within = np.nan_to_num(ratio(n, rows[:, None]))
    p, freedom = weights[:, None] * within, np.where(rows > 1, rows - 1, 1)
    users, producers = ratio(np.diag(n), rows), ratio(np.diag(p), p.sum(axis=0))
    spread = np.nan_to_num(users * (1 - users)) / freedom
    overall_error = math.sqrt((weights**2 * spread).sum())
    share_errors = np.sqrt((weights[:, None] ** 2 * within * (1 - within) / freedom[:, None]).sum(axis=0))
    total = pixels.sum() * pixel_area
    return AreaAdjusted(
        p,
        float(np.trace(p)),
        Z * overall_error,
        users,
        np.where(rows > 0, Z * np.sqrt(spread), np.nan),
        producers,
        Z * _producers_errors(within, pixels, producers, spread, freedom),
        total * p.sum(axis=0),
        Z * total * share_errors,
    )


def _producers_errors(within: Floats, pixels: Floats, producers: Floats, spread: Floats, freedom: Floats) -> Floats:
    """Standard errors of the producer's accuracies (classes,): equation 7."""
    totals = (pixels[:, None] * within).sum(axis=0)
    others = pixels[:, None] ** 2 * within * (1 - within) / freedom[:, None]
    others = others.sum(axis=0) - np.diag(others)
    variance = ratio(pixels**2 * (1 - producers) ** 2 * spread + producers**2 * others, totals**2)
    return np.asarray(np.sqrt(variance))


def _check(n: Floats, rows: Floats, pixels: Floats) -> None:
    if n.shape != (len(pixels), len(pixels)) or not (np.isfinite(n).all() and np.isfinite(pixels).all()):
        raise ValueError(f"{len(pixels)} mapped classes need a matrix of as many rows and columns, not {n.shape}.")
    if n.min(initial=0) < 0 or pixels.min(initial=0) < 0 or pixels.sum() <= 0:
        raise ValueError("Pixel counts must be 0 or more, and the map must have pixels.")
    few = np.flatnonzero((pixels > 0) & (rows < 2)) + 1
    if len(few):
        raise ValueError(f"Class {few[0]} of the map has fewer than 2 sampled pixels; every class needs 2 or more.")
    astray = np.flatnonzero((pixels == 0) & (rows > 0)) + 1
    if len(astray):
        raise ValueError(
            f"Class {astray[0]} has sampled pixels but none in the map; sample and map do not belong together."
        )


def cochran_sample_size(weights: ArrayLike, users_accuracy: ArrayLike, standard_error: float) -> int:
    """How many pixels to sample for overall accuracy to have this standard error (equation 13; Cochran 1977).

    ``weights`` (classes,): share of the map of each class; ``users_accuracy`` (classes,): what one expects, 0 to 1.
    """
    shares, expected = np.asarray(weights, np.float64), np.asarray(users_accuracy, np.float64)
    if not 0 < standard_error < 1:
        raise ValueError(f"The standard error must be between 0 and 1, not {standard_error:g}.")
    if shares.min() < 0 or shares.sum() <= 0 or expected.min() < 0 or expected.max() > 1:
        raise ValueError("Shares must be 0 or more, and expected accuracies from 0 to 1.")
    spread = float((shares / shares.sum() * np.sqrt(expected * (1 - expected))).sum())
    return math.ceil(round((spread / standard_error) ** 2, 6))
