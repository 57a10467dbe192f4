"""How each kind of output looks: one function a kind. The only file that knows the colours of maps."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, Dict, List, Sequence, Tuple

import numpy as np
from qgis.core import (
    QgsColorRampLegendNodeSettings,
    QgsColorRampShader,
    QgsContrastEnhancement,
    QgsGradientColorRamp,
    QgsGradientStop,
    QgsMapLayer,
    QgsMarkerSymbol,
    QgsMultiBandColorRenderer,
    QgsPalettedRasterRenderer,
    QgsPalLayerSettings,
    QgsRasterLayer,
    QgsRasterShader,
    QgsSingleBandPseudoColorRenderer,
    QgsSingleSymbolRenderer,
    QgsTextBufferSettings,
    QgsTextFormat,
    QgsVectorLayer,
    QgsVectorLayerSimpleLabeling,
)
from qgis.PyQt.QtGui import QColor

from .layers import band_names, open_raster, value_names

# Viridis and inferno (matplotlib, CC0): their lightness grows evenly, so equal steps look equal, also in grey.
_ABUNDANCE = (
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
_ERROR = ("#000004", "#1b0c41", "#4a0c6b", "#781c6d", "#a52c60", "#cf4446", "#ed6925", "#fb9b06", "#f7d13d", "#fcffa4")
_GOLDEN = 0.618034
"""Steps of the colour circle by the golden section: neighbours in a list get colours far apart."""
_SAMPLE = 1000
"""A raster's statistics come from at most this many rows and columns, so that a large scene does not freeze QGIS."""


def abundance_layers(path: str) -> List[QgsRasterLayer]:
    """One layer per endmember, named after it, all with the same ramp from 0 to 1."""
    layers = []
    for band, name in enumerate(band_names(path), start=1):
        layer = QgsRasterLayer(path, name, "gdal")
        layer.setRenderer(_ramp(layer, band, _ABUNDANCE, 1.0))
        layers.append(layer)
    return layers


def composite_layer(path: str) -> QgsRasterLayer:
    """The largest endmembers by mean abundance as red, green and blue; the legend says which is which."""
    bands = largest_bands(path)
    layer = QgsRasterLayer(path, f"Composite of the {len(bands)} largest", "gdal")
    channels = [*bands, -1][:3]
    renderer = QgsMultiBandColorRenderer(layer.dataProvider(), *channels)
    top = max(_percentile(path, band, 98) for band in bands) or 1.0  # one for all, so that colours stay comparable
    stretched = [_stretch(layer, band, top) for band in bands]
    renderer.setRedContrastEnhancement(stretched[0])
    renderer.setGreenContrastEnhancement(stretched[1])
    if len(bands) > 2:
        renderer.setBlueContrastEnhancement(stretched[2])
    layer.setRenderer(renderer)
    return layer


def error_layer(path: str) -> QgsRasterLayer:
    """The reconstruction error from 0 to its 98th percentile, with the unit in the legend."""
    layer = QgsRasterLayer(path, "Error (RMSE, reflectance)", "gdal")
    layer.setRenderer(_ramp(layer, 1, _ERROR, _percentile(path, 1, 98) or 1.0, " reflectance"))
    return layer


def shade_layer(path: str) -> QgsRasterLayer:
    """The share of shade from 0 to 1."""
    layer = QgsRasterLayer(path, "Shade", "gdal")
    layer.setRenderer(_ramp(layer, 1, _ABUNDANCE, 1.0))
    return layer


def components_layer(path: str, name: str = "MNF components") -> QgsRasterLayer:
    """The first three bands (or the middle ones of a spectrum) as red, green and blue, each stretched by itself."""
    layer = QgsRasterLayer(path, name, "gdal")
    count = open_raster(path).RasterCount
    bands = [min(count, number) for number in (1, 2, 3)] if count <= 30 else [3 * count // 4, count // 2, count // 4]
    renderer = QgsMultiBandColorRenderer(layer.dataProvider(), *bands)
    stretched = [_stretch(layer, band, _percentile(path, band, 98), _percentile(path, band, 2)) for band in bands]
    renderer.setRedContrastEnhancement(stretched[0])
    renderer.setGreenContrastEnhancement(stretched[1])
    renderer.setBlueContrastEnhancement(stretched[2])
    layer.setRenderer(renderer)
    return layer


def categories_layer(path: str) -> QgsRasterLayer:
    """A map of numbered materials: their names out of the file, colours far apart, 0 in light grey."""
    layer = QgsRasterLayer(path, "Nearest spectrum", "gdal")
    classes = []
    for value, name in enumerate(value_names(path)):
        colour = QColor.fromHsvF(value * _GOLDEN % 1, 0.55 + 0.3 * (value % 2), 0.9) if value else QColor("#d9d9d9")
        classes.append(QgsPalettedRasterRenderer.Class(value, colour, name))
    layer.setRenderer(QgsPalettedRasterRenderer(layer.dataProvider(), 1, classes))
    return layer


def points_layer(path: str) -> QgsVectorLayer:
    """Where endmembers were found: a ring each, labelled with its name."""
    layer = QgsVectorLayer(path, "Endmember pixels", "ogr")
    if not layer.isValid():
        raise ValueError(f"The points {path} cannot be opened.")
    symbol = {"name": "circle", "color": "0,0,0,0", "outline_color": "#ff7f00", "outline_width": "0.6", "size": "4"}
    layer.setRenderer(QgsSingleSymbolRenderer(QgsMarkerSymbol.createSimple(symbol)))
    text = QgsPalLayerSettings()
    text.fieldName = "name"
    look = QgsTextFormat()
    buffer = QgsTextBufferSettings()
    buffer.setEnabled(True)
    look.setBuffer(buffer)
    text.setFormat(look)
    layer.setLabeling(QgsVectorLayerSimpleLabeling(text))
    layer.setLabelsEnabled(True)
    return layer


LOOKS: Dict[str, Callable[[str], List[QgsMapLayer]]] = {
    "points": lambda path: [points_layer(path)],
    "abundances": lambda path: [composite_layer(path), *abundance_layers(path)],
    "error": lambda path: [error_layer(path)],
    "shade": lambda path: [shade_layer(path)],
    "components": lambda path: [components_layer(path)],
    "continuum_removed": lambda path: [components_layer(path, "Continuum removed")],
    "materials": lambda path: [categories_layer(path)],
}
"""The layers of each output by its name, from top to bottom; other outputs are not shown on the map."""


def largest_bands(path: str, count: int = 3) -> List[int]:
    """The bands (from 1) with the largest means, largest first."""
    dataset = open_raster(path)
    bands = range(1, dataset.RasterCount + 1)
    means = {band: float(np.mean(values)) if values.size else 0.0 for band, values in _samples(path, bands)}
    return sorted(means, key=lambda band: -means[band])[:count]


def save_sidecar(layer: QgsRasterLayer) -> None:
    """Write the layer's look beside its file, for everyone who opens the file later."""
    layer.saveNamedStyle(str(Path(layer.source()).with_suffix(".qml")))


def _ramp(
    layer: QgsRasterLayer, band: int, colours: Sequence[str], top: float, suffix: str = ""
) -> QgsSingleBandPseudoColorRenderer:
    steps = [index / (len(colours) - 1) for index in range(len(colours))]
    stops = [QgsGradientStop(step, QColor(colour)) for step, colour in zip(steps[1:-1], colours[1:-1])]
    function = QgsColorRampShader(0.0, top, QgsGradientColorRamp(QColor(colours[0]), QColor(colours[-1]), False, stops))
    function.setColorRampType(QgsColorRampShader.Type.Interpolated)
    function.setClassificationMode(QgsColorRampShader.ClassificationMode.Continuous)
    function.setColorRampItemList(
        [
            QgsColorRampShader.ColorRampItem(step * top, QColor(colour), f"{step * top:.3g}{suffix}")
            for step, colour in zip(steps, colours)
        ]
    )
    legend = QgsColorRampLegendNodeSettings()
    legend.setMinimumLabel("0")
    legend.setMaximumLabel(f"{top:.3g}{suffix}")
    function.setLegendSettings(legend)
    shader = QgsRasterShader(0.0, top)
    shader.setRasterShaderFunction(function)
    renderer = QgsSingleBandPseudoColorRenderer(layer.dataProvider(), band, shader)
    renderer.setClassificationMin(0.0)
    renderer.setClassificationMax(top)
    return renderer


def _stretch(layer: QgsRasterLayer, band: int, top: float, bottom: float = 0.0) -> QgsContrastEnhancement:
    stretch = QgsContrastEnhancement(layer.dataProvider().dataType(band))
    stretch.setContrastEnhancementAlgorithm(QgsContrastEnhancement.ContrastEnhancementAlgorithm.StretchToMinimumMaximum)
    stretch.setMinimumValue(bottom)
    stretch.setMaximumValue(top)
    return stretch


def _percentile(path: str, band: int, percent: float) -> float:
    ((_, values),) = _samples(path, [band])
    return float(np.percentile(values, percent)) if values.size else 0.0


def _samples(path: str, bands: Sequence[int]) -> List[Tuple[int, np.ndarray]]:
    """The valid values of each band, thinned out where the raster is large."""
    dataset = open_raster(path)
    cols, rows = min(dataset.RasterXSize, _SAMPLE), min(dataset.RasterYSize, _SAMPLE)
    found = []
    for number in bands:
        band = dataset.GetRasterBand(number)
        values = band.ReadAsArray(buf_xsize=cols, buf_ysize=rows)
        valid = np.isfinite(values)
        if band.GetNoDataValue() is not None:
            valid &= values != band.GetNoDataValue()
        found.append((number, values[valid]))
    return found
