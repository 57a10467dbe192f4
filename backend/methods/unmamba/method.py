"""UNMamba at work: fits the network to a sample of a scene, then unmixes any window of it.

Loss, as in the authors' code: mean squared error and spectral angle of the reconstruction, a pull of the endmembers
towards the scene's mean spectrum, and a sparseness term (L1/2) on the abundances. Only valid pixels count. The scene is
divided by its 99.9th percentile; their code stretches it between minimum and maximum, which adds an offset that
abundances do not mix.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ...cube import Array, Cube
from ...endmembers.clusters import spanning_spectra
from ...results import Unmixing
from ...room import Room, whole
from ...training import Record, Report, Term, train
from ..contract import Plan
from .config import Config
from .misfit import misfit
from .network import Unmamba
from .released import ReleasedUnmamba, as_released

Network = Unmamba | ReleasedUnmamba
START_PIXELS = 20_000
"""About how many pixels the scale, the mean spectrum and the first endmembers are taken from."""
STEP_PIXELS = 2048
"""How many pixels one training step sees, in squares all over the sample; the released variant sees its whole image."""
SQUARE = 16
"""Rows and cols of such a square."""
HALO = 16
"""Pixels around a window that its pixels' abundances depend on."""


def plan(config: Config) -> Plan:
    """Tiles to learn from and windows to map; the released variant needs the image whole."""
    if config.variant == "released":
        return Plan(num_tiles=1, tile=512, window=512, halo=0, whole=True)
    return Plan(num_tiles=32, tile=64, window=128, halo=HALO)


def fit(sample: list[Cube], config: Config, device: torch.device, report: Report) -> FittedUnmamba:
    """Fit UNMamba to tiles of one shape. ValueError if there are fewer pixels, or kinds of spectra, than endmembers."""
    torch.manual_seed(config.seed)
    count = sum(int(cube.valid.sum()) for cube in sample)
    if count < config.num_endmembers:
        raise ValueError(
            f"The scene has {count} valid pixels; {config.num_endmembers} endmembers cannot be found in them. "
            "Ask for fewer endmembers."
        )
    values: Array = np.concatenate([cube.pixels[:: 1 + count // START_PIXELS] for cube in sample])
    scale = float(np.quantile(values, 0.999))
    if scale <= 0:
        raise ValueError("The scene's values are zero or negative almost everywhere; choose a reflectance scene.")
    values /= np.float32(scale)
    mean = torch.from_numpy(values.mean(axis=0))
    network: Network
    if config.variant == "released":
        config, side = as_released(config), None
        network = ReleasedUnmamba(config, mean, (sample[0].valid.shape[0], sample[0].valid.shape[1]))
    else:
        side = SQUARE
        start = spanning_spectra(values, config.num_endmembers, config.seed)
        network = Unmamba(config, torch.from_numpy(start), mean)
    network = network.to(device)
    squares = _Squares(sample, scale, network.mean, side, config.seed)
    record = train(
        network,
        lambda: [_term(network, config, device, *squares.draw())],
        config.steps,
        config.learning_rate,
        report,
        repeatable=config.repeatable,
    )
    fitted = FittedUnmamba(network, scale, device, record)
    fitted.sort(sample)
    return fitted


class FittedUnmamba:
    """A fitted network with the scene's scale; see :class:`~..contract.Unmixer`."""

    def __init__(self, network: Network, scale: float, device: torch.device, record: Record) -> None:
        self.network, self.scale, self.device, self.record = network, scale, device, record
        self.room = Room(device)
        self.num_parameters = sum(one.numel() for one in network.parameters() if one.requires_grad)
        with torch.no_grad():
            self._spectra = network.endmembers()
        self.order = torch.arange(len(self._spectra), device=device)

    def to_processor(self) -> None:
        """Move to the processor."""
        self.device = torch.device("cpu")
        self.network = self.network.to(self.device)
        self.room = Room(self.device)
        self._spectra, self.order = self._spectra.cpu(), self.order.cpu()

    @property
    def endmembers(self) -> Array:
        """(endmembers, bands) reflectance."""
        found: Array = (self._spectra[self.order] * self.scale).cpu().numpy()
        return found

    def sort(self, sample: list[Cube]) -> None:
        """Order the endmembers by their mean abundance in a sample, the largest first."""
        means = [np.nanmean(self.unmix(cube).abundances, axis=(1, 2)) for cube in sample]
        order = np.argsort(-np.mean(means, axis=0), kind="stable")
        self.order = torch.from_numpy(order).to(self.device)

    def unmix(self, cube: Cube) -> Unmixing:
        """Abundances and reconstruction error of one cube, halo included; NaN where the cube is not valid.

        The released variant reads the image whole, so on a graphics card that is too small for it, it is refused.
        """
        if isinstance(self.network, ReleasedUnmamba):
            return Unmixing(*whole(self.device, lambda: self._unmixed(cube)))
        return Unmixing(*self.room.mapped(cube, HALO, self._unmixed))

    def _unmixed(self, cube: Cube) -> tuple[Array, Array]:
        tile, valid = (one.to(self.device) for one in _tensor([cube], self.scale, self.network.mean.cpu()))
        with torch.no_grad():
            abundances = self.network(tile)
            rebuilt = torch.einsum("brhw,rl->blhw", abundances, self._spectra)
            error = (rebuilt - tile).square().mean(dim=1).sqrt() * self.scale
        abundances = abundances[:, self.order].masked_fill(~valid[:, None], torch.nan)
        return abundances[0].cpu().numpy(), error.masked_fill(~valid, torch.nan)[0].cpu().numpy()


def spectral_angle(first: Tensor, second: Tensor) -> Tensor:
    """Angle in radians between spectra along dimension 1; its gradient is finite where they are equal.

    2 atan2(|u - v|, |u + v|) of the unit vectors, instead of an arccos whose slope has no limit at 1.
    """
    u, v = functional.normalize(first, dim=1), functional.normalize(second, dim=1)
    apart = ((u - v).square().sum(dim=1) + 1e-12).sqrt()
    along = ((u + v).square().sum(dim=1) + 1e-12).sqrt()
    return 2 * torch.atan2(apart, along)


def _term(network: Network, config: Config, device: torch.device, tiles: Tensor, valid: Tensor) -> Term:
    """What one training step learns from squares; tiles (b, l, h, w), valid (b, h, w)."""
    counts = valid.sum(dim=(1, 2))
    return Term(counts, lambda part: _loss(network, config, tiles[part].to(device), valid[part].to(device)))


def _loss(network: Network, config: Config, tiles: Tensor, valid: Tensor) -> Tensor:
    abundances, endmembers = network(tiles), network.endmembers()
    squared, angle = misfit(tiles, abundances, endmembers)
    share = valid / valid.sum().clamp_min(1)
    squared, angle = (squared * share).sum(), (angle * share).sum()
    spread = functional.mse_loss(endmembers, network.mean.expand_as(endmembers))
    roots = (abundances.clamp_min(1e-12).sqrt().sum(dim=1).square() * share).sum()
    fit = config.weight_mse * squared + config.weight_angle * angle
    total: Tensor = fit + config.weight_spread * spread + config.weight_sparse * roots
    return total


class _Squares:
    """Squares of ``side`` pixels, or as large as the sample's tiles are, at random places; None: one whole tile."""

    def __init__(self, sample: list[Cube], scale: float, mean: Tensor, side: int | None, seed: int) -> None:
        self.tiles, self.valid = _tensor(sample, scale, mean.cpu())
        self.random = torch.Generator().manual_seed(seed)
        h, w = self.valid.shape[1:]
        self.shape = (min(side or h, h), min(side or w, w))
        self.count = max(1, STEP_PIXELS // (self.shape[0] * self.shape[1])) if side else 1

    def draw(self) -> tuple[Tensor, Tensor]:
        """Tiles (b, l, h, w) of one training step and their validity (b, h, w)."""
        places = [self._at() for _ in range(self.count)]
        tiles = torch.stack([self.tiles[number, :, rows, cols] for number, rows, cols in places])
        valid = torch.stack([self.valid[number, rows, cols] for number, rows, cols in places])
        return tiles, valid

    def _at(self) -> tuple[int, slice, slice]:
        number, row, col = (
            int(torch.randint(total - size + 1, (), generator=self.random))
            for total, size in zip(self.valid.shape, (1, *self.shape), strict=True)
        )
        return number, slice(row, row + self.shape[0]), slice(col, col + self.shape[1])


def _tensor(cubes: list[Cube], scale: float, mean: Tensor) -> tuple[Tensor, Tensor]:
    """Tiles (b, l, h, w) in units of the scale, pixels that are not valid filled by the mean, and their validity."""
    values = torch.from_numpy(np.stack([cube.reflectance for cube in cubes])).div_(scale)
    valid = torch.from_numpy(np.stack([cube.valid for cube in cubes]))
    if not valid.all():
        values = torch.where(valid[:, None], values, mean[:, None, None])
    return values, valid
