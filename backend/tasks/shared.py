"""Options that mean the same in several tasks. Standard library only: QGIS reads it too."""

from __future__ import annotations

from typing import Any

from ..config import setting
from . import Input

NUMBERS = (
    ("given", "as given"),
    ("hysime", "automatic: HySime (signal above the noise)"),
    ("virtual_dimensionality", "automatic: virtual dimensionality (HFC)"),
)


def number() -> Any:
    """A field of a task's options: where the number of endmembers comes from."""
    return setting(
        "given",
        "Number of endmembers is",
        "Automatic estimates count every signal that stands out of the noise, often more than there are materials.",
        choices=NUMBERS,
    )


LIBRARY_HELP = "ENVI (.sli or .hdr), a table (.csv), a GeoPackage of profiles, or USGS or ECOSTRESS text."
LABELS_HELP = (
    "Polygons, lines or points with a field that names the class, or a raster of class values on the scene's grid."
)
AREA = Input(
    "area",
    "area",
    "Search only within",
    "Polygons of a vector layer, or a raster on the scene's grid in which every value but 0 and nodata counts; none: "
    "the whole scene.",
    optional=True,
)
