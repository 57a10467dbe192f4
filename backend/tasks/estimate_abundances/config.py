"""What abundances of given endmembers ask for and give. Standard library only: QGIS reads it too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...config import setting
from ...results import layer
from .. import Input, Task
from ..shared import AREA, LIBRARY_HELP

if TYPE_CHECKING:
    from ...cube import Array

SOLVERS = (
    ("fully_constrained", "fully constrained (at least 0, together 1)"),
    ("nonnegative", "non-negative (at least 0)"),
    ("sparse", "sparse (at least 0, few at a time: for large libraries)"),
    ("unconstrained", "unconstrained least squares"),
)


@dataclass(frozen=True)
class Abundances:
    """What solving for given endmembers gives for one cube; nodata pixels are NaN."""

    abundances: Array = layer("abundances.tif", "Abundances", "fraction")
    """(endmembers, rows, cols), under the constraints of the solver; shade, if any, is divided out."""
    error: Array = layer("error.tif", "Reconstruction error", "reflectance RMSE")
    """(rows, cols): root of the mean over bands of (reflectance - reconstruction) squared."""
    shade: Array = layer("shade.tif", "Shade", "fraction")
    """(rows, cols): the share of photometric shade; 1 where a pixel is all shade and every share 0. Written only if
    shade is asked for."""


@dataclass(frozen=True)
class Options:
    """Options of the solver."""

    solver: str = setting("fully_constrained", "Constraints", "What abundances must fulfil.", choices=SOLVERS)
    shade: bool = setting(
        False,
        "Take shade into account",
        "Adds a dark endmember and divides its share out of the others (shade normalisation): shadow and slopes no "
        "longer count as a dark material.",
    )
    sparsity: float = setting(
        0.001,
        "Sparsity",
        "Of the sparse solver: the larger, the fewer endmembers a pixel has.",
        minimum=0,
        maximum=10,
        advanced=True,
    )


TASK = Task(
    name="estimate_abundances",
    label="Abundances of given endmembers",
    title="Abundances",
    group="Unmixing",
    summary=(
        "Solves for how much of each spectrum of a library is in every pixel, exactly and without training. Where the "
        "library's wavelengths differ from the scene's it is resampled to them."
    ),
    tags=("hyperspectral", "unmixing", "abundance", "fcls", "nnls", "sunsal", "library", "endmember", "shade"),
    inputs=(Input("library", "library", "Spectral library", LIBRARY_HELP), AREA),
    result=Abundances,
    options=Options,
)
