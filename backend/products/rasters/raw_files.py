"""Raw binary rasters with a header beside them: whether they are whole, and what GDAL loses of the header."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS

from ...axis import number, split
from ...place import Place
from ..envi.header import header_of, is_header, read_header
from ..product import Numbers
from .band_metadata import domain, readable

RAW = ("ENVI", "EHdr")
GZIP = b"\x1f\x8b"
_CHUNK = 1 << 16
"""Bytes unpacked at once: a cut file is counted to this much."""


def header_file(dataset: Any, path: Path) -> Path | None:
    """The ENVI header that GDAL reads a dataset by, or None for a dataset of another format."""
    if dataset.driver != "ENVI":
        return None
    listed: list[str] = readable(lambda: list(dataset.files), [])
    found = [Path(one) for one in listed if one.lower().endswith(".hdr")]
    return next((one for one in found if is_header(one)), None) or header_of(path)


def fields_of(header: Path | None) -> dict[str, str]:
    """The fields of a header, keys in small letters with single spaces; empty without one."""
    try:
        return read_header(header) if header else {}
    except OSError:
        return {}


def check_whole(dataset: Any, path: Path, header: Mapping[str, str]) -> None:
    """ValueError, a sentence with both sizes, if a raw file is shorter than its header says, also if packed by gzip."""
    if dataset.driver not in RAW or not path.is_file() or domain(dataset, "IMAGE_STRUCTURE", 1).get("NBITS"):
        return
    with path.open("rb") as file:
        packed = file.read(2) == GZIP
    if not packed and (number(header.get("file compression", "")) or 0) != 0:
        return
    offset = int(max(number(header.get("header offset", "")) or 0, 0))
    value = np.dtype(dataset.dtypes[0].replace("complex_int16", "int32")).itemsize
    expected = offset + dataset.count * dataset.height * dataset.width * value
    size = _unpacked(path, expected) if packed else path.stat().st_size
    if size < expected:
        raise ValueError(
            f"The scene {path} cannot be read: by its header it has {expected:,} bytes, and the file has {size:,}"
            f"{' when it is unpacked' if packed else ''}. Copy or download it again."
        )


def _unpacked(path: Path, expected: int) -> int:
    """Bytes in a gzip file, not counted beyond ``expected``; GDAL reads zeros where a cut file has none.

    A whole file says its length at its end; only one that says another is unpacked, to nothing.
    """
    with path.open("rb") as file:
        file.seek(-4, 2)
        if int.from_bytes(file.read(), "little") == expected % 2**32:
            return expected
    found = 0
    try:
        with gzip.open(path) as unpacked:
            while found < expected and (part := unpacked.read(_CHUNK)):
                found += len(part)
    except (EOFError, OSError, zlib.error):  # here it ends or is damaged
        pass
    return found


def nodata_of(header: Mapping[str, str], bands: int) -> tuple[list[float | None], str]:
    """The ignore value of each band as a header states it, one for all or a list; and what has to be told of it."""
    parts = split(header.get("data ignore value", ""))
    values = [float("nan") if part.lower() == "nan" else number(part) for part in parts]
    if len(values) == bands:
        return values, ""
    if len(set(values)) == 1:
        return [values[0]] * bands, ""
    told = f"The ENVI header: {len(values)} ignore values are listed for {bands} bands; they are not used."
    return [None] * bands, told if values else ""


def factors_of(header: Mapping[str, str], bands: int) -> tuple[Numbers | None, Numbers | None]:
    """Gains and offsets (bands,) of a header, where it lists one for each band."""

    def listed(key: str) -> Numbers | None:
        values = [number(part) for part in split(header.get(key, ""))]
        if len(values) != bands or any(one is None for one in values):
            return None
        return np.array(values, dtype=float)

    return listed("data gain values"), listed("data offset values")


def place_of(header: Mapping[str, str]) -> Place:
    """The place by a header's geo points (column, row, latitude, longitude; from 1 at the upper left corner)."""
    values = [number(part) for part in split(header.get("geo points", ""))]
    numbers = [one for one in values if one is not None]
    if len(numbers) != len(values) or len(numbers) % 4 or len(numbers) < 12:
        return Place()
    points = [numbers[at : at + 4] for at in range(0, len(numbers), 4)]
    return Place(
        CRS.from_epsg(4326), gcps=tuple(GroundControlPoint(y - 1, x - 1, lon, lat) for x, y, lat, lon in points)
    )
