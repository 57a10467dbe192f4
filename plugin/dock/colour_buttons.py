"""The looks of a scene as small buttons: one click colours the layer by wavelength."""

from __future__ import annotations

from typing import List, Optional

from qgis.core import QgsMapLayer
from qgis.PyQt.QtWidgets import QHBoxLayout, QSizePolicy, QToolButton, QWidget

from ...backend.facts import Facts
from .. import colours

_NARROWEST = 40
"""Pixels."""


class ColourButtons(QWidget):
    """A button for each look; those that the sensor does not cover are disabled and say why."""

    def __init__(self) -> None:
        """Buttons without a layer."""
        super().__init__()
        self._layer: Optional[QgsMapLayer] = None
        self._facts: Optional[Facts] = None
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        self.buttons: List[QToolButton] = []
        for look in colours.LOOKS:
            button = QToolButton()
            button.setObjectName(f"colour_{look.name}")
            button.setText(look.short)
            button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            button.setMinimumWidth(_NARROWEST)
            button.clicked.connect(lambda *_, look=look: self._show(look))
            layout.addWidget(button, button.sizeHint().width())
            self.buttons.append(button)

    def look_at(self, layer: Optional[QgsMapLayer], facts: Optional[Facts] = None) -> None:
        """Offer the looks of this layer; ``facts``: what is known of its bands, if anything is."""
        self._layer, self._facts = layer, facts
        self.setVisible(layer is not None)
        if layer is None:
            return
        for button, choice in zip(self.buttons, colours.choices(layer, facts)):
            button.setEnabled(choice.bands is not None)
            button.setToolTip(choice.reason)

    def _show(self, look: colours.Look) -> None:
        try:
            colours.show(self._layer, look, self._facts)
        except (ValueError, RuntimeError) as error:  # the file or the layer has gone meanwhile
            button = self.buttons[colours.LOOKS.index(look)]
            button.setEnabled(False)
            button.setToolTip(str(error))
