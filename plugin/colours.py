"""A hyperspectral layer in colours by wavelength: which bands, how stretched. One click each."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import List, NamedTuple, Optional, Tuple

import numpy as np
from osgeo import gdal
from qgis.core import Qgis, QgsContrastEnhancement, QgsMapLayer, QgsMultiBandColorRenderer, QgsRaster, QgsRasterLayer

from ..backend.facts import Facts
from . import layers
from .ramps import stretch

LEAST, LEAST_SHARE = 40.0, 0.07
"""How far, in nm or as a share of the wavelength, a band may lie from the wavelength that a colour asks for."""
_CANDIDATES = 5
"""So many bands near a wavelength are tried until one holds data."""
_WHOLE, _PARTS, _PART = 512, 6, 64
"""A raster of at most so many rows and columns is looked at whole; of a larger one 6 x 6 parts of 64 x 64 pixels."""
_LONGEST = 0.3
"""Seconds that a band is looked at: of some files a part costs as much as the whole."""
Bands = Tuple[int, int, int]
"""Numbers of the bands shown as red, green and blue, from 1."""


@dataclass(frozen=True)
class Look:
    """A way to colour a scene: the wavelengths (nm) shown as red, green and blue."""

    name: str
    label: str
    short: str
    help: str
    wavelengths: Tuple[float, float, float]


LOOKS = (
    Look("true_colour", "True colour", "True colour", "As the eye sees it", (640.0, 550.0, 460.0)),
    Look("colour_infrared", "Colour infrared", "Infrared", "Vegetation red", (860.0, 650.0, 550.0)),
    Look(
        "short_wave",
        "Short-wave infrared",
        "Short-wave",
        "Minerals, soils, burnt areas, moisture",
        (2200.0, 1650.0, 660.0),
    ),
)


class Choice(NamedTuple):
    """A look for a layer: its bands by nearness for each colour, or why it cannot be shown."""

    look: Look
    bands: Optional[Tuple[Tuple[int, ...], ...]]
    reason: str


def choices(layer: Optional[QgsMapLayer], facts: Optional[Facts] = None) -> List[Choice]:
    """All looks for a layer, in their order. ``facts``: what the backend says; else the file's header is read."""
    try:
        known = _facts(layer, facts)
    except ValueError as error:
        return [Choice(look, None, str(error)) for look in LOOKS]
    return [_choice(look, known) for look in LOOKS]


def show(layer: QgsRasterLayer, look: Look, facts: Optional[Facts] = None) -> Bands:
    """Show the layer in these colours; gives its bands. ValueError, a sentence, if it cannot be."""
    choice = _choice(look, _facts(layer, facts))
    if choice.bands is None:
        raise ValueError(choice.reason)
    bands, limits = _stretched(layers.file_path(layer), choice.bands)
    renderer = QgsMultiBandColorRenderer(layer.dataProvider(), *bands)
    red, green, blue = (_enhanced(layer, band, *ends) for band, ends in zip(bands, limits))
    renderer.setRedContrastEnhancement(red)
    renderer.setGreenContrastEnhancement(green)
    renderer.setBlueContrastEnhancement(blue)
    alpha = alpha_band(layer)
    if alpha:
        renderer.setAlphaBand(alpha)
    layer.setRenderer(renderer)
    layer.legendChanged.emit()
    layer.triggerRepaint()
    return bands


def show_first(layer: QgsRasterLayer, facts: Optional[Facts] = None) -> Optional[Look]:
    """Show a layer in the first look that its bands allow; None, and nothing done, if there is none."""
    for choice in choices(layer, facts):
        if choice.bands is not None:
            show(layer, choice.look, facts)
            return choice.look
    return None


def scene_layer(path: str) -> QgsRasterLayer:
    """An opened product, named after its kind and day or else its file, in the first look that its bands allow."""
    dataset = layers.open_raster(path)
    told = dataset.GetMetadata("MIXEL") or {}
    name = " ".join(filter(None, (told.get("product"), told.get("date", "")[:10])))
    source = told.get("source", os.path.basename(path))
    layer = QgsRasterLayer(path, name or os.path.splitext(source)[0], "gdal")
    show_first(layer)
    return layer


def alpha_band(layer: QgsRasterLayer) -> int:
    """The band that holds the mask, as QGIS counts it, or 0."""
    provider, kinds = layer.dataProvider(), getattr(Qgis, "RasterColorInterpretation", None)
    wanted = kinds.AlphaBand if kinds else QgsRaster.ColorInterpretation.AlphaBand
    last = provider.bandCount()
    return last if last > 1 and provider.colorInterpretation(last) == wanted else 0


def _facts(layer: Optional[QgsMapLayer], facts: Optional[Facts]) -> Facts:
    """What is known of the layer's own bands. ValueError, a sentence, if they are not a scene's."""
    if layers.is_part(layer):
        raise ValueError("QGIS shows a part of the product here, in its own way. Open it by 'Open a product…' first.")
    path = layers.file_path(layer)
    known = facts or layers.read_facts(path)
    if known.bands > layer.dataProvider().bandCount():
        raise ValueError("The layer shows other bands than the product has. Open it by 'Open a product…' first.")
    if not known.wavelengths:
        raise ValueError("The wavelengths of this layer's bands are not known. Set them under 'Scene settings…'.")
    return known


def _choice(look: Look, facts: Facts) -> Choice:
    found = tuple(_near(facts, wanted) for wanted in look.wavelengths)
    lacking = [wanted for wanted, bands in zip(look.wavelengths, found) if not bands]
    if lacking:
        return Choice(look, None, f"{look.label}: the sensor has no usable band near {lacking[0]:.0f} nm.")
    if len({bands[0] for bands in found}) < len(found):
        return Choice(look, None, f"{look.label}: the sensor's bands are too few to tell its colours apart.")
    return Choice(look, found, f"{look.help}: {', '.join(f'{one:.0f}' for one in look.wavelengths)} nm.")


def _near(facts: Facts, wanted: float) -> Tuple[int, ...]:
    """Numbers of the usable bands near a wavelength, the nearest first."""
    axis = np.array(facts.wavelengths, dtype=float)
    away = np.abs(axis - wanted)
    if facts.good_bands:
        away[~np.array(facts.good_bands)] = np.inf
    away[away > max(LEAST, LEAST_SHARE * wanted)] = np.inf
    order = np.argsort(away, kind="stable")[:_CANDIDATES]
    return tuple(int(index) + 1 for index in order if np.isfinite(away[index]))


def _stretched(path: str, candidates: Tuple[Tuple[int, ...], ...]) -> Tuple[Bands, List[Tuple[float, float]]]:
    """For each colour the first band that holds data, and its 2nd and 98th percentile."""
    dataset = layers.open_raster(path)
    bands, limits = [], []
    for numbers in candidates:
        tried = ((number, _sample(dataset, number)) for number in numbers)
        number, values = next(((one, found) for one, found in tried if found.size), (numbers[0], np.zeros(0)))
        low, high = (float(one) for one in np.percentile(values, [2, 98])) if values.size else (0.0, 1.0)
        bands.append(number)
        limits.append((low, high if high > low else low + 1))
    return (bands[0], bands[1], bands[2]), limits


def _enhanced(layer: QgsRasterLayer, band: int, low: float, high: float) -> QgsContrastEnhancement:
    """The stretch of a band; QGIS shows stored values times the file's scale, plus its offset."""
    provider = layer.dataProvider()
    scale, offset = provider.bandScale(band), provider.bandOffset(band)
    return stretch(layer, band, high * scale + offset, low * scale + offset)


def _sample(dataset: gdal.Dataset, number: int) -> np.ndarray:
    """Valid values of a band, from parts spread over the raster."""
    band = dataset.GetRasterBand(number)
    nodata, masked = band.GetNoDataValue(), bool(band.GetMaskFlags() & gdal.GMF_PER_DATASET)
    found = []
    ends = time.monotonic() + _LONGEST
    for place in _parts(dataset.RasterXSize, dataset.RasterYSize):
        if found and time.monotonic() > ends:
            break
        values = _read(band, place)
        if values is None:
            continue
        valid = np.isfinite(values) & (values != 0)  # a background that no nodata value names
        if nodata is not None:
            valid &= values != nodata
        if masked:
            mask = _read(band.GetMaskBand(), place)
            valid &= True if mask is None else mask != 0
        found.append(values[valid])
    return np.concatenate(found) if found else np.zeros(0)


def _read(band: gdal.Band, place: Tuple[int, int, int, int]) -> Optional[np.ndarray]:
    """Values of a part; None if they cannot be read, also where another plugin switched GDAL's exceptions on."""
    try:
        return band.ReadAsArray(*place)
    except RuntimeError:
        return None


def _parts(cols: int, rows: int) -> List[Tuple[int, int, int, int]]:
    """Left, top, width and height of the parts that are looked at, those far from each other first."""
    if max(cols, rows) <= _WHOLE:
        return [(0, 0, cols, rows)]
    width, height = min(_PART, cols), min(_PART, rows)
    lefts = sorted({round(step * (cols - width) / (_PARTS - 1)) for step in range(_PARTS)})
    tops = sorted({round(step * (rows - height) / (_PARTS - 1)) for step in range(_PARTS)})
    parts = [(left, top, width, height) for top in tops for left in lefts]
    return [part for first in range(7) for part in parts[first::7]]
