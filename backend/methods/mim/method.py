"""Mamba-in-Mamba at work: fits the network to labelled pixels, then classifies any window of the scene.

A window's pixels are embedded once. On the CPU the compiled form takes over from there, tile by tile; elsewhere patches
are gathered from the embedded pixels in batches, so that no more than a few of them exist at a time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ... import room
from ...cube import Array, Cube, Mask
from ...parallel import each
from ...training import Record, Report, Term, train
from ..contract import Plan, TrainingData
from ..mapping import regressed
from ..patches import Draw, Normalisation, Patches, mean_loss, reflected
from ..regression import Regression, pooled
from ..stored import Stored, arrays
from ..tiles import core
from .config import Config
from .fused import Fused
from .network import Mim, Table

CHUNK = 4096
"""Pixels embedded at a time."""
BATCH, MOST = 256, 8192
"""Patches that torch classifies at a time: on the CPU, and on a graphics card at the most."""


COPIES = 32
"""About how many tensors as large as a batch's embedded patches live at once in a forward."""


def plan(config: Config) -> Plan:
    """Tiles around the training pixels, windows to map, and how far a class depends on the pixels around."""
    return Plan(num_tiles=64, tile=64, window=256, halo=config.reach)


def fit(data: TrainingData, config: Config, device: torch.device, report: Report) -> FittedMim:
    """Fit the network to the labelled pixels. ValueError if there are none."""
    torch.manual_seed(config.seed)
    pixels = [item.pixels for item in data.training if (item.labels > 0).any()]
    if not pixels:
        raise ValueError("There are no training pixels; label some pixels of at least two classes.")
    normalisation = Normalisation.of(np.concatenate(pixels), config.components)
    network = Mim(config, normalisation.projection.shape[1], data.num_classes).to(device)
    counts = torch.from_numpy(np.asarray(data.class_weights, dtype=np.float32))
    weights = counts.to(device)
    draw = Draw(Patches(data.training, normalisation, config.reach), config.batch, config.noise, config.seed)
    held = [item for item in data.validation if (item.labels > 0).any()]
    watched = Patches(held, normalisation, config.reach) if held else None

    def terms() -> list[Term]:
        spectra, classes = draw()

        def loss(part: slice) -> Tensor:
            scales = _scales(network, spectra[part].to(device), config)
            return network.loss(scales, classes[part].to(device), weights, config.smoothing)

        return [Term(counts[classes], loss)]

    def validate() -> float:
        def scores(spectra: Tensor) -> Tensor:
            return network.scores(_scales(network, spectra, config))

        return mean_loss(watched, scores, weights, 4 * BATCH) if watched else 0.0

    record = train(
        network,
        terms,
        config.steps,
        config.learning_rate,
        report,
        weight_decay=config.weight_decay,
        repeatable=config.repeatable,
        validate=validate if watched else None,
    )
    silent = Regression.silent(normalisation.mean, data.num_classes)
    return pooled(FittedMim(network, normalisation, silent, config, device, record), data, config.regression)


def restore(
    weights: dict[str, NDArray[Any]], config: Config, num_classes: int, wavelengths: Array | None, device: torch.device
) -> FittedMim:
    """The classifier that gave these weights. ValueError, one sentence, if they do not fit the settings."""
    stored = Stored(weights, "a Mamba-in-Mamba")
    normalisation, regression = stored.normalisation(wavelengths, config.components), stored.regression(num_classes)
    network = Mim(config, normalisation.projection.shape[1], num_classes)
    stored.load(network, "projection")
    return FittedMim(network.to(device), normalisation, regression, config, device, None)


class FittedMim:
    """A fitted network with its normalisation; see :class:`~..contract.Classifier`."""

    def __init__(
        self,
        network: Mim,
        normalisation: Normalisation,
        regression: Regression,
        config: Config,
        device: torch.device,
        record: Record | None,
    ) -> None:
        self.network, self.normalisation, self.regression = network.eval(), normalisation, regression
        self.config, self.device, self.record = config, device, record
        self.room = room.Room(device)
        self.num_parameters = sum(one.numel() for one in network.parameters())
        self.num_classes = network.head.out_features

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
            return self.room.mapped(cube, self.config.reach, lambda part: (self._mapped(part),))[0]

    def _mapped(self, cube: Cube) -> Array:
        """Probabilities (classes, rows, cols) of the core's valid pixels, NaN elsewhere."""
        found = np.full((self.num_classes, cube.valid.size), np.nan, dtype=np.float32)
        wanted = core(cube)
        if wanted.any():
            self._classify(cube, wanted, found)
        return found.reshape(-1, *cube.valid.shape)

    def _classify(self, cube: Cube, wanted: Mask, found: Array) -> None:
        """Write the probabilities of the wanted pixels (rows, cols) into ``found`` (classes, pixels)."""
        grid, chosen = self._embedded(cube), np.flatnonzero(wanted)
        if not room.on_card(self.device):
            sums = Fused(self.network, self.config.patch).sums(self.network.stem(grid)[0], wanted)
            scores = self.network.head(sums.view(-1, self.config.width)[chosen])
            beside = regressed(self.regression, cube, 0)[torch.from_numpy(wanted)]
            found[:, chosen] = torch.softmax(beside + scores, dim=1).t().numpy()
        else:
            self._classify_in_batches(self.network.table(grid), cube, chosen, found)

    def _classify_in_batches(self, table: Table, cube: Cube, chosen: NDArray[np.int64], found: Array) -> None:
        """The same in torch's operators, a batch of patches at a time."""
        half, cols = self.config.patch // 2, cube.valid.shape[1]
        tokens, width = self.config.patch**2, self.config.width
        size = BATCH if not room.on_card(self.device) else room.batch(self.device, 4 * tokens * width * COPIES, MOST)
        span, stride = torch.arange(self.config.patch), cols + 2 * half
        around = (span[:, None] * stride + span).flatten()
        corners = torch.from_numpy(chosen // cols * stride + chosen % cols)

        def work(where: slice) -> None:
            index = (corners[where, None] + around).to(self.device)
            scores = self.network.scores(self.network(table, index)).cpu()
            shares = torch.softmax(self.regression.scores(cube, chosen[where]) + scores, dim=1)
            found[:, chosen[where]] = shares.t().numpy()

        room.in_batches(len(chosen), size, work, self.device)

    def _embedded(self, cube: Cube) -> Tensor:
        """All pixels of the cube and of its mirrored margins (1, rows, cols, d), embedded."""
        rows, cols = cube.valid.shape
        embedded = torch.empty(rows * cols, self.config.width, device=self.device)

        def work(part: int) -> None:
            where = slice(part * CHUNK, (part + 1) * CHUNK)
            embedded[where] = self.network.stem.pixels(self.normalisation.spectra(cube, where).to(self.device))

        each(-(-rows * cols // CHUNK), work, self.device)
        grid = torch.from_numpy(reflected(rows, cols, self.config.reach)).to(self.device)
        return embedded[grid][None]


def _scales(network: Mim, spectra: Tensor, config: Config) -> list[Tensor]:
    """The network's features of patches (b, q * q, components), each a grid of its own."""
    batch, side, tokens = len(spectra), 2 * config.reach + 1, config.patch**2
    table = network.table(network.stem.pixels(spectra).view(batch, side, side, -1))
    scales: list[Tensor] = network(table, torch.arange(batch * tokens, device=spectra.device).view(batch, tokens))
    return scales
