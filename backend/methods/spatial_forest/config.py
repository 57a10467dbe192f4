"""What a user may set for the spatial forest. Standard library only: QGIS reads it without scikit-learn."""

from __future__ import annotations

from dataclasses import dataclass

from ...config import setting
from .. import shared

LABEL = "Spatial forest"
TASK = "classify"
SUMMARY = (
    "Classifies each pixel by its spectrum and by what lies around it, near and far, smoothed along edges: many "
    "decision trees vote. Learns in seconds; a yardstick for every network."
)
ADVICE = (
    "Use it before a network, to know what a network has to beat, and where a good map in seconds is wanted. It sees "
    "8 pixels to each side: narrow things are smoothed over, and test areas must lie that far from training areas."
)
REFERENCE = (
    "Breiman: Random forests, Machine Learning 45 (2001), doi:10.1023/A:1010933404324; He, Sun, Tang: Guided "
    "image filtering, IEEE TPAMI 35 (2013), doi:10.1109/TPAMI.2012.213"
)


@dataclass(frozen=True)
class Config:
    """Settings of the spatial forest."""

    trees: int = setting(
        300, "Trees", "More trees make the probabilities smoother and take longer.", minimum=1, maximum=5000
    )
    seed: int = shared.seed()
    features: int = setting(
        0,
        "Features per split",
        "So many features, drawn at random, are tried at each split of a tree; 0: the square root of their number.",
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
