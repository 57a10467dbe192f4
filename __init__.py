"""Mixel unmixes hyperspectral scenes with state-space networks. QGIS starts here; nothing heavy before it asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qgis.gui import QgisInterface

    from .plugin.main import Plugin


def classFactory(iface: QgisInterface) -> Plugin:
    """The plugin, made when QGIS loads it."""
    from .plugin.main import Plugin

    return Plugin(iface)
