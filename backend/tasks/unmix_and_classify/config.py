"""What unmixing and classifying in one asks for and gives. Standard library only: QGIS reads it too."""

from __future__ import annotations

from dataclasses import dataclass

from ...config import setting
from ...results import Joint
from .. import Task, shared
from ..classify import config as classify
from ..unmix import config as unmix


@dataclass(frozen=True)
class Options(classify.Options):
    """Options of every method that does both: those of classification, and of the unmixing."""

    number: str = shared.number()
    ablation: bool = setting(
        False,
        "Compare with and without guidance",
        "Trains the same network a second time without looking at the abundances; the report says whether they help.",
    )


TASK = Task(
    name="unmix_and_classify",
    label="Unmix and classify a hyperspectral scene",
    title="Unmixed and classified",
    group="Classification",
    summary=(
        "Learns classes from labelled areas and materials from the scene itself in one training. Gives a class map "
        "with its accuracy on pixels set aside, the share of each material in every pixel (abundances), and a spectral "
        "library in which every material has several spectra."
    ),
    tags=(
        "hyperspectral",
        "classification",
        "unmixing",
        "endmember",
        "abundance",
        "variability",
        "land cover",
        "mamba",
    ),
    inputs=tuple(dict.fromkeys((*classify.TASK.inputs, *unmix.TASK.inputs))),  # both have the area
    result=Joint,
    files=(*unmix.TASK.files, *classify.TASK.files),
    options=Options,
    default_method="ugm",
    least_bands=shared.BLIND_BANDS,
)
