"""What a user may set for UNMamba. Standard library only: QGIS reads it without torch."""

from __future__ import annotations

from dataclasses import dataclass

from ...config import setting
from .. import shared

LABEL = "UNMamba (blind unmixing)"
TASK = "unmix"
ON_DEVICE = True
SUMMARY = (
    "Finds the materials of a scene (endmembers) and how much of each is in every pixel (abundances) without a "
    "spectral library: a state-space network reads the scene along its rows and columns and is trained on the scene "
    "itself."
)
ADVICE = (
    "Use it outdoors, where light and materials vary: on Jasper Ridge, Samson and scenes mixed with shade its "
    "abundances are more than twice as close as VCA + FCLS's, and seeds agree; on Jasper Ridge a quick look is as "
    "close as a thorough training. Where light is the same everywhere and the scene is a mixture of few spectra, VCA + "
    "FCLS's abundances are about as good or better, in a second instead of a quarter of a minute; of minerals its "
    "spectra were five times as far off as UNMamba's. Where a class holds many materials (Berlin), no blind method was "
    "nearer than equal shares of everything. It tells materials by shape, not by brightness, so its reconstruction is "
    "worse in shade, and how much of a very dark material is in a mixed pixel is uncertain."
)
REFERENCE = "Chen, Zhang, Li: UNMamba, IEEE GRSL 22 (2025), doi:10.1109/LGRS.2025.3545505"
VARIANTS = (
    ("repaired", "Repaired: any scene size, no seams"),
    ("released", "As released by the authors, for comparison (up to 512 x 512 pixels)"),
)
MEASURED = (
    "On Jasper Ridge, with one core: quick look RMSE 0.056 after 8 s, "
    "standard RMSE 0.056 after 14 s, thorough RMSE 0.056 after 27 s."
)


@dataclass(frozen=True)
class Config(shared.Trained):
    """Settings of UNMamba; the loss's weights are the authors' for Jasper Ridge, but for a weaker spread.

    The released variant has its authors' sizes and weights; of the advanced settings it heeds training steps and
    learning rate only.
    """

    STEPS = shared.steps(50, 150, 400)

    num_endmembers: int = shared.num_endmembers()
    preset: str = shared.preset(STEPS, MEASURED)
    epochs: int = shared.epochs()
    seed: int = shared.seed()
    repeatable: bool = shared.repeatable()
    variant: str = setting(
        "repaired",
        "Variant",
        "The repaired network, or the one the authors published; that needs 400 training steps or more and has weights "
        "and sizes of its own, whatever is set below.",
        choices=VARIANTS,
        advanced=True,
    )
    learning_rate: float = setting(
        3e-3, "Learning rate", "Lower it if the training diverges.", minimum=1e-5, maximum=0.1, advanced=True
    )
    weight_mse: float = setting(
        1.0, "Weight of the squared error", "Fit in reflectance.", minimum=0, maximum=1000, advanced=True
    )
    weight_angle: float = setting(
        1.0, "Weight of the spectral angle", "Fit of spectral shapes.", minimum=0, maximum=1000, advanced=True
    )
    weight_spread: float = setting(
        0.1,
        "Weight of the endmember spread",
        "Pulls the endmembers towards the scene's mean spectrum; lower it for purer, more extreme materials.",
        minimum=0,
        maximum=1000,
        advanced=True,
    )
    weight_sparse: float = setting(
        1e-6,
        "Weight of sparse abundances",
        "Favours pixels made of few materials.",
        minimum=0,
        maximum=10,
        advanced=True,
    )
    width: int = setting(
        32, "Feature width", "Channels of the network; a multiple of 16.", minimum=16, maximum=512, advanced=True
    )
    num_blocks: int = setting(2, "Number of blocks", "Depth of the network.", minimum=1, maximum=12, advanced=True)
    states: int = setting(
        4, "Number of states", "What each channel of a scan remembers.", minimum=1, maximum=64, advanced=True
    )

    def __post_init__(self) -> None:
        if self.width % 16:
            raise ValueError(f"'Feature width' must be a multiple of 16, not {self.width}.")
