"""A product as a virtual raster (VRT): a small file that says what the product's own rasters mean."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree  # nosec B405 # writes, parses nothing

import numpy as np
import rasterio
from rasterio.windows import Window as RasterWindow

from ...products.product import Product
from .masks import Shares, has_mask, masks
from .meaning import DOMAIN, Meaning

IN_PLACE = {"GTiff", "COG", "ENVI", "VRT", "HFA", "EHdr", "PCIDSK", "ERS", "RRASTER"}
"""GDAL's drivers that every build of GDAL has and that read a file alike in all of them."""
TYPES = {"uint8": "Byte", "uint16": "UInt16", "int16": "Int16", "uint32": "UInt32", "int32": "Int32"}
TYPES |= {"float32": "Float32", "float64": "Float64"}


def source_of(product: Product) -> Any | None:
    """The dataset that GDAL reads a product's pixels from in place; None if there is none."""
    dataset, facts = getattr(product, "dataset", None), product.facts
    if dataset is None or dataset.driver not in IN_PLACE or facts.dtype not in TYPES:
        return None
    name, shape = str(dataset.name), (dataset.count, dataset.height, dataset.width)
    if shape != (facts.bands, facts.rows, facts.cols) or set(dataset.dtypes) != {facts.dtype}:
        return None
    return dataset if name.startswith("/vsizip/") or os.path.exists(name) else None


def write_virtual(path: Path, home: Path, product: Product, meaning: Meaning) -> None:
    """Write the virtual raster; the mask beside it, if there is one, counts.

    ``home``: the folder from which its paths to the product shall hold; they are relative where that is possible.
    """
    facts, dataset = meaning.facts, source_of(product)
    root = ElementTree.Element("VRTDataset", rasterXSize=str(facts.cols), rasterYSize=str(facts.rows))
    _place(root, meaning)
    _metadata(root, DOMAIN, meaning.domain_tags())
    _metadata(root, "IMAGERY", meaning.time_tags())
    for band in range(facts.bands):
        _band(root, band, meaning, dataset, home)
    if mask_beside(path).exists():
        masked = ElementTree.SubElement(ElementTree.SubElement(root, "MaskBand"), "VRTRasterBand", dataType="Byte")
        source = ElementTree.SubElement(masked, "SimpleSource")
        ElementTree.SubElement(source, "SourceFilename", relativeToVRT="1").text = mask_beside(path).name
        ElementTree.SubElement(source, "SourceBand").text = "1"
    ElementTree.indent(root)
    path.write_text(ElementTree.tostring(root, encoding="unicode") + "\n", encoding="utf-8")


def mask_beside(path: Path) -> Path:
    """The mask of a virtual raster."""
    return path.with_name(f"{path.stem}_mask.tif")


def write_mask(path: Path, product: Product, flags: Sequence[str]) -> Shares:
    """Write a raster of bytes, 255 where a pixel counts, unless there is nothing to mask; gives what it leaves out."""
    shares, facts = Shares(), product.facts
    if not has_mask(product, flags):
        for _ in masks(product, flags, shares):
            pass
        return shares
    with rasterio.open(
        path, "w", driver="GTiff", width=facts.cols, height=facts.rows, count=1, dtype="uint8", tiled=True,
        blockxsize=256, blockysize=256, compress="deflate", **product.place.profile,
    ) as dataset:  # fmt: skip
        for window, counts in masks(product, flags, shares):
            area = RasterWindow(window.col, window.row, window.cols, window.rows)
            dataset.write(np.where(counts, np.uint8(255), np.uint8(0)), 1, window=area)
    return shares


def _place(root: ElementTree.Element, meaning: Meaning) -> None:
    place = meaning.place
    wkt = place.crs.to_wkt() if place.crs else ""
    if place.gcps:
        listed = ElementTree.SubElement(root, "GCPList", Projection=wkt)
        for number, one in enumerate(place.gcps, start=1):
            at = {"Pixel": one.col, "Line": one.row, "X": one.x, "Y": one.y}
            words = {name: repr(float(value)) for name, value in at.items()}
            ElementTree.SubElement(listed, "GCP", {"Id": str(number), **words})
        return
    if wkt:
        ElementTree.SubElement(root, "SRS").text = wkt
    if place.kind == "grid":
        ElementTree.SubElement(root, "GeoTransform").text = ", ".join(map(repr, place.transform.to_gdal()))


def _metadata(parent: ElementTree.Element, domain: str, tags: dict[str, str]) -> None:
    if not tags:
        return
    listed = ElementTree.SubElement(parent, "Metadata", {"domain": domain} if domain else {})
    for name, value in tags.items():
        ElementTree.SubElement(listed, "MDI", key=name).text = value


def _band(root: ElementTree.Element, band: int, meaning: Meaning, dataset: Any, home: Path) -> None:
    number, facts = str(band + 1), meaning.facts
    kind = TYPES[facts.dtype]
    made = ElementTree.SubElement(root, "VRTRasterBand", dataType=kind, band=number)
    _metadata(made, "", meaning.band_tags(band))
    _metadata(made, "IMAGERY", meaning.imagery_tags(band))
    words = {"Description": meaning.description(band), "UnitType": facts.unit}
    if math.isfinite(meaning.nodata[band]):
        words["NoDataValue"] = repr(float(meaning.nodata[band]))
    if meaning.gains is not None and meaning.offsets is not None:
        words |= {"Scale": repr(float(meaning.gains[band])), "Offset": repr(float(meaning.offsets[band]))}
    for name, value in words.items():
        if value:
            ElementTree.SubElement(made, name).text = value
    source = ElementTree.SubElement(made, "SimpleSource")
    name, relative = _seen_from(home, str(dataset.name))
    ElementTree.SubElement(source, "SourceFilename", relativeToVRT=str(int(relative))).text = name
    ElementTree.SubElement(source, "SourceBand").text = number
    height, width = dataset.block_shapes[band]
    sizes = {"RasterXSize": facts.cols, "RasterYSize": facts.rows, "BlockXSize": width, "BlockYSize": height}
    properties = {name: str(size) for name, size in sizes.items()}
    ElementTree.SubElement(source, "SourceProperties", {**properties, "DataType": kind})


def _seen_from(home: Path, source: str) -> tuple[str, bool]:
    """A source's path as the virtual raster holds it, and whether it is relative to it."""
    if source.startswith("/vsizip/"):
        return source, False
    try:
        return Path(os.path.relpath(source, home)).as_posix(), True
    except ValueError:  # on another drive
        return os.path.abspath(source), False
