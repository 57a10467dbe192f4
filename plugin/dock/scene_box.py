"""Which scene, and at once whether it can be used."""

from __future__ import annotations

from html import escape
from typing import List, Optional, Tuple

from qgis.core import QgsMapLayer, QgsMapLayerProxyModel
from qgis.gui import QgsMapLayerComboBox
from qgis.PyQt.QtCore import Qt, pyqtSignal
from qgis.PyQt.QtWidgets import QLabel, QVBoxLayout, QWidget

from .. import layers
from ..words import describe
from .form import shrinkable
from .tone import Tone, lines_in_tones


class SceneBox(QWidget):
    """The project's raster layers, and below what the chosen one says about itself."""

    changed = pyqtSignal()
    """Another layer was chosen."""

    def __init__(self, first: Optional[QgsMapLayer] = None) -> None:
        """Shows ``first``, or else the first raster layer of the project."""
        super().__init__()
        self.source: Optional[str] = None
        """The chosen layer's file, None as long as it cannot be used."""
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._combo = QgsMapLayerComboBox()
        self._combo.setObjectName("sceneCombo")
        self._combo.setFilters(QgsMapLayerProxyModel.Filter.RasterLayer)
        if first:
            self._combo.setLayer(first)
        self._combo.setToolTip("The hyperspectral scene: a raster layer of this project.")
        self._facts = QLabel()
        self._facts.setObjectName("factsLabel")
        self._facts.setWordWrap(True)
        self._facts.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        layout.addWidget(shrinkable(self._combo))
        layout.addWidget(self._facts)
        self._combo.layerChanged.connect(self.refresh)
        self.refresh()

    def layer(self) -> Optional[QgsMapLayer]:
        """The chosen layer."""
        return self._combo.currentLayer()

    def refresh(self) -> None:
        """Look at the layer's file again."""
        self.source, lines = judge(self.layer())
        tone = Tone.GOOD if self.source else Tone.BAD if self.layer() else Tone.DOUBT
        self._facts.setProperty("tone", tone.name.lower())
        self._facts.setText(lines_in_tones(self, [(kind, escape(text)) for kind, text in lines]))
        self.changed.emit()


def judge(layer: Optional[QgsMapLayer]) -> Tuple[Optional[str], List[Tuple[Tone, str]]]:
    """The layer's file if Mixel can use it, and what to tell the user about it: sentences with their tones."""
    if layer is None:
        return None, [(Tone.DOUBT, "Add a hyperspectral raster to the project (Layer, Add Layer).")]
    try:
        source = layers.source_path(layer)
        facts = layers.read_facts(source)
    except ValueError as error:
        return None, [(Tone.BAD, f"✗ {error}")]
    refusals = facts.refusals()
    if refusals:
        return None, [(Tone.PLAIN, describe(facts)), *((Tone.BAD, f"✗ {text}") for text in refusals)]
    notices = [(Tone.DOUBT, f"• {text}") for text in facts.notices()]
    return source, [(Tone.GOOD, f"✓ {describe(facts)}"), *notices]
