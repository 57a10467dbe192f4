"""Wavelengths out of what a user pastes or a text file holds: lists, tables, ENVI headers. No QGIS inside."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from ..backend.facts import spectral_axis

SENSORS = Path(__file__).resolve().parent.parent / "resources" / "sensors.json"
_LARGEST = 5_000_000
"""Bytes of a text file of wavelengths; what is larger is something else."""
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_FREE_NUMBER = re.compile(r"(?<![\w.-])[-+]?\.?\d")
_BAND_NAME = re.compile(r"\b(?:band|b|ch|channel|oa)[-_ ]?\d+[a-z]?\b(?!\.\d)", re.IGNORECASE)
_ENVI = re.compile(r"^[ \t]*([a-z][a-z ]{0,40}?)[ \t]*=[ \t]*(\{[^}]*\}?|[^\n]*)", re.IGNORECASE | re.MULTILINE)
_DECIMAL_COMMA = re.compile(r"\s*\d+,\d\s*")
_DESCENTS = 0.2
"""A plain list descends seldom (where a second detector begins), a table of several columns at every line."""


class Axis(NamedTuple):
    """Wavelengths and, if known, full widths at half maximum, in nm."""

    wavelengths: Tuple[float, ...]
    fwhm: Tuple[float, ...] = ()

    def as_text(self) -> str:
        """As a user edits it: a line a band."""
        if self.fwhm:
            return "\n".join(f"{_short(wave)}\t{_short(width)}" for wave, width in zip(self.wavelengths, self.fwhm))
        return "\n".join(map(_short, self.wavelengths))


class Sensor(NamedTuple):
    """A sensor whose bands are well known."""

    name: str
    source: str
    axis: Axis


def sensors() -> List[Sensor]:
    """All sensors that come with Mixel."""
    listed = json.loads(SENSORS.read_text(encoding="utf-8"))["sensors"]
    return [
        Sensor(one["name"], one["source"], Axis(tuple(map(float, one["wavelengths"])), tuple(map(float, one["fwhm"]))))
        for one in listed
    ]


def read(path: str) -> Axis:
    """The wavelengths in a text file. ValueError, a sentence, if there are none."""
    try:
        if Path(path).stat().st_size > _LARGEST:
            raise ValueError(f"{path} is too large for a list of wavelengths. Choose a header, a table or a text.")
        text = Path(path).read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror or error}).") from error
    if "\0" in text:
        raise ValueError(f"{path} is no text. Choose an ENVI header (.hdr), a table (.csv) or a text of wavelengths.")
    return parse(text)


def parse(text: str) -> Axis:
    """Wavelengths in nm out of a list, a table or an ENVI header. ValueError, a sentence, if there are none.

    Micrometres are told from nanometres by the numbers: the first never exceed 100, the second never fall below.
    """
    headed = _header(text)
    if headed:
        return headed
    rows = [line for line in text.splitlines() if line.strip()]
    is_headed = len(rows) > 1 and not _FREE_NUMBER.search(rows[0]) and bool(_FREE_NUMBER.search(rows[1]))
    titles = rows.pop(0) if is_headed else ""
    if all(map(_DECIMAL_COMMA.fullmatch, rows)):
        rows = [line.replace(",", ".") for line in rows]
    table = [_numbers(line) for line in rows]
    numbers = [value for row in table for value in row]
    if not numbers:
        raise ValueError("There are no wavelengths in this text: it needs a number for each band.")
    columns = min(len(row) for row in table if row)
    if (titles and columns in (1, len(_names(titles)))) or _is_table(table, numbers):
        return _columns([row for row in table if row], titles)
    return _in_nm(numbers, [])


def _header(text: str) -> Optional[Axis]:
    """The axis of an ENVI header; None if the text is none."""
    fields: Dict[str, str] = {key.lower().strip(): value for key, value in _ENVI.findall(text)}
    if "wavelength" not in fields:
        return None
    listed = fields["wavelength"].strip(" {}\n\r").rstrip(",")
    count = len([one for one in listed.split(",") if one.strip()])
    envi = {
        "wavelength": listed,
        "fwhm": fields.get("fwhm", ""),
        "wavelength_units": fields.get("wavelength units", ""),
    }
    wavelengths, fwhm, _ = spectral_axis(envi, [{}] * count, [""] * count)
    if not wavelengths:
        raise ValueError("The wavelengths of this header are not lengths, or not all of them are numbers above 0.")
    return Axis(tuple(wavelengths), tuple(fwhm or ()))


def _numbers(line: str) -> List[float]:
    """The numbers of a line; names such as B8A are none. Commas are decimal where something else separates."""
    if re.search(r"[;\t]", line) and re.search(r"\d,\d", line) and "." not in line:
        line = line.replace(",", ".")
    found = _NUMBER.findall(_BAND_NAME.sub(" ", line)) or _NUMBER.findall(line.replace("_", " "))
    return [float(one) for one in found]


def _is_table(table: Sequence[Sequence[float]], numbers: Sequence[float]) -> bool:
    widths = {len(row) for row in table if row}
    if len(widths) > 1 or max(widths) < 2 or len(table) < 2:
        return False
    descents = sum(after < before for before, after in zip(numbers, numbers[1:]))
    climbs = len(numbers) - 1 - descents
    return min(descents, climbs) > _DESCENTS * len(numbers)


def _columns(table: Sequence[Sequence[float]], titles: str) -> Axis:
    """Wavelengths and widths out of the columns of a table."""
    width = min(len(row) for row in table)
    columns = [[row[number] for row in table] for number in range(width)]
    names = _names(titles)[-width:]  # names of bands are no numbers
    named = [i for i, one in enumerate(names) if "wave" in one or "cent" in one or one in ("nm", "um", "µm")]
    if len(names) == width and named:
        first = named[0]
        wide = [i for i, one in enumerate(names) if i != first and ("fwhm" in one or "width" in one)]
        return _in_nm(columns[first], columns[wide[0]] if wide else [])
    if width > 1 and columns[0] in ([float(i) for i in range(len(table))], [i + 1.0 for i in range(len(table))]):
        columns = columns[1:]  # numbers of the bands
    return _in_nm(columns[0], columns[1] if len(columns) > 1 else [])


def _names(titles: str) -> List[str]:
    """The names of a table's columns."""
    return [one.strip().strip("\"'").lower() for one in re.split(r"[;,\t]", titles)] if titles else []


def _in_nm(wavelengths: Sequence[float], fwhm: Sequence[float]) -> Axis:
    wrong = next((number for number, value in enumerate(wavelengths, start=1) if value <= 0), None)
    if wrong:
        raise ValueError(f"The wavelength of band {wrong} is {wavelengths[wrong - 1]:g}; it must be above 0.")
    factor = 1e3 if max(wavelengths) < 100 else 1.0
    if factor == 1 and min(wavelengths) < 100:
        raise ValueError(
            f"The wavelengths go from {min(wavelengths):g} to {max(wavelengths):g}: give all in nm, or all in µm."
        )
    widths: Tuple[float, ...] = ()
    if fwhm and min(fwhm) > 0:
        of_widths = 1e3 if max(fwhm) < (1 if factor == 1e3 else 0.1) else 1.0  # in their own unit now and then
        widths = tuple(round(value * of_widths, 6) for value in fwhm)
    return Axis(tuple(round(value * factor, 6) for value in wavelengths), widths)


def _short(value: float) -> str:
    return f"{round(value, 3):.10g}"
