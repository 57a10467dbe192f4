"""The classes of a layer of labelled areas: name, colour, how many areas, about how many pixels of the scene."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Dict, List, Optional

from qgis.core import (
    QgsCoordinateTransform,
    QgsCsException,
    QgsGeometry,
    QgsMapLayer,
    QgsProject,
    QgsRasterLayer,
    QgsVectorLayer,
    QgsWkbTypes,
)
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtGui import QColor
from qgis.PyQt.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from .. import legends

MOST = 20_000
"""Features that are looked at: more would make the desktop wait."""
_HEIGHT = 150
_COLUMNS = ("Class", "Areas", "Pixels, about")


@dataclass
class ClassRow:
    """One class: ``colour`` is empty where the layer gives none; ``pixels``: of the scene, before any is left out."""

    name: str
    colour: str
    areas: int = 0
    pixels: float = 0.0


class ClassTable(QWidget):
    """What would be trained on, at a glance."""

    def __init__(self) -> None:
        """Empty and hidden."""
        super().__init__()
        self.scene: Optional[QgsMapLayer] = None
        """Whose pixels are counted."""
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self.table = QTableWidget(0, len(_COLUMNS))
        self.table.setHorizontalHeaderLabels(_COLUMNS)
        self.table.verticalHeader().hide()
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column in (1, 2):
            self.table.horizontalHeader().setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        self.table.setFixedHeight(_HEIGHT)
        self.words = QLabel()
        self.words.setWordWrap(True)
        layout.addWidget(self.table)
        layout.addWidget(self.words)
        self.hide()

    def show_classes(self, layer: Optional[QgsMapLayer], field: str, selected: bool) -> None:
        """Show the classes of a layer by a field; of a raster they are known only when it is read."""
        vectors = isinstance(layer, QgsVectorLayer) and bool(field)
        rows = classes_of(layer, field, selected, self.scene) if vectors else []
        self.table.setVisible(vectors)
        self.table.setRowCount(len(rows))
        for number, row in enumerate(rows):
            self._fill(number, row)
        self.words.setText(_words(layer, vectors, rows, selected))
        self.words.setVisible(bool(self.words.text()))
        self.setVisible(layer is not None)

    def _fill(self, number: int, row: ClassRow) -> None:
        name = QTableWidgetItem(row.name)
        if row.colour:
            name.setData(Qt.ItemDataRole.DecorationRole, QColor(row.colour))
        self.table.setItem(number, 0, name)
        for column, count in ((1, row.areas), (2, round(row.pixels))):
            item = QTableWidgetItem(f"{count:,}".replace(",", "\u202f"))
            item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self.table.setItem(number, column, item)


def classes_of(layer: QgsVectorLayer, field: str, selected: bool, scene: Optional[QgsMapLayer]) -> List[ClassRow]:
    """The classes of a layer in the order of their names, counted over its first 20,000 features."""
    looks = legends.of_field(layer, field)
    names, colours = looks.get("names", {}), looks.get("colours", {})
    measure = _measure(layer, scene)
    found: Dict[str, ClassRow] = {}
    features = layer.getSelectedFeatures() if selected else layer.getFeatures()
    for number, feature in enumerate(features):
        value = legends.value_text(feature[field])
        if number >= MOST:
            break
        if value:
            name = names.get(value, value)
            row = found.setdefault(name, ClassRow(name, colours.get(name, "")))
            row.areas += 1
            row.pixels += measure(feature.geometry())
    return sorted(found.values(), key=lambda row: (len(row.name), row.name) if row.name.isdigit() else (999, row.name))


def _measure(layer: QgsVectorLayer, scene: Optional[QgsMapLayer]) -> Callable[[QgsGeometry], float]:
    """How many pixels of the scene a geometry covers, about."""
    if not isinstance(scene, QgsRasterLayer):
        return lambda geometry: 0.0
    width, height = scene.rasterUnitsPerPixelX(), scene.rasterUnitsPerPixelY()
    move = QgsCoordinateTransform(layer.crs(), scene.crs(), QgsProject.instance().transformContext())

    def count(geometry: QgsGeometry) -> float:
        moved = QgsGeometry(geometry)
        try:
            moved.transform(move)
        except QgsCsException:
            return 0.0
        if moved.type() == QgsWkbTypes.GeometryType.PolygonGeometry:
            return moved.area() / (width * height)
        if moved.type() == QgsWkbTypes.GeometryType.LineGeometry:
            return moved.length() / width
        return float(sum(1 for _ in moved.vertices()))

    return count


def _words(layer: Optional[QgsMapLayer], vectors: bool, rows: List[ClassRow], selected: bool) -> str:
    if layer is None:
        return ""
    if not vectors:
        return "The classes of a raster are read when the run starts; 0 means not labelled."
    if not rows:
        return "No feature is selected." if selected else "This field names no class."
    return "A classifier needs two classes or more." if len(rows) < 2 else ""
