"""What the MNF transform asks for and gives. Standard library only: QGIS reads it too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...config import setting
from ...results import layer
from .. import File, Task
from ..shared import AREA

if TYPE_CHECKING:
    from ...cube import Array


@dataclass(frozen=True)
class Components:
    """What the transform gives for one cube; nodata pixels are NaN."""

    components: Array = layer("components.tif", "MNF components", "standard deviations of the noise")
    """(components, rows, cols), the one with most signal first."""


@dataclass(frozen=True)
class Options:
    """Options of the transform."""

    num_components: int = setting(
        10, "Components", "So many components are written, the ones with most signal.", minimum=1, maximum=500
    )


TASK = Task(
    name="minimum_noise_fraction",
    label="MNF transform (minimum noise fraction)",
    title="MNF",
    group="Transforms",
    summary=(
        "Turns the bands of a scene into components ordered by how much signal they hold over the noise (Green and "
        "others 1988). The noise is judged by the differences of neighbouring pixels. The first components show the "
        "scene's structure, the last ones noise."
    ),
    tags=("hyperspectral", "mnf", "minimum noise fraction", "noise", "component", "transform", "pca"),
    inputs=(AREA,),
    result=Components,
    files=(File("signal", "table", "signal_to_noise.csv", "Signal to noise of every component"),),
    options=Options,
)
