"""MambaHSI at work: fits the network to tiles with labelled pixels, then classifies any window of the scene."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ... import room
from ...cube import Array, Cube
from ...training import Record, Report, Term, train
from ..contract import Plan, TrainingData
from ..patches import Normalisation
from ..regression import Regression, pooled
from ..stored import Stored, arrays
from ..tiles import Draw, Known, changed, core, counted, known, read
from .config import Config
from .network import MambaHsi, halo

STEP_PIXELS = 24_576
"""About how many pixels of tiles one training step reads at the most."""


def plan(config: Config) -> Plan:
    """Tiles around the training pixels, windows to map, and how far a class depends on the pixels around."""
    return Plan(num_tiles=32, tile=128, window=512, halo=halo(config))


def fit(data: TrainingData, config: Config, device: torch.device, report: Report) -> FittedMambaHsi:
    """Fit the network to the labelled pixels. ValueError if there are none."""
    torch.manual_seed(config.seed)
    labelled = [item for item in data.training if (item.labels > 0).any()]
    if not labelled:
        raise ValueError("There are no training pixels; label some pixels of at least two classes.")
    normalisation = Normalisation.of(np.concatenate([item.pixels for item in labelled]), config.components)
    network = MambaHsi(config, normalisation.projection.shape[1], data.num_classes).to(device)
    weights = torch.from_numpy(np.asarray(data.class_weights, np.float32)).to(device)
    draw = Draw([known(item, normalisation) for item in labelled], STEP_PIXELS, config.seed)
    held = [known(item, normalisation) for item in data.validation if (item.labels > 0).any()]
    generator = torch.Generator().manual_seed(config.seed + 1)

    def terms() -> list[Term]:
        tiles = [changed(tile, config.noise, config.square, generator) for tile in draw()]

        def loss(part: slice) -> Tensor:
            pairs = [_scores(network, tile, device) for tile in tiles[part]]
            scores, targets = (torch.cat(some) for some in zip(*pairs, strict=True))
            return functional.cross_entropy(scores, targets, weights, label_smoothing=config.smoothing)

        return [Term(counted(tiles, weights), loss)]

    def validate() -> float:
        total, share = 0.0, 0.0
        for tile in held:
            scores, targets = _scores(network, tile, device)
            total += float(functional.cross_entropy(scores, targets, weights, reduction="sum"))
            share += float(weights[targets].sum())
        return total / max(share, 1e-12)

    record = train(
        network,
        terms,
        config.steps,
        config.learning_rate,
        report,
        weight_decay=config.weight_decay,
        repeatable=config.repeatable,
        validate=validate if held else None,
    )
    silent = Regression.silent(normalisation.mean, data.num_classes)
    return pooled(FittedMambaHsi(network, normalisation, silent, halo(config), device, record), data, config.regression)


def restore(
    weights: dict[str, NDArray[Any]], config: Config, num_classes: int, wavelengths: Array | None, device: torch.device
) -> FittedMambaHsi:
    """The classifier that gave these weights. ValueError, one sentence, if they do not fit the settings."""
    stored = Stored(weights, "a MambaHSI")
    normalisation, regression = stored.normalisation(wavelengths, config.components), stored.regression(num_classes)
    network = MambaHsi(config, normalisation.projection.shape[1], num_classes)
    stored.load(network, "projection")
    return FittedMambaHsi(network.to(device), normalisation, regression, halo(config), device, None)


class FittedMambaHsi:
    """A fitted network with its normalisation; see :class:`~..contract.Classifier`."""

    def __init__(
        self,
        network: MambaHsi,
        normalisation: Normalisation,
        regression: Regression,
        reach: int,
        device: torch.device,
        record: Record | None,
    ) -> None:
        self.network, self.normalisation, self.regression = network.eval(), normalisation, regression
        self.device, self.record, self.reach = torch.device(device), record, reach
        self.room = room.Room(self.device)
        self.num_parameters = sum(one.numel() for one in network.parameters())

    def to_processor(self) -> None:
        """Move to the processor."""
        self.device = torch.device("cpu")
        self.network = self.network.to(self.device)
        self.room = room.Room(self.device)

    def weights(self) -> dict[str, NDArray[Any]]:
        """The network's weights, the normalisation and the regression beside the network."""
        return arrays(self.network, self.normalisation, self.regression)

    def classify(self, cube: Cube) -> Array:
        """Probabilities (classes, rows, cols), NaN in the halo and where the cube is not valid.

        ValueError if its bands are others.
        """
        bands = len(self.normalisation.mean)
        if len(cube.reflectance) != bands:
            raise ValueError(f"The scene has {len(cube.reflectance)} bands; this model was trained on {bands}.")
        with torch.inference_mode():
            if not room.on_card(self.device):
                wanted = torch.from_numpy(core(cube))
                return np.asarray(self.network.mapped(cube, self.normalisation, self.regression, wanted).numpy())
            return self.room.mapped(cube, self.reach, lambda part: (self._whole(part).numpy(),))[0]

    def _whole(self, cube: Cube) -> Tensor:
        """Class probabilities (classes, rows, cols) of the pixels of the core, all at once; NaN elsewhere."""
        wanted = torch.from_numpy(core(cube))
        tile, there = read(cube, self.normalisation), wanted.to(self.device)
        scores = self.network(tile.values.to(self.device), tile.valid.to(self.device), tile.origin, there[None])
        beside = self.regression.scores(cube, slice(None)).view(scores[0].shape)
        return torch.softmax(beside + scores[0].cpu(), dim=-1).permute(2, 0, 1).masked_fill(~wanted, torch.nan)


def _scores(network: MambaHsi, tile: Known, device: torch.device) -> tuple[Tensor, Tensor]:
    """Scores (pixels, classes) and classes (pixels,), from 0, of a tile's labelled pixels."""
    labels = tile.labels.to(device)
    scores = network(tile.values.to(device), tile.valid.to(device), tile.origin, labels > 0)
    return scores[labels > 0], labels[labels > 0] - 1
