"""ENVI files of imaging spectrometers: HySpex, Headwall, Cubert, Resonon, CASI, HyMap, AVIRIS, APEX and others.

What their headers and names say of the values is used: radiance and raw counts are never taken for reflectance. A
format of AVIRIS: https://aviris.jpl.nasa.gov (readme of its deliveries); the others by their makers' manuals.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..facts import COUNTS, RADIANCE
from . import raster, specim
from .envi.header import header_of, numbers, read_header
from .envi.quantity import settle, stated
from .product import Numbers, Product

INSTRUMENTS = {
    "HySpex": r"hyspex|(?:VNIR|SWIR)[_-]\d+\w*[_-]SN\d+",
    "Headwall": r"headwall|hyperspec\b|^raw_\d+",
    "Cubert": r"\bcubert\b",
    "Resonon": r"\bresonon\b|\bpika\b|_pika_|spectronon|\bSpecCube\b",
    "HyMap": r"hymap|hyvista",
    "CASI": r"(?<![a-z])casi(?![a-z])|\bitres\b",
    "AVIRIS-NG": r"^ang\d{8}t\d{6}|aviris[- _]?ng",
    "AVIRIS-3": r"^av3\d{8}t\d{6}|aviris[- _]?3",
    "AVIRIS": r"^f\d{6}t\d\dp\d\dr\d\d|\baviris\b",
    "APEX": r"(?<![a-z])apex(?![a-z])",
    "PRISMA": r"^PRS_L[12]",
}
"""By what a file's name or its header's description tells its instrument; the first that fits counts."""
DESCRIBING = ("description", "sensor type", "imager type", "camera", "history", "instrument", "acquisition sensor")
AVIRIS_UNIT = "uW/cm2/sr/nm"
AVIRIS_NODATA = -9999.0
FLIGHT = re.compile(r"f\d{6}t\d\dp\d\dr\d\d", re.IGNORECASE)


def recognise(path: Path) -> Product | None:
    """An ENVI file whose instrument or quantity is known. ValueError, a sentence, if it is damaged."""
    header = header_of(path)
    if header is None or specim.is_specim(path, header):
        return None
    fields = read_header(header)
    instrument = _instrument(path.name, fields)
    found = raster.recognise(path)
    said = stated(fields, path.name, np.dtype(found.facts.dtype).kind in "iu")
    if not instrument and said.quantity not in (RADIANCE, COUNTS):
        found.close()
        return None
    found.facts = replace(found.facts, product=instrument or found.facts.product)
    settle(found, said)
    if header not in found.files:
        found.files = (*found.files, header)
    if instrument.startswith("AVIRIS"):
        _aviris(found, path)
    return found


def _instrument(name: str, fields: Mapping[str, str]) -> str:
    texts = [name, *(fields.get(key, "") for key in DESCRIBING)]
    for instrument, pattern in INSTRUMENTS.items():
        if any(re.search(pattern, text, re.IGNORECASE) for text in texts):
            return instrument
    return ""


def _aviris(found: Product, path: Path) -> None:
    """What AVIRIS' deliveries leave to their readmes: unit, value of missing pixels, gains in a file of their own."""
    if found.nodata is None or np.isnan(found.nodata).all():
        found.nodata = np.full(found.facts.bands, AVIRIS_NODATA)
        found.facts = replace(found.facts, nodata=AVIRIS_NODATA)
    if found.facts.quantity != RADIANCE:
        return
    found.facts = replace(found.facts, unit=found.facts.unit or AVIRIS_UNIT)
    flight = FLIGHT.match(path.name)
    if flight is None or np.dtype(found.facts.dtype).kind == "f":
        return
    beside = sorted(one for one in path.parent.iterdir() if one.suffix.lower() == ".gain")
    for file in [one for one in beside if one.name.lower().startswith(flight.group().lower())]:
        factors = _gain_factors(file, found.facts.bands)
        found.gains, found.offsets = 1 / factors, np.zeros(len(factors))
        found.files = (*found.files, file)
        return
    notes = f"No file {flight.group()}*.gain lies beside it: radiance has the unit of the stored values."
    found.facts = replace(found.facts, unit="", notes=(*found.facts.notes, notes))


def _gain_factors(file: Path, bands: int) -> Numbers:
    """Stored values of radiance 1 (bands,): a line a band, with the band's number before or behind the factor."""
    rows = [numbers(line) for line in file.read_text(encoding="latin-1").splitlines() if line.strip()]
    order = [float(number) for number in range(1, bands + 1)]
    for column in range(min((len(row) for row in rows), default=0)):
        values = [row[column] for row in rows]
        if len(values) == bands and values not in (order, [one - 1 for one in order]) and min(values) > 0:
            return np.array(values)
    raise ValueError(f"The gains in {file} do not fit the {bands} bands of the scene. Put the right file beside it.")
