"""Which scene, and at once whether it can be used: the backend's answer, a plain check until it is there."""

from __future__ import annotations

from typing import Any, Optional, Tuple

from qgis.core import QgsMapLayer, QgsMapLayerProxyModel
from qgis.gui import QgsMapLayerComboBox
from qgis.PyQt.QtCore import Qt, pyqtSignal
from qgis.PyQt.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from ...backend.reading import Reading
from .. import interpreter
from ..description import Question
from ..words import LEFT_OUT
from .colour_buttons import ColourButtons
from .facts_reader import Answer, FactsReader
from .form import shrinkable
from .judgement import PRODUCT, Judgement, Line, judge
from .scene_settings import SceneSettings
from .tone import Tone, colour_of, lines_in_tones, rich


class SceneBox(QWidget):
    """The project's raster layers, and below what the chosen one is."""

    changed = pyqtSignal()
    """Another layer was chosen, or more is known of it."""
    product_wanted = pyqtSignal(str)
    """The user wants to open a product: its path, empty if it is still to be chosen."""

    def __init__(self, first: Optional[QgsMapLayer] = None) -> None:
        """Shows ``first``, or else the first raster layer of the project."""
        super().__init__()
        self._judgement = Judgement()
        self._reader = FactsReader()
        self._reader.answered.connect(self.refresh)
        self.destroyed.connect(lambda *_, reader=self._reader: reader.leave())
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
        self._facts.setTextInteractionFlags(Qt.TextInteractionFlag.TextBrowserInteraction)
        self._facts.linkActivated.connect(self.set_up)
        layout.addWidget(shrinkable(self._combo))
        layout.addLayout(self._button_row())
        self._colours = ColourButtons()
        layout.addWidget(self._colours)
        layout.addWidget(shrinkable(self._facts))
        self._combo.layerChanged.connect(self.refresh)
        self.refresh()

    @property
    def source(self) -> Optional[str]:
        """The chosen layer's file or folder, None as long as it cannot be used."""
        return self._judgement.source

    def layer(self) -> Optional[QgsMapLayer]:
        """The chosen layer."""
        return self._combo.currentLayer()

    def choose(self, layer: QgsMapLayer) -> None:
        """Choose another layer."""
        self._combo.setLayer(layer)

    def showEvent(self, event: Any) -> None:
        """Called by Qt: another page may have changed the scene's settings."""
        super().showEvent(event)
        self.refresh()

    def refresh(self) -> None:
        """Look at the layer's file again."""
        self._judgement = found = judge(self.layer(), self._ask)
        if not found.is_checking:
            self._reader.leave()
        self._settings.setEnabled(bool(found.path))
        self._colours.look_at(self.layer(), found.facts)
        tone = Tone.GOOD if self.source else Tone.BAD if found.is_refused else Tone.DOUBT
        self._facts.setProperty("tone", tone.name.lower())
        self._facts.setText(self._text())
        self.changed.emit()

    def set_up(self, topic: str = "") -> None:
        """Ask the user what is known better than the file says; ``topic``: what to begin with."""
        found = self._judgement
        if topic == PRODUCT:
            self.product_wanted.emit(found.path)
            return
        if not found.path:
            return
        dialog = SceneSettings(self.layer(), found.path, found.facts, found.is_told, self)
        dialog.show_topic(topic, found.notice_on(topic))
        if dialog.exec():
            self.refresh()
        dialog.deleteLater()

    def _button_row(self) -> QHBoxLayout:
        self.buttons = QHBoxLayout()
        product = QPushButton("Open a product…")
        product.setObjectName("openProductButton")
        product.setToolTip(
            "EnMAP, PRISMA, EMIT, DESIS and many more, as they were delivered; or drop them on this panel."
        )
        product.clicked.connect(lambda *_: self.product_wanted.emit(""))
        self.buttons.addWidget(shrinkable(product))
        self._settings = QPushButton("Scene settings…")
        self._settings.setObjectName("sceneSettingsButton")
        self._settings.setToolTip("Wavelengths, bands and pixels to leave out, reflectance scale, nodata.")
        self._settings.clicked.connect(lambda *_: self.set_up())
        self.buttons.addWidget(shrinkable(self._settings))
        return self.buttons

    def _ask(self, path: str, reading: Reading) -> Optional[Answer]:
        """The backend's answer, None as long as it is not there. LookupError if no backend can be asked."""
        try:
            python = str(interpreter.find())
        except ValueError as error:
            raise LookupError(str(error)) from error
        return self._reader.ask(Question.of(python, path, reading))

    def _text(self) -> str:
        lines = self._judgement.lines
        parts = [lines_in_tones(self, [self._marked(one) for one in lines[:1]]), self._table()]
        if lines[1:]:
            parts.append(lines_in_tones(self, [self._marked(one) for one in lines[1:]]))
        return "".join(parts)

    def _marked(self, line: Line) -> Tuple[Tone, str]:
        if not line.topic:
            return line.tone, rich(line.text)
        return line.tone, f"{rich(line.text)} {self._link(line.topic, line.tone)}"

    def _link(self, topic: str, tone: Tone) -> str:
        """To the scene settings; in a colour of its own, for Qt's blue is hard to read on dark ground."""
        colour = colour_of(self, tone) or colour_of(self, Tone.LINK)
        words = "Show it on the map…" if topic == PRODUCT else "Change…"
        return f'<a href="{topic}" style="color: {colour}">{words}</a>'

    def _table(self) -> str:
        rows = ""
        for name, text in self._judgement.details:
            link = f" {self._link('flags', Tone.PLAIN)}" if name == LEFT_OUT else ""
            rows += f'<tr><td style="padding-right: 8px">{rich(name)}</td><td>{rich(text)}{link}</td></tr>'
        if rows:
            return f'<table cellspacing="0" cellpadding="0">{rows}</table>'
        return "<br>" if len(self._judgement.lines) > 1 else ""
