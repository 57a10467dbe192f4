"""What a user may set for minimum-volume unmixing. Standard library only: QGIS reads it without numpy."""

from __future__ import annotations

from dataclasses import dataclass

from ...config import setting
from .. import shared

LABEL = "MVC-NMF (minimum volume)"
TASK = "unmix"
SUMMARY = (
    "Finds the smallest simplex around the pixels, so that endmembers can come out where no pixel is pure, and solves "
    "for the abundances by fully constrained least squares. Its endmembers may lie outside of what was measured."
)
ADVICE = (
    "Use it where noise is low and the materials are few: there its endmembers are among the truest, after 1 to 10 s "
    "with one core. Where materials are rare in noise (minerals at 20 and 30 dB) or pixels far from any corner "
    "(mixtures throughout) it is worse than VCA + FCLS; compare the spectra."
)
REFERENCE = (
    "Miao, Qi: Endmember extraction from highly mixed data using minimum volume constrained nonnegative matrix "
    "factorization, IEEE TGRS 45 (2007), doi:10.1109/TGRS.2006.888466; Leplat, Ang, Gillis: Minimum-volume "
    "rank-deficient nonnegative matrix factorizations, IEEE ICASSP (2019), doi:10.1109/ICASSP.2019.8682280"
)


@dataclass(frozen=True)
class Config:
    """Settings of minimum-volume unmixing."""

    num_endmembers: int = shared.num_endmembers()
    seed: int = shared.seed()
    volume_weight: float = setting(
        1.0,
        "Weight of the volume",
        "Higher values draw the endmembers closer to the pixels, lower ones follow every outlier. 1 suits the noise "
        "that is found in the scene.",
        minimum=0,
        maximum=1000,
    )
    iterations: int = setting(
        300,
        "Iterations",
        "It ends earlier where nothing changes any more.",
        minimum=1,
        maximum=100000,
        advanced=True,
    )
