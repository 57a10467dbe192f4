"""What continuum removal asks for and gives. Standard library only: QGIS reads it too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...results import layer
from .. import Task
from ..shared import AREA

if TYPE_CHECKING:
    from ...cube import Array


@dataclass(frozen=True)
class WithoutContinuum:
    """What continuum removal gives for one cube; nodata pixels are NaN."""

    continuum_removed: Array = layer("continuum_removed.tif", "Reflectance over its continuum", "ratio")
    """(bands, rows, cols), above 0, at most 1; bands in the order of their wavelengths."""


TASK = Task(
    name="remove_continuum",
    label="Remove the continuum",
    title="Continuum removed",
    group="Transforms",
    summary=(
        "Divides every spectrum by its upper convex hull (Clark and Roush 1984), so that absorption features can be "
        "compared whatever the brightness and slope: 1 on the hull, less within a feature."
    ),
    tags=("hyperspectral", "continuum removal", "absorption", "convex hull", "mineral", "feature"),
    inputs=(AREA,),
    result=WithoutContinuum,
)
