"""What the values of an ENVI file are, by its header and its name: radiance and raw counts need good evidence."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ...facts import COUNTS, RADIANCE, REFLECTANCE
from ..product import Product
from .header import numbers

NAMED = {
    **dict.fromkeys(("rad", "rdn", "radiance", "sru"), RADIANCE),
    **dict.fromkeys(("rfl", "refl", "ref", "reflectance", "rf", "atm", "boa", "hdrf", "l2a"), REFLECTANCE),
    **dict.fromkeys(("raw", "dn", "counts"), COUNTS),
}
"""Parts of file names, as makers and programs use them; the last one in a name is the last step of processing."""
WORDS = {
    RADIANCE: re.compile(r"(?<![a-z])radiances?(?![a-z])|spectral radiance units?", re.IGNORECASE),
    REFLECTANCE: re.compile(r"reflectances?(?![a-z])|reflectivity|CorrectFromMeasuredReference", re.IGNORECASE),
    COUNTS: re.compile(r"digital (?:numbers?|counts?)|raw (?:counts?|data|values?)|\bDNs?\b"),
}
UNIT = re.compile(
    r"(?<![A-Za-z])(?:[munµμ]?W|(?:micro|milli)?-?watts?)(?![A-Za-z])(?:[ */().^·]|[-+]?\d|"
    r"(?:sr|[cnmuµμ]?m)(?![A-Za-z])|steradians?|(?:nano|micro|centi)?met(?:er|re)s?|microns?)+",
    re.IGNORECASE,
)
"""A unit of power by area, angle and wavelength, in all the ways people write it."""
UNIT_KEYS = re.compile(r"(?:data |value |pixel |radiance |z )?units?")
TEXTS = ("description", "history", "z plot titles", "data type description", "quantity", "calibration")
HEADWALL = re.compile(r"raw_\d+_rd(?=[_.]|$)", re.IGNORECASE)
PRISMA = re.compile(r"PRS_L(?:1|2B)_", re.IGNORECASE)
GLUED = re.compile(r"r\d\d(?=rdn)", re.IGNORECASE)
"""AVIRIS writes f130411t01p00r11rdn."""


@dataclass(frozen=True)
class Stated:
    """``quantity``: REFLECTANCE, RADIANCE, COUNTS, or empty where nothing is said or both are.

    ``unit``: of radiance, empty if unknown. ``factor``: stored value that means radiance 1.
    """

    quantity: str
    unit: str = ""
    factor: float = 1.0


def stated(header: Mapping[str, str], name: str, whole_numbers: bool) -> Stated:
    """What a header (keys in small letters) and a file's name say of its values.

    ``whole_numbers``: whether these are stored; a name with "raw" in it means counts only then.
    """
    unit = radiance_unit(header)
    factor = next(iter(numbers(header.get("radiance scale factor", ""))), 0.0)
    if factor > 0:
        return Stated(RADIANCE, unit, factor)
    if any(one > 0 for one in numbers(header.get("reflectance scale factor", ""))):
        return Stated(REFLECTANCE)
    by_unit = _by_unit(header)
    if by_unit:
        return Stated(by_unit, unit if by_unit == RADIANCE else "")
    found = _agreed(by_name(name, whole_numbers), _by_words(" ".join(header.get(key, "") for key in TEXTS)))
    return Stated(found, unit if found == RADIANCE else "")


def settle(found: Product, said: Stated) -> None:
    """Let radiance and counts be what they are, without a scale of reflectance."""
    if said.quantity not in (RADIANCE, COUNTS):
        return
    found.facts = replace(found.facts, quantity=said.quantity, unit=said.unit, scale=None)
    if said.quantity == COUNTS:
        found.gains = found.offsets = None
    elif said.factor != 1:
        found.gains = np.full(found.facts.bands, 1 / said.factor)
        found.offsets = np.zeros(found.facts.bands)


def by_name(name: str, whole_numbers: bool) -> str:
    """What a file's name says; the extension "raw" says nothing, as any binary file may have it."""
    text = GLUED.sub("_", re.sub(r"\.raw$", "", name, flags=re.IGNORECASE))
    parts = [part.lower() for part in re.split(r"[^A-Za-z0-9]+", text)]
    found = [NAMED[part] for part in parts if part in NAMED and (whole_numbers or NAMED[part] != COUNTS)]
    if HEADWALL.search(text):
        found = [one for one in found if one != COUNTS] or [RADIANCE]
    if PRISMA.match(text):
        found = found or [RADIANCE]
    return found[-1] if found else ""


def radiance_unit(header: Mapping[str, str]) -> str:
    """The unit of radiance that a header names; empty if it names none."""
    keys = [key for key in header if UNIT_KEYS.fullmatch(key)]
    for key in (*keys, *TEXTS):
        for match in UNIT.finditer(header.get(key, "")):
            text = re.sub(r"\s+", " ", match.group()).strip(" .*/·(")
            if re.search("sr|steradian", text, re.IGNORECASE):
                return text
    return ""


def _by_unit(header: Mapping[str, str]) -> str:
    said = " ".join(value for key, value in header.items() if UNIT_KEYS.fullmatch(key))
    return _by_words(said) or (RADIANCE if said and any(UNIT.finditer(said)) and re.search(r"sr|sterad", said) else "")


def _by_words(text: str) -> str:
    """The one quantity that a text speaks of; empty if none, or if it speaks of reflectance and of others."""
    found = [quantity for quantity, words in WORDS.items() if words.search(text)]
    if len(found) > 1:
        return "" if REFLECTANCE in found else RADIANCE
    return found[0] if found else ""


def _agreed(named: str, described: str) -> str:
    """What name and description say together: nothing, where one says reflectance and the other something else."""
    if not named or not described or named == described:
        return named or described
    return "" if REFLECTANCE in (named, described) else RADIANCE
