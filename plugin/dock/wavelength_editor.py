"""A list of wavelengths: pasted, or from a file, another layer or a well-known sensor; checked while typed."""

from __future__ import annotations

from typing import Callable, List, Optional

from qgis.core import QgsMapLayer, QgsProject, QgsRasterLayer
from qgis.PyQt.QtCore import pyqtSignal
from qgis.PyQt.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from .. import wavelength_lists
from ..wavelength_lists import Axis
from .facts_reader import facts_now
from .tone import Tone, set_tone

_FILES = "Headers, tables and texts (*.hdr *.csv *.txt *.tsv *.dat);;All files (*)"


class WavelengthEditor(QWidget):
    """The list as text, a line a band; empty: the file's word counts."""

    changed = pyqtSignal()

    def __init__(self, layer: Optional[QgsMapLayer], bands: int, from_file: str) -> None:
        """``bands``: of the scene, 0 if nobody knows; ``from_file``: what the file says, in words."""
        super().__init__()
        self._layer, self._bands, self._from_file = layer, bands, from_file
        self.text = QPlainTextEdit()
        self.text.setObjectName("wavelengthText")
        self.text.setPlaceholderText(
            "Empty: as the file says. Or one line for each band: wavelength, band width (nm or µm)"
        )
        self._state = QLabel()
        self._state.setObjectName("wavelengthState")
        self._state.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.addLayout(self._buttons())
        layout.addWidget(self.text, 1)
        layout.addWidget(self._state)
        self.text.textChanged.connect(self._check)
        self._check()

    def axis(self) -> Optional[Axis]:
        """What the text says in nm; None if it is empty. ValueError, a sentence, if it does not fit the scene."""
        text = self.text.toPlainText()
        if not text.strip():
            return None
        found = wavelength_lists.parse(text)
        count = len(found.wavelengths)
        if self._bands and count != self._bands:
            raise ValueError(f"These are {count} wavelengths; the scene has {self._bands} bands. Give one for each.")
        return found

    def show_axis(self, axis: Optional[Axis]) -> None:
        """Put wavelengths into the list."""
        self.text.setPlainText(axis.as_text() if axis else "")

    def read_file(self, path: str) -> None:
        """Take the wavelengths of a text file."""
        self._take(lambda: wavelength_lists.read(path))

    def take_layer(self, other: QgsRasterLayer) -> None:
        """Take the wavelengths that the file of another layer names."""
        self._take(lambda: _of_layer(other))

    def _take(self, found: Callable[[], Axis]) -> None:
        try:
            self.show_axis(found())
        except ValueError as error:
            self._say(str(error), Tone.BAD)

    def _buttons(self) -> QHBoxLayout:
        file_button, layer_button, sensor_button = (
            QPushButton(text) for text in ("From a file…", "From a layer", "From a sensor")
        )
        file_button.setObjectName("wavelengthFile")
        layer_button.setObjectName("wavelengthLayer")
        sensor_button.setObjectName("wavelengthSensor")
        file_button.setToolTip("An ENVI header, a table with a column of wavelengths, or a list.")
        file_button.clicked.connect(self._choose_file)
        layer_button.setMenu(self._layer_menu())
        sensor_button.setMenu(self._sensor_menu())
        layout = QHBoxLayout()
        for button in (file_button, layer_button, sensor_button):
            button.setAutoDefault(False)
            layout.addWidget(button)
        layout.addStretch(1)
        return layout

    def _choose_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Wavelengths", "", _FILES)
        if path:
            self.read_file(path)

    def _layer_menu(self) -> QMenu:
        menu = QMenu(self)
        for other in _others(self._layer):
            menu.addAction(other.name()).triggered.connect(lambda *_, chosen=other: self.take_layer(chosen))
        if menu.isEmpty():
            menu.addAction("No other raster layer in the project").setEnabled(False)
        return menu

    def _sensor_menu(self) -> QMenu:
        """Sensors with as many bands as the scene; the others stand there, but do not fit."""
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        for sensor in wavelength_lists.sensors():
            action = menu.addAction(sensor.name)
            action.setToolTip(sensor.source)
            action.setEnabled(self._bands in (0, len(sensor.axis.wavelengths)))
            action.triggered.connect(lambda *_, axis=sensor.axis: self.show_axis(axis))
        return menu

    def _check(self) -> None:
        try:
            found = self.axis()
        except ValueError as error:
            self._say(str(error), Tone.BAD)
        else:
            if found is None:
                self._say(self._from_file, Tone.PLAIN)
            else:
                self._say(_summary(found), Tone.DOUBT if _is_mixed(found) else Tone.GOOD)
        self.changed.emit()

    def _say(self, text: str, tone: Tone) -> None:
        self._state.setText(text)
        set_tone(self._state, tone)


def _summary(axis: Axis) -> str:
    waves, widths = axis.wavelengths, axis.fwhm
    text = f"{len(waves)} wavelengths, {min(waves):g} to {max(waves):g} nm"
    if not widths:
        text += "; band widths not given."
    elif min(widths) == max(widths):
        text += f", each band {min(widths):g} nm wide."
    else:
        text += f", bands {min(widths):g} to {max(widths):g} nm wide."
    return text + (" They go up and down: check that they stand in the order of the bands." if _is_mixed(axis) else "")


def _is_mixed(axis: Axis) -> bool:
    """Whether the order changes more often than where a second detector begins."""
    steps = [after > before for before, after in zip(axis.wavelengths, axis.wavelengths[1:])]
    return min(steps.count(True), steps.count(False)) > 3


def _others(layer: Optional[QgsMapLayer]) -> List[QgsRasterLayer]:
    known = QgsProject.instance().mapLayers().values()
    found = [one for one in known if isinstance(one, QgsRasterLayer) and one.providerType() == "gdal"]
    return sorted((one for one in found if layer is None or one.id() != layer.id()), key=lambda one: one.name().lower())


def _of_layer(other: QgsRasterLayer) -> Axis:
    facts = facts_now(other)
    if not facts.wavelengths:
        raise ValueError(f"The file of the layer '{other.name()}' names no wavelengths. Choose another layer.")
    lacking = next((number for number, wave in enumerate(facts.wavelengths, start=1) if wave <= 0), 0)
    if lacking:
        raise ValueError(f"The layer '{other.name()}' has no wavelength for its band {lacking}. Choose another layer.")
    return Axis(facts.wavelengths, facts.fwhm or ())
