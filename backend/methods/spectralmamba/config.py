"""What a user may set for SpectralMamba. Standard library only: QGIS reads it without torch."""

from __future__ import annotations

from dataclasses import dataclass

from ...config import setting
from .. import shared

LABEL = "SpectralMamba"
TASK = "classify"
ON_DEVICE = True
SUMMARY = (
    "Classifies each pixel by its spectrum, read band after band by a state-space network; with a patch of 3 the "
    "neighbours' spectra are weighed in first. Small and quick, for scenes where spectra matter more than shapes."
)
ADVICE = (
    "Use it where small size and quick training count and spectra tell the classes: it learns in a quarter of a "
    "minute, and in the mixed pixels of Potsdam it was the most accurate network, as good as a support vector "
    "machine. Where fields are many pixels wide, methods that read more neighbours are more accurate."
)
REFERENCE = "Yao, Hong, Li, Chanussot: SpectralMamba, arXiv:2404.08489 (2024)"
LAYOUTS = (("stride", "bands far apart share a token"), ("block", "neighbouring bands share a token"))
MEASURED = (
    "On Indian Pines, with one core: quick look 67 % right after 6 s, "
    "standard 81 % right after 15 s, thorough 86 % right after 34 s."
)


@dataclass(frozen=True)
class Config(shared.Trained):
    """Settings of SpectralMamba."""

    STEPS = shared.steps(150, 600, 1500)

    patch: int = setting(
        3,
        "Patch size",
        "The side of the square whose spectra are merged, an odd number. 1: each pixel by its own spectrum alone.",
        unit="pixels",
        minimum=1,
        maximum=9,
    )
    preset: str = shared.preset(STEPS, MEASURED)
    epochs: int = shared.epochs()
    seed: int = shared.seed()
    repeatable: bool = shared.repeatable()
    regression: bool = shared.regression()
    pieces: int = setting(
        6,
        "Pieces",
        "The spectrum is cut into so many pieces that are read side by side: more make the scan shorter and quicker.",
        minimum=1,
        maximum=32,
        advanced=True,
    )
    layout: str = setting(
        "stride", "Layout of the pieces", "Which bands a token holds.", choices=LAYOUTS, advanced=True
    )
    width: int = setting(
        32, "Feature width", "Channels of the network. Wider ones are slower.", minimum=8, maximum=256, advanced=True
    )
    states: int = setting(
        16, "States per channel", "Memory of the state-space scan.", minimum=1, maximum=64, advanced=True
    )
    learning_rate: float = setting(
        3e-3, "Learning rate", "Lower it if the training diverges.", minimum=1e-5, maximum=0.1, advanced=True
    )
    weight_decay: float = setting(
        0.01, "Weight decay", "Keeps weights small; against overfitting.", minimum=0, maximum=1, advanced=True
    )
    batch: int = setting(64, "Batch size", "Training pixels in one step.", minimum=1, maximum=4096, advanced=True)
    dropout: float = setting(
        0.1, "Dropout", "Share of features left out at random in training.", minimum=0, maximum=0.9, advanced=True
    )
    smoothing: float = setting(
        0.05,
        "Label smoothing",
        "Tolerance for mislabelled training pixels. 0 turns it off.",
        minimum=0,
        maximum=0.9,
        advanced=True,
    )
    noise: float = setting(
        0.1,
        "Noise in training",
        "Random changes of the training spectra, in standard deviations of each band.",
        minimum=0,
        maximum=2,
        advanced=True,
    )

    def __post_init__(self) -> None:
        if self.patch % 2 == 0:
            raise ValueError(f"'Patch size' must be an odd number, not {self.patch}.")

    @property
    def reach(self) -> int:
        """How many pixels to each side of a pixel its class depends on: the patch, and the mask's convolution."""
        return self.patch // 2 + 1 if self.patch > 1 else 0
