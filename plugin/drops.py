"""Products that are dropped onto QGIS's window: surely Mixel's ones open as such, everything else stays QGIS's."""

from __future__ import annotations

from typing import Callable

from qgis.gui import QgsCustomDropHandler

from .product_names import is_product


class ProductDrops(QgsCustomDropHandler):
    """Asked by QGIS for every file or folder that is dropped."""

    def __init__(self, opened: Callable[[str], None]) -> None:
        """``opened`` gets the path of a product."""
        super().__init__()
        self._opened = opened

    def handleFileDrop(self, file: str) -> bool:
        """Called by QGIS; whether the file is taken."""
        if not is_product(file):
            return False
        self._opened(file)
        return True
