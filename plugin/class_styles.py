"""How the outputs of a classification look: classes, confidence, novelty, probabilities."""

from __future__ import annotations

from typing import List

from qgis.core import QgsPalettedRasterRenderer, QgsRasterLayer
from qgis.PyQt.QtGui import QColor

from .layers import band_names, value_colours, value_names
from .ramps import item_ramp, ramp

# Viridis (matplotlib, CC0): its lightness grows evenly, so equal steps look equal, also in grey.
VIRIDIS = (
    "#440154",
    "#482878",
    "#3e4989",
    "#31688e",
    "#26828e",
    "#1f9e89",
    "#35b779",
    "#6ece58",
    "#b5de2b",
    "#fde725",
)
# Brown to green (ColorBrewer, Apache 2.0), white in the middle; told apart by the colour-blind too. As in the report.
_NOVELTY = (
    (0.0, "#003c30", "0: in the midst of the training pixels"),
    (0.5, "#5ab2a8", "0.5"),
    (1.0, "#f5f5f5", "1: as far off as the farthest 1 % of them"),
    (2.0, "#cfa255", "2: looks like nothing trained on"),
    (3.0, "#543005", "3 and more"),
)
_GOLDEN = 0.618034
"""Steps of the colour circle by the golden section: neighbours in a list get colours far apart."""
_NONE = "#d9d9d9"


def classes_layer(path: str) -> QgsRasterLayer:
    """A class map with the names and colours that stand in the file; 0 is transparent and not listed."""
    layer = categories_layer(path, "Classes")
    layer.setRenderer(QgsPalettedRasterRenderer(layer.dataProvider(), 1, layer.renderer().classes()[1:]))
    return layer


def categories_layer(path: str, name: str = "Nearest spectrum") -> QgsRasterLayer:
    """A map of numbered things: names and colours out of the file, else colours far apart; 0 in light grey."""
    layer, given = QgsRasterLayer(path, name, "gdal"), value_colours(path)
    classes = []
    for value, label in enumerate(value_names(path)):
        colour = QColor(given[value]) if value in given else _colour(value)
        classes.append(QgsPalettedRasterRenderer.Class(value, colour, label))
    layer.setRenderer(QgsPalettedRasterRenderer(layer.dataProvider(), 1, classes))
    return layer


def confidence_layer(path: str) -> QgsRasterLayer:
    """The probability of the mapped class from 0 to 1."""
    layer = QgsRasterLayer(path, "Confidence (probability)", "gdal")
    layer.setRenderer(ramp(layer, 1, VIRIDIS, 1.0))
    return layer


def novelty_layer(path: str) -> QgsRasterLayer:
    """How unlike the training pixels: white where it begins to matter, brown beyond; the legend says what it means."""
    layer = QgsRasterLayer(path, "Unlike the training pixels", "gdal")
    layer.setRenderer(item_ramp(layer, 1, _NOVELTY))
    return layer


def probability_layers(path: str) -> List[QgsRasterLayer]:
    """One layer for each class, all with the same ramp from 0 to 1."""
    layers = []
    for band, name in enumerate(band_names(path), start=1):
        layer = QgsRasterLayer(path, f"Probability of {name}", "gdal")
        layer.setRenderer(ramp(layer, band, VIRIDIS, 1.0))
        layers.append(layer)
    return layers


def _colour(value: int) -> QColor:
    return QColor.fromHsvF(value * _GOLDEN % 1, 0.55 + 0.3 * (value % 2), 0.9) if value else QColor(_NONE)
