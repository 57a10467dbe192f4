"""Results: the fields of a Result are the layers. Each field is declared once, with its kind, file and label."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from .cube import Array


@dataclass(frozen=True)
class Layer:
    """One output raster: what it holds, its file name, its label and unit."""

    field: str
    kind: str
    file: str
    label: str
    unit: str


def layer(kind: str, file: str, label: str, unit: str) -> Any:
    """A field of a Result, an array (rows, cols) or (bands, rows, cols) float32 that becomes a raster."""
    return field(metadata={"kind": kind, "file": file, "label": label, "unit": unit})


@dataclass(frozen=True)
class Unmixing:
    """What unmixing gives for one cube; nodata pixels are NaN."""

    abundances: Array = layer("abundances", "abundances.tif", "Abundances", "fraction")
    """(endmembers, rows, cols), >= 0, summing to 1."""
    error: Array = layer("error", "error.tif", "Reconstruction error", "reflectance RMSE")
    """(rows, cols): root of the mean over bands of (reflectance - reconstruction) squared."""


def layers(result: type[Any]) -> list[Layer]:
    """The layers of a Result class, in their order."""
    return [Layer(item.name, **item.metadata) for item in fields(result)]
