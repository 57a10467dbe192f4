"""SpectralMamba's network: gated merging of neighbours, the spectrum in pieces, one Mamba block along them.

Letters: b pixels, p pixels a side of a patch, l bands, r pieces, t = ceil(l / r) tokens, d width, c classes.
The authors released no code; what the paper leaves open is chosen so:

* The mask of the gated spatial-spectral merging (GSSM) is computed on the image, so each pixel once and not once in
  every patch it lies in; a class depends on one pixel more to each side for that.
* Merged spectra are means over the patch, not sums: their scale must not depend on its size.
* Gaps where water bands were removed reach the scan: every token also holds, for each of its bands, by how much the
  step from the band before is wider than usual, so that step sizes, which depend on the tokens, can follow it.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ... import room
from ...cube import Array
from ...scan import Linear, MambaBlock, chosen_form
from .config import Config

WIDEST = 4.0
"""Powers of 2: wider gaps count as wide as this."""


class Merging(nn.Module):
    """GSSM: spectra of a patch weighed band by band and averaged; mask = sigmoid(pointwise(depthwise(x)))."""

    def __init__(self, bands: int, patch: int) -> None:
        super().__init__()
        self.patch = patch
        self.depthwise = nn.Conv2d(bands, bands, 3, groups=bands)
        self.pointwise = Linear(bands, bands)

    def forward(self, grid: Tensor) -> Tensor:
        """Spectra (b, l, h, w), p // 2 + 1 more pixels to each side than asked for -> merged (b, h', w', l)."""
        mask = torch.sigmoid(self.pointwise(self.depthwise(grid).permute(0, 2, 3, 1)))
        gated = (mask * grid[:, :, 1:-1, 1:-1].permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        merged: Tensor = functional.avg_pool2d(gated, self.patch, stride=1).permute(0, 2, 3, 1)
        return 2 * merged  # a mask begins at a half


class SpectralMamba(nn.Module):
    """Normalised spectra to class scores."""

    places: Tensor
    """(t, r): the band each place of a token holds."""
    gaps: Tensor
    """(t, r): log2 of the step to the band before over the usual step, 0 where it is usual."""

    def __init__(self, config: Config, bands: int, num_classes: int, wavelengths: Array | None) -> None:
        super().__init__()
        places = pieces(bands, config.pieces, config.layout)
        self.merging = Merging(bands, config.patch) if config.patch > 1 else None
        self.embed = Linear(2 * config.pieces, config.width)
        self.before, self.after = nn.RMSNorm(config.width), nn.RMSNorm(config.width)
        self.scan = MambaBlock(config.width, config.states)
        self.head, self.dropout = Linear(config.width, num_classes), nn.Dropout(config.dropout)
        self.register_buffer("places", torch.from_numpy(places), persistent=False)
        self.register_buffer("gaps", torch.from_numpy(gaps(wavelengths, bands)[places]), persistent=False)

    def merge(self, grid: Tensor) -> Tensor:
        """Spectra (b, l, h, w) with the margin a class depends on -> merged spectra (pixels, l), row-major."""
        merged = grid.permute(0, 2, 3, 1) if self.merging is None else self.merging(grid)
        return merged.reshape(-1, merged.shape[-1])

    def forward(self, spectra: Tensor) -> Tensor:
        """Merged spectra (b, l) -> class scores (b, c) before the softmax."""
        tokens = torch.cat([spectra[:, self.places], self.gaps.expand(len(spectra), -1, -1)], dim=-1)
        features = self.embed(tokens)
        features = features + self.scan(self.before(features))
        scores: Tensor = self.head(self.dropout(self.after(features).mean(dim=1)))
        return scores

    def mapping(self) -> Callable[[Tensor], Tensor]:
        """What :meth:`forward` gives, for mapping: in kernels where the scan runs in kernels on this device."""
        if room.on_card(self.places.device) or chosen_form("cpu").name != "numba":
            return self
        from ...scan.spectrum import FusedSpectrum

        read = FusedSpectrum(self.embed, self.before, self.scan, self.after, self.places, self.gaps)
        return lambda spectra: self.head(read(spectra))


def pieces(bands: int, number: int, layout: str) -> NDArray[np.int64]:
    """(t, r): which band stands where; the last band is repeated where the pieces do not come out even.

    "stride": token i holds bands i, i + t, i + 2 t ... so that the scan goes through all pieces at once; "block": r
    neighbouring bands.
    """
    tokens = math.ceil(bands / number)
    order = np.minimum(np.arange(tokens * number), bands - 1)
    return order.reshape(number, tokens).T.copy() if layout == "stride" else order.reshape(tokens, number)


def gaps(wavelengths: Array | None, bands: int) -> NDArray[np.float32]:
    """(bands,) log2 of each band's distance to the one before over the usual distance, at most 4 either way."""
    if wavelengths is None or bands < 3:
        return np.zeros(bands, np.float32)
    steps = np.abs(np.diff(np.asarray(wavelengths, np.float64)))
    usual = float(np.median(steps)) or 1.0
    found = np.log2(np.maximum(steps / usual, 2.0**-WIDEST))
    return np.concatenate([[0.0], np.clip(found, -WIDEST, WIDEST)]).astype(np.float32)
