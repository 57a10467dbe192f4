"""The unmixing-guided Mamba at work: one training for classes and materials, then any window of the scene.

Classes and the normalisation are learnt from training pixels alone. Materials are learnt from a sample of the scene,
in which the spectra of test pixels may be, never their classes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ... import room
from ...cube import Array, Cube
from ...endmembers.clusters import spanning_spectra
from ...results import Unmixing
from ...training import Record, Report, train
from ..contract import Plan, TrainingData
from ..patches import Normalisation
from ..regression import Regression, pooled
from ..stored import Stored, arrays
from ..tiles import Tile, known, read, seen
from .config import Config
from .goal import Goal
from .mapped import Mapped
from .network import Ugm, Unmixed, halo
from .variants import first_variants

START_PIXELS = 20_000
"""About how many pixels the scale and the first endmembers are taken from."""


def plan(config: Config) -> Plan:
    """Tiles around the training pixels and of the sample, windows to map, and how far a class depends on pixels."""
    return Plan(num_tiles=32, tile=128, window=128, halo=halo(config))


def fit(data: TrainingData, sample: list[Cube], config: Config, device: torch.device, report: Report) -> FittedUgm:
    """Learn classes from the labelled pixels and materials from a sample of the scene.

    ValueError without training pixels, or if the sample does not support so many endmembers.
    """
    torch.manual_seed(config.seed)
    labelled = [item for item in data.training if (item.labels > 0).any()]
    if not labelled:
        raise ValueError("There are no training pixels; label some pixels of at least two classes.")
    normalisation = Normalisation.of(np.concatenate([item.pixels for item in labelled]), config.components)
    pixels = _start_pixels(sample, config)
    scale = _scale(pixels)
    corners = spanning_spectra(pixels, config.num_endmembers, config.seed)
    start = torch.from_numpy(first_variants(pixels, corners, config.num_variants) / np.float32(scale))
    network = Ugm(config, normalisation.projection.shape[1], start, data.num_classes).to(device)
    tiles = [known(item, normalisation) for item in labelled]
    held = [known(item, normalisation) for item in data.validation if (item.labels > 0).any()]
    weights = torch.from_numpy(np.asarray(data.class_weights, np.float32)).to(device)
    goal = Goal(network, config, weights, scale, tiles, [seen(cube, normalisation) for cube in sample])
    record = train(
        network,
        goal,
        config.steps,
        config.learning_rate,
        report,
        weight_decay=config.weight_decay,
        repeatable=config.repeatable,
        validate=(lambda: goal.validation(held)) if held else None,
        warm_up=goal.warm_up,
    )
    silent = Regression.silent(normalisation.mean, data.num_classes)
    fitted = FittedUgm(network, normalisation, silent, scale, config, device, record)
    fitted.sort(sample)
    return pooled(fitted, data, config.regression)


def restore(
    weights: dict[str, NDArray[Any]], config: Config, num_classes: int, wavelengths: Array | None, device: torch.device
) -> FittedUgm:
    """What gave these weights. ValueError, one sentence, if they do not fit the settings."""
    stored, r = Stored(weights, "an unmixing-guided Mamba"), config.num_endmembers
    normalisation, regression = stored.normalisation(wavelengths, config.components), stored.regression(num_classes)
    stored.shaped({"brightness": (1,), "order": (r,)})
    brightness, order = float(weights["brightness"][0]), weights["order"]
    if brightness <= 0:
        raise stored.misfit("'brightness' is not above 0")
    if sorted(order) != list(range(r)):
        raise stored.misfit("'order' does not name every endmember once")
    spectra = torch.full((r, config.num_variants, len(normalisation.mean)), 0.5)
    network = Ugm(config, normalisation.projection.shape[1], spectra, num_classes)
    stored.load(network, "projection", "brightness", "order")
    found = FittedUgm(network.to(device), normalisation, regression, brightness, config, device, None)
    found.order = order.astype(np.int64)
    return found


class FittedUgm:
    """A fitted network with its constants; a Classifier and an Unmixer (``..contract``) at once."""

    def __init__(
        self,
        network: Ugm,
        normalisation: Normalisation,
        regression: Regression,
        scale: float,
        config: Config,
        device: torch.device,
        record: Record | None,
    ) -> None:
        self.network, self.normalisation, self.regression, self.scale = network.eval(), normalisation, regression, scale
        self.config, self.device, self.record = config, torch.device(device), record
        self.room, self.reach = room.Room(self.device), halo(config)
        self.num_parameters = sum(one.numel() for one in network.parameters())
        self.order = np.arange(config.num_endmembers)

    def to_processor(self) -> None:
        """Move to the processor."""
        self.device = torch.device("cpu")
        self.network = self.network.to(self.device)
        self.room = room.Room(self.device)

    @property
    def variants(self) -> Array:
        """(endmembers, variants, bands) reflectance, >= 0."""
        with torch.no_grad():
            found: Array = (self.network.unmixing.spectra() * self.scale).cpu().numpy()
        return found[self.order]

    @property
    def endmembers(self) -> Array:
        """(endmembers, bands) reflectance: the mean of each endmember's variants."""
        return np.asarray(self.variants.mean(axis=1))

    def sort(self, sample: list[Cube]) -> None:
        """Order the endmembers by their mean abundance in a sample, the largest first."""
        sums = [np.nansum(self.unmix(cube).abundances, axis=(1, 2), dtype=np.float64) for cube in sample]
        self.order = self.order[np.argsort(-np.sum(sums, axis=0), kind="stable")]

    def unmix_and_classify(self, cube: Cube) -> tuple[Unmixing, Array]:
        """Abundances and error, and class probabilities (classes, rows, cols), of one cube, halo included.

        NaN where the cube is not valid, on the CPU in the halo too. ValueError if its bands are others.
        """
        if not room.on_card(self.device):
            found = self._mapped(cube, classes=True)
            return self._ordered(found), np.asarray(found.probabilities.numpy())
        self._check(cube)
        abundances, error, probabilities = self.room.mapped(cube, self.reach, self._both)
        return Unmixing(abundances, error), probabilities

    def _both(self, cube: Cube) -> tuple[Array, Array, Array]:
        """Abundances, error and class probabilities of a cube, all at once."""
        tile = self._tile(cube)
        with torch.no_grad():
            scores, unmixed = self.network(tile.values, tile.valid, tile.origin)
        beside = self.regression.scores(cube, slice(None)).view(scores[0].shape)
        probabilities = torch.softmax(beside + scores[0].cpu(), dim=-1).permute(2, 0, 1).numpy()
        probabilities[:, ~cube.valid] = np.nan
        return (*self._unmixing(cube, tile, unmixed), np.asarray(probabilities))

    def classify(self, cube: Cube) -> Array:
        """Class probabilities alone; see :class:`~..contract.Classifier`."""
        return self.unmix_and_classify(cube)[1]

    def unmix(self, cube: Cube) -> Unmixing:
        """Abundances and reconstruction error alone; see :class:`~..contract.Unmixer`."""
        if not room.on_card(self.device):
            return self._ordered(self._mapped(cube, classes=False))
        self._check(cube)
        return Unmixing(*self.room.mapped(cube, self.reach, self._unmixed))

    def _unmixed(self, cube: Cube) -> tuple[Array, Array]:
        tile = self._tile(cube)
        with torch.no_grad():
            return self._unmixing(cube, tile, self.network.unmix(tile.values, tile.valid))

    def rebuilt(self, cube: Cube) -> Array:
        """The reflectance (bands, rows, cols) that abundances and variants mix; NaN where the cube is not valid."""
        tile = self._tile(cube)
        with torch.no_grad():
            values = self._reflectance(self.network.unmix(tile.values, tile.valid))
        found: Array = values.masked_fill(~tile.valid[0], torch.nan).cpu().numpy()
        return found

    def weights(self) -> dict[str, NDArray[Any]]:
        """The network's weights, the normalisation and the regression beside it, the scene's scale and the order."""
        own = {"brightness": np.array([self.scale], np.float32), "order": self.order.astype(np.float32)}
        return {**arrays(self.network, self.normalisation, self.regression), **own}

    def _mapped(self, cube: Cube, classes: bool) -> Mapped:
        self._check(cube)
        with torch.inference_mode():
            return Mapped(self.network, cube, self.normalisation, self.scale, self.regression if classes else None)

    def _ordered(self, found: Mapped) -> Unmixing:
        with torch.inference_mode():
            abundances = found.abundances[torch.from_numpy(self.order)]
        return Unmixing(abundances.numpy(), found.error.numpy())

    def _check(self, cube: Cube) -> None:
        bands = len(self.normalisation.mean)
        if len(cube.reflectance) != bands:
            raise ValueError(f"The scene has {len(cube.reflectance)} bands; this model was trained on {bands}.")

    def _tile(self, cube: Cube) -> Tile:
        self._check(cube)
        tile = read(cube, self.normalisation)
        return Tile(tile.values.to(self.device), tile.valid.to(self.device), tile.origin)

    def _unmixing(self, cube: Cube, tile: Tile, unmixed: Unmixed) -> tuple[Array, Array]:
        with torch.no_grad():
            off = self._reflectance(unmixed) - torch.from_numpy(cube.reflectance).to(self.device)
        error = off.square().mean(dim=0).sqrt()
        abundances = unmixed.abundances[0].permute(2, 0, 1)[torch.from_numpy(self.order).to(self.device)]
        gone = ~tile.valid[0]
        return (
            abundances.masked_fill(gone, torch.nan).cpu().numpy(),
            error.masked_fill(gone, torch.nan).cpu().numpy(),
        )

    def _reflectance(self, unmixed: Unmixed) -> Tensor:
        """The reconstruction (l, h, w) of one tile."""
        return self.network.unmixing.rebuilt(unmixed)[0].permute(2, 0, 1) * self.scale


def _start_pixels(sample: list[Cube], config: Config) -> Array:
    """Pixels (pixels, bands) spread over the sample. ValueError if they do not support so many endmembers."""
    count, number = sum(int(cube.valid.sum()) for cube in sample), config.num_endmembers
    if count < number:
        raise ValueError(
            f"The scene has {count} valid pixels; {number} endmembers cannot be found in them. Ask for fewer "
            "endmembers."
        )
    pixels = np.concatenate([cube.pixels[:: 1 + count // START_PIXELS] for cube in sample])
    if number > pixels.shape[1]:
        raise ValueError(
            f"The scene has {pixels.shape[1]} usable bands; {number} endmembers cannot be told apart in them. Ask for "
            "fewer endmembers."
        )
    return pixels


def _scale(pixels: Array) -> float:
    """The reflectance that counts as 1: the 99.9th percentile. ValueError if that is not above 0."""
    scale = float(np.quantile(pixels, 0.999))
    if scale <= 0:
        raise ValueError("The scene's values are zero or negative almost everywhere; choose a reflectance scene.")
    return scale
