"""From a layer in QGIS to a source the backend can open, and to the facts the file states about itself.

No widgets. GDAL's exceptions stay as QGIS has them (off): nothing here switches them, results are checked instead.
"""

from __future__ import annotations

import os
from typing import Any, Dict, List, Optional, Tuple

from osgeo import gdal
from qgis.core import QgsMapLayer, QgsRasterLayer
from qgis.PyQt.QtGui import QColor

from ..backend.facts import Facts, Numbers, spectral_axis, stated_scale
from .containers import file_behind, is_container

_REMOTE_DRIVERS = ("WMS", "WMTS", "WCS", "HTTP", "DAAS", "EEDAI", "PLMOSAIC", "NGW", "OGCAPI", "STACIT", "STACTA")
_EXPORT = "Save it as a file first (right click on the layer, Export, Save As)."


def source_path(layer: Optional[QgsMapLayer]) -> str:
    """The file or folder that a scene's layer comes from. ValueError, a sentence, says why there is none.

    A layer of a part (of an HDF5 or netCDF file, a Zarr folder, a zip) leads to the whole: the backend knows products.
    """
    source = _source(layer)
    found = file_behind(source)
    if not found:
        raise ValueError(_no_file(layer, source))
    return found


def is_part(layer: Optional[QgsMapLayer]) -> bool:
    """Whether a layer shows a part of the file that it leads to, as QGIS sees it. ValueError if there is no file."""
    return source_path(layer) != _source(layer)


def file_path(layer: Optional[QgsMapLayer]) -> str:
    """The file that a raster layer is, itself. ValueError, a sentence, says why there is none."""
    source = _source(layer)
    if source.startswith("/vsi") or not os.path.exists(source):
        raise ValueError(_no_file(layer, source))
    return source


def _source(layer: Optional[QgsMapLayer]) -> str:
    """What GDAL opens for a layer, without QGIS's options."""
    if layer is None:
        raise ValueError("Choose a raster layer.")
    name = layer.name()
    if not isinstance(layer, QgsRasterLayer):
        raise ValueError(f"The layer '{name}' is not a raster. Choose a raster layer.")
    if layer.providerType() != "gdal":
        raise ValueError(f"The layer '{name}' comes from a service, not from a file. {_EXPORT}")
    if not layer.isValid():
        raise ValueError(f"The layer '{name}' is broken. Repair its source or load it again.")
    source = layer.source()
    if not os.path.exists(source):  # a file's own name may hold a "|"
        source = source.split("|", 1)[0]
    return source


def _no_file(layer: QgsMapLayer, source: str) -> str:
    if source.startswith("/vsi") or "://" in source:
        return f"The layer '{layer.name()}' lies in an archive or on a server. {_EXPORT}"
    return f"The layer '{layer.name()}' is not a file of its own, or the file is gone. {_EXPORT}"


def plain_facts(source: str) -> Optional[Facts]:
    """What QGIS's GDAL sees in a scene's header; None where it would be fooled: folders, HDF5, netCDF, archives.

    ValueError if it is no local raster.
    """
    return None if is_container(source) else read_facts(source)


def read_facts(source: str) -> Facts:
    """What the file states about itself, read from its header only. ValueError if it is no local raster."""
    dataset = open_raster(source)
    if dataset.GetDriver().ShortName.upper() in _REMOTE_DRIVERS or not _is_local(dataset):
        raise ValueError(f"{source} is not a file on this computer. {_EXPORT}")
    if dataset.RasterCount == 0:
        raise ValueError(f"The file {source} holds several rasters. Choose one of them when you add the layer.")
    return _facts(dataset)


def band_names(source: str) -> List[str]:
    """The name of each band, 'Band 3' where the file gives none."""
    dataset = open_raster(source)
    numbers = range(1, dataset.RasterCount + 1)
    return [dataset.GetRasterBand(number).GetDescription() or f"Band {number}" for number in numbers]


def value_names(source: str) -> List[str]:
    """Names of the values 0, 1, 2 ... as they stand in a raster's first band; QGIS reads no files beside it."""
    tags = _value_tags(source, "category_")
    return [tags.get(value, str(value)) for value in range(len(tags))]


def value_colours(source: str) -> Dict[int, str]:
    """Colours (#rrggbb) of the values that have one, as they stand in a raster's first band."""
    return {value: text for value, text in _value_tags(source, "colour_").items() if QColor(text).isValid()}


def _value_tags(source: str, prefix: str) -> Dict[int, str]:
    dataset = open_raster(source)  # held: its bands die with it
    tags = dataset.GetRasterBand(1).GetMetadata() or {}
    found = {key[len(prefix) :]: text for key, text in tags.items() if key.startswith(prefix)}
    return {int(value): text for value, text in found.items() if value.isdecimal()}


def open_raster(source: str) -> Any:
    """GDAL's dataset. ValueError if it cannot be opened, also where another plugin switched GDAL's exceptions on."""
    try:
        dataset = gdal.Open(source)
    except RuntimeError:
        dataset = None
    if dataset is None:
        raise ValueError(f"The file {source} cannot be opened. Was it moved or deleted?")
    return dataset


def _is_local(dataset: Any) -> bool:
    return any(os.path.exists(path) and not path.startswith("/vsi") for path in dataset.GetFileList() or [])


def _facts(dataset: Any) -> Facts:
    bands = [dataset.GetRasterBand(number) for number in range(1, dataset.RasterCount + 1)]
    envi = dataset.GetMetadata("ENVI") or {}
    wavelengths, fwhm, good_bands = _axis(bands, envi)
    return Facts(
        bands=len(bands),
        rows=dataset.RasterYSize,
        cols=dataset.RasterXSize,
        dtype=_dtype(bands[0].DataType),
        georeferenced=dataset.GetSpatialRef() is not None and dataset.GetGeoTransform(can_return_null=True) is not None,
        nodata=bands[0].GetNoDataValue(),
        scale=stated_scale(bands[0].GetScale(), envi),
        wavelengths=wavelengths,
        fwhm=fwhm,
        good_bands=good_bands,
    )


def _axis(bands: List[Any], envi: Dict[str, str]) -> Tuple[Numbers, Numbers, Tuple[bool, ...]]:
    tags = [{**(band.GetMetadata() or {}), **(band.GetMetadata("IMAGERY") or {})} for band in bands]
    return spectral_axis(envi, tags, [band.GetDescription() for band in bands])


def _dtype(kind: int) -> str:
    name = gdal.GetDataTypeName(kind).lower()
    return {"byte": "uint8"}.get(name, name.replace("cfloat", "complex_float").replace("cint", "complex_int"))
