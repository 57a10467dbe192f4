"""What a method's ``method.py`` offers to the tasks; one contract test holds every method to it.

A method of the task "unmix" has two functions::

    plan(config) -> Plan
    fit(sample: list[Cube], config, device: torch.device, report: training.Report) -> Unmixer

It sees cubes, never files, jobs or events. It gives the same result for the same seed, and for a window with its halo
what it gives for the whole scene.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from ..cube import Array, Cube
from ..results import Unmixing
from ..training import Record


@dataclass(frozen=True)
class Plan:
    """How a method wants to see a scene, in pixels.

    ``num_tiles`` tiles of ``tile`` pixels a side to learn from; windows of ``window`` pixels with a ``halo`` to map.
    ``whole``: the method only works on the image it has learnt from, all at once.
    """

    num_tiles: int
    tile: int
    window: int
    halo: int
    whole: bool = False


class Unmixer(Protocol):
    """What fitting an unmixing method leaves behind."""

    @property
    def endmembers(self) -> Array:
        """(endmembers, bands) reflectance, >= 0, the most abundant in the sample first."""

    @property
    def record(self) -> Record | None:
        """How the training went; None if nothing was trained."""

    @property
    def num_parameters(self) -> int:
        """How many numbers were trained."""

    def unmix(self, cube: Cube) -> Unmixing:
        """Unmix one cube, halo included; nodata pixels come out as NaN."""


class UnmixingMethod(Protocol):
    """The module ``method.py`` of an unmixing method."""

    def plan(self, config: Any) -> Plan:
        """How the method wants to see a scene."""

    def fit(self, sample: list[Cube], config: Any, device: Any, report: Any) -> Unmixer:
        """Learn from a sample of the scene."""
