"""What QGIS sees of Mixel: a button, a menu entry, a panel and a Processing provider. No logic."""

from __future__ import annotations

from typing import Any, Callable, List, Optional

from qgis.core import QgsApplication
from qgis.gui import QgisInterface
from qgis.PyQt import QtGui, QtWidgets
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtGui import QIcon

from .algorithms import ICON
from .colour_menu import ColourMenu
from .dock.panel import MixelDock
from .drops import ProductDrops
from .provider import Provider

QAction = getattr(QtGui, "QAction", None) or QtWidgets.QAction  # Qt 6 moved it from QtWidgets to QtGui


class Plugin:
    """Registers Mixel in QGIS; ``unload`` undoes in reverse what was done, however far it came."""

    def __init__(self, iface: QgisInterface) -> None:
        """Nothing is made before ``initGui``."""
        self._iface = iface
        self._undo: List[Callable[[], Any]] = []
        self.provider: Optional[Provider] = None
        self.dock: Optional[MixelDock] = None
        self.action: Optional[Any] = None
        self._drops: Optional[ProductDrops] = None

    def initProcessing(self) -> None:
        """Register the provider; all that qgis_process asks for."""
        self.provider = Provider()
        QgsApplication.processingRegistry().addProvider(self.provider)
        self._undo.append(self._remove_provider)

    def initGui(self) -> None:
        """Register everything in the desktop."""
        self.initProcessing()
        self._add_dock()
        self._add_action()
        self._add_drops()
        self._add_colours()

    def unload(self) -> None:
        """Undo it all; a run under way is cancelled and waited for."""
        while self._undo:
            self._undo.pop()()

    def _add_dock(self) -> None:
        self.dock = MixelDock(self._iface.mainWindow())
        self._undo.append(self._remove_dock)
        self._iface.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, self.dock)
        self.dock.hide()

    def _add_action(self) -> None:
        self.action = QAction(QIcon(str(ICON)), "Mixel", self._iface.mainWindow())
        self.action.setObjectName("MixelAction")
        self.action.setToolTip("Unmix a hyperspectral scene")
        self.action.setCheckable(True)
        self._undo.append(self._remove_action)
        self.dock.setToggleVisibilityAction(self.action)
        self._iface.addToolBarIcon(self.action)
        self._iface.addPluginToRasterMenu("Mixel", self.action)

    def _add_drops(self) -> None:
        self._drops = ProductDrops(self._open_product)
        self._undo.append(self._remove_drops)
        self._iface.registerCustomDropHandler(self._drops)

    def _add_colours(self) -> None:
        menu = ColourMenu(self._iface)
        self._undo.append(menu.remove)
        menu.register()

    def _open_product(self, path: str) -> None:
        self.dock.show()
        self.dock.open_product(path)

    def _remove_drops(self) -> None:
        self._iface.unregisterCustomDropHandler(self._drops)
        self._drops = None

    def _remove_action(self) -> None:
        self._iface.removePluginRasterMenu("Mixel", self.action)
        self._iface.removeToolBarIcon(self.action)
        self.action.deleteLater()
        self.action = None

    def _remove_dock(self) -> None:
        self.dock.shut_down()
        self._iface.removeDockWidget(self.dock)
        self.dock.deleteLater()
        self.dock = None

    def _remove_provider(self) -> None:
        QgsApplication.processingRegistry().removeProvider(self.provider)
        self.provider = None
