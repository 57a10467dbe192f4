"""The looks of a scene in the layer tree's context menu, for layers whose wavelengths are known."""

from __future__ import annotations

from typing import Any, List, Optional, Set

import qgis.core
from qgis.core import Qgis, QgsMapLayer, QgsProject, QgsRasterLayer
from qgis.gui import QgisInterface
from qgis.PyQt import QtGui, QtWidgets

from ..backend.facts import MIN_BANDS
from . import colours

QAction = getattr(QtGui, "QAction", None) or QtWidgets.QAction  # Qt 6 moved it from QtWidgets to QtGui
_MENU = "Mixel colours"
_NEW = getattr(getattr(Qgis, "LayerType", None), "Raster", None)
_RASTER = qgis.core.QgsMapLayerType.RasterLayer if _NEW is None else _NEW  # renamed in QGIS 3.30


class ColourMenu:
    """Actions that colour the current layer; a layer gets them when it becomes the current one."""

    def __init__(self, iface: QgisInterface) -> None:
        """Nothing is registered before ``register``."""
        self._iface = iface
        self._known: Set[str] = set()
        self._actions: List[Any] = []

    def register(self) -> None:
        """Make the actions, and listen which layer is the current one."""
        self._iface.currentLayerChanged.connect(self.look_at)
        QgsProject.instance().layersWillBeRemoved["QStringList"].connect(self._forget)
        for look in colours.LOOKS:
            action = QAction(look.label, self._iface.mainWindow())
            action.setObjectName(f"MixelColour_{look.name}")
            action.triggered.connect(lambda *_, look=look: self._show(look))
            self._actions.append(action)
            self._iface.addCustomActionForLayerType(action, _MENU, _RASTER, False)
        self.look_at(self._iface.activeLayer())

    def look_at(self, layer: Optional[QgsMapLayer]) -> None:
        """Another layer is the current one: QGIS shows the menu of no other."""
        if not _may_be_scene(layer):
            return
        found = colours.choices(layer)
        if not any(one.bands for one in found):
            return
        for action, choice in zip(self._actions, found):
            action.setEnabled(choice.bands is not None)
            action.setToolTip(choice.reason)
            if layer.id() not in self._known:
                self._iface.addCustomActionForLayer(action, layer)
        self._known.add(layer.id())

    def remove(self) -> None:
        """Take everything back."""
        self._iface.currentLayerChanged.disconnect(self.look_at)
        QgsProject.instance().layersWillBeRemoved["QStringList"].disconnect(self._forget)
        for action in self._actions:
            self._iface.removeCustomActionForLayerType(action)
            action.deleteLater()
        self._actions = []

    def _forget(self, ids: List[str]) -> None:
        """A project that is opened again has layers of the same ids, which QGIS does not know yet."""
        self._known -= set(ids)

    def _show(self, look: colours.Look) -> None:
        layer = self._iface.activeLayer()
        try:
            colours.show(layer, look)
        except ValueError as error:
            self._iface.messageBar().pushMessage("Mixel", str(error), Qgis.MessageLevel.Warning)


def _may_be_scene(layer: Optional[QgsMapLayer]) -> bool:
    return isinstance(layer, QgsRasterLayer) and layer.providerType() == "gdal" and layer.bandCount() >= MIN_BANDS
