"""A spectrum's pieces embedded, scanned and pooled on the CPU for mapping: weights packed once, the caller's thread."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .block import MambaBlock
from .fused import FusedMamba, lanes
from .instructions import LANES

EPS = torch.finfo(torch.float32).eps
"""Of an RMSNorm that names none."""


class FusedSpectrum:
    """mean over tokens of after(f + scan(before(f))), f = embed([bands of the token, its gaps]).

    places (t, r): the bands of each token; gaps (t, r).
    """

    def __init__(
        self, embed: nn.Linear, before: nn.RMSNorm, scan: MambaBlock, after: nn.RMSNorm, places: Tensor, gaps: Tensor
    ) -> None:
        with torch.no_grad():
            of_bands, of_gaps = torch.split(embed.weight, places.shape[1], dim=1)
            self.embed, self.bases = lanes(of_bands.t()), lanes(gaps @ of_gaps.t() + embed.bias)
            self.gains = [lanes(one.weight[None]) for one in (before, after)]
        self.eps = [EPS if one.eps is None else one.eps for one in (before, after)]
        self.scan, self.places, self.bands = FusedMamba(scan), places.numpy(), int(places.max()) + 1
        self.sizes = (embed.out_features, self.embed.shape[1] // LANES, *places.shape)

    def __call__(self, spectra: Tensor) -> Tensor:
        """Spectra (n, l) -> (n, d)."""
        from .spectrum_kernels import pooled, tokens

        spectra = spectra.float().contiguous()
        (pixels, bands), width = spectra.shape, self.sizes[0]
        if bands < self.bands:
            raise ValueError(f"Spectra of {self.bands} bands are needed, got {bands}.")
        features, normal = (torch.empty(pixels, self.sizes[2], width) for _ in range(2))
        starts = tuple(one.data_ptr() for one in (self.embed, self.bases, self.gains[0]))
        rows = tuple(one.data_ptr() for one in (spectra, features, normal))
        tokens(pixels, bands, self.sizes, self.places, starts, self.eps[0], rows)
        scanned, found = self.scan(normal, normal), torch.empty(pixels, width)
        ends = tuple(one.data_ptr() for one in (features, scanned, found))
        pooled(pixels, self.sizes, self.gains[1].data_ptr(), self.eps[1], *ends)
        return found
