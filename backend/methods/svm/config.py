"""What a user may set for the support vector machine. Standard library only: QGIS reads it without scikit-learn."""

from __future__ import annotations

from dataclasses import dataclass

from ...config import setting
from .. import shared

LABEL = "Support vector machine (RBF)"
TASK = "classify"
SUMMARY = (
    "Classifies each pixel by its spectrum alone: the widest margins between classes, bent by radial basis functions. "
    "Strong with few training pixels; slow with many thousands."
)
ADVICE = (
    "Use it where spectra tell the classes and pixels are mixed: on Potsdam and Berlin it was as accurate as the best "
    "network, and on Potsdam, with 50 training pixels of each class or fewer, more accurate than every network. It "
    "sees no neighbours, so that networks are ahead where fields are many pixels wide, and takes long with tens of "
    "thousands of training pixels."
)
REFERENCE = "Cortes, Vapnik: Support-vector networks, Machine Learning 20 (1995), doi:10.1007/BF00994018"


@dataclass(frozen=True)
class Config:
    """Settings of the support vector machine."""

    penalty: float = setting(
        0.0,
        "Penalty (C)",
        "How much a training pixel on the wrong side costs; 0: chosen by cross-validation on the training pixels.",
        minimum=0,
        maximum=1e6,
    )
    width: float = setting(
        0.0,
        "Kernel width (gamma)",
        "How quickly likeness fades with distance between standardised spectra; 0: chosen by cross-validation.",
        minimum=0,
        maximum=1e3,
    )
    seed: int = shared.seed()
    most: int = setting(
        5000,
        "Training pixels at most",
        "So many at most, drawn at random from each class in turn: the time grows with their square.",
        minimum=100,
        maximum=20_000,
        advanced=True,
    )
