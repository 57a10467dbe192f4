"""What a user may set for classical unmixing. Standard library only: QGIS reads it without numpy."""

from __future__ import annotations

from dataclasses import dataclass

from ...config import setting
from .. import shared

LABEL = "VCA + FCLS (classical unmixing)"
TASK = "unmix"
SUMMARY = (
    "Finds the purest pixels of a scene (endmembers) and solves for how much of each is in every pixel (abundances) by "
    "fully constrained least squares. Quick and exact, without training: the yardstick for any network. It takes it "
    "that every material is pure in at least one pixel."
)
ADVICE = (
    "Use it first: it takes seconds, and where materials have pure pixels (rocks, minerals, fields of our scenes) and "
    "noise is low it comes close to the truth. It takes extreme pixels for materials: shade, glints and single odd "
    "pixels become endmembers, and where brightness varies its abundances are far off."
)
REFERENCE = (
    "Nascimento, Bioucas-Dias: Vertex component analysis, IEEE TGRS 43 (2005), doi:10.1109/TGRS.2005.844293; "
    "Heinz, Chang: Fully constrained least squares, IEEE TGRS 39 (2001), doi:10.1109/36.911111"
)
EXTRACTIONS = (
    ("vca", "VCA (along random directions)"),
    ("nfindr", "N-FINDR (largest volume)"),
    ("sivm", "SiVM (largest volume, one by one)"),
)


@dataclass(frozen=True)
class Config:
    """Settings of classical unmixing."""

    num_endmembers: int = shared.num_endmembers()
    extraction: str = setting("vca", "Endmember extraction", "How the purest pixels are found.", choices=EXTRACTIONS)
    seed: int = shared.seed()
    repeats: int = setting(
        10,
        "Repeats",
        "VCA and N-FINDR start so often; the endmembers that span the largest volume are kept.",
        minimum=1,
        maximum=1000,
        advanced=True,
    )
