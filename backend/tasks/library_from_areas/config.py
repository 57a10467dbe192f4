"""What building a library from areas asks for and gives. Standard library only: QGIS reads it too."""

from __future__ import annotations

from dataclasses import dataclass

from ...config import setting
from .. import File, Input, Task, shared

SPECTRA = (
    ("chosen", "some pixels of each class"),
    ("class_means", "the mean of each class"),
    ("area_means", "the mean of each area (polygon, line, point or patch of pixels)"),
    ("every", "every pixel"),
)
CHOICES = (
    ("kinds", "one for each kind of spectrum within the class (k-means)"),
    ("representative", "those that model the others of their class best (EAR)"),
    ("random", "drawn at random"),
)


@dataclass(frozen=True)
class Options:
    """Options of the library."""

    spectra: str = setting("chosen", "Spectra are", "What of the areas goes into the library.", choices=SPECTRA)
    count_per_class: int = setting(
        10, "Pixels of each class", "So many where some pixels are chosen.", minimum=1, maximum=1000
    )
    choice: str = setting("kinds", "Chosen are", "Which pixels of a class, where some are chosen.", choices=CHOICES)
    most: int = setting(
        2000,
        "Spectra at most",
        "Where there are more, every class gives as many as the others, drawn at random.",
        minimum=1,
        maximum=20_000,
        advanced=True,
    )
    seed: int = setting(
        0, "Random seed", "The same seed draws the same pixels.", minimum=0, maximum=2**31 - 1, advanced=True
    )


TASK = Task(
    name="library_from_areas",
    label="Build a library from areas",
    title="Library",
    group="Endmembers and libraries",
    summary=(
        "Takes the spectra of areas of known class out of a hyperspectral scene and writes them as a spectral library "
        "with classes: the means of classes or areas, every pixel, or the pixels that stand best for their class. The "
        "library serves MESMA, the spectral angle mapper and 'Abundances of given endmembers'."
    ),
    tags=("spectral library", "endmember", "polygons", "field data", "class", "mean spectrum", "ear", "k-means"),
    inputs=(Input("areas", "labels", "Areas of known class", shared.LABELS_HELP),),
    files=(
        File("library", "library", "library.sli", "Spectral library", ("library.hdr", "library.csv")),
        File("points", "points", "library_pixels.gpkg", "Pixels of the library", optional=True),
    ),
    options=Options,
)
