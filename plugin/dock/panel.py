"""The panel: a page to unmix, a page for the backend's Python."""

from __future__ import annotations

from typing import Optional

from qgis.gui import QgsDockWidget
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtWidgets import QTabWidget, QWidget

from .python_page import PythonPage
from .unmix_page import UnmixPage


class MixelDock(QgsDockWidget):
    """Mixel's panel in the desktop."""

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        """A panel that is looking at the open project."""
        super().__init__("Mixel", parent)
        self.setObjectName("MixelDock")
        self.setAllowedAreas(Qt.DockWidgetArea.LeftDockWidgetArea | Qt.DockWidgetArea.RightDockWidgetArea)
        self.unmix_page = UnmixPage()
        self.python_page = PythonPage()
        self._tabs = QTabWidget()
        self._tabs.setObjectName("pages")
        self._tabs.setDocumentMode(True)
        self._tabs.addTab(self.unmix_page, "Unmix")
        self._tabs.addTab(self.python_page, "Python")
        self.unmix_page.python_wanted.connect(self._show_python)
        self.python_page.changed.connect(self.unmix_page.refresh)
        self.setWidget(self._tabs)
        self.setMinimumWidth(300)

    def shut_down(self) -> None:
        """End what is under way, for unloading and closing."""
        self.unmix_page.run.shut_down()
        self.python_page.shut_down()

    def _show_python(self) -> None:
        self._tabs.setCurrentWidget(self.python_page)
