"""Vector layers copied to GeoPackages: as they are on the screen, with filter, selection and edits not yet saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, List, Optional, Tuple

from qgis.core import (
    Qgis,
    QgsCoordinateTransformContext,
    QgsFeature,
    QgsFeatureRequest,
    QgsField,
    QgsFields,
    QgsVectorFileWriter,
    QgsVectorLayer,
    QgsVectorLayerFeatureSource,
    QgsWkbTypes,
)
from qgis.PyQt.QtCore import QMetaType

_ID, _GEOMETRY = "mixel_id", "mixel_geometry"
"""Columns of the file: names that no field of a user has."""
_KINDS = {
    **dict.fromkeys((1, 2, 3, 4, 5), QMetaType.Type.LongLong),
    6: QMetaType.Type.Double,
    10: QMetaType.Type.QString,
}
"""How a field of classes is stored, by Qt's number of its type: truth values and whole numbers, numbers, text."""


class Copy:
    """A layer to be copied. Made on the main thread; ``write`` touches no layer and no project: any thread will do."""

    def __init__(self, layer: QgsVectorLayer, field: str, selected: bool, path: Path, name: str) -> None:
        """``field``: the only one that is copied; '' for none. ``name``: of the layer in the file ``path``.

        ValueError, a sentence, if there is nothing that could be copied.
        """
        _check(layer, selected)
        self.path, self.name = path, name
        self._crs = layer.crs()
        self._index, self._fields = _fields(layer, field)
        self._source = QgsVectorLayerFeatureSource(layer)
        self._request = QgsFeatureRequest()
        self._request.setSubsetOfAttributes([self._index] if field else [])
        if selected:
            self._request.setFilterFids(layer.selectedFeatureIds())

    def write(self, is_cancelled: Callable[[], bool]) -> None:
        """Write the file; stops where it is when cancelled. ValueError, a sentence, if the disk refuses."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ValueError(f"The folder {self.path.parent} cannot be made ({error.strerror}).") from error
        writer = QgsVectorFileWriter.create(
            str(self.path),
            self._fields,
            QgsWkbTypes.Type.Unknown,
            self._crs,
            QgsCoordinateTransformContext(),
            self._how(),
        )
        self._accept(writer)
        unsaved = []  # without a number of their own: last, or they would take that of another
        for feature in self._source.getFeatures(self._request):
            if is_cancelled():
                return
            if feature.id() < 0:
                unsaved.append(feature)
            else:
                self._add(writer, feature, feature.id())
        for feature in unsaved:
            self._add(writer, feature, None)
        if not writer.flushBuffer():
            self._accept(writer)

    def _add(self, writer: QgsVectorFileWriter, feature: QgsFeature, number: Optional[int]) -> None:
        """``number``: the feature keeps its number, so that the report speaks of the layer's own."""
        made = QgsFeature(self._fields)
        made.setGeometry(feature.geometry())
        made.setAttributes([number, *self._value(feature)])
        if not writer.addFeature(made):
            self._accept(writer)

    def _value(self, feature: QgsFeature) -> List[Any]:
        if self._index < 0:
            return []
        value = feature.attribute(self._index)
        return [int(value) if isinstance(value, bool) else value]

    def _how(self) -> QgsVectorFileWriter.SaveVectorOptions:
        how = QgsVectorFileWriter.SaveVectorOptions()
        how.driverName, how.layerName = "GPKG", self.name
        how.layerOptions = [f"FID={_ID}", f"GEOMETRY_NAME={_GEOMETRY}"]
        return how

    def _accept(self, writer: QgsVectorFileWriter) -> None:
        if writer.hasError() != QgsVectorFileWriter.WriterError.NoError:
            raise ValueError(
                f"The layer cannot be copied to {self.path} ({writer.errorMessage()}). Is the disk full? Choose "
                "another output folder."
            )


def _check(layer: QgsVectorLayer, selected: bool) -> None:
    if not layer.isValid():
        raise ValueError(f"The layer '{layer.name()}' is broken. Repair its source or load it again.")
    if not layer.isSpatial():
        raise ValueError(f"The layer '{layer.name()}' is a table without geometry. Choose polygons, lines or points.")
    if selected and not layer.selectedFeatureCount():
        raise ValueError(f"No feature of '{layer.name()}' is selected. Select some, or use all features.")
    if not layer.featureCount():
        raise ValueError(f"The layer '{layer.name()}' holds no features. Draw some, or choose another layer.")


def _fields(layer: QgsVectorLayer, field: str) -> Tuple[int, QgsFields]:
    """The field's place in the layer (-1 for none), and the fields of the copy."""
    made = QgsFields()
    made.append(_made(_ID, QMetaType.Type.LongLong))
    if not field:
        return -1, made
    index = layer.fields().lookupField(field)
    if index < 0:
        known = ", ".join(one.name() for one in layer.fields()) or "none"
        raise ValueError(f"The layer '{layer.name()}' has no field '{field}'; its fields are {known}.")
    kind = layer.fields().at(index).type()
    number = int(getattr(kind, "value", kind))
    if number not in _KINDS:
        raise ValueError(
            f"The field '{field}' of '{layer.name()}' holds neither text nor whole numbers and so no classes; choose "
            "another field."
        )
    made.append(_made(field, _KINDS[number]))
    return index, made


def _made(name: str, kind: QMetaType.Type) -> QgsField:
    return QgsField(name, kind if Qgis.QGIS_VERSION_INT >= 33800 else int(kind))
