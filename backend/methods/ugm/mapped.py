"""The unmixing-guided network over a cube on the CPU, in pieces; computes what the network computes."""

from __future__ import annotations

import torch
from torch import Tensor

from ...cube import Cube
from .. import mapping, pieces
from ..patches import Normalisation
from ..pieces import Piece
from ..regression import Regression
from ..squares import guided_order
from ..tiles import core, origin
from .network import Ugm

FEW = 1024
"""Pixels whose reconstructions are held at a time."""


class Mapped:
    """What the network finds in a cube (h, w).

    ``abundances`` (r, h, w) and ``error`` (h, w), the root mean square of what is not explained; with a ``regression``
    also ``probabilities`` (c, h, w). All are NaN in the halo and where there are no data. ``scale``: the reflectance
    that counts as 1.
    """

    def __init__(
        self, network: Ugm, cube: Cube, normalisation: Normalisation, scale: float, regression: Regression | None
    ) -> None:
        self.network, self.scale, self.side = network, scale, network.side
        self.reflectance = torch.from_numpy(cube.reflectance)
        self.valid, self.wanted = torch.from_numpy(cube.valid), torch.from_numpy(core(cube))
        shape, r = cube.valid.shape, network.unmixing.raw.shape[0]
        self.features = pieces.framed(shape[0], shape[1], network.norm.normalized_shape[0], self.side)
        self.shares = pieces.framed(shape[0], shape[1], r, self.side)
        self.spectra = network.unmixing.spectra().flatten(0, 1) * scale
        self.error = torch.full(shape, torch.nan)
        inner = pieces.window(self.features, self.side)
        mapping.stem(network.stem, cube, normalisation, inner, self._unmix)
        self.abundances = pieces.window(self.shares, self.side).masked_fill(~self.wanted[..., None], torch.nan)
        self.abundances = self.abundances.permute(2, 0, 1)
        if regression:
            self.probabilities = self._classified(cube, regression)

    def _unmix(self, rows: slice) -> None:
        """Abundances and error of rows whose features stand there, and these as the first block reads them."""
        inner, side = pieces.window(self.features, self.side), self.side
        unmixed = self.network.unmixing(inner[rows])
        pieces.window(self.shares, side)[rows] = unmixed.abundances
        inner[rows] = self.network.guided(inner[rows], unmixed)
        there = self.wanted[rows]
        if bool(there.any()):
            shares = (unmixed.abundances[..., None] * unmixed.variants).flatten(0, -3).flatten(-2)
            self.error[rows] = self._error(shares, rows).view(there.shape).masked_fill_(~there, torch.nan)

    def _error(self, shares: Tensor, rows: slice) -> Tensor:
        """The error of all pixels of some rows from the shares (n, r v) of all variants; some at a time, in caches."""
        truth, spectra = self.reflectance[:, rows].flatten(1), self.spectra.t()
        found = torch.empty(len(shares))
        for start in range(0, len(shares), FEW):
            part = slice(start, start + FEW)
            off = torch.addmm(truth[:, part], spectra, shares[part].t(), beta=-1)
            found[part] = torch.linalg.vector_norm(off, dim=0)
        return found.div_(len(truth) ** 0.5)

    def _classified(self, cube: Cube, regression: Regression) -> Tensor:
        network, side = self.network, self.side
        valid = pieces.surrounded(self.valid, side)
        found, norm = mapping.regressed(regression, cube, side), mapping.normalised(network.norm)

        def order(piece: Piece, there: Tensor) -> Tensor | None:
            return guided_order(piece.cut(self.shares), there) if network.guidance else None

        def finish(piece: Piece) -> None:
            scores = network.scores(norm(piece.of(self.features)), piece.cut(self.shares))
            piece.put(found, torch.softmax(piece.cut(found) + scores, dim=-1))

        grids = network.grids(origin(cube), (self.valid.shape[0], self.valid.shape[1]))
        mapping.read(network.blocks, grids, self.features, valid, self.wanted, finish, order)
        return pieces.window(found, side).masked_fill_(~self.wanted[..., None], torch.nan).permute(2, 0, 1)
