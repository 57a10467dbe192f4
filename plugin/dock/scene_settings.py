"""What the user knows better than the file: values, wavelengths, bands and pixels to leave out. Kept with the scene."""

from __future__ import annotations

from typing import Optional, Tuple

from qgis.core import QgsMapLayer
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtWidgets import QDialog, QDialogButtonBox, QLabel, QTabWidget, QVBoxLayout, QWidget

from ...backend.facts import Facts
from ...backend.reading import Reading
from .. import readings
from ..wavelength_lists import Axis
from .settings_pages import BandsPage, PixelsPage, ValuesPage
from .tone import Tone, breakable, set_tone
from .wavelength_editor import WavelengthEditor


class SceneSettings(QDialog):
    """A page for each kind of knowledge; OK checks and keeps all of it."""

    def __init__(
        self,
        layer: Optional[QgsMapLayer],
        path: str,
        facts: Optional[Facts],
        is_told: bool,
        parent: Optional[QWidget] = None,
    ) -> None:
        """``facts``: what is known of the scene at ``path``, None if nothing is; ``is_told``: by the backend."""
        super().__init__(parent)
        self._layer, self._path, self._facts = layer, path, facts
        self.setObjectName("sceneSettings")
        self.setWindowTitle(f"Scene settings: {layer.name() if layer else path}")
        self.resize(540, 430)
        self._message = QLabel()
        self._message.setObjectName("settingsMessage")
        self._message.setTextFormat(Qt.TextFormat.PlainText)
        self._message.setWordWrap(True)
        self._before = self._kept()
        bands = facts.bands if facts else 0
        self._values, self._pixels = ValuesPage(facts), PixelsPage(facts if is_told else None)
        self._waves = WavelengthEditor(layer, bands, self._file_waves())
        self._bands = BandsPage(bands, self._wavelengths)
        self._pages = QTabWidget()
        self._pages.setObjectName("settingsPages")
        pages = {"Values": self._values, "Wavelengths": self._waves, "Bands": self._bands, "Pixels": self._pixels}
        for title, page in pages.items():
            self._pages.addTab(page, title)
        layout = QVBoxLayout(self)
        layout.addWidget(self._pages, 1)
        layout.addWidget(self._message)
        layout.addWidget(self._buttons())
        self._waves.changed.connect(self._bands.check)
        self._show(self._before)
        self._bands.check()

    def show_topic(self, topic: str, notice: str = "") -> None:
        """Begin with ``scale``, ``nodata``, ``wavelengths``, ``bands`` or ``flags``; ``notice``: what was said."""
        pages = {"wavelengths": self._waves, "bands": self._bands, "flags": self._pixels}
        self._pages.setCurrentWidget(pages.get(topic, self._values))
        widgets = {"nodata": self._values.nodata, "wavelengths": self._waves.text, "bands": self._bands.ranges}
        widgets.get(topic, self._values.scale).setFocus(Qt.FocusReason.OtherFocusReason)
        if notice:
            self._say(notice, Tone.DOUBT)

    def reading(self) -> Reading:
        """What the user says. ValueError, a sentence, if it makes no sense."""
        axis = self._waves.axis() or Axis(())
        scale, nodata = self._values.values()
        said = {"scale": scale, "nodata": nodata, "wavelengths": list(axis.wavelengths), "fwhm": list(axis.fwhm)}
        ranges = [list(one) for one in self._bands.values()]
        return Reading.from_dict({**said, "left_out": ranges, "flags": self._pixels.values()})

    def accept(self) -> None:
        """Keep what was set; what makes no sense is said instead, and the dialog stays."""
        try:
            readings.keep(self._layer, self._path, self.reading())
        except ValueError as error:
            self._say(str(error), Tone.BAD)
            return
        super().accept()

    def _kept(self) -> Reading:
        try:
            return readings.kept(self._layer, self._path)
        except ValueError as error:
            self._say(f"{error} OK writes it anew.", Tone.BAD)
            return Reading()

    def _buttons(self) -> QDialogButtonBox:
        kinds = QDialogButtonBox.StandardButton
        box = QDialogButtonBox(kinds.Ok | kinds.Cancel | kinds.Reset)
        box.accepted.connect(self.accept)
        box.rejected.connect(self.reject)
        reset = box.button(kinds.Reset)
        reset.setText("As the file says")
        reset.setToolTip("Forget everything that was set for this scene.")
        reset.setAutoDefault(False)
        reset.clicked.connect(lambda *_: self._show(Reading()))
        return box

    def _show(self, reading: Reading) -> None:
        """Fill all pages."""
        self._values.show_reading(reading)
        self._waves.show_axis(Axis(reading.wavelengths, reading.fwhm) if reading.wavelengths else None)
        self._bands.show_ranges(reading.left_out)
        self._pixels.show_reading(reading)

    def _file_waves(self) -> str:
        """What counts if the list is empty."""
        facts = self._facts
        if facts is None or self._before.wavelengths:
            return "The wavelengths that the file names count, if there are some."
        if facts.wavelengths is None:
            return f"The file names no wavelengths for its {facts.bands} bands."
        waves = [wave for wave in facts.wavelengths if wave > 0] or facts.wavelengths
        return f"The file names {len(waves)} wavelengths, {min(waves):g} to {max(waves):g} nm."

    def _wavelengths(self) -> Optional[Tuple[float, ...]]:
        """Those that will count; None if there are none, or if the list is not finished."""
        try:
            axis = self._waves.axis()
        except ValueError:
            return None
        if axis is not None:
            return axis.wavelengths
        return None if self._facts is None or self._before.wavelengths else self._facts.wavelengths

    def _say(self, text: str, tone: Tone) -> None:
        self._message.setText(breakable(text))
        set_tone(self._message, tone)
