"""Bands to leave out, as a user writes them: ranges of wavelengths or of band numbers. No QGIS inside."""

from __future__ import annotations

import math
import re
from typing import List, Optional, Sequence, Tuple

from ..backend.reading import MOST_BANDS, WATER_VAPOUR

Ranges = Tuple[Tuple[float, float], ...]
_RANGE = re.compile(r"^([\d.]+)\s*(?:(?:-|–|to|\.\.)\s*([\d.]+))?$")


def parse(text: str, by_number: bool, wavelengths: Optional[Sequence[float]], bands: int) -> Ranges:
    """Ranges as a reading holds them: nm, or band numbers where there are no wavelengths. ValueError, a sentence.

    ``by_number``: whether the text holds band numbers, from 1; ``bands``: 0 if nobody knows.
    """
    found: List[Tuple[float, float]] = []
    for part in re.split(r"[,;\n]", text):
        if not part.strip():
            continue
        match = _RANGE.match(part.strip().lower().replace("nm", "").strip())
        try:
            first = float(match.group(1)) if match else None
            last = float(match.group(2)) if match and match.group(2) else first
        except ValueError:
            first = last = None
        if first is None or last is None:
            raise ValueError(f"'{part.strip()}' is no range of bands. Write for example 1340-1460, 1790-1960.")
        found.append((min(first, last), max(first, last)))
    if not by_number:
        return tuple(sorted(found))
    bands = bands or len(wavelengths or ())
    if any(low < 1 or high > (bands or MOST_BANDS) or low % 1 or high % 1 for low, high in found):
        raise ValueError(f"Band numbers are whole and go from 1 to {bands or 'the number of bands'}.")
    return tuple(sorted(found)) if not wavelengths else _in_nm(found, wavelengths)


def as_text(ranges: Ranges) -> str:
    """Ranges as a user writes them."""
    return ", ".join(f"{low:.10g}-{high:.10g}" if low != high else f"{low:.10g}" for low, high in ranges)


def with_water_vapour(ranges: Ranges) -> Ranges:
    """The ranges and those in which water vapour swallows the light."""
    return tuple(sorted({*ranges, *WATER_VAPOUR}))


def numbers(ranges: Ranges, wavelengths: Optional[Sequence[float]], bands: int) -> List[int]:
    """Numbers, from 1, of the bands that lie in the ranges."""
    axis = wavelengths or range(1, bands + 1)
    return [number for number, value in enumerate(axis, start=1) if any(low <= value <= high for low, high in ranges)]


def listed(found: Sequence[int]) -> str:
    """Band numbers in short: '3-5, 9'."""
    runs: List[List[int]] = []
    for number in found:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(f"{first}-{last}" if first != last else str(first) for first, last in runs)


def _in_nm(ranges: Sequence[Tuple[float, float]], wavelengths: Sequence[float]) -> Ranges:
    """Ranges of wavelengths that hold these bands alone: where detectors overlap, a band is a range of its own."""
    wanted = sorted({number for low, high in ranges for number in range(int(low), int(high) + 1)})
    found: List[Tuple[float, float]] = []
    for run in listed(wanted).split(", ") if wanted else []:
        first, _, last = run.partition("-")
        block = list(range(int(first), int(last or first) + 1))
        values = [wavelengths[number - 1] for number in block]
        whole = _around(min(values), max(values))
        alone = set(numbers((whole,), wavelengths, len(wavelengths))) <= set(wanted)
        found += [whole] if alone else [_around(value, value) for value in values]
    return tuple(sorted(set(found)))


def _around(low: float, high: float) -> Tuple[float, float]:
    """A range to hundredths of a nanometre that holds both ends, so that it can be written and read again."""
    return math.floor(100 * low) / 100, math.ceil(100 * high) / 100
