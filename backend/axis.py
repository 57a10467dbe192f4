"""The spectral axis of a file: wavelengths, band widths and good bands, out of the many ways in which files state them.

Standard library only and Python 3.9, because QGIS's Python reads it too.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from statistics import median
from typing import Dict, Iterable, List, Mapping, Match, NamedTuple, Optional, Sequence, Tuple

from .units import in_nanometres

Numbers = Optional[Tuple[float, ...]]
Texts = Tuple[str, ...]

_CENTRES = ("wavelength", "wavelengths", "centralwavelength", "centerwavelength", "centrewavelength", "bandcenter")
_WIDTHS = ("fwhm", "fwhms", "fullwidthhalfmax", "fullwidthathalfmaximum", "bandwidth", "bandwidths")
_MARKS = ("bbl", "goodwavelength", "goodwavelengths", "goodband", "goodbands")
_UNITS = ("wavelengthunits", "wavelengthunit", "wavelengthsunits", "wavelengthsunit")
_SUFFIXES = (("", ""), ("um", "um"), ("nm", "nm"))
_WITH_UNIT = re.compile(
    r"(?<![0-9.])([0-9]*\.?[0-9]+)\s*_?(nm\b|nanomet\w+|[uµμ]m\b|micromet\w+|microns?\b)", re.IGNORECASE
)
_BARE = re.compile(r"(?P<word>[a-z]*)[ _.-]?(?P<number>[0-9]+(\.[0-9]+)?)", re.IGNORECASE)
_LEADING = ("", "band", "b", "wl", "w", "wavelength", "lambda", "x", "rfl", "refl", "reflectance")
"""Words before a number that may be a wavelength; X is what R puts before names that are numbers."""
SHORTEST, LONGEST = 300, 15_000
"""Bare numbers within are taken for nanometres."""


class Axis(NamedTuple):
    """``wavelengths`` and ``fwhm`` in nm, one a band, or None; a band without a wavelength has 0 and is no good band.

    ``good`` is empty where all bands are good. ``notes``: what the user has to know, sentences.
    """

    wavelengths: Numbers = None
    fwhm: Numbers = None
    good: Tuple[bool, ...] = ()
    notes: Tuple[str, ...] = ()


@dataclass(frozen=True)
class Statement:
    """What one place says of the bands, as texts: one for each band, "" for a band it says nothing of."""

    where: str
    """"The ENVI header", "The band tags" ...: how a sentence begins that tells about it."""
    wavelengths: Texts = ()
    fwhm: Texts = ()
    good: Texts = ()
    unit: str = ""


def from_lists(fields: Mapping[str, str], where: str) -> Statement:
    """What a mapping with lists of all bands says, as an ENVI header is; keys in any case."""
    known = _known(fields)
    found, unit = _first(known, _CENTRES)
    return Statement(
        where,
        split(found),
        split(_first(known, _WIDTHS)[0]),
        split(_first(known, _MARKS)[0]),
        _first(known, _UNITS)[0].strip() or unit,
    )


def from_tags(tags: Sequence[Mapping[str, str]], where: str = "The bands' metadata") -> Statement:
    """What the metadata of each band say; keys in any case."""
    known = [_known(one) for one in tags]
    centres = [_first(one, _CENTRES) for one in known]
    units = [_first(one, _UNITS)[0].strip() or _first(one, _CENTRES)[1] for one in known]
    columns = [[text for text, _ in centres], *([_first(one, keys)[0] for one in known] for keys in (_WIDTHS, _MARKS))]
    wavelengths, fwhm, good = (tuple(texts) if any(texts) else () for texts in columns)
    return Statement(where, wavelengths, fwhm, good, next(filter(None, units), ""))


def from_names(names: Sequence[str]) -> Statement:
    """What the bands' names say: "Band 5 (550.3 Nanometers)", "Band_503", "503.5"; nothing where numbers only count."""
    where = "The bands' names"
    matches = [_WITH_UNIT.search(name) for name in names]
    if 2 * sum(match is not None for match in matches) >= max(len(names), 1):
        units = {one[2].lower() for one in matches if one}
        if len(units) == 1:
            return Statement(where, tuple(one[1] if one else "" for one in matches), unit=units.pop())
        return Statement(where, tuple(map(_as_nanometres, matches)), unit="nm")
    bare = [_BARE.fullmatch(name.strip()) for name in names]
    numbers = [float(one["number"]) for one in bare if one and one["word"].lower() in _LEADING]
    steps = {numbers[at] - numbers[at - 1] for at in range(1, len(numbers))}
    counting = steps == {1.0} and any(one and one["word"].lower() in ("band", "b") for one in bare)
    if 2 * len(numbers) < len(names) or not numbers or min(numbers) < SHORTEST or max(numbers) > LONGEST or counting:
        return Statement(where)
    return Statement(
        where, tuple(one["number"] if one and one["word"].lower() in _LEADING else "" for one in bare), unit="nm"
    )


def settle(statements: Iterable[Statement], count: int, not_spectral: Sequence[int] = ()) -> Axis:
    """The axis of ``count`` bands by the first statement that can be one; what others add on widths and good bands.

    ``not_spectral``: bands, from 0, that are no spectral ones, as an alpha band; a list may leave them out.
    """
    told = [_spread(one, count, not_spectral) for one in statements]
    found = Axis()
    notes: List[str] = []
    for one in told:
        found = _wavelengths(one, count)
        notes += found.notes
        if found.wavelengths is not None:
            notes = list(found.notes)
            break
    widths = next(filter(None, (_widths(one, found.wavelengths) for one in told)), None)
    marks, more = _marks(told, count)
    notes += more
    good = [mark and (found.wavelengths is None or found.wavelengths[at] > 0) for at, mark in enumerate(marks)]
    for at in not_spectral:
        good[at] = False
    if found.wavelengths is not None:
        notes += _order([(at, value) for at, value in enumerate(found.wavelengths) if good[at]])
        stray = [at + 1 for at, value in enumerate(found.wavelengths) if value <= 0 and at not in not_spectral]
        if stray and all(marks[at - 1] for at in stray):
            notes.append(f"Bands without a wavelength count as bad: {listed(stray)}.")
    return Axis(found.wavelengths, widths, () if all(good) else tuple(good), tuple(notes))


def split(text: str) -> Texts:
    """The parts of a list, ``{1, 2, 3}`` or with a part a line; empty for an empty text."""
    inner = text.strip().strip("{}").strip()
    parts = inner.split(",") if "," in inner else inner.split()
    return tuple(part.strip() for part in parts if part.strip())


def number(text: str) -> Optional[float]:
    """The finite number that a text is, or None."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def listed(numbers: Sequence[int], most: int = 8) -> str:
    """Numbers for a sentence: at most so many, and how many more there are."""
    more = f" and {len(numbers) - most} more" if len(numbers) > most else ""
    return ", ".join(map(str, numbers[:most])) + more


def _as_nanometres(match: Optional[Match[str]]) -> str:
    factor = in_nanometres([float(match[1])], match[2]).factor if match and float(match[1]) > 0 else None
    return f"{float(match[1]) * factor:.9g}" if match and factor else ""


def _known(fields: Mapping[str, str]) -> Dict[str, str]:
    return {re.sub(r"[^a-z]", "", key.lower()): text for key, text in fields.items()}


def _first(known: Mapping[str, str], keys: Sequence[str]) -> Tuple[str, str]:
    """The text of the first key that is there, and the unit that the key itself names."""
    for suffix, unit in _SUFFIXES:
        for key in keys:
            if known.get(key + suffix, "").strip():
                return known[key + suffix], unit
    return "", ""


def _spread(one: Statement, count: int, not_spectral: Sequence[int]) -> Statement:
    """The statement with a place for each band where its lists leave out the bands that are no spectral ones."""

    def spread(texts: Texts) -> Texts:
        if not not_spectral or len(texts) != count - len(not_spectral):
            return texts
        left = iter(texts)
        return tuple("" if at in not_spectral else next(left) for at in range(count))

    return replace(one, wavelengths=spread(one.wavelengths), fwhm=spread(one.fwhm), good=spread(one.good))


def _wavelengths(one: Statement, count: int) -> Axis:
    if not one.wavelengths:
        return Axis()
    if len(one.wavelengths) != count:
        what = f"{one.where}: {len(one.wavelengths)} wavelengths are listed for {count} bands"
        return Axis(notes=(f"{what}, and are not used.",))
    values = [number(text) or 0.0 for text in one.wavelengths]
    present = [value for value in values if value > 0]
    if 2 * len(present) < count:
        return Axis(notes=(f"{one.where}: {len(present)} of {count} bands have a wavelength, and these are not used.",))
    if count > 1 and values == list(range(1, count + 1)):
        return Axis(notes=(f"{one.where}: band numbers stand as wavelengths, and are not used.",))
    found = in_nanometres(present, one.unit)
    notes = (f"{one.where}: {found.note}",) if found.note else ()
    if found.factor is None:
        return Axis(notes=notes)
    return Axis(tuple(max(value, 0.0) * found.factor for value in values), notes=notes)


def _widths(one: Statement, wavelengths: Numbers) -> Numbers:
    """Band widths in nm, of the wavelengths' unit unless that is absurd; None where a band lacks one."""
    if wavelengths is None or len(one.fwhm) != len(wavelengths):
        return None
    values = [number(text) or 0.0 for text in one.fwhm]
    needed = [values[at] for at, wavelength in enumerate(wavelengths) if wavelength > 0]
    if min(needed) <= 0:
        return None
    centres = [value for value in map(number, one.wavelengths) if value and value > 0]
    middle, typical = median(value for value in wavelengths if value > 0), median(needed)
    factor = in_nanometres(centres, one.unit).factor if centres else 1.0
    likely = next((each for each in (factor or 1.0, 1.0, 1e3) if 0.01 <= typical * each < middle), None)
    return None if likely is None else tuple(max(value, 0.0) * likely for value in values)


def _marks(statements: Sequence[Statement], count: int) -> Tuple[List[bool], List[str]]:
    """Which bands are marked as good, by the first statement that marks all of them; and what cannot be used."""
    notes = []
    for one in statements:
        if not one.good:
            continue
        if len(one.good) == count:
            return [text.lower() not in ("false", "bad") and number(text) != 0 for text in one.good], []
        notes.append(
            f"{one.where}: {len(one.good)} marks of bad bands (bbl) are listed for {count} bands, and are not used."
        )
    return [True] * count, notes


def _order(bands: Sequence[Tuple[int, float]]) -> List[str]:
    """What has to be told of an axis that does not ascend."""
    steps = [(bands[at - 1][0], bands[at][1] - bands[at - 1][1]) for at in range(1, len(bands))]
    back = [band + 1 for band, step in steps if step <= 0]
    if not back:
        return []
    if all(step < 0 for _, step in steps):
        return ["The bands run from long to short wavelengths, and are used in this order."]
    return [f"The wavelengths overlap: they step back or stay behind band {listed(back)}."]
