"""How a layer's scene is to be read: kept beside its file, or in the layer if the folder refuses; QGIS's nodata."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import Any, List, NamedTuple, Optional

from qgis.core import QgsMapLayer, QgsProject, QgsRasterLayer

from ..backend.reading import Reading, reading_path

PROPERTY = "mixel/reading"
"""Custom property of a layer: JSON of the scene's path and of the reading."""


class Known(NamedTuple):
    """How a scene is to be read, and what the user has to be told of it."""

    reading: Reading
    notes: List[str]


def kept(layer: Optional[QgsMapLayer], source: str) -> Reading:
    """What the user said of a scene, with the layer's own word first. ValueError if what was kept is damaged."""
    own = _in_layer(layer, source)
    return Reading.beside(source) if own is None else own


def known(layer: Optional[QgsMapLayer], source: str) -> Known:
    """The reading that a run obeys: what is kept, and nodata as it is set on the layer in QGIS. ValueError as above."""
    reading, notes = kept(layer, source), []
    if _in_layer(layer, source) is not None:
        notes.append(_refused(source))
    if reading.nodata is not None or not isinstance(layer, QgsRasterLayer):
        return Known(reading, notes)
    values, note = _nodata(layer, source)
    if note:
        notes.append(note)
    return Known(replace(reading, nodata=values[0]) if len(values) == 1 else reading, notes)


def keep(layer: Optional[QgsMapLayer], source: str, reading: Reading) -> str:
    """Keep a reading beside the scene, or in the layer if the folder refuses; gives the sentence that says so, or "".

    ValueError if the folder refuses and there is no layer.
    """
    try:
        reading.keep_beside(source)
    except OSError as error:
        if layer is None:
            raise ValueError(f"{_refused(source)} Choose the scene's layer in the project first.") from error
        content = {"source": os.path.abspath(source), "reading": reading.to_dict()}
        layer.setCustomProperty(PROPERTY, json.dumps(content))
        QgsProject.instance().setDirty(True)
        return _refused(source)
    if layer is not None:
        layer.removeCustomProperty(PROPERTY)
    return ""


def _refused(source: str) -> str:
    return (
        f"The settings could not be written beside the scene ({reading_path(source)}): they are kept with the layer, "
        "in the QGIS project."
    )


def _in_layer(layer: Optional[QgsMapLayer], source: str) -> Optional[Reading]:
    """The reading kept in a layer for this scene, None if there is none. ValueError if it is damaged."""
    text = layer.customProperty(PROPERTY, "") if layer is not None else ""
    if not text:
        return None
    try:
        content: Any = json.loads(str(text))
        return Reading.from_dict(content["reading"]) if content["source"] == os.path.abspath(source) else None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(
            f"The settings kept with the layer '{layer.name()}' cannot be read ({error}). Open the scene settings and "
            "set them again."
        ) from error


def _nodata(layer: QgsRasterLayer, source: str) -> Any:
    """The values that the user marked as nodata in the layer's properties, and what is to be said where they count not.

    One value can be taken over, for all bands; the file's own stays in force if the layer uses it and it differs.
    """
    provider = layer.dataProvider()
    ranges = list(provider.userNoDataValues(1))
    has_own = bool(provider.sourceHasNoDataValue(1))
    where = f"the layer '{layer.name()}' in QGIS"
    if not ranges:
        switched_off = has_own and not provider.useSourceNoDataValue(1)
        return (
            [],
            f"The file's nodata value is switched off on {where}; Mixel leaves those pixels out all the same."
            if switched_off
            else "",
        )
    values = sorted({one.min() for one in ranges} | {one.max() for one in ranges})
    if source not in (layer.source(), layer.source().split("|", 1)[0]):
        return [], f"Nodata set on {where} does not count here, for the whole product is read. Use the scene settings."
    if has_own and provider.useSourceNoDataValue(1):
        values = sorted({*values, float(provider.sourceNoDataValue(1))})
    if len(values) == 1:
        return values, ""
    listed = ", ".join(f"{value:g}" for value in values[:4])
    return (
        [],
        f"Nodata on {where} is several values ({listed}); Mixel takes one: set it in the scene settings.",
    )
