"""Units of wavelengths, and whether numbers can be in them.

Standard library only and Python 3.9, because QGIS's Python reads it too.
"""

from __future__ import annotations

from statistics import median
from typing import NamedTuple, Optional, Sequence

_LENGTHS = {
    **dict.fromkeys(("nm", "nanometers", "nanometer", "nanometres", "nanometre", "nanom"), 1.0),
    **dict.fromkeys(("um", "µm", "μm", "mum", "microns", "micron"), 1e3),
    **dict.fromkeys(("micrometers", "micrometer", "micrometres", "micrometre", "microm"), 1e3),
    **dict.fromkeys(("angstroms", "angstrom", "å"), 0.1),
    **dict.fromkeys(("millimeters", "millimeter", "millimetres", "millimetre", "mm"), 1e6),
    **dict.fromkeys(("centimeters", "centimeter", "centimetres", "centimetre", "cm"), 1e7),
    **dict.fromkeys(("meters", "meter", "metres", "metre", "m"), 1e9),
}
_NO_LENGTHS = ("wavenumber", "wavenumbers", "cm-1", "1/cm", "ghz", "mhz", "index")
"""What ENVI's wavelength units may be besides lengths; such values are no wavelengths."""
_SHORTEST, _LONGEST = 100.0, 1e5
"""In nm: no imaging sensor looks at shorter or longer waves."""
_NAMES = {1.0: "nanometres", 1e3: "micrometres", 1e9: "metres"}


class Unit(NamedTuple):
    """``factor``: to nm, None for numbers that are no wavelengths. ``note``: the end of a sentence to tell."""

    factor: Optional[float]
    note: str = ""


def in_nanometres(values: Sequence[float], unit: str) -> Unit:
    """How positive numbers become nm. A unit that is missing, unknown or contradicts the numbers is judged by them."""
    stated = unit.strip(" \t\r\n\"'()[]{}.").lower()
    if stated in _NO_LENGTHS:
        return Unit(None, f"the unit of the wavelengths is {unit.strip()}, which is no length; they are not used.")
    likely = 1.0 if max(values) >= 100 else 1e3 if max(values) >= 1e-2 else 1e9
    factor = _LENGTHS.get(stated)
    if factor is None:
        return Unit(likely)
    if not _possible(values, factor) and _possible(values, likely):
        numbers = f"{min(values):g} to {max(values):g}"
        return Unit(
            likely,
            f"the unit {unit.strip()} contradicts the wavelengths {numbers}; they were taken as {_NAMES[likely]}.",
        )
    return Unit(factor)


def _possible(values: Sequence[float], factor: float) -> bool:
    return _SHORTEST <= median(values) * factor <= _LONGEST
