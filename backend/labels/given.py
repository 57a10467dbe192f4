"""Labels as a job file gives them: a vector layer with a field of classes, or a class raster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .pixels import Grid, Labels
from .raster import read_raster_labels
from .vector import read_vector_labels

MOST_ENTRIES = 100_000
TEXTS, TABLES = ("layer", "field"), ("names", "colours")


def read_labels(given: Mapping[str, Any], grid: Grid, least: int = 2) -> Labels:
    """The labelled pixels of a scene from an input of the kind ``labels`` (see :class:`backend.tasks.Input`).

    ``{"path": text}`` is a class raster on the scene's grid. With ``"field"`` it is a vector layer: ``"layer"`` names
    one of several in the file, ``"names"`` says what the field's values are called, ``"colours"`` how the classes look
    ("#rrggbb"). ValueError, a sentence, if something of it is of a wrong type, the labels cannot serve, or fewer than
    ``least`` classes lie on the scene.
    """
    _check(given)
    if not given.get("field"):
        return read_raster_labels(given["path"], grid, least)
    names, colours = given.get("names"), given.get("colours")
    return read_vector_labels(given["path"], given.get("layer"), given["field"], grid, colours, names, least)


def _check(given: Mapping[str, Any]) -> None:
    unknown = sorted(set(given) - {"path", *TEXTS, *TABLES})
    if unknown:
        raise ValueError(f"Labels in a job file have no {unknown[0]!r}; they have path, {', '.join(TEXTS + TABLES)}.")
    for name in TEXTS:
        if given.get(name) is not None and not isinstance(given[name], str):
            raise ValueError(f"The labels' {name!r} in the job file must be a text.")
    for name in TABLES:
        table = given.get(name) or {}
        if not isinstance(table, dict) or len(table) > MOST_ENTRIES:
            raise ValueError(f"The labels' {name!r} in the job file must be an object of texts.")
        if not all(isinstance(value, str) for value in table.values()):
            raise ValueError(f"The labels' {name!r} in the job file must be an object of texts.")
