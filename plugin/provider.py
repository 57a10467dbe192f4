"""Mixel in the Processing toolbox."""

from __future__ import annotations

from qgis.core import QgsProcessingProvider
from qgis.PyQt.QtGui import QIcon

from ..backend.tasks import tasks
from .algorithms import ICON, TaskAlgorithm


class Provider(QgsProcessingProvider):
    """One algorithm per task."""

    def id(self) -> str:
        """Stable: scripts and models hold it."""
        return "mixel"

    def name(self) -> str:
        """What the toolbox shows."""
        return "Mixel"

    def longName(self) -> str:
        """What the settings show."""
        return "Mixel (hyperspectral unmixing and classification)"

    def icon(self) -> QIcon:
        """The plugin's icon."""
        return QIcon(str(ICON))

    def loadAlgorithms(self) -> None:
        """Called by QGIS."""
        for task in tasks():
            self.addAlgorithm(TaskAlgorithm(task))
