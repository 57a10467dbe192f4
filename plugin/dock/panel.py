"""The panel: a page to unmix, one to classify, one for the other tools, one for the backend's Python."""

from __future__ import annotations

from typing import Any, List, Optional

from qgis.core import QgsProject
from qgis.gui import QgsDockWidget
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtWidgets import QTabWidget, QWidget

from ...backend.tasks import task, tasks
from . import facts_reader
from .open_product import OpenProduct, dropped_path
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
        self.tools_page = TaskPage([one for one in tasks() if not (one.default_method or one.opens_product)], "tools_")
        self.python_page = PythonPage()
        self._tabs = QTabWidget()
        self._tabs.setObjectName("pages")
        self._tabs.setDocumentMode(True)
        for page, title in zip([*self.pages, self.python_page], ("Unmix", "Classify", "Tools", "Python")):
            self._tabs.addTab(page, title)
        self.python_page.changed.connect(facts_reader.forget)  # another Python may answer otherwise
        for page in self.pages:
            page.python_wanted.connect(self._show_python)
            page.product_wanted.connect(self.open_product)
            self.python_page.changed.connect(page.refresh)
        self._product: Optional[OpenProduct] = None
        self.setWidget(self._tabs)
        self.setAcceptDrops(True)
        self.setMinimumWidth(300)

    @property
    def pages(self) -> List[TaskPage]:
        """The pages that run tasks."""
        return [self.unmix_page, self.classify_page, self.tools_page]

    def open_product(self, path: str = "") -> None:
        """Show what lies at a path and let the user add it; without a path ask for a file first."""
        if self._product is None:
            self._product = OpenProduct(self)
            self._product.opened.connect(self._show_scene)
        self._product.show()
        self._product.raise_()
        if path:
            self._product.look_at(path)
        else:
            self._product.choose_file()

    def dragEnterEvent(self, event: Any) -> None:
        """Called by Qt: one file or folder may be dropped."""
        if dropped_path(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: Any) -> None:
        """Called by Qt."""
        event.acceptProposedAction()
        self.open_product(dropped_path(event.mimeData()))

    def shut_down(self) -> None:
        """End what is under way, for unloading and closing."""
        if self._product is not None:
            self._product.shut_down()
        for page in self.pages:
            page.run.shut_down()
        facts_reader.end_all()
        self.python_page.shut_down()

    def _show_scene(self, layer_id: str) -> None:
        layer = QgsProject.instance().mapLayer(layer_id)
        for page in self.pages if layer else []:
            page.form.choose_scene(layer)

    def _show_python(self) -> None:
        self._tabs.setCurrentWidget(self.python_page)
