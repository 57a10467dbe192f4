"""A network's weights and what it needs beside them, as arrays by name: written to model files and read from them.

Model files may be a stranger's, so what is read is held against what a network with these settings has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ..cube import Array
from .patches import Normalisation
from .regression import NAMES, Regression

BESIDE = ("mean", "scale", *NAMES)
"""What every model has beside its network's own weights: the bands' mean and scale, and the regression."""


LARGEST = 1e4
"""No training brings a network's weight as far; products of such ones overflow, and their sums are no numbers."""


class Scaled(Protocol):
    """A normalisation of bands; all its arrays are kept under their names."""

    @property
    def mean(self) -> Array: ...

    @property
    def scale(self) -> Array: ...


def arrays(network: nn.Module, normalisation: Scaled, regression: Regression) -> dict[str, NDArray[Any]]:
    """All of them; the regression's mean is the normalisation's."""
    state = {name: value.cpu().numpy() for name, value in network.state_dict().items()}
    return {**state, **vars(normalisation), **dict(zip(NAMES, (regression.weight, regression.bias), strict=True))}


@dataclass(frozen=True)
class Stored:
    """``weights`` by name that shall be those of ``whose`` model: "a MambaHSI", say."""

    weights: Mapping[str, NDArray[Any]]
    whose: str

    def numbers(self, name: str) -> Array:
        """One of them. ValueError if it is missing or not of finite float32 numbers."""
        values = self.weights.get(name)
        if values is None:
            raise self.misfit(f"{name!r} is missing")
        if not isinstance(values, np.ndarray) or values.dtype != np.float32 or not np.isfinite(values).all():
            raise self.misfit(f"{name!r} does not hold finite float32 numbers")
        return values

    def normalisation(self, wavelengths: Array | None, most: int) -> Normalisation:
        """That with at most so many components; its arrays have as many bands as there are wavelengths."""
        mean, scale, projection = (self.numbers(name) for name in ("mean", "scale", "projection"))
        bands = mean.size if wavelengths is None else len(wavelengths)
        components = projection.size // max(bands, 1)
        if not 1 <= components <= most:
            raise self.misfit(f"it has {components} components instead of 1 to {most}")
        self.shaped({"mean": (bands,), "scale": (bands,), "projection": (bands, components)})
        return Normalisation(mean, scale, projection)

    def regression(self, num_classes: int) -> Regression:
        """That beside the network."""
        mean, weight, bias = (self.numbers(name) for name in ("mean", *NAMES))
        self.shaped(dict(zip(NAMES, ((num_classes, mean.size), (num_classes,)), strict=True)))
        return Regression(mean, weight, bias)

    def load(self, network: nn.Module, *more: str) -> None:
        """Give a network its weights. ValueError if there are others than those, :data:`BESIDE` and ``more``."""
        beside = {*BESIDE, *more}
        own = {name: tuple(value.shape) for name, value in network.state_dict().items()}
        if set(self.weights) != {*own, *beside}:
            raise self.misfit(f"{min(set(self.weights) ^ {*own, *beside})!r} is missing or not expected")
        self.shaped(own)
        for name in own:
            if np.abs(self.weights[name]).max(initial=0) > LARGEST:
                raise self.misfit(f"{name!r} holds numbers beyond reason")
        if not (self.weights["scale"] > 0).all():
            raise self.misfit("'scale' holds numbers that are not above 0")
        network.load_state_dict({name: torch.from_numpy(self.weights[name].copy()) for name in own})

    def shaped(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """ValueError if one of these is missing or has another shape."""
        for name, shape in shapes.items():
            if self.numbers(name).shape != shape:
                raise self.misfit(f"{name!r} has the shape {self.weights[name].shape} instead of {shape}")

    def misfit(self, fault: str) -> ValueError:
        """The sentence that says what is wrong."""
        return ValueError(
            f"The weights do not belong to {self.whose} model with these settings: {fault}. Train the model again."
        )
