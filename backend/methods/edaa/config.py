"""What a user may set for archetypal analysis. Standard library only: QGIS reads it without numpy."""

from __future__ import annotations

from dataclasses import dataclass

from ...config import setting
from .. import shared

LABEL = "EDAA (archetypal analysis)"
TASK = "unmix"
SUMMARY = (
    "Finds endmembers that are averages of a few real pixels (archetypes), between which all pixels lie as well as "
    "possible, and solves for the abundances by fully constrained least squares. It assumes that every material "
    "occurs nearly pure in at least one pixel."
)
ADVICE = (
    "Use it where VCA + FCLS fails on shade or odd pixels: on Jasper Ridge, Samson and Moffett Field it comes nearer "
    "to the reference. It takes 7 to 30 s with one core, up to twice as long as UNMamba. Not for small or rare "
    "materials: averages of many pixels miss them."
)
REFERENCE = (
    "Zouaoui, Muhawenayo, Rasti, Chanussot, Mairal: Entropic descent archetypal analysis for blind hyperspectral "
    "unmixing, IEEE TIP 32 (2023), doi:10.1109/TIP.2023.3301769"
)
BRIGHTNESS = (
    ("length", "Equal length (as published)"),
    ("plane", "Onto a plane (mixtures stay mixtures)"),
    ("measured", "As measured"),
)


@dataclass(frozen=True)
class Config:
    """Settings of archetypal analysis; the defaults are the paper's."""

    num_endmembers: int = shared.num_endmembers()
    seed: int = shared.seed()
    brightness: str = setting(
        "length",
        "Brightness",
        "How pixels are made equally bright to look for endmembers, so that shade is no material. Abundances always "
        "refer to reflectance.",
        choices=BRIGHTNESS,
    )
    repeats: int = setting(
        50,
        "Repeats",
        "Number of restarts, each with a different step size. Of the good fits, the one whose endmembers differ "
        "most is kept.",
        minimum=1,
        maximum=1000,
        advanced=True,
    )
    passes: int = setting(
        100,
        "Passes",
        "How often abundances and endmembers take turns in each repeat.",
        minimum=1,
        maximum=10000,
        advanced=True,
    )
    steps: int = setting(5, "Steps per turn", "Steps of descent in each turn.", minimum=1, maximum=100, advanced=True)
