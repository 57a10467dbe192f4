"""The panel: a page to unmix, one to classify, one for the other tools, one for the backend's Python."""

from __future__ import annotations

from typing import List, Optional

from qgis.gui import QgsDockWidget
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtWidgets import QTabWidget, QWidget

from ...backend.tasks import task, tasks
from .python_page import PythonPage
from .task_page import TaskPage


class MixelDock(QgsDockWidget):
    """Mixel's panel in the desktop."""

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        """A panel that is looking at the open project."""
        super().__init__("Mixel", parent)
        self.setObjectName("MixelDock")
        self.setAllowedAreas(Qt.DockWidgetArea.LeftDockWidgetArea | Qt.DockWidgetArea.RightDockWidgetArea)
        classifying = [task("classify"), *(one for one in tasks() if one.name == "unmix_and_classify")]
        self.unmix_page = TaskPage([task("unmix")])
        self.classify_page = TaskPage(classifying, "classify_")
        self.tools_page = TaskPage([one for one in tasks() if not one.default_method], "tools_")
        self.python_page = PythonPage()
        self._tabs = QTabWidget()
        self._tabs.setObjectName("pages")
        self._tabs.setDocumentMode(True)
        for page, title in zip([*self.pages, self.python_page], ("Unmix", "Classify", "Tools", "Python")):
            self._tabs.addTab(page, title)
        for page in self.pages:
            page.python_wanted.connect(self._show_python)
            self.python_page.changed.connect(page.refresh)
        self.setWidget(self._tabs)
        self.setMinimumWidth(300)

    @property
    def pages(self) -> List[TaskPage]:
        """The pages that run tasks."""
        return [self.unmix_page, self.classify_page, self.tools_page]

    def shut_down(self) -> None:
        """End what is under way, for unloading and closing."""
        for page in self.pages:
            page.run.shut_down()
        self.python_page.shut_down()

    def _show_python(self) -> None:
        self._tabs.setCurrentWidget(self.python_page)
