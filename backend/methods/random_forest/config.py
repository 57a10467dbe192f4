"""What a user may set for the random forest. Standard library only: QGIS reads it without scikit-learn."""

from __future__ import annotations

from dataclasses import dataclass

from ...config import setting
from .. import shared

LABEL = "Random forest"
TASK = "classify"
SUMMARY = (
    "Classifies each pixel by its spectrum alone: many decision trees, each grown on other training pixels and bands, "
    "vote. Quick, needs no tuning, and the yardstick for every other method."
)
ADVICE = (
    "Use it as the yardstick: a network that does not beat it on test areas is not worth its time. Nothing has to "
    "be set, and it learns in seconds. It sees no neighbours, so maps are speckled."
)
REFERENCE = "Breiman: Random forests, Machine Learning 45 (2001), doi:10.1023/A:1010933404324"


@dataclass(frozen=True)
class Config:
    """Settings of the random forest."""

    trees: int = setting(
        500, "Trees", "More trees make the probabilities smoother and take longer.", minimum=1, maximum=5000
    )
    seed: int = shared.seed()
    bands: int = setting(
        0,
        "Bands per split",
        "So many bands, drawn at random, are tried at each split of a tree; 0: the square root of their number.",
        minimum=0,
        maximum=10_000,
        advanced=True,
    )
    leaf: int = setting(
        1,
        "Pixels per leaf",
        "A tree splits no further where fewer training pixels than this would be left on a side.",
        minimum=1,
        maximum=1000,
        advanced=True,
    )
    pixels: int = setting(
        20_000,
        "Pixels per tree",
        "Each tree learns from at most so many training pixels, drawn at random.",
        minimum=10,
        maximum=1_000_000,
        advanced=True,
    )
