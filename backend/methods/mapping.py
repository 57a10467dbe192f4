"""Image-level networks mapped on the CPU: strip by strip and piece by piece, one single-threaded worker a core.

The parts of a network have two forms here that compute the same: in kernels where the scan runs in kernels, else in
torch's operators. Both work on views of images and boards in their place. Letters as in ``pieces``; d width, k
components.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from ..cube import Cube
from ..parallel import each
from ..scan import chosen_form
from .patches import EXTREME, Normalisation
from .pieces import Piece, framed, pieces, strips, window
from .regression import LARGEST, Regression
from .spatial_spectral import GROUPS, Block, Stem
from .squares import Squares, needed, put_back, raster_order, taken

CPU = torch.device("cpu")

Order = Callable[[Piece, Tensor], Tensor | None]
"""Gives the order (n, t) in which a piece's tokens are read, by their validity (n, t); None: row by row."""


class StemForm(Protocol):
    """A stem in two steps over images (h, w, channels) of at least d channels."""

    channels: int

    def embed(self, first: int, image: Tensor) -> None:
        """Write each pixel by itself, from the cube's row-major number ``first`` on, to an image."""

    def around(self, image: Tensor, found: Tensor) -> None:
        """Mix in the neighbours: an image with half a kernel more to each side -> found (h, w, d)."""


class PlainStem:
    """In torch's operators."""

    def __init__(self, stem: Stem, cube: Cube, normalisation: Normalisation) -> None:
        self.stem, self.channels = stem, stem.embed.out_features
        self.values, self.valid = partial(normalisation.spectra, cube), torch.from_numpy(cube.valid).flatten()

    def embed(self, first: int, image: Tensor) -> None:
        pixels = slice(first, first + image.shape[0] * image.shape[1])
        image.copy_(self.stem.embedded(self.values(pixels), self.valid[pixels]).view(image.shape))

    def around(self, image: Tensor, found: Tensor) -> None:
        found.copy_(self.stem.mixed(image[None])[0])


class CompiledStem:
    """In kernels."""

    def __init__(self, stem: Stem, cube: Cube, normalisation: Normalisation) -> None:
        from ..scan import layers

        self.layers, self.side = layers, stem.depthwise.kernel_size[0]
        mean, projection = torch.from_numpy(normalisation.mean), torch.from_numpy(normalisation.folded)
        self.spectra = layers.Spectra(torch.from_numpy(cube.reflectance), mean, projection, EXTREME)
        self.valid = torch.from_numpy(cube.valid).flatten().float()
        self.linear, self.norm = layers.Map(stem.embed.weight.t(), stem.embed.bias), layers.Norm(stem.norm)
        filters, bias = stem.depthwise.weight[:, 0].flatten(1).t(), stem.depthwise.bias
        self.filters = layers.Map(filters, torch.zeros(filters.shape[1]) if bias is None else bias)
        self.pointwise = layers.Map(stem.pointwise.weight.t(), stem.pointwise.bias)
        self.channels = self.norm.channels

    def embed(self, first: int, image: Tensor) -> None:
        self.layers.embedded(self.spectra, self.linear, self.norm, self.valid, first, image)

    def around(self, image: Tensor, found: Tensor) -> None:
        self.layers.around(self.filters, self.pointwise, self.side, image, found)


class PlainBlock:
    """A block that reads a part (rows, cols, s, s, d) of a board and writes it in its place, in torch's operators.

    valid (n, t), None: everywhere; order (n, t), None: row by row, pixels without data last.
    """

    def __init__(self, block: Block) -> None:
        self.block = block

    def __call__(self, part: Tensor, valid: Tensor | None, order: Tensor | None) -> None:
        tokens = part.reshape(-1, part.shape[2] ** 2, part.shape[4])
        order = raster_order(valid) if order is None and valid is not None else order
        part.copy_(self.block(tokens, valid, order).view(part.shape))


class CompiledBlock:
    """The same in kernels."""

    def __init__(self, block: Block) -> None:
        from ..scan import fused, layers

        self.layers, self.before = layers, layers.Norm(block.before)
        self.forwards, self.backwards, self.spectral = (
            fused.FusedMamba(one) for one in (block.forwards, block.backwards, block.spectral)
        )
        first, second = torch.softmax(block.theta, dim=0)
        spatial, spectral = (one for one in block.norms if isinstance(one, nn.LayerNorm))
        self.norms = layers.Norm(spatial, first), layers.Norm(spectral, second)
        self.fuse = layers.Map(block.fuse.weight.t(), block.fuse.bias)

    def __call__(self, part: Tensor, valid: Tensor | None, order: Tensor | None) -> None:
        normal = self.layers.normalised(self.before, part, valid)
        spatial = self._scanned(normal) if order is None else put_back(self._scanned(taken(normal, order)), order)
        if order is None and valid is not None:
            some = torch.nonzero(valid.any(dim=1) & ~valid.all(dim=1))[:, 0]
            rows = (~valid[some]).to(torch.uint8).argsort(dim=1, stable=True)
            spatial[some] = put_back(self._scanned(taken(normal[some], rows)), rows)
        spectral = self.spectral(normal.view(-1, GROUPS, normal.shape[-1] // GROUPS)).view(normal.shape)
        self.layers.merge(part, spatial, spectral, self.norms, self.fuse)

    def _scanned(self, tokens: Tensor) -> Tensor:
        """Half of the channels read forwards, half of them backwards: (n, t, d) -> same."""
        found, half = torch.empty_like(tokens), tokens.shape[-1] // 2
        self.forwards(tokens[..., :half], found[..., :half])
        self.backwards(tokens[..., half:], found[..., half:])
        return found


def compiled() -> bool:
    """Whether kernels run here; ``chosen_form`` gives the sentence that says why or why not."""
    return chosen_form("cpu").name == "numba"


def _form(block: nn.Module) -> CompiledBlock | PlainBlock:
    if not isinstance(block, Block):
        raise TypeError(f"{type(block).__name__} is no block of an image-level network.")
    return CompiledBlock(block) if compiled() else PlainBlock(block)


def normalised(norm: nn.LayerNorm) -> Callable[[Tensor], Tensor]:
    """A LayerNorm of a part (rows, cols, s, s, d) of a board -> (n, t, d)."""
    if not compiled():
        return lambda part: norm(part.reshape(-1, part.shape[2] ** 2, part.shape[4]))
    from ..scan import layers

    packed = layers.Norm(norm)
    return lambda part: layers.normalised(packed, part)


def regressed(regression: Regression, cube: Cube, margin: int) -> Tensor:
    """A regression's class scores of a cube as a board (h + 2 margin, w + 2 margin, c)."""
    rows, cols = cube.valid.shape
    found = framed(rows, cols, len(regression.bias), margin)
    inner, parts = window(found, margin), strips(rows, cols)

    def plain(first: int, image: Tensor) -> None:
        numbers = slice(first, first + image.shape[0] * cols)
        image.copy_(regression.scores(cube, numbers).view(image.shape))

    score = _regress(regression, cube) if compiled() else plain
    each(len(parts), lambda part: score(parts[part][0] * cols, inner[slice(*parts[part])]), CPU)
    return found


def _regress(regression: Regression, cube: Cube) -> Callable[[int, Tensor], None]:
    from ..scan import layers

    linear = layers.Map(torch.from_numpy(regression.weight).t(), torch.from_numpy(regression.bias))
    reflectance, mean = (torch.from_numpy(np.ascontiguousarray(one)) for one in (cube.reflectance, regression.mean))
    return partial(layers.regress, reflectance, mean, linear, LARGEST)


def classified(norm: nn.LayerNorm, head: nn.Linear) -> Callable[[Tensor, Tensor], None]:
    """What adds a head's scores of features to scores in their place, and makes probabilities of them there.

    Both are parts of boards, (rows, cols, s, s, d) and (rows, cols, s, s, c).
    """
    if not compiled():

        def plain(features: Tensor, scores: Tensor) -> None:
            scores.copy_(torch.softmax(scores + head(norm(features)), dim=-1))

        return plain
    from ..scan import layers

    return partial(layers.classify, layers.Norm(norm), layers.Map(head.weight.t(), head.bias))


def stem(
    stem: Stem,
    cube: Cube,
    normalisation: Normalisation,
    found: Tensor,
    use: Callable[[slice], None] = lambda rows: None,
) -> None:
    """Write a stem's features of a cube to found (h, w, d); ``use`` hears of rows that stand there."""
    form: StemForm = (CompiledStem if compiled() else PlainStem)(stem, cube, normalisation)
    rows, cols = cube.valid.shape
    margin = stem.depthwise.kernel_size[0] // 2
    image = framed(rows, cols, form.channels, margin)
    inner = image[margin : margin + rows, margin : margin + cols]
    parts = strips(rows, cols)

    def embed(part: int) -> None:
        first, last = parts[part]
        form.embed(first * cols, inner[first:last])

    def around(part: int) -> None:
        first, last = parts[part]
        form.around(image[first : last + 2 * margin], found[first:last])
        use(slice(first, last))

    each(len(parts), embed, CPU)
    each(len(parts), around, CPU)


def read(
    blocks: nn.ModuleList,
    grids: list[Squares],
    features: Tensor,
    valid: Tensor,
    wanted: Tensor,
    finish: Callable[[Piece], None],
    order: Order = lambda piece, valid: None,
) -> None:
    """All blocks over a board of features (h, w, d) that is valid (h, w), for the sake of the wanted pixels.

    blocks: each a ``Block``. wanted (h, w): of the window, without the margin. The board's features are changed in
    their place; ``finish`` hears of each piece that the last block has read.
    """
    numbers, last = needed(grids, wanted[None]), len(grids) - 1
    for index, (block, squares) in enumerate(zip(blocks, grids, strict=True)):
        parts = pieces(squares, numbers[index])
        form = _form(block)

        def work(
            part: int,
            parts: list[Piece] = parts,
            form: CompiledBlock | PlainBlock = form,
            ready: bool = index == last,
        ) -> None:
            piece = parts[part]
            there = piece.cut(valid)
            form(piece.of(features), None if bool(there.all()) else there, order(piece, there))
            if ready:
                finish(piece)

        each(len(parts), work, CPU)
