"""How points look: pixels that endmembers come from, and samples that wait to be labelled."""

from __future__ import annotations

from pathlib import Path

from qgis.core import (
    QgsCategorizedSymbolRenderer,
    QgsEditorWidgetSetup,
    QgsMarkerSymbol,
    QgsPalLayerSettings,
    QgsRendererCategory,
    QgsSimpleMarkerSymbolLayer,
    QgsSingleSymbolRenderer,
    QgsTextBufferSettings,
    QgsTextFormat,
    QgsVectorLayer,
    QgsVectorLayerSimpleLabeling,
)

_OPEN, _DONE = "#ff7f00", "#1f78b4"
_CLASS, _MAPPED = "class", ("mapped", "mapped_value")
"""Fields of a sample: the true class, to be filled in, and what the map says."""


def points_layer(path: str) -> QgsVectorLayer:
    """Where spectra were found: a ring each, labelled with its name."""
    layer = _opened(path)
    layer.setRenderer(QgsSingleSymbolRenderer(_ring(_OPEN)))
    _label(layer, "name")
    return layer


def sample_layer(path: str) -> QgsVectorLayer:
    """Points to be labelled: orange while their class is empty, blue afterwards; the form offers the map's classes.

    Nothing shows what the map says there: whoever labels a point must not know it, or the sample flatters the map.
    """
    layer = _opened(path)
    categories = [
        QgsRendererCategory(0, _ring(_OPEN), "to be labelled"),
        QgsRendererCategory(1, _ring(_DONE), "labelled"),
    ]
    layer.setRenderer(QgsCategorizedSymbolRenderer(f"trim(coalesce(\"{_CLASS}\", '')) <> ''", categories))
    _label(layer, "id")
    _offer_classes(layer)
    table = layer.attributeTableConfig()
    table.update(layer.fields())
    for number, column in enumerate(table.columns()):
        table.setColumnHidden(number, column.name in _MAPPED)
    layer.setAttributeTableConfig(table)
    return layer


def _opened(path: str) -> QgsVectorLayer:
    layer = QgsVectorLayer(path, Path(path).stem.replace("_", " ").capitalize(), "ogr")
    if not layer.isValid():
        raise ValueError(f"The points {path} cannot be opened.")
    return layer


def _offer_classes(layer: QgsVectorLayer) -> None:
    fields = layer.fields()
    names = sorted(layer.uniqueValues(fields.lookupField(_MAPPED[0])), key=str)
    choice = QgsEditorWidgetSetup("ValueMap", {"map": [{str(name): str(name)} for name in names]})
    layer.setEditorWidgetSetup(fields.lookupField(_CLASS), choice)
    for name in _MAPPED:
        layer.setEditorWidgetSetup(fields.lookupField(name), QgsEditorWidgetSetup("Hidden", {}))


def _ring(colour: str) -> QgsMarkerSymbol:
    """A ring with a white edge, to be seen on any map."""
    look = {"name": "circle", "color": "0,0,0,0", "outline_color": colour, "outline_width": "0.6", "size": "4"}
    made = QgsMarkerSymbol.createSimple(look)
    edge = {**look, "outline_color": "#ffffff", "outline_width": "1.4"}
    made.insertSymbolLayer(0, QgsSimpleMarkerSymbolLayer.create(edge))
    return made


def _label(layer: QgsVectorLayer, field: str) -> None:
    text = QgsPalLayerSettings()
    text.fieldName = field
    look = QgsTextFormat()
    buffer = QgsTextBufferSettings()
    buffer.setEnabled(True)
    look.setBuffer(buffer)
    text.setFormat(look)
    layer.setLabeling(QgsVectorLayerSimpleLabeling(text))
    layer.setLabelsEnabled(True)
