"""What drawing a sample to check a class map by asks for and gives. Standard library only: QGIS reads it too."""

from __future__ import annotations

from dataclasses import dataclass

from ...config import setting
from .. import File, Task, shared

ALLOCATIONS = (
    ("proportional", "in proportion to the class's area"),
    ("equal", "the same for each class"),
    ("neyman", "to make overall accuracy surest (Neyman)"),
)


@dataclass(frozen=True)
class Options:
    """Options of the sample."""

    number: int = setting(
        0,
        "Number of points",
        "0: as many as the standard error below needs (Cochran).",
        minimum=0,
        maximum=1_000_000,
    )
    standard_error: float = setting(
        0.015,
        "Standard error of overall accuracy",
        "What the number of points is reckoned from if it is 0.",
        minimum=0.001,
        maximum=0.2,
    )
    expected_accuracy: float = setting(
        0.8, "Expected accuracy", "A guess of the share of each class that is right.", minimum=0.5, maximum=0.99
    )
    allocation: str = setting(
        "proportional", "Points per class", "How the points are dealt out to the classes.", choices=ALLOCATIONS
    )
    minimum: int = setting(
        50, "At least per class", "Rare classes need 50 to 100 points (Olofsson).", minimum=0, maximum=100_000
    )
    seed: int = setting(0, "Random seed", "The same seed draws the same points.", minimum=0, maximum=2**31 - 1)


TASK = Task(
    name="draw_sample",
    label="Draw a stratified sample",
    title="Sample",
    group="Classification",
    summary=(
        "Draws random points in each class of a class map, to be labelled by eye or in the field. With their true "
        "class filled in, 'Assess a class map' gives accuracies and areas with honest intervals."
    ),
    tags=("sample", "stratified", "random points", "accuracy", "olofsson", "validation"),
    inputs=(shared.MAP,),
    files=(File("sample", "points", "sample.gpkg", "Sample points"),),
    options=Options,
    needs_scene=False,
)
