"""What preparing a library asks for and gives. Standard library only: QGIS reads it too."""

from __future__ import annotations

from dataclasses import dataclass

from ...config import setting
from .. import File, Input, Task
from ..shared import LIBRARY_HELP

MEASURES = (
    ("none", "keep all spectra"),
    ("ear", "EAR: fit their class best (least average error)"),
    ("masa", "MASA: nearest to their class by spectral angle"),
    ("cob", "COB: explain most spectra of their class"),
)


@dataclass(frozen=True)
class Options:
    """Options of the preparation."""

    pruning: str = setting("none", "Keep the spectra that", "How look-alikes are thinned out.", choices=MEASURES)
    count_per_class: int = setting(
        3,
        "Spectra of each class",
        "So many are kept of each class when spectra are thinned out.",
        minimum=1,
        maximum=1000,
    )
    class_column: str = setting(
        "", "Class column", "The library's column of classes. Empty: the first one.", advanced=True
    )


TASK = Task(
    name="prepare_library",
    label="Prepare a spectral library",
    title="Library",
    group="Endmembers and libraries",
    summary=(
        "Reads a spectral library of any format, brings it to the bands of a scene where one is given, keeps the "
        "spectra that stand best for their classes if asked to, and writes it as an ENVI library, a table and a "
        "GeoPackage of profiles."
    ),
    tags=("spectral library", "resampling", "convert", "prune", "ear", "masa", "cob", "envi", "csv", "geopackage"),
    inputs=(
        Input("library", "library", "Spectral library", LIBRARY_HELP),
        Input("sensor", "raster", "Bring it to the bands of", "A scene whose bands the library gets.", optional=True),
    ),
    files=(
        File("library", "library", "library.sli", "Spectral library (ENVI)", ("library.hdr", "library.csv")),
        File("table", "table", "spectra.csv", "Spectral library (table)"),
        File("profiles", "table", "library.gpkg", "Spectral library (GeoPackage)"),
    ),
    options=Options,
    needs_scene=False,
)
