"""What blind unmixing asks for and gives. Standard library only: QGIS reads it too."""

from __future__ import annotations

from dataclasses import dataclass

from ...results import Unmixing
from .. import File, Input, Task, shared


@dataclass(frozen=True)
class Options:
    """Options of every unmixing method."""

    number: str = shared.number()


TASK = Task(
    name="unmix",
    label="Unmix a hyperspectral scene",
    title="Unmixed",
    group="Unmixing",
    summary=(
        "Finds the materials of a hyperspectral scene (endmembers) and how much of each is in every pixel (abundances: "
        "at least 0, together 1), without a spectral library."
    ),
    tags=("hyperspectral", "spectral", "unmixing", "endmember", "abundance", "mamba", "material", "fraction"),
    inputs=(
        Input(
            "library",
            "library",
            "Name the endmembers by",
            f"A spectral library; each endmember gets the name of its nearest spectrum. {shared.LIBRARY_HELP}",
            optional=True,
        ),
        Input(
            "reference",
            "raster",
            "Reference abundances",
            "A raster on the scene's grid, a band for each material; the report says how far the result is from it.",
            optional=True,
        ),
        Input(
            "reference_library",
            "library",
            "Reference spectra",
            f"The spectra of the reference's bands, in their order. {shared.LIBRARY_HELP}",
            optional=True,
        ),
        shared.AREA,
    ),
    result=Unmixing,
    options=Options,
    files=(File("endmembers", "library", "endmembers.sli", "Endmember spectra", ("endmembers.hdr", "endmembers.csv")),),
    default_method="unmamba",
    least_bands=shared.BLIND_BANDS,
)
