"""How and where an opened product is written: folded away, for the usual is right for most."""

from __future__ import annotations

from qgis.gui import QgsCollapsibleGroupBox, QgsFileWidget
from qgis.PyQt.QtCore import QStandardPaths
from qgis.PyQt.QtWidgets import QLabel

from ...backend.tasks import task
from ..folders import fresh_folder
from .form import add_row, editor, form_layout, shrinkable


class ProductOutput(QgsCollapsibleGroupBox):
    """The choice between virtual raster and GeoTIFF, and the output folder."""

    def __init__(self) -> None:
        """Folded away, without a folder."""
        super().__init__("How and where it is written")
        self.setObjectName("productMore")
        self._offered = ""
        form = form_layout(self)
        form.setContentsMargins(9, 9, 9, 9)
        setting = next(one for one in task("open_product").option_settings if one.name == "how")
        self._how = editor(setting)
        label = QLabel(setting.label)
        label.setToolTip(setting.help)
        add_row(form, label, self._how)
        self._folder = QgsFileWidget()
        self._folder.setObjectName("productFolder")
        self._folder.setStorageMode(QgsFileWidget.StorageMode.GetDirectory)
        add_row(form, QLabel("Output folder"), shrinkable(self._folder))
        self.setCollapsed(True)

    @property
    def how(self) -> str:
        """How the scene is to be written."""
        return str(self._how.currentData())

    @property
    def folder(self) -> str:
        """Where it is to be written."""
        return str(self._folder.filePath())

    def offer_folder(self, product: str) -> None:
        """Offer a fresh folder beside the product unless the user has typed one."""
        if product and self.folder in ("", self._offered):
            documents = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation)
            self._offered = str(fresh_folder(product, documents, "scene"))
            self._folder.setFilePath(self._offered)
