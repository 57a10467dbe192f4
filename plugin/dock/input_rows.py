"""The files and layers a task reads besides the scene: one widget for each, by its kind."""

from __future__ import annotations

from typing import Any, Dict, Optional

from qgis.core import QgsMapLayer, QgsMapLayerProxyModel, QgsVectorLayer
from qgis.gui import QgsFieldComboBox, QgsFileWidget, QgsMapLayerComboBox
from qgis.PyQt.QtCore import pyqtSignal
from qgis.PyQt.QtWidgets import QCheckBox, QLabel, QVBoxLayout, QWidget

from ...backend.tasks import Input
from ..inputs import FIELD, SELECTED
from .class_table import ClassTable
from .form import shrinkable

_FILTERS = {
    "library": "Spectral libraries (*.sli *.hdr *.csv *.gpkg *.txt);;All files (*)",
    "model": "Mixel model (model.json)",
}


class InputRow(QWidget):
    """One input; ``parameters`` gives it as the algorithm wants it."""

    changed = pyqtSignal()

    def __init__(self, one: Input) -> None:
        """An empty row."""
        super().__init__()
        self.input = one
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._add(QLabel(f"{one.label} (optional)" if one.optional else one.label))
        self._build()

    @property
    def name(self) -> str:
        """The algorithm's parameter."""
        return self.input.name.upper()

    def layer(self) -> Optional[QgsMapLayer]:
        """The chosen layer; None where the input is no layer."""
        return None

    def look_at(self, scene: Optional[QgsMapLayer]) -> None:
        """Another scene was chosen."""

    def parameters(self) -> Dict[str, Any]:
        """The input as parameters; nothing if it is left empty."""
        raise NotImplementedError

    def _build(self) -> None:
        raise NotImplementedError

    def _add(self, widget: QWidget) -> None:
        widget.setToolTip(self.input.help)
        self._layout.addWidget(widget)


class FileRow(InputRow):
    """A file."""

    def parameters(self) -> Dict[str, Any]:
        """Its path."""
        return {self.name: self._file.filePath()} if self._file.filePath() else {}

    def _build(self) -> None:
        self._file = QgsFileWidget()
        self._file.setObjectName(f"input_{self.input.name}")
        self._file.setFilter(_FILTERS[self.input.kind])
        self._file.fileChanged.connect(self.changed)
        self._add(self._file)


class RasterRow(InputRow):
    """A raster layer."""

    kinds = QgsMapLayerProxyModel.Filter.RasterLayer

    def layer(self) -> Optional[QgsMapLayer]:
        """The chosen one."""
        return self._combo.currentLayer()

    def parameters(self) -> Dict[str, Any]:
        """The layer."""
        return {self.name: self.layer().id()} if self.layer() else {}

    def _build(self) -> None:
        self._combo = QgsMapLayerComboBox()
        self._combo.setObjectName(f"input_{self.input.name}")
        self._combo.setFilters(self.kinds)
        self._combo.setAllowEmptyLayer(True, "choose a layer" if not self.input.optional else "none")
        self._combo.setLayer(None)
        self._combo.layerChanged.connect(self._layer_changed)
        self._add(shrinkable(self._combo))

    def _layer_changed(self) -> None:
        self.changed.emit()


class AreaRow(RasterRow):
    """Polygons or a mask."""

    kinds = QgsMapLayerProxyModel.Filter.PolygonLayer | QgsMapLayerProxyModel.Filter.RasterLayer

    def parameters(self) -> Dict[str, Any]:
        """The layer, and whether only its selection counts."""
        given = super().parameters()
        if isinstance(self.layer(), QgsVectorLayer):
            given[self.name + SELECTED] = self._selected.isChecked()
        return given

    def _build(self) -> None:
        super()._build()
        self._selected = QCheckBox("Selected features only")
        self._selected.setObjectName(f"selected_{self.input.name}")
        self._selected.toggled.connect(self._layer_changed)
        self._add(self._selected)
        self._layer_changed()

    def _layer_changed(self) -> None:
        self._selected.setVisible(isinstance(self.layer(), QgsVectorLayer))
        self.changed.emit()


class LabelsRow(AreaRow):
    """Areas of known class, their field, and a table of the classes."""

    kinds = QgsMapLayerProxyModel.Filter.HasGeometry | QgsMapLayerProxyModel.Filter.RasterLayer

    def look_at(self, scene: Optional[QgsMapLayer]) -> None:
        """Count pixels of this scene."""
        self._table.scene = scene
        self._show_classes()

    def parameters(self) -> Dict[str, Any]:
        """Layer, field and whether only the selection counts."""
        given = super().parameters()
        if isinstance(self.layer(), QgsVectorLayer) and self._field.currentField():
            given[self.name + FIELD] = self._field.currentField()
        return given

    def _build(self) -> None:
        self._field, self._table = QgsFieldComboBox(), ClassTable()
        self._field.setObjectName(f"field_{self.input.name}")
        self._table.setObjectName(f"classes_{self.input.name}")
        self._field_label = QLabel("Field of classes")
        super()._build()
        for widget in (self._field_label, shrinkable(self._field), self._table):
            self._add(widget)
        self._field.setToolTip("The field that names the class of each feature.")
        self._field.fieldChanged.connect(self._show_classes)
        self._layer_changed()

    def _layer_changed(self) -> None:
        vectors = isinstance(self.layer(), QgsVectorLayer)
        if self._field.layer() is not self.layer():
            self._field.setLayer(self.layer() if vectors else None)
            self._field.setField(_likely_field(self.layer()) if vectors else "")
        for widget in (self._field_label, self._field):
            widget.setVisible(vectors)
        super()._layer_changed()
        self._show_classes()

    def _show_classes(self) -> None:
        self._table.show_classes(self.layer(), self._field.currentField(), self._selected.isChecked())


def row_for(one: Input) -> InputRow:
    """The widget of an input."""
    rows = {"raster": RasterRow, "area": AreaRow, "labels": LabelsRow}
    return rows.get(one.kind, FileRow)(one)


def _likely_field(layer: QgsVectorLayer) -> str:
    """The field the layer is categorised by, else the first one of text, else the first."""
    attribute = getattr(layer.renderer(), "classAttribute", lambda: "")().strip('"')
    names = [field.name() for field in layer.fields()]
    texts = [field.name() for field in layer.fields() if field.typeName().lower() in ("string", "text")]
    return next((name for name in (attribute, *texts, *names) if name in names), "")
