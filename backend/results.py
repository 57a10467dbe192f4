"""Results: the fields of a Result are the layers. Each field is declared once, with its file, label and unit.

Standard library only and Python 3.9, because QGIS's Python reads it too.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, List, Optional, Type

if TYPE_CHECKING:
    from .cube import Array, Classes


@dataclass(frozen=True)
class Layer:
    """One output raster: its name, file name, label and unit, and how its values are stored."""

    name: str
    file: str
    label: str
    unit: str
    dtype: str = "float32"
    nodata: Optional[float] = float("nan")


def layer(file: str, label: str, unit: str, *, dtype: str = "float32", nodata: Optional[float] = float("nan")) -> Any:
    """A field of a Result, an array (rows, cols) or (bands, rows, cols) that becomes a raster.

    ``plugin/styles.py`` knows by the field's name how the raster looks.
    """
    return field(metadata={"file": file, "label": label, "unit": unit, "dtype": dtype, "nodata": nodata})


@dataclass(frozen=True)
class Unmixing:
    """What unmixing gives for one cube; nodata pixels are NaN."""

    abundances: Array = layer("abundances.tif", "Abundances", "fraction")
    """(endmembers, rows, cols), >= 0, summing to 1."""
    error: Array = layer("error.tif", "Reconstruction error", "reflectance RMSE")
    """(rows, cols): root of the mean over bands of (reflectance - reconstruction) squared."""


@dataclass(frozen=True)
class Classification:
    """What classification gives for one cube; nodata pixels are 0 in ``classes`` and NaN in the others."""

    classes: Classes = layer("classes.tif", "Classes", "class", dtype="int16", nodata=0)
    """(rows, cols): the value of the most probable class."""
    confidence: Array = layer("confidence.tif", "Confidence", "probability")
    """(rows, cols): the probability of that class."""
    novelty: Array = layer("novelty.tif", "Unlike the training pixels", "1 = as far off as the farthest 1 % of them")
    """(rows, cols): how far a pixel's spectrum lies from everything trained on; above 1 it looks like nothing known."""
    probabilities: Array = layer("probabilities.tif", "Class probabilities", "probability")
    """(classes, rows, cols), >= 0, summing to 1. Written only if it is asked for."""


@dataclass(frozen=True)
class Joint(Classification):
    """What unmixing and classifying in one gives for one cube: all of a Classification, and of an Unmixing."""

    abundances: Array = layer("abundances.tif", "Abundances", "fraction")
    """(endmembers, rows, cols), >= 0, summing to 1."""
    error: Array = layer("error.tif", "Reconstruction error", "reflectance RMSE")
    """(rows, cols): root of the mean over bands of (reflectance - reconstruction) squared."""


def layers(result: Optional[Type[Any]]) -> List[Layer]:
    """The layers of a Result class, in their order; none for a task without rasters."""
    return [] if result is None else [Layer(item.name, **item.metadata) for item in fields(result)]
