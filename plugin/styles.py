"""How each kind of output looks: one function a kind. The colours of maps are here and in ``class_styles.py`` only."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, Dict, List

import numpy as np
from qgis.core import (
    QgsMapLayer,
    QgsMultiBandColorRenderer,
    QgsRasterLayer,
)

from . import class_styles, colours, point_styles
from .class_styles import VIRIDIS
from .layers import band_names, open_raster
from .ramps import percentile, ramp, samples, stretch

# Inferno (matplotlib, CC0): its lightness grows evenly, so equal steps look equal, also in grey.
_ERROR = ("#000004", "#1b0c41", "#4a0c6b", "#781c6d", "#a52c60", "#cf4446", "#ed6925", "#fb9b06", "#f7d13d", "#fcffa4")


def abundance_layers(path: str) -> List[QgsRasterLayer]:
    """One layer per endmember, named after it, all with the same ramp from 0 to 1."""
    layers = []
    for band, name in enumerate(band_names(path), start=1):
        layer = QgsRasterLayer(path, name, "gdal")
        layer.setRenderer(ramp(layer, band, VIRIDIS, 1.0))
        layers.append(layer)
    return layers


def composite_layer(path: str) -> QgsRasterLayer:
    """The largest endmembers by mean abundance as red, green and blue; the legend says which is which."""
    bands = largest_bands(path)
    layer = QgsRasterLayer(path, f"Composite of the {len(bands)} largest", "gdal")
    channels = [*bands, -1][:3]
    renderer = QgsMultiBandColorRenderer(layer.dataProvider(), *channels)
    top = max(percentile(path, band, 98) for band in bands) or 1.0  # one for all, so that colours stay comparable
    stretched = [stretch(layer, band, top) for band in bands]
    renderer.setRedContrastEnhancement(stretched[0])
    renderer.setGreenContrastEnhancement(stretched[1])
    if len(bands) > 2:
        renderer.setBlueContrastEnhancement(stretched[2])
    layer.setRenderer(renderer)
    return layer


def error_layer(path: str) -> QgsRasterLayer:
    """The reconstruction error from 0 to its 98th percentile, with the unit in the legend."""
    layer = QgsRasterLayer(path, "Error (RMSE, reflectance)", "gdal")
    layer.setRenderer(ramp(layer, 1, _ERROR, percentile(path, 1, 98) or 1.0, " reflectance"))
    return layer


def shade_layer(path: str) -> QgsRasterLayer:
    """The share of shade from 0 to 1."""
    layer = QgsRasterLayer(path, "Shade", "gdal")
    layer.setRenderer(ramp(layer, 1, VIRIDIS, 1.0))
    return layer


def components_layer(path: str, name: str = "MNF components") -> QgsRasterLayer:
    """The first three bands (or the middle ones of a spectrum) as red, green and blue, each stretched by itself."""
    layer = QgsRasterLayer(path, name, "gdal")
    count = open_raster(path).RasterCount
    bands = [min(count, number) for number in (1, 2, 3)] if count <= 30 else [3 * count // 4, count // 2, count // 4]
    renderer = QgsMultiBandColorRenderer(layer.dataProvider(), *bands)
    stretched = [stretch(layer, band, percentile(path, band, 98), percentile(path, band, 2)) for band in bands]
    renderer.setRedContrastEnhancement(stretched[0])
    renderer.setGreenContrastEnhancement(stretched[1])
    renderer.setBlueContrastEnhancement(stretched[2])
    layer.setRenderer(renderer)
    return layer


LOOKS: Dict[str, Callable[[str], List[QgsMapLayer]]] = {
    "points": lambda path: [point_styles.points_layer(path)],
    "scene": lambda path: [colours.scene_layer(path)],
    "sample": lambda path: [point_styles.sample_layer(path)],
    "abundances": lambda path: [composite_layer(path), *abundance_layers(path)],
    "error": lambda path: [error_layer(path)],
    "shade": lambda path: [shade_layer(path)],
    "components": lambda path: [components_layer(path)],
    "continuum_removed": lambda path: [components_layer(path, "Continuum removed")],
    "materials": lambda path: [class_styles.categories_layer(path)],
    "classes": lambda path: [class_styles.classes_layer(path)],
    "confidence": lambda path: [class_styles.confidence_layer(path)],
    "novelty": lambda path: [class_styles.novelty_layer(path)],
    "probabilities": class_styles.probability_layers,
}
"""The layers of each output by its name, from top to bottom; other outputs are not shown on the map."""


def largest_bands(path: str, count: int = 3) -> List[int]:
    """The bands (from 1) with the largest means, largest first."""
    dataset = open_raster(path)
    bands = range(1, dataset.RasterCount + 1)
    means = {band: float(np.mean(values)) if values.size else 0.0 for band, values in samples(path, bands)}
    return sorted(means, key=lambda band: -means[band])[:count]


def save_sidecar(layer: QgsMapLayer) -> None:
    """Write the layer's look beside its file, for everyone who opens the file later."""
    layer.saveNamedStyle(str(Path(layer.source()).with_suffix(".qml")))
