"""What a stranger may do to the stored weights of a network: each of these makes them unfit to be loaded."""

from __future__ import annotations

import numpy as np
from stripes import BANDS, CLASSES


def _without(weights: dict) -> None:
    del weights["head.weight"]


def _more(weights: dict) -> None:
    weights["virus"] = np.zeros(3, dtype=np.float32)


def _turned(weights: dict) -> None:
    weights["head.weight"] = weights["head.weight"].T


def _nan(weights: dict) -> None:
    weights["head.bias"] = np.full(CLASSES, np.nan, dtype=np.float32)


def _double(weights: dict) -> None:
    weights["head.bias"] = weights["head.bias"].astype(np.float64)


def _listed(weights: dict) -> None:
    weights["mean"] = weights["mean"].tolist()


def _flat(weights: dict) -> None:
    weights["scale"] = np.zeros_like(weights["scale"])


def _no_projection(weights: dict) -> None:
    weights["projection"] = np.zeros((BANDS, 0), dtype=np.float32)


def _no_regression(weights: dict) -> None:
    del weights["regression_weight"]


def _wide_regression(weights: dict) -> None:
    weights["regression_weight"] = np.zeros((CLASSES, BANDS + 1), dtype=np.float32)


def _endless_regression(weights: dict) -> None:
    weights["regression_bias"] = np.full(CLASSES, np.inf, dtype=np.float32)


SPOILERS = [
    _without,
    _more,
    _turned,
    _nan,
    _double,
    _listed,
    _flat,
    _no_projection,
    _no_regression,
    _wide_regression,
    _endless_regression,
]
