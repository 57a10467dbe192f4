"""EnMAP L1B, L1C and L2A, as DLR delivers them: METADATA.XML, the image, their folder, or the zip.

HSI Product Specification, EN-PCV-ICD-2009-2.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree.ElementTree import Element  # nosec B405: only a type

from rasterio.rpc import RPC

from ..place import Place, from_rpcs
from .delivery.dlr import (
    AGAIN,
    IMAGES,
    MERGED,
    SWIR,
    VNIR,
    BandTable,
    DlrScene,
    band_table,
    find_product,
    level_of,
    missing_image,
    missing_metadata,
)
from .delivery.files import Found
from .delivery.xml_file import number, text
from .rasters.quality_rasters import CIRRUS, CLOUD, HAZE, SHADOW, SNOW

UNIT = "W/m2/sr/nm"
SCALE, NODATA = 0.0001, {"L2A": -32768.0}
"""Of reflectance by the specification; radiance has 0 outside the image."""
QUALITY = {
    "QL_QUALITY_CLOUD": {1: CLOUD},
    "QL_QUALITY_CIRRUS": {1: CIRRUS},
    "QL_QUALITY_CLOUDSHADOW": {1: SHADOW},
    "QL_QUALITY_SNOW": {1: SNOW},
    "QL_QUALITY_HAZE": {1: HAZE},
}
COEFFICIENTS = 20


def recognise(path: Path) -> DlrScene | None:
    """The EnMAP scene at a path, or None. ValueError, a sentence, if it cannot be used."""
    product = find_product(path, "EnMAP")
    if product is None:
        return None
    found, root = product
    level = level_of(found, "" if root is None else text(root, "metadata/schema/processingLevel", "base/level"))
    if root is None:
        if level == "L2A" and found.chosen:
            return None  # reflectance that a raster's reader can use; it says that it knows no wavelengths
        raise missing_metadata(found)
    image = found.chosen if found.chosen in IMAGES else next((one for one in IMAGES if one in found.parts), "")
    if not image:
        raise missing_image(found)
    bands = _bands(root, image, found)
    scene = DlrScene(found, image, bands)
    try:
        scene.means(bands, level, UNIT, SCALE)
        _describe(scene, root, level, image, found)
    except ValueError:
        scene.close()
        raise
    return scene


def _describe(scene: DlrScene, root: Element, level: str, image: str, found: Found) -> None:
    detector = {VNIR: "vnir", SWIR: "swir"}.get(image, "merge")
    where = f"product/image/{detector}/dimension"
    scene.check_size(text(root, f"{where}/rows"), text(root, f"{where}/columns"))
    scene.misses(NODATA.get(level, 0.0) if scene.facts.nodata is None else scene.facts.nodata)
    kind = f" {detector.upper()}" if detector != "merge" else ""
    date = text(root, "base/temporalCoverage/startTime")
    scene.facts = replace(scene.facts, product=f"EnMAP {level}{kind}", date=date)
    if detector == "merge":
        scene.flagged(QUALITY)
        return
    scene.lies(_place(root, image, scene))
    other = {"vnir": SWIR, "swir": VNIR}[detector]
    scene.tell(
        f"VNIR and SWIR of this level are two scenes that do not lie on one another. This is the {detector.upper()}; "
        f"to use the other one, {'unpack the zip and ' if found.zipped else ''}choose "
        f"{Path(found.parts[other]).name if other in found.parts else 'its image'}."
    )
    if detector == "vnir":
        scene.flagged(QUALITY)
    else:
        scene.tell("The quality rasters lie on the VNIR: clouds cannot be left out of the SWIR.")


def _bands(root: Element, image: str, found: Found) -> BandTable:
    name = Path(found.parts["METADATA"]).name
    tags = ("wavelengthCenterOfBand", "FWHMOfBand", "GainOfBand", "OffsetOfBand")
    known = root.findall("specific/bandCharacterisation/bandID")
    table = band_table(known, lambda band: band.get("number"), tags, name)
    told = len(root.findall("product/bandStatistics/bandID")) == len(table) or image != MERGED
    table = replace(table, good=_good(root, len(table)), surveyed=told)
    if image == MERGED:
        return table
    stated = text(root, "product/image/vnir/channels", "specific/numberOfVNIRBands")
    vnir = number(stated)
    if vnir is None or not 0 < vnir < len(table):
        raise ValueError(f"The file {name} is damaged: it does not say how many bands the VNIR has. {AGAIN}")
    return table[: int(vnir)] if image == VNIR else table[int(vnir) :]


def _good(root: Element, bands: int) -> tuple[bool, ...]:
    """Bands that hold something, by their statistics: without spread and below 0 they hold nodata only."""
    good = [True] * bands
    numbers = sorted(number(one.get("number")) or 0 for one in root.findall("specific/bandCharacterisation/bandID"))
    for one in root.findall("product/bandStatistics/bandID"):
        mean, spread, band = (
            number(one.findtext("mean")),
            number(one.findtext("stdDeviation")),
            number(one.get("number")),
        )
        if mean is not None and mean < 0 and spread == 0 and band in numbers:
            good[numbers.index(band)] = False
    return tuple(good) if any(good) and not all(good) else ()


def _place(root: Element, image: str, scene: DlrScene) -> Place:
    """The place of a scene in the sensor's geometry, by the rational polynomials of its middle band."""
    by_number = {number(one.get("number")): one for one in root.findall("product/navigation/RPC/bandID")}
    numbers = sorted(one for one in by_number if one is not None)
    ours = numbers[: scene.facts.bands] if image == VNIR else numbers[-scene.facts.bands :]
    place = Place()
    if ours:
        rpcs = _rpcs(by_number[ours[len(ours) // 2]])
        place = from_rpcs(rpcs, scene.facts.rows, scene.facts.cols) if rpcs else place
    scene.tell(
        f"The scene is placed by rational polynomials (RPCs): its results get {len(place.gcps)} ground control points "
        "computed by them at the mean height. Relief shifts pixels against the map."
        if place.gcps
        else "The METADATA.XML holds no usable rational polynomials (RPCs): the scene has no place on the map."
    )
    return place


def _rpcs(element: Element) -> RPC | None:
    def value(tag: str) -> float | None:
        return number(element.findtext(tag))

    terms = {
        f"{ours}_{kind.lower()}_coeff": [value(f"{theirs}_{kind}_{at}") for at in range(1, COEFFICIENTS + 1)]
        for ours, theirs in (("line", "ROW"), ("samp", "COL"))
        for kind in ("NUM", "DEN")
    }
    sizes = {
        f"{ours}_{kind.lower()}": value(f"{theirs}_{kind}")
        for ours, theirs in (("line", "ROW"), ("samp", "COL"), ("lat", "LAT"), ("long", "LONG"), ("height", "HEIGHT"))
        for kind in ("OFF", "SCALE")
    }
    known = [*sizes.values(), *(one for listed in terms.values() for one in listed)]
    return None if None in known else RPC(**sizes, **terms)
