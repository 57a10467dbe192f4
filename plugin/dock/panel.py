"""The panel: a page to unmix, a page for the backend's Python."""

from __future__ import annotations

from typing import Optional

from qgis.gui import QgsDockWidget
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtWidgets import QTabWidget, QWidget

from .unmix_page import UnmixPage


class MixelDock(QgsDockWidget):
    """Mixel's panel in the desktop."""

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        """A panel that is looking at the open project."""
        super().__init__("Mixel", parent)
        self.setObjectName("MixelDock")
        self.setAllowedAreas(Qt.DockWidgetArea.LeftDockWidgetArea | Qt.DockWidgetArea.RightDockWidgetArea)
        self.unmix_page = UnmixPage()
        self._tabs = QTabWidget()
        self._tabs.setObjectName("pages")
        self._tabs.setDocumentMode(True)
        self._tabs.addTab(self.unmix_page, "Unmix")
        self.setWidget(self._tabs)
        self.setMinimumWidth(300)

    def shut_down(self) -> None:
        """End what is under way, for unloading and closing."""
        self.unmix_page.run.shut_down()
