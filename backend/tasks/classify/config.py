"""What training and mapping a classification asks for and gives. Standard library only: QGIS reads it too."""

from __future__ import annotations

from dataclasses import dataclass

from ...config import setting
from ...results import Classification
from .. import File, Input, Task, shared

SPLITS = (
    ("blocks", "spatially disjoint blocks"),
    ("random", "random pixels (optimistic)"),
    ("none", "none: all pixels train, nothing is tested"),
)
BALANCES = (
    ("moderate", "rare classes count more than they are many"),
    ("balanced", "every class counts the same"),
    ("none", "every pixel counts the same"),
)


@dataclass(frozen=True)
class Options:
    """Options of every classification method."""

    split: str = setting(
        "blocks",
        "Test pixels",
        "How pixels are set aside that only test the map; a layer of test areas takes the place of this. With blocks, "
        "no training pixel lies within what the method sees around a test pixel, up to 15 pixels to each side; where a "
        "method sees farther, the report tells how many do. Pixels drawn at random lie beside training pixels and make "
        "the accuracy look better than it is elsewhere.",
        choices=SPLITS,
    )
    test_share: float = setting(
        0.3, "Test share", "This part of the labelled pixels tests the map.", minimum=0.05, maximum=0.9
    )
    validation_share: float = setting(
        0.1,
        "Validation share",
        "This part of the labelled pixels chooses the best training step, and how much network and regression count; "
        "nothing else is learnt from it.",
        minimum=0,
        maximum=0.5,
    )
    per_class: int = setting(
        0,
        "Training pixels per class",
        "At most so many of each class, drawn at random; 0: all.",
        minimum=0,
        maximum=1_000_000,
    )
    balance: str = setting(
        "moderate",
        "Class balance",
        "What counts in training. Balanced finds rare classes more often, and finds them where they are not.",
        choices=BALANCES,
    )
    probabilities: bool = setting(
        False,
        "Write class probabilities",
        "A raster with one band for each class; as large as all the others together.",
    )
    compare: bool = setting(
        True,
        "Compare with forests",
        "The figures of a random forest (single spectra) and of a spatial forest (neighbours too) on the same split "
        "stand beside those of the method.",
    )
    split_seed: int = setting(
        0, "Seed of the split", "Another seed sets other pixels aside.", minimum=0, maximum=2**31 - 1, advanced=True
    )
    block: int = setting(
        0,
        "Block size",
        "The side of a block; 0: as large as leaves every class enough blocks.",
        unit="pixels",
        minimum=0,
        maximum=100_000,
        advanced=True,
    )


TASK = Task(
    name="classify",
    label="Classify a hyperspectral scene",
    title="Classified",
    group="Classification",
    summary=(
        "Learns classes from labelled polygons, lines, points or a class raster, maps the whole scene, and says how "
        "far the map can be trusted: accuracies on pixels set aside in blocks of their own, confidence, and where "
        "pixels look like nothing trained on. The trained model is kept for other scenes."
    ),
    tags=("hyperspectral", "classification", "land cover", "training", "supervised", "mamba", "accuracy", "confusion"),
    inputs=(
        Input("training", "labels", "Training areas", shared.LABELS_HELP),
        Input(
            "test",
            "labels",
            "Test areas",
            f"Areas that only test the map, with the same class names; none: pixels of the training areas are set "
            f"aside. {shared.LABELS_HELP}",
            optional=True,
        ),
        shared.AREA,
    ),
    result=Classification,
    files=(
        File("model", "model", "model.json", "Trained model", ("model.safetensors",)),
        File("accuracy", "table", "accuracy.csv", "Accuracy and confusion matrix", optional=True),
    ),
    options=Options,
    default_method="mim",
)
