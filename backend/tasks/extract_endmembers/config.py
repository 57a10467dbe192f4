"""What endmember extraction asks for and gives. Standard library only: QGIS reads it too."""

from __future__ import annotations

from dataclasses import dataclass

from ...config import setting
from ...methods import shared as of_methods
from .. import File, Task, shared

EXTRACTIONS = (
    ("vca", "VCA (along random directions)"),
    ("nfindr", "N-FINDR (largest volume)"),
    ("sivm", "SiVM (largest volume, one by one)"),
    ("ppi", "PPI (most often at an end of a random line)"),
    ("clusters", "Clusters (means of those that span the others)"),
)


@dataclass(frozen=True)
class Options:
    """Options of the extraction."""

    extraction: str = setting(
        "vca",
        "Extraction",
        "How endmembers are found: all but clusters take the purest pixels. Clusters take means of many pixels, which "
        "noise and single odd pixels do not change; their points lie at the pixels most like them.",
        choices=EXTRACTIONS,
    )
    number: str = shared.number()
    num_endmembers: int = of_methods.num_endmembers()
    seed: int = of_methods.seed()
    repeats: int = setting(
        10,
        "Repeats",
        "VCA and N-FINDR start so often; the endmembers that span the largest volume are kept.",
        minimum=1,
        maximum=1000,
        advanced=True,
    )
    num_skewers: int = setting(
        5000, "Random lines", "Of PPI: on so many the pixels are laid.", minimum=10, maximum=1_000_000, advanced=True
    )


TASK = Task(
    name="extract_endmembers",
    label="Extract endmembers",
    title="Endmembers",
    group="Endmembers and libraries",
    summary=(
        "Finds the purest pixels of a hyperspectral scene (VCA, N-FINDR, SiVM or PPI), or means of clusters, and gives "
        "their spectra as a library and the pixels they come from as points. The library serves the task 'Abundances "
        "of given endmembers'."
    ),
    tags=("hyperspectral", "endmember", "extraction", "vca", "n-findr", "sivm", "ppi", "pure pixel", "library"),
    inputs=(shared.AREA,),
    files=(
        File("endmembers", "library", "endmembers.sli", "Endmember spectra", ("endmembers.hdr", "endmembers.csv")),
        File("points", "points", "endmember_pixels.gpkg", "Endmember pixels"),
    ),
    options=Options,
)
