"""SpectralMamba at work: fits the network to labelled pixels, then classifies any window of the scene.

A window's spectra are merged strip by strip, then read in batches, so that patches are never built. On the CPU each
core works on strips of its own with one thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ... import room
from ...cube import Array, Cube
from ...parallel import each
from ...training import Record, Report, Term, train
from ..contract import Plan, TrainingData
from ..patches import Draw, Patches, mean_loss, reflected
from ..regression import Regression, pooled
from ..stored import Stored, arrays
from .config import Config
from .network import SpectralMamba

EXTREME = 10.0
"""Values are cut here, in standard deviations: one broken band must not rule a spectrum."""
STRIP, MOST = 1024, 65536
"""Pixels of a window that are worked on together, about: on the CPU, and on a graphics card at the most."""
MOST_BANDS = 10_000


@dataclass(frozen=True)
class Normalisation:
    """The standard score of each band, of the labelled training pixels alone: ``mean``, ``scale`` (bands,)."""

    mean: Array
    scale: Array

    @classmethod
    def of(cls, pixels: Array) -> Normalisation:
        """That of pixels (pixels, bands)."""
        mean, scale = pixels.mean(axis=0, dtype=np.float64), pixels.std(axis=0, dtype=np.float64)
        floor = max(1e-3 * float(np.median(scale)), 1e-6)
        return cls(mean.astype(np.float32), np.maximum(scale, floor).astype(np.float32))

    def spectra(self, cube: Cube, chosen: NDArray[np.int64] | slice) -> Tensor:
        """Scores (n, bands) of the chosen pixels, by row-major number; nodata is 0, the mean."""
        values = (cube.reflectance.reshape(len(self.mean), -1)[:, chosen].T - self.mean) / self.scale
        valid = cube.valid.reshape(-1)[chosen, None]
        return torch.from_numpy(np.where(valid, np.clip(values, -EXTREME, EXTREME), np.float32(0)))


def plan(config: Config) -> Plan:
    """Tiles around the training pixels, windows to map, and how far a class depends on the pixels around."""
    return Plan(num_tiles=64, tile=64, window=256, halo=config.reach)


def fit(data: TrainingData, config: Config, device: torch.device, report: Report) -> FittedSpectralMamba:
    """Fit the network to the labelled pixels. ValueError if there are none."""
    torch.manual_seed(config.seed)
    pixels = [item.pixels for item in data.training if (item.labels > 0).any()]
    if not pixels:
        raise ValueError("There are no training pixels; label some pixels of at least two classes.")
    normalisation = Normalisation.of(np.concatenate(pixels))
    network = SpectralMamba(config, len(normalisation.mean), data.num_classes, data.wavelengths).to(device)
    counts = torch.from_numpy(np.asarray(data.class_weights, dtype=np.float32))
    weights = counts.to(device)
    draw = Draw(Patches(data.training, normalisation, config.reach), config.batch, config.noise, config.seed)
    held = [item for item in data.validation if (item.labels > 0).any()]
    watched = Patches(held, normalisation, config.reach) if held else None

    def terms() -> list[Term]:
        spectra, classes = draw()

        def loss(part: slice) -> Tensor:
            scores, targets = _scores(network, spectra[part].to(device)), classes[part].to(device)
            return functional.cross_entropy(scores, targets, weights, label_smoothing=config.smoothing)

        return [Term(counts[classes], loss)]

    def validate() -> float:
        return mean_loss(watched, partial(_scores, network), weights, STRIP) if watched else 0.0

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
    return pooled(FittedSpectralMamba(network, normalisation, silent, config, device, record), data, config.regression)


def restore(
    weights: dict[str, NDArray[Any]], config: Config, num_classes: int, wavelengths: Array | None, device: torch.device
) -> FittedSpectralMamba:
    """The classifier that gave these weights. ValueError, one sentence, if they do not fit the settings."""
    stored = Stored(weights, "a SpectralMamba")
    mean, scale, regression = stored.numbers("mean"), stored.numbers("scale"), stored.regression(num_classes)
    bands = mean.size if wavelengths is None else len(wavelengths)
    if not 1 <= bands <= MOST_BANDS:
        raise stored.misfit(f"it has {bands} bands instead of 1 to {MOST_BANDS}")
    stored.shaped({"mean": (bands,), "scale": (bands,)})
    network = SpectralMamba(config, bands, num_classes, wavelengths)
    stored.load(network)
    return FittedSpectralMamba(network.to(device), Normalisation(mean, scale), regression, config, device, None)


class FittedSpectralMamba:
    """A fitted network with its normalisation; see :class:`~..contract.Classifier`."""

    def __init__(
        self,
        network: SpectralMamba,
        normalisation: Normalisation,
        regression: Regression,
        config: Config,
        device: torch.device,
        record: Record | None,
    ) -> None:
        self.network, self.normalisation, self.regression = network.eval(), normalisation, regression
        self.config, self.device, self.record = config, device, record
        self.num_parameters = sum(one.numel() for one in network.parameters())
        self.num_classes = network.head.out_features

    @property
    def _bytes(self) -> int:
        """About how many bytes one pixel's spectrum takes in a forward: some copies as wide as the block inside."""
        return 4 * len(self.normalisation.mean) * (2 + 8 * self.config.width)

    def to_processor(self) -> None:
        """Move to the processor."""
        self.device = torch.device("cpu")
        self.network = self.network.to(self.device)

    def weights(self) -> dict[str, NDArray[Any]]:
        """The network's weights, the mean and scale of every band and the regression beside the network."""
        return arrays(self.network, self.normalisation, self.regression)

    def classify(self, cube: Cube) -> Array:
        """Probabilities (classes, rows, cols), NaN where the cube is not valid. ValueError if its bands are others."""
        bands = len(self.normalisation.mean)
        if len(cube.reflectance) != bands:
            raise ValueError(f"The scene has {len(cube.reflectance)} bands; this model was trained on {bands}.")
        rows, cols = cube.valid.shape
        found = np.full((self.num_classes, rows, cols), np.nan, dtype=np.float32)
        around = reflected(rows, cols, self.config.reach)

        def work(strip: slice) -> None:
            first, last = strip.start, strip.stop
            if cube.valid[first:last].any():
                numbers = around[first : last + 2 * self.config.reach]
                spectra = self.normalisation.spectra(cube, numbers.ravel()).to(self.device)
                grid = spectra.view(1, *numbers.shape, bands).permute(0, 3, 1, 2)
                beside = self.regression.scores(cube, slice(first * cols, last * cols))
                scores = torch.softmax(beside + read(self.network.merge(grid)).cpu(), dim=1)
                found[:, first:last] = scores.t().numpy().reshape(-1, last - first, cols)

        with torch.inference_mode():
            read = self.network.mapping()
            if not room.on_card(self.device):
                height = max(1, STRIP // cols)
                strips = [slice(first, min(first + height, rows)) for first in range(0, rows, height)]
                each(len(strips), lambda number: work(strips[number]), self.device)
            else:
                pixels = room.batch(self.device, self._bytes, MOST)
                room.in_batches(rows, max(1, pixels // cols), work, self.device)
        found[:, ~cube.valid] = np.nan
        return found


def _scores(network: SpectralMamba, spectra: Tensor) -> Tensor:
    """Class scores of patches (b, q * q, bands)."""
    side = round(spectra.shape[1] ** 0.5)
    grid = spectra.view(len(spectra), side, side, -1).permute(0, 3, 1, 2)
    found: Tensor = network(network.merge(grid))
    return found
