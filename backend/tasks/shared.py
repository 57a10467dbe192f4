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

BLIND_BANDS = 10
"""Usable bands that tasks need which find materials by themselves: in fewer, noise and materials look alike."""


def number() -> Any:
    """A field of a task's options: where the number of endmembers comes from."""
    return setting(
        "given",
        "Number of endmembers is",
        "Automatic estimates count every signal that stands out of the noise, often more than there are materials.",
        choices=NUMBERS,
    )


LIBRARY_HELP = "ENVI (.sli or .hdr), a table (.csv), a GeoPackage of profiles, or USGS or ECOSTRESS text."
CLASS_VALUES_HELP = (
    "In a class raster, 0, nodata and masked pixels mean no class; 0 is a class where the file names it, or marks "
    "missing pixels by another nodata value."
)
LABELS_HELP = (
    "Polygons, lines or points with a field that names the class, or a raster of class values on the scene's grid. "
    f"{CLASS_VALUES_HELP}"
)
MAP = Input("map", "raster", "Class map", f"A raster with one band of class values. {CLASS_VALUES_HELP}")
AREA = Input(
    "area",
    "area",
    "Only within",
    "Polygons of a vector layer, or a raster on the scene's grid in which every value but 0 and nodata counts. What "
    "lies outside is left out as if it held no data; none: the whole scene.",
    optional=True,
)
