"""Archetypal analysis by entropic descent: min |Y - Y B A|^2 over columns of A and B in the simplex.

Y (dims, pixels) are the pixels, Y B the archetypes, A (endmembers, pixels) their abundances. Both blocks take
exponentiated gradient steps (entropic descent), here on logits: they neither overflow nor stick at 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...cube import Array

GROWTH = 1.2
"""How much longer a block's steps get after a turn that did not raise the loss."""


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

    ``start`` (endmembers, pixels): logits of the weights; the abundances start equal. The first steps have the paper's
    lengths, ``factor`` / |Y B|^2 for A and sqrt(endmembers / pixels) of it for B. Kept for good they are too long for
    one scene and too short for another. So a turn that raises the loss is taken back and the block's steps are
    halved; after any other turn they grow.
    """
    weights, shares = start.astype(np.float32), np.zeros_like(start, np.float32)
    corners = table @ simplex(weights, 1).T
    first = factor / (float(np.linalg.norm(corners.astype(np.float64), 2)) ** 2 or 1.0)
    rates = [first, first * (len(start) / start.shape[1]) ** 0.5]
    losses = [_loss(table, corners, simplex(shares, 0))]
    for _ in range(passes):
        moved = _abundance_steps(table, corners, shares, rates[0], steps)
        reached = _loss(table, corners, simplex(moved, 0))
        falls = reached <= losses[-1]
        shares, loss = (moved, reached) if falls else (shares, losses[-1])
        rates[0] *= GROWTH if falls else 0.5

        turned = _weight_steps(table, weights, simplex(shares, 0), rates[1], steps)
        met = table @ simplex(turned, 1).T
        reached = _loss(table, met, simplex(shares, 0))
        falls = reached <= loss
        weights, corners, loss = (turned, met, reached) if falls else (weights, corners, loss)
        rates[1] *= GROWTH if falls else 0.5
        losses.append(loss)
    return Archetypes(simplex(weights, 1), simplex(shares, 0), losses)


def simplex(logits: Array, axis: int) -> Array:
    """Softmax: positive values along the axis that sum to one."""
    found: Array = np.exp(logits - logits.max(axis=axis, keepdims=True))
    found /= found.sum(axis=axis, keepdims=True)
    return found


def _abundance_steps(table: Array, corners: Array, logits: Array, rate: float, steps: int) -> Array:
    """Steps on A; the gradient is E'E A - E'Y for the archetypes E = Y B."""
    gram, products, length = corners.T @ corners, corners.T @ table, np.float32(rate)
    for _ in range(steps):
        slopes = gram @ simplex(logits, 0) - products
        logits = np.asarray(logits - length * slopes, np.float32)
    return logits


def _weight_steps(table: Array, logits: Array, abundances: Array, rate: float, steps: int) -> Array:
    """Steps on B; the gradient is Y'(E A A' - Y A'), so that the residual of the pixels is never formed."""
    gram, products, length = abundances @ abundances.T, table @ abundances.T, np.float32(rate)
    for _ in range(steps):
        corners = table @ simplex(logits, 1).T
        slopes = (corners @ gram - products).T @ table
        logits = np.asarray(logits - length * slopes, np.float32)
    return logits


def _loss(table: Array, corners: Array, abundances: Array) -> float:
    residual = table - corners @ abundances
    return 0.5 * float(np.einsum("ij,ij->", residual, residual, dtype=np.float64))
