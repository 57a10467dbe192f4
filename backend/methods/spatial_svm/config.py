"""What a user may set for the spatial support vector machine. Standard library only: QGIS reads it too."""

from __future__ import annotations

from dataclasses import dataclass

from ...config import setting
from .. import shared

LABEL = "Spatial support vector machine"
TASK = "classify"
SUMMARY = (
    "Classifies each pixel by its spectrum and by what lies around it, near and far, smoothed along edges: the widest "
    "margins between classes, bent by radial basis functions. Learns in seconds; a yardstick for every network."
)
ADVICE = (
    "Use it before a network, to know what a network has to beat, and where fields are many pixels wide and training "
    "pixels are few. It sees 8 pixels to each side: narrow things are smoothed over, and test areas must lie that far "
    "from training areas. It takes long with tens of thousands of training pixels."
)
REFERENCE = (
    "Cortes, Vapnik: Support-vector networks, Machine Learning 20 (1995), doi:10.1007/BF00994018; He, Sun, Tang: "
    "Guided image filtering, IEEE TPAMI 35 (2013), doi:10.1109/TPAMI.2012.213"
)


@dataclass(frozen=True)
class Config:
    """Settings of the spatial support vector machine."""

    penalty: float = setting(
        10.0,
        "Penalty (C)",
        "How much a training pixel on the wrong side costs; 0: chosen by cross-validation on the training pixels, "
        "which flatters features that neighbours share.",
        minimum=0,
        maximum=1e6,
    )
    width: float = setting(
        1.0,
        "Kernel width (gamma x features)",
        "How quickly likeness fades with distance between features of variance 1 on average; 0: chosen by "
        "cross-validation.",
        minimum=0,
        maximum=1e3,
    )
    seed: int = shared.seed()
    own: float = setting(
        0.0,
        "Weight of the pixel itself",
        "How much a pixel's own spectrum counts beside the means around it, which count 1; 0: 0.25, 0.5 or 1, "
        "whichever gets most validation pixels right, and 0.5 where there are none.",
        minimum=0,
        maximum=10,
        advanced=True,
    )
    most: int = setting(
        5000,
        "Training pixels at most",
        "So many at most, drawn at random from each class in turn: the time grows with their square.",
        minimum=100,
        maximum=20_000,
        advanced=True,
    )
