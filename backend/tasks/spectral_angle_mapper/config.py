"""What the spectral angle mapper asks for and gives. Standard library only: QGIS reads it too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...config import setting
from ...results import layer
from .. import Input, Task
from ..shared import AREA, LIBRARY_HELP

if TYPE_CHECKING:
    from ...cube import Array, Classes


@dataclass(frozen=True)
class Angles:
    """What the mapper gives for one cube; nodata pixels are -1 in ``materials`` and NaN in ``angles``."""

    materials: Classes = layer("materials.tif", "Nearest spectrum", "number in the library", dtype="int16", nodata=-1)
    """(rows, cols): the spectrum, from 1, with the least angle; 0 where none is near enough."""
    angles: Array = layer("angles.tif", "Spectral angles", "rad")
    """(spectra, rows, cols): the angle to every spectrum of the library."""


@dataclass(frozen=True)
class Options:
    """Options of the mapper."""

    threshold: float = setting(
        0.1,
        "Largest angle",
        "Pixels farther than this from every spectrum belong to none.",
        unit="rad",
        minimum=0.001,
        maximum=3.14,
    )


TASK = Task(
    name="spectral_angle_mapper",
    label="Spectral angle mapper (SAM)",
    title="Spectral angles",
    group="Classification",
    summary=(
        "Gives every pixel the spectrum of a library that is nearest by spectral angle (Kruse and others 1993), "
        "whatever its brightness, and the angle to every spectrum."
    ),
    tags=("hyperspectral", "sam", "spectral angle", "classification", "library", "material", "mineral"),
    inputs=(Input("library", "library", "Spectral library", LIBRARY_HELP), AREA),
    result=Angles,
    options=Options,
)
