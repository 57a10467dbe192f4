"""EO-1 Hyperion L1T and L1Gst: a GeoTIFF for each of 242 bands, of radiance, and a text of metadata; L1R as one file.

EO-1 User Guide and USGS' format control books. The product names no wavelengths: USGS published them for the sensor.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rasterio.env import Env
from rasterio.errors import RasterioError
from rasterio.io import MemoryFile

from ..facts import RADIANCE, Facts
from .delivery.files import Found, find
from .delivery.xml_file import number
from .product import Product
from .raster import Raster, opened

NAMES = re.compile(
    r"(?P<base>EO1H[A-Z0-9]+)_(?P<part>B\d{3}_L1[A-Z]+(?=\.TIFF?$)|MTL(?:_L1[A-Z]+)?(?=\.(?:TXT|L1\w+)$))\.\w+",
    re.IGNORECASE,
)
SWATH = re.compile(r"EO1H[A-Z0-9_]+\.(L1R|HDR)", re.IGNORECASE)
BANDS, VNIR = 242, 70
"""Bands of the sensor, and how many of them, the first, are the VNIR's."""
BAD = (*range(1, 8), *range(58, 77), *range(225, 243))
"""Bands that are not calibrated: 0 everywhere."""
FACTORS = (40.0, 80.0)
"""Stored value that means radiance 1: VNIR, SWIR."""
UNIT = "W/m2/sr/um"
TABLE, SENSOR = Path(__file__).parents[2] / "resources" / "sensors.json", "Hyperion (EO-1), 242 bands"
ALONE = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR"}
"""GDAL's setting to open a file without a look at the hundreds beside it."""
TYPES = {"int16": "Int16", "uint16": "UInt16", "int32": "Int32", "uint32": "UInt32", "float32": "Float32"}
"""GDAL's names of what a band can hold."""
AGAIN = "Copy or download the product again."


def recognise(path: Path) -> Product | None:
    """The Hyperion scene at a path: its folder, its zip or any file of it, or None.

    ValueError, a sentence, if it cannot be used.
    """
    if SWATH.fullmatch(path.name) and path.is_file():
        return _swath(path)
    found = find(path, NAMES)
    if found is None:
        return None
    level, bands = _bands(found)
    if not bands:
        raise ValueError(
            f"No band of {found.base} lies beside its metadata. Copy {found.base}_B001_L1T.TIF and the others there."
        )
    return Hyperion(found, level, bands)


class Band(NamedTuple):
    """A band of the sensor, from 1, and the file that holds it."""

    number: int
    name: str


class Hyperion(Raster):
    """The bands of one scene, read as one raster: GDAL opens their files when they are read, and few at a time."""

    def __init__(self, found: Found, level: str, bands: Sequence[Band]) -> None:
        """Open the bands. ValueError, a sentence, if they do not fit each other."""
        stack, strips = _stack(found, bands)
        self._memory = MemoryFile(stack, ext=".vrt")
        try:
            super().__init__(self._memory.open(), found.delivery.path, eager=True, in_strips=strips)
        except RasterioError as error:
            self._memory.close()
            raise ValueError(f"The bands of {found.base} cannot be read as one scene ({error}). {AGAIN}") from error
        named = found.parts.get(f"MTL_{level}") or found.parts.get("MTL")
        said = _metadata(found.delivery.content(named).decode("utf-8", "replace")) if named else {}
        names = [*([named] if named else []), *(band.name for band in bands)]
        self.files = tuple(dict.fromkeys(map(found.delivery.on_disk, names)))
        _is_radiance(self, [band.number for band in bands], said)
        missing = sorted(set(range(1, BANDS + 1)) - {band.number for band in bands} - set(BAD))
        if missing:
            listed = ", ".join(map(str, missing[:8])) + (f" and {len(missing) - 8} more" if len(missing) > 8 else "")
            self.facts = replace(self.facts, notes=(f"Files of these bands are missing: {listed}.",))
        self.facts = replace(self.facts, product=f"Hyperion {level}", date=_date(said, found.base))

    def close(self) -> None:
        """Close all files."""
        super().close()
        with suppress(RasterioError):
            self._memory.close()


def _bands(found: Found) -> tuple[str, list[Band]]:
    """The level and its bands in order. ValueError, a sentence, if the files of several levels lie there."""
    by_level: dict[str, list[Band]] = {}
    for part, name in sorted(found.parts.items()):
        if part.startswith("B"):
            band, level = part[1:].split("_")
            if 1 <= int(band) <= BANDS:
                by_level.setdefault(level, []).append(Band(int(band), name))
    chosen = found.chosen.rpartition("_")[2]
    if len(by_level) > 1 and chosen not in by_level:
        raise ValueError(
            f"{found.delivery.path} holds {' and '.join(by_level)} of {found.base}. Choose a band of one of them."
        )
    level = chosen if chosen in by_level else next(iter(by_level), "")
    return level, by_level.get(level, [])


def _stack(found: Found, bands: Sequence[Band]) -> tuple[bytes, bool]:
    """A virtual raster of the bands' files, and whether these lie in whole rows.

    ValueError, a sentence, if their sizes, places or types differ.
    """
    shapes: dict[tuple[Any, ...], str] = {}
    in_strips = True
    for band in bands:
        with Env(**ALONE), found.delivery.raster(band.name) as dataset:
            crs = dataset.crs.to_wkt() if dataset.crs else ""
            shape = (dataset.width, dataset.height, dataset.dtypes[0], tuple(dataset.transform.to_gdal()), crs)
            in_strips &= dataset.block_shapes[0][1] == dataset.width
            shapes.setdefault(shape, Path(band.name).name)
    if len(shapes) > 1:
        one, other = list(shapes.values())[:2]
        raise ValueError(f"The bands {one} and {other} differ in size, place or type. {AGAIN}")
    ((cols, rows, dtype, transform, crs),) = shapes
    if dtype not in TYPES:
        raise ValueError(f"The bands of {found.base} hold {dtype}, which no Hyperion product does. {AGAIN}")
    size = f'xOff="0" yOff="0" xSize="{cols}" ySize="{rows}"'
    lines = [f'<VRTDataset rasterXSize="{cols}" rasterYSize="{rows}">']
    if crs:
        lines.append(f"<SRS>{escape(crs)}</SRS>")
    lines.append(f"<GeoTransform>{', '.join(map(repr, transform))}</GeoTransform>")
    for at, band in enumerate(bands, start=1):
        lines.append(
            f'<VRTRasterBand dataType="{TYPES[dtype]}" band="{at}"><SimpleSource><SourceFilename relativeToVRT="0">'
            f"{escape(_absolute(found, band.name))}</SourceFilename><SourceBand>1</SourceBand>"
            f'<SourceProperties RasterXSize="{cols}" RasterYSize="{rows}" DataType="{TYPES[dtype]}"/>'
            f"<SrcRect {size}/><DstRect {size}/></SimpleSource></VRTRasterBand>"
        )
    return "\n".join([*lines, "</VRTDataset>"]).encode("utf-8"), in_strips


def _absolute(found: Found, name: str) -> str:
    path = found.delivery.gdal_path(name)
    return path if found.zipped else str(Path(path).absolute())


def _is_radiance(scene: Raster, bands: Sequence[int], said: dict[str, str]) -> None:
    """Settle what values mean: radiance, by the factors that the metadata state or else the user guide.

    0 in every band is outside the image; a single 0 costs no pixel.
    """
    stated = [number(said.get(f"SCALING_FACTOR_{detector}")) or 0.0 for detector in ("VNIR", "SWIR")]
    vnir, swir = (own if own > 0 else usual for own, usual in zip(stated, FACTORS, strict=True))
    at = np.array(bands)
    scene.gains, scene.offsets = np.where(at <= VNIR, 1 / vnir, 1 / swir), np.zeros(len(at))
    scene.nodata = np.full(len(at), np.nan)
    wavelengths, fwhm = _table()
    scene.facts = replace(
        scene.facts,
        wavelengths=tuple(wavelengths[one - 1] for one in bands),
        fwhm=tuple(fwhm[one - 1] for one in bands),
        good_bands=tuple(one not in BAD for one in bands),
        quantity=RADIANCE,
        unit=UNIT,
        nodata=0.0,
        scale=None,
        notes=(),
    )


def _table() -> tuple[list[float], list[float]]:
    """Wavelengths and widths of the sensor's bands, nm."""
    listed = json.loads(TABLE.read_text(encoding="utf-8"))["sensors"]
    found = next(one for one in listed if one["name"] == SENSOR)
    return found["wavelengths"], found["fwhm"]


def _metadata(content: str) -> dict[str, str]:
    """KEY = VALUE lines, of all groups."""
    pairs = (line.split("=", 1) for line in content.splitlines() if "=" in line)
    return {key.strip().upper(): value.strip().strip('"') for key, value in pairs}


def _date(said: dict[str, str], base: str) -> str:
    """When the scene was taken: by the metadata, or the day by the scene's name (path, row, year, day of the year)."""
    day = re.fullmatch(r"(\d{4}-\d\d-\d\d).*", said.get("ACQUISITION_DATE", ""))
    time = re.search(r"\d\d:\d\d:\d\d", said.get("START_TIME", ""))
    if day:
        return f"{day[1]}T{time.group()}Z" if time else day[1]
    named = re.match(r"EO1H\d{6}(\d{4})(\d{3})", base, re.IGNORECASE)
    if not named or not 1 <= int(named[2]) <= 366 or not int(named[1]):
        return ""
    return (date(int(named[1]), 1, 1) + timedelta(days=int(named[2]) - 1)).isoformat()


def _swath(path: Path) -> Product:
    """L1R, in the sensor's geometry: one file of all bands, which GDAL reads by the ENVI header beside it."""
    image = path
    if path.suffix.lower() == ".hdr":
        beside = [one for end in (".L1R", ".l1r") if (one := path.with_suffix(end)).is_file()]
        if not beside:
            raise ValueError(f"The file {path} is an ENVI header. Choose the data file that belongs to it.")
        image = beside[0]
    try:
        scene = Raster(opened(image), image)
    except ValueError as error:
        raise ValueError(
            f"The Hyperion L1R file {image} is HDF4, which Mixel cannot read without its ENVI header. Download the "
            "scene as L1T or L1Gst GeoTIFFs."
        ) from error
    facts: Facts = scene.facts
    if facts.bands != BANDS:
        scene.close()
        raise ValueError(f"The file {image} has {facts.bands} bands, and Hyperion L1R has {BANDS}. {AGAIN}")
    _is_radiance(scene, range(1, BANDS + 1), {})
    scene.facts = replace(scene.facts, product="Hyperion L1R", date=_date({}, image.stem))
    return scene
