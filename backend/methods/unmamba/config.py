"""What a user may set for UNMamba. Standard library only: QGIS reads it without torch."""

from __future__ import annotations

from dataclasses import dataclass

from ...config import setting

LABEL = "UNMamba (blind unmixing)"
TASK = "unmix"
SUMMARY = (
    "Finds the materials of a scene (endmembers) and how much of each is in every pixel (abundances) without a "
    "spectral library: a state-space network reads the scene along its rows and columns and is trained on the scene "
    "itself."
)
REFERENCE = "Chen, Zhang, Li: UNMamba, IEEE GRSL 22 (2025), doi:10.1109/LGRS.2025.3545505"


@dataclass(frozen=True)
class Config:
    """Settings of UNMamba; section numbers refer to the paper's method section."""

    num_endmembers: int = setting(
        4, "Number of endmembers", "How many materials to look for. Start with 4 to 6.", minimum=2, maximum=30
    )
    epochs: int = setting(
        400,
        "Training steps",
        "More steps give cleaner materials and take longer. 400 suits most scenes; 1000 is the published setting.",
        minimum=1,
        maximum=20000,
    )
    seed: int = setting(
        11, "Random seed", "The same seed gives the same result on the same machine.", minimum=0, maximum=2**31 - 1
    )
