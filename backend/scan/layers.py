"""Norms, linear maps and the stem's convolution of image-level networks for mapping on the CPU: weights packed once.

Like `fused`: in the caller's thread alone, no gradient, float32. A part of a board is a view (rows, cols, s, s, d) of
rows x cols squares of s x s pixels; neighbouring channels lie side by side.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from .fused import lanes
from .instructions import LANES
from .scan_parts import GROUP as FOUR


class Norm:
    """A LayerNorm's weights, and a mask of the channels that exist; ``share``: what the result counts."""

    def __init__(self, norm: nn.LayerNorm, share: Tensor | None = None) -> None:
        width = norm.normalized_shape[0]
        self.eps, self.share = norm.eps, torch.ones(1) if share is None else share.detach().float().view(1)
        self.rows = [lanes(one.detach()[None]) for one in (norm.weight, norm.bias, torch.ones(width))]
        self.width, self.channels = width, self.rows[0].shape[1]
        self.vectors = self.channels // LANES

    @property
    def addresses(self) -> tuple[int, ...]:
        """For the kernels."""
        return tuple(one.data_ptr() for one in (*self.rows, self.share))


class Map:
    """A linear map's weights (in, out) and bias, in whole vectors."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        self.weight, self.bias = lanes(weight.detach()), lanes(bias.detach()[None])

    @property
    def addresses(self) -> tuple[int, int]:
        """For the kernels."""
        return self.weight.data_ptr(), self.bias.data_ptr()


def normalised(norm: Norm, part: Tensor, valid: Tensor | None = None) -> Tensor:
    """The LayerNorm of a part of a board, times validity (n, t) where it is given -> (n, t, d)."""
    from .layer_kernels import normalise

    number, side = part.shape[0] * part.shape[1], part.shape[2]
    found = torch.empty(number, side * side, norm.width)
    there = None if valid is None else valid.float().contiguous()
    address = 0 if there is None else there.data_ptr()
    sizes = (norm.width, norm.vectors, side, part.shape[1])
    normalise(0, number, sizes, norm.addresses, norm.eps, _steps(part), address, found.data_ptr())
    return found


def merge(part: Tensor, spatial: Tensor, spectral: Tensor, norms: tuple[Norm, Norm], fuse: Map) -> None:
    """part += fuse(share gelu(norm(spatial)) + share gelu(norm(spectral))); both (n, t, d), contiguous."""
    from .layer_kernels import merge

    number, side, width = part.shape[0] * part.shape[1], part.shape[2], part.shape[4]
    both = tuple(one.addresses for one in norms)
    sources = (_address(spatial), _address(spectral))
    sizes = (width, norms[0].vectors, side, part.shape[1])
    merge(0, number, sizes, both, norms[0].eps, fuse.addresses, sources, _steps(part))


def classify(norm: Norm, head: Map, part: Tensor, scores: Tensor) -> None:
    """scores = softmax(scores + head(norm(part))), part (rows, cols, s, s, d) and scores (rows, cols, s, s, c)."""
    from .score_kernel import classify

    number, side, classes = part.shape[0] * part.shape[1], part.shape[2], scores.shape[-1]
    there = lanes(torch.ones(1, classes))
    if part.shape[:4] != scores.shape[:4] or part.shape[4] != norm.width or len(head.weight) != norm.width:
        raise ValueError("Features, norm, head and scores differ in their squares or channels.")
    if head.weight.shape[1] != there.shape[1]:
        raise ValueError("Head and scores differ in their classes.")
    sizes = (norm.width, norm.vectors, side, part.shape[1], classes)
    classify(0, number, sizes, norm.addresses, norm.eps, head.addresses, there.data_ptr(), _steps(part), _steps(scores))


class Spectra:
    """Components of the pixels of a cube: (reflectance - mean) projected and clipped at +- extreme.

    reflectance (l, h, w), mean (l,), projection (l, k).
    """

    def __init__(self, reflectance: Tensor, mean: Tensor, projection: Tensor, extreme: float) -> None:
        self.reflectance, self.mean, self.extreme = reflectance.float().contiguous(), mean.float(), extreme
        bands, self.inputs = projection.shape
        grown = functional.pad(projection.float(), (0, -self.inputs % FOUR))
        self.projection = grown.view(bands, -1, FOUR).transpose(0, 1).contiguous()
        self.sizes = (bands, reflectance[0].numel() * 4, self.inputs)
        if self.mean.shape != (bands,) or len(reflectance) != bands or self.mean.stride(0) != 1:
            raise ValueError("Reflectance, mean and projection differ in their bands.")


def embedded(spectra: Spectra, linear: Map, norm: Norm, valid: Tensor, first: int, image: Tensor) -> None:
    """Write gelu(norm(linear(components))) of pixels, from row-major number ``first`` on, to an image (h, w, channels).

    valid (pixels,), float32, of the whole cube; 0 where it is 0.
    """
    from .embed_kernel import embed

    rows, cols, _ = image.shape
    target = (image.data_ptr(), *(4 * one for one in image.stride()[:2]))
    sizes = (*spectra.sizes, norm.vectors, norm.width, cols)
    addresses = tuple(one.data_ptr() for one in (spectra.reflectance, spectra.mean, spectra.projection))
    embed(first, first + rows * cols, sizes, addresses, spectra.extreme, linear.addresses, norm.addresses, norm.eps,
          valid.data_ptr(), target)  # fmt: skip


def regress(reflectance: Tensor, mean: Tensor, linear: Map, largest: float, first: int, image: Tensor) -> None:
    """Write linear(reflectance - mean) of pixels, from row-major number ``first`` on, to an image (h, w, c).

    reflectance (l, h, w), contiguous, mean (l,), linear (l, c); what is written is cut at +- largest, NaN at its lower
    end.
    """
    from .embed_kernel import regress

    rows, cols, classes = image.shape
    bands, pixels = len(reflectance), reflectance[0].numel()
    if any(not one.is_contiguous() or one.dtype != torch.float32 for one in (reflectance, mean)):
        raise ValueError("Reflectance and mean must be contiguous float32.")
    if len(linear.weight) != bands or mean.shape != (bands,) or linear.weight.shape[1] != lanes(image[:1, 0]).shape[1]:
        raise ValueError("Reflectance, mean and map differ in their bands, or map and image in their classes.")
    if image.stride(-1) != 1 or image.dtype != torch.float32 or first < 0 or first + rows * cols > pixels:
        raise ValueError("The image must be float32, its classes side by side, of pixels that the reflectance has.")
    target = (image.data_ptr(), *(4 * one for one in image.stride()[:2]))
    sizes = (bands, pixels * 4, classes, cols)
    spectra = (reflectance.data_ptr(), mean.data_ptr(), linear.weight.data_ptr())
    regress(first, first + rows * cols, sizes, spectra, linear.bias.data_ptr(), largest, target)


def around(filters: Map, linear: Map, side: int, image: Tensor, found: Tensor) -> None:
    """Write x + linear(gelu(depthwise(x))) to found (h, w, d); the image x has side // 2 pixels more to each side."""
    from .layer_kernels import around

    source, target = ((one.data_ptr(), *(4 * step for step in one.stride()[:2])) for one in (image, found))
    rows, cols, width = found.shape
    around(rows, cols, -(-width // LANES), width, side, filters.addresses, linear.addresses, source, target)


def _steps(part: Tensor) -> tuple[int, ...]:
    """Where a part of a board begins, and bytes from one to the next along each axis but the channels'."""
    if part.stride(-1) != 1 or part.dtype != torch.float32:
        raise ValueError("The channels of a board must lie side by side, in float32.")
    return (part.data_ptr(), *(4 * step for step in part.stride()[:4]))


def _address(rows: Tensor) -> int:
    if not rows.is_contiguous():
        raise ValueError("What the scans found must be contiguous.")
    return rows.data_ptr()
