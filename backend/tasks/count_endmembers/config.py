"""What counting endmembers asks for and gives. Standard library only: QGIS reads it too."""

from __future__ import annotations

from dataclasses import dataclass

from ...config import setting
from .. import File, Task, shared


@dataclass(frozen=True)
class Options:
    """Options of the count."""

    false_alarm: float = setting(
        0.0001,
        "False-alarm probability",
        "Of the virtual dimensionality: how often noise alone may count as an endmember.",
        minimum=1e-9,
        maximum=0.4,
        advanced=True,
    )


TASK = Task(
    name="count_endmembers",
    label="Count endmembers",
    title="Counted",
    group="Endmembers and libraries",
    summary=(
        "Estimates how many materials a hyperspectral scene holds, by HySime (signal above the estimated noise) and by "
        "the virtual dimensionality (Harsanyi, Farrand, Chang), with the eigenvalues both decide by. The estimates "
        "count every signal that stands out of the noise; the number of materials is often smaller."
    ),
    tags=("hyperspectral", "endmember", "number", "hysime", "virtual dimensionality", "noise", "eigenvalue"),
    inputs=(shared.AREA,),
    files=(File("eigenvalues", "table", "eigenvalues.csv", "Eigenvalues and thresholds"),),
    options=Options,
    least_bands=shared.BLIND_BANDS,
)
