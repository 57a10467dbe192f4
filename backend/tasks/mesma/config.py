"""What MESMA asks for and gives. Standard library only: QGIS reads it too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...config import setting
from ...results import layer
from .. import Input, Task
from ..shared import AREA, LIBRARY_HELP

if TYPE_CHECKING:
    from ...cube import Array, Classes


@dataclass(frozen=True)
class BestModels:
    """What MESMA gives for one cube; nodata pixels are NaN, and -1 in ``spectra``."""

    abundances: Array = layer("abundances.tif", "Class fractions", "fraction")
    """(classes, rows, cols), >= 0, summing to 1 (shade, if any, is divided out)."""
    error: Array = layer("error.tif", "Reconstruction error", "reflectance RMSE")
    """(rows, cols): root of the mean over bands of (reflectance - best model) squared."""
    spectra: Classes = layer(
        "spectra.tif", "Spectra of the best models", "number in the library", dtype="int16", nodata=-1
    )
    """(classes, rows, cols): which spectrum of the library, from 1, stands for the class; 0 where it is absent."""
    shade: Array = layer("shade.tif", "Shade", "fraction")
    """(rows, cols): the share of photometric shade; 1 where a pixel is all shade and every share 0. Written only if
    shade is asked for."""


@dataclass(frozen=True)
class Options:
    """Options of MESMA."""

    complexity: int = setting(
        2, "Classes in a pixel", "At most so many classes, besides shade, make up a pixel.", minimum=1, maximum=4
    )
    shade: bool = setting(
        True,
        "Shade in every model",
        "Adds photometric shade (zero reflectance) to every model and divides its share out of the fractions.",
    )
    class_column: str = setting(
        "", "Class column", "The library's column of classes. Empty: the first one.", advanced=True
    )
    improvement: float = setting(
        0.007,
        "Least improvement",
        "By how much one more class must lower a pixel's error.",
        unit="reflectance",
        minimum=0,
        maximum=1,
        advanced=True,
    )


TASK = Task(
    name="mesma",
    label="MESMA (multiple endmember spectral mixture analysis)",
    title="MESMA",
    group="Unmixing",
    summary=(
        "Finds for every pixel the combination of a library's spectra, at most one of each class, that explains it "
        "best (Roberts and others 1998): class fractions, the error, and which spectra were chosen. For libraries with "
        "several spectra of each class; a large library takes minutes."
    ),
    tags=("hyperspectral", "unmixing", "mesma", "library", "endmember variability", "class", "fraction", "shade"),
    inputs=(Input("library", "library", "Spectral library with classes", LIBRARY_HELP), AREA),
    result=BestModels,
    options=Options,
)
