"""What applying a trained model to a scene asks for and gives. Standard library only: QGIS reads it too."""

from __future__ import annotations

from dataclasses import dataclass

from ...config import setting
from ...results import Classification
from .. import Input, Task, shared


@dataclass(frozen=True)
class Options:
    """Options of applying a model."""

    probabilities: bool = setting(
        False,
        "Write class probabilities",
        "A raster with one band for each class; as large as all the others together.",
    )


TASK = Task(
    name="apply_model",
    label="Apply a trained model",
    title="Classified",
    group="Classification",
    summary=(
        "Classifies a scene with a model that 'Classify a hyperspectral scene' has trained. Bands are matched by "
        "wavelength; the report says how far the new scene's values lie from those trained on."
    ),
    tags=("hyperspectral", "classification", "model", "apply", "predict", "transfer"),
    inputs=(
        Input(
            "model", "model", "Trained model", "The file model.json of a classification; model.safetensors lies beside."
        ),
        shared.AREA,
    ),
    result=Classification,
    options=Options,
)
