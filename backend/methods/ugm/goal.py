"""What the network is trained for: the classes of training pixels and the reflectance of a sample of the scene.

Loss: weight_class * cross-entropy of the training pixels + weight_mse * squared error and weight_angle * spectral angle
(radians) of the reconstruction + weight_variants * how far the variants lie from their endmember + weight_sparse *
(sum of the abundances' roots) squared. The authors' code weighs classes 1, angle 0.01 and sparseness 0.001 and has no
squared error, which leaves the scale of endmembers and abundances open; here the fit is in reflectance, in units of the
scene's scale.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ...training import Term
from ..tiles import Draw, Known, Seen, changed, counted
from ..unmamba.method import spectral_angle
from .config import Config
from .network import Ugm, Unmixed

WARM_UP = 1 / 3
"""Of the steps: first the materials are learnt alone, so that abundances mean something when they guide the classes,
and however early the validation pixels stop the training of the classes."""
CLASS_PIXELS, SAMPLE_PIXELS = 24_576, 8_192
"""About how many pixels of labelled tiles, and of tiles of the sample, one training step reads at the most."""
REBUILT = 2048
"""Pixels of the sample, drawn at random, that one training step rebuilds."""


class Goal:
    """The loss of a network; ``scale``: the reflectance that counts as 1."""

    def __init__(
        self,
        network: Ugm,
        config: Config,
        class_weights: Tensor,
        scale: float,
        labelled: list[Known],
        sample: list[Seen],
    ) -> None:
        self.network, self.config, self.scale, self.class_weights = network, config, scale, class_weights
        self.labelled = Draw(labelled, CLASS_PIXELS, config.seed)
        self.sample = Draw(sample, SAMPLE_PIXELS, config.seed + 1)
        self.watched = Draw(sample, SAMPLE_PIXELS, config.seed)()
        self.generator = torch.Generator().manual_seed(config.seed + 2)
        self.warm_up, self.step = int(WARM_UP * config.steps), 0

    def __call__(self) -> list[Term]:
        """What one training step learns from: the materials, after the first third of the steps the classes too."""
        self.step += 1
        materials = self.materials(self.sample(), self.generator)
        if self.step <= self.warm_up:
            return [materials]
        return [materials, self.classes(self.labelled())]

    def classes(self, tiles: list[Known]) -> Term:
        """Weighted cross-entropy of the labelled pixels of tiles, each changed by chance."""
        config = self.config
        tiles = [changed(tile, config.noise, config.square, self.generator) for tile in tiles]

        def loss(part: slice) -> Tensor:
            pairs = [self.scores(tile) for tile in tiles[part]]
            scores, targets = (torch.cat(some) for some in zip(*pairs, strict=True))
            return config.weight_class * functional.cross_entropy(
                scores, targets, self.class_weights, label_smoothing=config.smoothing
            )

        return Term(counted(tiles, self.class_weights), loss)

    def materials(self, tiles: list[Seen], generator: torch.Generator) -> Term:
        """How far the reconstruction is off, how mixed the pixels are, and how far the variants lie apart.

        ``generator`` draws the pixels.
        """
        config, most = self.config, max(1, REBUILT // len(tiles))
        places = [_places(tile, most, generator) for tile in tiles]

        def loss(part: slice) -> Tensor:
            spectra = self.network.unmixing.spectra()
            parts = [self._rebuilt(tile, some) for tile, some in zip(tiles[part], places[part], strict=True)]
            abundances, rebuilt, truth = (torch.cat(some) for some in zip(*parts, strict=True))
            fit = config.weight_mse * functional.mse_loss(rebuilt, truth)
            shape = config.weight_angle * spectral_angle(rebuilt, truth).mean()
            roots = config.weight_sparse * abundances.clamp_min(1e-12).sqrt().sum(dim=1).square().mean()
            apart = (spectra - spectra.mean(dim=1, keepdim=True)).square().mean()
            total: Tensor = fit + shape + roots + config.weight_variants * apart
            return total

        return Term(torch.tensor([len(some) for some in places]), loss)

    def validation(self, tiles: list[Known]) -> float:
        """The loss without chance: the labelled pixels of tiles as they are, and always the same of the sample."""
        total, share = 0.0, 0.0
        for tile in tiles:
            scores, targets = self.scores(tile)
            total += float(functional.cross_entropy(scores, targets, self.class_weights, reduction="sum"))
            share += float(self.class_weights[targets].sum())
        materials = float(
            self.materials(self.watched, torch.Generator().manual_seed(self.config.seed)).loss(slice(None))
        )
        return self.config.weight_class * total / max(share, 1e-12) + materials

    def scores(self, tile: Known) -> tuple[Tensor, Tensor]:
        """Scores (pixels, classes) and classes (pixels,), from 0, of a tile's labelled pixels."""
        device = self.class_weights.device
        labels = tile.labels.to(device)
        scores, _ = self.network(tile.values.to(device), tile.valid.to(device), tile.origin, labels > 0)
        return scores[labels > 0], labels[labels > 0] - 1

    def _rebuilt(self, tile: Seen, places: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Abundances (n, r), reconstruction and truth (n, l) of the pixels of a tile at these places (n,)."""
        device = self.class_weights.device
        truth = tile.reflectance[:, places].t().to(device) / self.scale
        found = self.network.unmix(tile.values.to(device), tile.valid.to(device))
        places = places.to(device)
        chosen = Unmixed(found.abundances.flatten(0, 2)[places], found.variants.flatten(0, 2)[places])
        return chosen.abundances, self.network.unmixing.rebuilt(chosen), truth


def _places(tile: Seen, most: int, generator: torch.Generator) -> Tensor:
    """Up to ``most`` valid pixels of a tile (n,), by row-major number."""
    places = torch.nonzero(tile.valid.flatten())[:, 0]
    return places[torch.randperm(len(places), generator=generator)[:most]]
