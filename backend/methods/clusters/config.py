"""What a user may set for unmixing by clusters. Standard library only: QGIS reads it without numpy."""

from __future__ import annotations

from dataclasses import dataclass

from ...config import setting
from .. import shared

LABEL = "Clusters + least squares"
TASK = "unmix"
SUMMARY = (
    "Groups a scene's spectra by shape and takes for endmembers the means of those groups whose mixtures rebuild all "
    "others best; then solves for abundances exactly, pixel by pixel. No training; what UNMamba starts from."
)
ADVICE = (
    "Use it as the quick answer and the yardstick of blind unmixing: it needs no pure pixel of its own for a material, "
    "and neither noise nor single odd pixels decide. Materials that nowhere make up most of a pixel are not found."
)
REFERENCE = (
    "Sculley: Web-scale k-means clustering, WWW (2010), doi:10.1145/1772690.1772862; Heinz, Chang: Fully constrained "
    "least squares, IEEE TGRS 39 (2001), doi:10.1109/36.911111"
)
SHARES = (
    ("auto", "whichever fits the scene"),
    ("nonnegative", "non-negative, then divided by their sum (light varies)"),
    ("fully_constrained", "non-negative and summing to one (light is even)"),
)


@dataclass(frozen=True)
class Config:
    """Settings of unmixing by clusters."""

    num_endmembers: int = shared.num_endmembers()
    shares: str = setting(
        "auto",
        "Abundances",
        "Divided by their sum, abundances do not take shade for a material; with a sum of one they are less noisy. "
        "Which of the two fits is told from how much of the scene a sum of one leaves unexplained.",
        choices=SHARES,
    )
    seed: int = shared.seed()
