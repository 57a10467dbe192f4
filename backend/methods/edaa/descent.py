"""Archetypal analysis by entropic descent: min |Y - Y B A|^2 over columns of A and B in the simplex.

Y (dims, pixels) are the pixels, Y B the archetypes, A (endmembers, pixels) their abundances. Both blocks take
exponentiated gradient steps (the paper's equations 9 and 10), here on logits: they neither overflow nor stick at 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...cube import Array


@dataclass(frozen=True)
class Archetypes:
    """``weights`` (endmembers, pixels) with rows in the simplex: the paper's B, transposed; ``abundances`` alike.

    ``losses``: half the squared residual before the first pass and after each, never rising.
    """

    weights: Array
    abundances: Array
    losses: list[float]


def descend(table: Array, start: Array, factor: float, passes: int, steps: int) -> Archetypes:
    """Take turns between A and B, ``steps`` steps each, ``passes`` times, on a table (dims, pixels), float32.

    ``start`` (endmembers, pixels): logits of the weights; the abundances start equal. The step lengths are the
    paper's, ``factor`` / |Y B|^2 for A and sqrt(endmembers / pixels) of it for B. Those are not safe: a pass after
    which the loss is higher is taken back and the steps are halved.
    """
    weights, shares = start.astype(np.float32), np.zeros_like(start, np.float32)
    corners = table @ simplex(weights, 1).T
    rate = factor / (np.linalg.norm(corners.astype(np.float64), 2) ** 2 or 1.0)
    ratio = (len(start) / start.shape[1]) ** 0.5
    losses = [_loss(table, corners, simplex(shares, 0))]
    for _ in range(passes):
        moved = _abundance_steps(table, corners, shares, rate, steps)
        turned = _weight_steps(table, weights, simplex(moved, 0), rate * ratio, steps)
        met = table @ simplex(turned, 1).T
        loss = _loss(table, met, simplex(moved, 0))
        if loss <= losses[-1]:
            shares, weights, corners = moved, turned, met
        else:
            rate /= 2
        losses.append(min(loss, losses[-1]))
    return Archetypes(simplex(weights, 1), simplex(shares, 0), losses)


def simplex(logits: Array, axis: int) -> Array:
    """Softmax: positive values along the axis that sum to one."""
    found = np.exp(logits - logits.max(axis=axis, keepdims=True))
    found /= found.sum(axis=axis, keepdims=True)
    return found


def _abundance_steps(table: Array, corners: Array, logits: Array, rate: float, steps: int) -> Array:
    """Steps on A; the gradient is E'E A - E'Y for the archetypes E = Y B."""
    gram, products, length = corners.T @ corners, corners.T @ table, np.float32(rate)
    for _ in range(steps):
        logits = logits - length * (gram @ simplex(logits, 0) - products)
    return logits


def _weight_steps(table: Array, logits: Array, abundances: Array, rate: float, steps: int) -> Array:
    """Steps on B; the gradient is Y'(E A A' - Y A'), so that the residual of the pixels is never formed."""
    gram, products, length = abundances @ abundances.T, table @ abundances.T, np.float32(rate)
    for _ in range(steps):
        corners = table @ simplex(logits, 1).T
        logits = logits - length * ((corners @ gram - products).T @ table)
    return logits


def _loss(table: Array, corners: Array, abundances: Array) -> float:
    residual = table - corners @ abundances
    return 0.5 * float(np.einsum("ij,ij->", residual, residual, dtype=np.float64))
