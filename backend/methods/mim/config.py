"""What a user may set for Mamba-in-Mamba. Standard library only: QGIS reads it without torch."""

from __future__ import annotations

from dataclasses import dataclass

from ...config import setting
from .. import shared

LABEL = "Mamba-in-Mamba (MiM)"
TASK = "classify"
ON_DEVICE = True
SUMMARY = (
    "Classifies each pixel by the patch around it: a state-space network walks through the patch from its rim to its "
    "centre along eight paths, at several scales. Where fields are large, some ten training pixels a class will do."
)
ADVICE = (
    "Use it where fields are larger than the patch: on Indian Pines it was 24 points more accurate than a random "
    "forest, and 10 with whole blocks of the scene set aside. In the mixed pixels of a city seen from space "
    "SpectralMamba and a support vector machine did as well or better (Potsdam), or no method was ahead (Berlin). It "
    "maps about as fast as a random forest of 500 trees; a patch of 5 pixels instead of 7 takes less time."
)
REFERENCE = "Zhou, Kamata, Wang, Wong, Hou: Mamba-in-Mamba, Neurocomputing 613 (2025), doi:10.1016/j.neucom.2024.128751"
ACTIVATIONS = (("relu", "ReLU, as in the paper's figure"), ("tanh", "tanh, as in the authors' code"))
MEASURED = (
    "On Indian Pines, with one core: quick look 85 % right after 21 s, "
    "standard 94 % right after 63 s, thorough 95 % right after 3 min."
)


@dataclass(frozen=True)
class Config(shared.Trained):
    """Settings of Mamba-in-Mamba."""

    STEPS = shared.steps(150, 600, 1500)

    patch: int = setting(
        7,
        "Patch size",
        "The side of the square around each pixel that is read, an odd number. Larger ones smooth the map more and "
        "take longer.",
        unit="pixels",
        minimum=3,
        maximum=15,
    )
    preset: str = shared.preset(STEPS, MEASURED)
    epochs: int = shared.epochs()
    seed: int = shared.seed()
    repeatable: bool = shared.repeatable()
    regression: bool = shared.regression()
    width: int = setting(
        32, "Feature width", "Channels of the network. Wider ones are slower.", minimum=8, maximum=256, advanced=True
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
    stem: int = setting(
        5,
        "Stem size",
        "Before the patch is read, each pixel is mixed with its neighbours in a square of this odd side; 1: with none.",
        unit="pixels",
        minimum=1,
        maximum=15,
        advanced=True,
    )
    decay_mask: bool = setting(
        True,
        "Decay mask",
        "Pixels count less the further and the more unlike the patch's centre they are.",
        advanced=True,
    )
    activation: str = setting("relu", "Activation", "What ends each scale.", choices=ACTIVATIONS, advanced=True)
    learning_rate: float = setting(
        2e-3, "Learning rate", "Lower it if the training diverges.", minimum=1e-5, maximum=0.1, advanced=True
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
        for label, value in (("Patch size", self.patch), ("Stem size", self.stem)):
            if value % 2 == 0:
                raise ValueError(f"'{label}' must be an odd number, not {value}.")

    @property
    def reach(self) -> int:
        """How many pixels to each side of a pixel its class depends on."""
        return self.patch // 2 + self.stem // 2
