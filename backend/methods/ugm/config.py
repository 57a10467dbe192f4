"""What a user may set for the unmixing-guided Mamba. Standard library only: QGIS reads it without torch."""

from __future__ import annotations

from dataclasses import dataclass

from ...config import setting
from .. import shared

LABEL = "Unmixing-guided Mamba (UGM)"
TASK = "unmix_and_classify"
ON_DEVICE = True
SUMMARY = (
    "Learns materials and classes in one training: the share of each material in a pixel decides in which order a "
    "state-space network reads the pixels around it. Gives a class map, abundances and a spectral library in which "
    "every material has several spectra."
)
ADVICE = (
    "Use it where you want classes and materials from one training. Guided by the abundances it was four to five "
    "points more accurate than without where training pixels lie all over Indian Pines, one on Potsdam's tiles, and no "
    "more accurate with whole areas set aside or on Berlin: compare both with the task's option. Where classes alone "
    "count, Mamba-in-Mamba learns in less than half the time and is more accurate on Indian Pines. Its abundances are "
    "blind: look at the spectra before you name them."
)
REFERENCE = "Zhu, Xu: Unmixing-guided spatial-spectral Mamba, arXiv:2604.09948 (2026)"
MEASURED = (
    "On Indian Pines, with one core: quick look 68 % right after 63 s, "
    "standard 86 % right after 3 min, thorough 92 % right after 8 min."
)


@dataclass(frozen=True)
class Config(shared.Trained):
    """Settings of the unmixing-guided Mamba."""

    STEPS = shared.steps(100, 300, 900)

    num_endmembers: int = shared.num_endmembers()
    preset: str = shared.preset(STEPS, MEASURED)
    epochs: int = shared.epochs()
    seed: int = shared.seed()
    repeatable: bool = shared.repeatable()
    regression: bool = shared.regression()
    guidance: bool = setting(
        True,
        "Unmixing guides classification",
        "Without it the same network classifies without looking at the abundances.",
    )
    num_variants: int = setting(
        5,
        "Spectra per endmember",
        "A material looks different from place to place; so many spectra of each are learnt and mixed pixel by pixel.",
        minimum=1,
        maximum=50,
        advanced=True,
    )
    square: int = setting(
        8,
        "Square size",
        "The side of the squares whose pixels are read as one sequence, an even number. Larger ones see farther and "
        "smooth the map more.",
        unit="pixels",
        minimum=2,
        maximum=32,
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
        20,
        "Spectral components",
        "Principal components of the training spectra that are kept, or as many as they have.",
        minimum=1,
        maximum=500,
        advanced=True,
    )
    weight_class: float = setting(
        1.0, "Weight of the classes", "Fit of the training classes.", minimum=0, maximum=1000, advanced=True
    )
    weight_mse: float = setting(
        10.0, "Weight of the squared error", "Fit in reflectance.", minimum=0, maximum=1000, advanced=True
    )
    weight_angle: float = setting(
        1.0, "Weight of the spectral angle", "Fit of spectral shapes.", minimum=0, maximum=1000, advanced=True
    )
    weight_variants: float = setting(
        1.0,
        "Weight of alike variants",
        "Keeps the spectra of one endmember close to each other.",
        minimum=0,
        maximum=1000,
        advanced=True,
    )
    weight_sparse: float = setting(
        1e-3, "Weight of sparse abundances", "Favours pixels made of few materials.", minimum=0, maximum=10,
        advanced=True,
    )  # fmt: skip
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
        if self.width % 8:
            raise ValueError(f"'Feature width' must be a multiple of 8, not {self.width}.")
        if self.stem % 2 == 0:
            raise ValueError(f"'Stem size' must be an odd number, not {self.stem}.")
        if self.square % 2:
            raise ValueError(f"'Square size' must be an even number, not {self.square}.")
