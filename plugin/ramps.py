"""Ramps and stretches of single bands: what the looks of outputs are made of."""

from __future__ import annotations

from typing import List, Sequence, Tuple

import numpy as np
from qgis.core import (
    QgsColorRampLegendNodeSettings,
    QgsColorRampShader,
    QgsContrastEnhancement,
    QgsGradientColorRamp,
    QgsGradientStop,
    QgsRasterLayer,
    QgsRasterShader,
    QgsSingleBandPseudoColorRenderer,
)
from qgis.PyQt.QtGui import QColor

from .layers import open_raster

_SAMPLE = 1000
"""A raster's statistics come from at most this many rows and columns, so that a large scene does not freeze QGIS."""
Item = Tuple[float, str, str]
"""Value, colour (#rrggbb) and label."""


def ramp(
    layer: QgsRasterLayer, band: int, colours: Sequence[str], top: float, suffix: str = ""
) -> QgsSingleBandPseudoColorRenderer:
    """Colours in equal steps from 0 to ``top``; the legend is the ramp with its two ends."""
    values = [index / (len(colours) - 1) * top for index in range(len(colours))]
    items = [(value, colour, f"{value:.3g}{suffix}") for value, colour in zip(values, colours)]
    renderer = item_ramp(layer, band, items)
    legend = QgsColorRampLegendNodeSettings()
    legend.setMinimumLabel("0")
    legend.setMaximumLabel(f"{top:.3g}{suffix}")
    renderer.shader().rasterShaderFunction().setLegendSettings(legend)
    return renderer


def item_ramp(layer: QgsRasterLayer, band: int, items: Sequence[Item]) -> QgsSingleBandPseudoColorRenderer:
    """Colours at the items' values and in between; the legend lists the items."""
    low, top = items[0][0], items[-1][0]
    stops = [QgsGradientStop((value - low) / (top - low), QColor(colour)) for value, colour, _ in items[1:-1]]
    gradient = QgsGradientColorRamp(QColor(items[0][1]), QColor(items[-1][1]), False, stops)
    function = QgsColorRampShader(low, top, gradient)
    function.setColorRampType(QgsColorRampShader.Type.Interpolated)
    function.setClassificationMode(QgsColorRampShader.ClassificationMode.Continuous)
    function.setColorRampItemList(
        [QgsColorRampShader.ColorRampItem(value, QColor(colour), label) for value, colour, label in items]
    )
    legend = QgsColorRampLegendNodeSettings()
    legend.setUseContinuousLegend(False)
    function.setLegendSettings(legend)
    shader = QgsRasterShader(low, top)
    shader.setRasterShaderFunction(function)
    renderer = QgsSingleBandPseudoColorRenderer(layer.dataProvider(), band, shader)
    renderer.setClassificationMin(low)
    renderer.setClassificationMax(top)
    return renderer


def stretch(layer: QgsRasterLayer, band: int, top: float, bottom: float = 0.0) -> QgsContrastEnhancement:
    """One colour of a composite from ``bottom`` to ``top``."""
    made = QgsContrastEnhancement(layer.dataProvider().dataType(band))
    made.setContrastEnhancementAlgorithm(QgsContrastEnhancement.ContrastEnhancementAlgorithm.StretchToMinimumMaximum)
    made.setMinimumValue(bottom)
    made.setMaximumValue(top)
    return made


def percentile(path: str, band: int, percent: float) -> float:
    """Of a band's valid values; 0 if it has none."""
    ((_, values),) = samples(path, [band])
    return float(np.percentile(values, percent)) if values.size else 0.0


def samples(path: str, bands: Sequence[int]) -> List[Tuple[int, np.ndarray]]:
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
