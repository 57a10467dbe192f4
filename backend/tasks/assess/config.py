"""What the assessment of a class map asks for and gives. Standard library only: QGIS reads it too."""

from __future__ import annotations

from dataclasses import dataclass

from ...config import setting
from .. import File, Input, Task, shared

DESIGNS = (
    ("purposive", "chosen by hand, or not known"),
    ("stratified", "a stratified random sample of this very map"),
)


@dataclass(frozen=True)
class Options:
    """Options of the assessment."""

    design: str = setting(
        "purposive",
        "The reference was",
        "Only a random sample of single pixels, such as 'Draw a stratified sample' makes, allows area-adjusted "
        "accuracies and areas of classes with intervals. Reference areas of more than one pixel are none.",
        choices=DESIGNS,
    )
    block: int = setting(
        0,
        "Block size",
        "Pixels within a block count as alike for the intervals; 0: chosen from the reference.",
        unit="pixels",
        minimum=0,
        maximum=100_000,
        advanced=True,
    )


TASK = Task(
    name="assess",
    label="Assess a class map",
    title="Assessed",
    group="Classification",
    summary=(
        "Compares any class map with reference areas, points or a reference raster: confusion matrix, overall, average "
        "and per-class accuracies with 95 % intervals; for a random sample also area-adjusted accuracies and the area "
        "of each class (Olofsson and others 2014)."
    ),
    tags=("accuracy", "confusion matrix", "kappa", "validation", "area", "olofsson", "assessment"),
    inputs=(
        shared.MAP,
        Input("reference", "labels", "Reference", shared.LABELS_HELP),
    ),
    files=(File("accuracy", "table", "accuracy.csv", "Accuracy and confusion matrix"),),
    options=Options,
    needs_scene=False,
)
