"""DESIS L1B, L1C and L2A, as DLR and Teledyne deliver them: METADATA.xml, the image, their folder, or the zip.

DESIS Product Specification, PAV-DLR-ICD-003; product documentation, PAV-DLR-TN-004.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree.ElementTree import Element  # nosec B405: only a type

from .delivery.dlr import MERGED, DlrScene, band_table, find_product, level_of, missing_image, missing_metadata
from .delivery.xml_file import number, text
from .rasters.quality_rasters import CLOUD, HAZE, SHADOW, SNOW

UNIT = "mW/cm2/sr/um"
SCALE, NODATA, MISSING = 0.0001, {"L2A": -32768.0}, 0.0
QUALITY = {"QL_QUALITY-2": {1: SHADOW, 3: SNOW, 4: HAZE, 5: HAZE, 6: CLOUD, 7: CLOUD}}
"""Of L2A; its bands: shadow, land, snow, haze over land, over water, cloud over land, over water, water."""


def recognise(path: Path) -> DlrScene | None:
    """The DESIS scene at a path, or None. ValueError, a sentence, if it cannot be used."""
    product = find_product(_image_of_header(path), "DESIS")
    if product is None:
        return None
    found, root = product
    said = "" if root is None else text(root, "base/productType", ".//productType", ".//processingLevel")
    level = level_of(found, said)
    if root is None:
        if level == "L2A" and found.chosen:
            return None  # reflectance that a raster's reader can use, with the header beside it
        raise missing_metadata(found)
    if MERGED not in found.parts:
        raise missing_image(found)
    # interiorOrientation has elements of this name too, which say nothing of wavelengths
    known = root.findall("specific/bandCharacterisation/band") or root.findall(".//bandCharacterisation/band")
    tags = ("wavelengthCenterOfBand", "wavelengthWidthOfBand", "gainOfBand", "offsetOfBand")
    name = Path(found.parts["METADATA"]).name
    bands = replace(band_table(known, lambda band: band.findtext("bandNumber"), tags, name), surveyed=True)
    scene = DlrScene(found, MERGED, bands)
    try:
        scene.means(bands, level, UNIT, SCALE)
        scene.misses(_missing(root, scene.facts.nodata, level))
        scene.facts = replace(scene.facts, product=f"DESIS {level}", date=text(root, "base/startTime", ".//startTime"))
        scene.flagged(QUALITY)
    except ValueError:
        scene.close()
        raise
    return scene


def _image_of_header(path: Path) -> Path:
    """The image that an ENVI header beside it belongs to."""
    if path.suffix.lower() == ".hdr" and path.stem.upper().endswith(f"-{MERGED}"):
        return next((one for end in (".tif", ".TIF") if (one := path.with_suffix(end)).is_file()), path)
    return path


def _missing(root: Element, tagged: float | None, level: str) -> float:
    said = number(text(root, "specific/backgroundValue", ".//backgroundValue"))
    return next(one for one in (tagged, said, NODATA.get(level), MISSING) if one is not None)
