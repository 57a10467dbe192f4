"""What a user may set for MambaHSI. Standard library only: QGIS reads it without torch."""

from __future__ import annotations

from dataclasses import dataclass

from ...config import setting
from .. import shared

LABEL = "MambaHSI (image level)"
TASK = "classify"
ON_DEVICE = True
SUMMARY = (
    "Classifies all pixels of a part of the scene at once: state-space networks read the pixels one after the other "
    "and each pixel's channels. The quickest network to map large scenes with."
)
ADVICE = (
    "Use it for large scenes and where neighbours help: it maps about ten times as fast as a random forest of 500 "
    "trees, smooths fields, and on Indian Pines was 12 to 18 points more accurate than the forest. In the mixed "
    "pixels of a city seen from space (Potsdam, Berlin) it was about as accurate as the forest."
)
REFERENCE = "Li, Luo, Zhang, Wang, Du: MambaHSI, IEEE TGRS 62 (2024), arXiv:2501.04944"
MEASURED = (
    "On Indian Pines, with one core: quick look 77 % right after 49 s, "
    "standard 87 % right after 2 min, thorough 91 % right after 7 min."
)


@dataclass(frozen=True)
class Config(shared.Trained):
    """Settings of MambaHSI."""

    STEPS = shared.steps(100, 300, 900)

    preset: str = shared.preset(STEPS, MEASURED)
    epochs: int = shared.epochs()
    seed: int = shared.seed()
    repeatable: bool = shared.repeatable()
    regression: bool = shared.regression()
    square: int = setting(
        8,
        "Square size",
        "The side of the squares whose pixels are read as one sequence, an even number. Larger ones see farther and "
        "smooth the map more.",
        unit="pixels",
        minimum=2,
        maximum=64,
        advanced=True,
    )
    stem: int = setting(
        7,
        "Stem size",
        "Before anything else each pixel is mixed with its neighbours in a square of this odd side; 1: with none.",
        unit="pixels",
        minimum=1,
        maximum=15,
        advanced=True,
    )
    width: int = setting(
        64, "Feature width", "Channels of the network; a multiple of 8.", minimum=8, maximum=512, advanced=True
    )
    num_blocks: int = setting(
        2, "Number of blocks", "Depth of the network. Each one sees farther.", minimum=1, maximum=6, advanced=True
    )
    states: int = setting(
        8, "States per channel", "Memory of the state-space scans.", minimum=1, maximum=64, advanced=True
    )
    components: int = setting(
        40,
        "Spectral components",
        "Principal components of the training spectra that are kept, or as many as they have.",
        minimum=1,
        maximum=500,
        advanced=True,
    )
    learning_rate: float = setting(
        3e-3, "Learning rate", "Lower it if the training diverges.", minimum=1e-5, maximum=0.1, advanced=True
    )
    weight_decay: float = setting(
        0.01, "Weight decay", "Keeps weights small; against overfitting.", minimum=0, maximum=1, advanced=True
    )
    dropout: float = setting(
        0.3, "Dropout", "Share of features left out at random in training.", minimum=0, maximum=0.9, advanced=True
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
        0.3,
        "Noise in training",
        "Random changes of the training spectra, in standard deviations of each component.",
        minimum=0,
        maximum=2,
        advanced=True,
    )

    def __post_init__(self) -> None:
        if self.square % 2:
            raise ValueError(f"'Square size' must be an even number, not {self.square}.")
        if self.stem % 2 == 0:
            raise ValueError(f"'Stem size' must be an odd number, not {self.stem}.")
        if self.width % 8:
            raise ValueError(f"'Feature width' must be a multiple of 8, not {self.width}.")
