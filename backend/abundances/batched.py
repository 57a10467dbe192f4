"""Non-negative least squares of many pixels at once in torch's operators, for graphics cards."""

from __future__ import annotations

import torch
from torch import Tensor

PART = 2**24
"""Numbers of the pixels' systems of equations that are held at once."""
TURNS = 10
"""Per endmember; the exact method needs about one, and never so many."""
SMALL = 1e-12
"""Of the largest possible gradient: what is not to be told from zero."""


def nonnegative(pixels: Tensor, endmembers: Tensor) -> Tensor:
    """What ``least_squares.nonnegative`` gives, on the device where the pixels are.

    pixels (n, l), endmembers (r, l) -> (n, r) in the pixels' dtype. Sums run in float64.
    """
    spectra = endmembers.to(pixels.device, torch.float64)
    gram, count = spectra @ spectra.t(), len(spectra)
    # So little that no digit of float32 changes, but equal endmembers have a solution.
    gram.diagonal().add_(1e-13 * gram.diagonal().mean())
    step = max(1, PART // count**2)
    parts = [_solved(part.double() @ spectra.t(), gram) for part in torch.split(pixels, step)]
    return torch.cat(parts).to(pixels.dtype) if parts else pixels.new_empty(0, count)


def _solved(target: Tensor, gram: Tensor) -> Tensor:
    """The x >= 0 that fit best, by the active sets of Lawson and Hanson (1974), every pixel at its own pace.

    target (n, r): pixels @ endmembers^T; gram (r, r). In each turn a pixel either takes one more endmember in, or goes
    towards the solution for those it has until the first of them would become negative, which it gives up.
    """
    count = len(gram)
    eye = torch.eye(count, dtype=gram.dtype, device=gram.device)
    least = SMALL * target.abs().amax(1, keepdim=True)
    x = torch.zeros_like(target)
    taken = torch.zeros_like(target, dtype=torch.bool)
    for _ in range(TURNS * count):
        full = torch.linalg.solve(_system(gram, eye, taken), target * taken)
        wrong = taken & (full <= 0)
        failed = wrong.any(1, keepdim=True)
        share = torch.where(wrong, x / (x - full).clamp_min(1e-300), torch.inf)
        least_share, first = share.min(1, keepdim=True)
        x = torch.where(failed, x + least_share.clamp_max(1) * (full - x), full)
        given_up = torch.zeros_like(taken).scatter(1, first, True) & failed
        slope = (target - x @ gram).masked_fill(taken, -torch.inf)
        best, place = slope.max(1, keepdim=True)
        more = (best > least) & ~failed
        if not bool((more | failed).any()):
            break
        taken = (taken & ~given_up) | (torch.zeros_like(taken).scatter(1, place, True) & more)
        x = x.masked_fill(given_up, 0).clamp_min(0)
    return x.clamp_min(0)


def _system(gram: Tensor, eye: Tensor, taken: Tensor) -> Tensor:
    """The equations of the endmembers taken; those left out have x = 0."""
    both = taken[:, :, None] & taken[:, None, :]
    return torch.where(both, gram, eye)
