"""What a raster says about itself, and whether Mixel can use it: judged in one place for dock, algorithm and backend.

Standard library only and Python 3.9, because QGIS's Python reads it too. Reading the file is the caller's work: in the
backend a product's (:mod:`backend.products`); until its answer is there ``plugin/layers.py`` makes a plain check.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, fields
from typing import Any, List, Mapping, Optional, Sequence, Tuple

from . import axis
from .axis import Numbers

MIN_BANDS = 4
"""Of any scene. Tasks that find endmembers by themselves need more, and say so."""
MAX_BANDS = 10_000
"""No sensor has as many; a scene of more lies on its side, or is none."""
MIN_SIDE = 8

REFLECTANCE, RADIANCE, COUNTS = "reflectance", "radiance", "counts"
"""What a file's values can be; empty where it does not say."""


@dataclass(frozen=True)
class Flag:
    """A quality flag of a product: a mark on pixels, which can then be left out."""

    name: str
    """``cloud``, ``cirrus``, ``shadow``, ``saturated``, ``snow``, ``haze``, ``dilated_cloud`` ..."""
    label: str
    by_default: bool
    """Whether marked pixels are left out unless the user decides otherwise."""
    share: Optional[float] = None
    """Of the pixels, how many are marked (0 to 1); None: not counted."""

    @property
    def text(self) -> str:
        """The label, with the share of marked pixels where it is known."""
        if self.share is None:
            return self.label
        percent = 100 * self.share
        return f"{self.label} ({percent:.1f} %)" if percent >= 0.05 or not percent else f"{self.label} (below 0.1 %)"


@dataclass(frozen=True)
class Facts:
    """A raster's own statements. ``wavelengths`` and ``fwhm`` in nm, one a band, or None where the file is silent.

    A band without a wavelength among others that have one has 0, and is not good.
    """

    bands: int
    rows: int
    cols: int
    dtype: str
    """``int16``, ``uint16``, ``float32`` ..., as numpy writes it."""
    georeferenced: bool
    nodata: Optional[float] = None
    scale: Optional[float] = None
    """Stored value that means reflectance 1, if the file says so for all bands at once."""
    wavelengths: Numbers = None
    fwhm: Numbers = None
    good_bands: Tuple[bool, ...] = ()
    """False for bands the file itself marks as bad (ENVI's bbl); empty means all good."""
    product: str = ""
    """What product this is, for people ("EnMAP L2A"); empty for a plain raster."""
    quantity: str = ""
    """REFLECTANCE, RADIANCE or COUNTS; empty where the file does not say: taken as reflectance at an unknown scale."""
    unit: str = ""
    """Of radiance: "W/m2/sr/nm"."""
    date: str = ""
    """When the scene was taken, ISO 8601."""
    place: str = "grid"
    """``grid``, ``gcps`` or ``none``: how the pixels are placed on the map."""
    flags: Tuple[Flag, ...] = ()
    """The quality flags that can be used to leave out pixels."""
    masked_by: str = ""
    """By which flags pixels were left out for good when Mixel opened the product: "cloud, cirrus"; empty if unknown."""
    notes: Tuple[str, ...] = ()
    """What the reader of the file has to tell the user: sentences."""

    @property
    def num_good_bands(self) -> int:
        """How many bands the file does not mark as bad."""
        return sum(self.good_bands) if self.good_bands else self.bands

    @property
    def moment(self) -> str:
        """The date to the minute, as one writes it: "2022-07-24 10:45"."""
        found = re.match(r"(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}))?", self.date)
        return " ".join(part for part in found.groups() if part) if found else self.date

    @classmethod
    def from_dict(cls, content: Any) -> Facts:
        """Facts out of parsed JSON (``dataclasses.asdict`` of them). ValueError if it is no such thing."""
        try:
            known = {item.name: content[item.name] for item in fields(cls) if item.name in content}
            known["flags"] = tuple(Flag(**one) for one in known.get("flags", ()))
            known["notes"] = tuple(str(one) for one in known.get("notes", ()))
            for name in ("wavelengths", "fwhm"):
                known[name] = None if known.get(name) is None else tuple(map(float, known[name]))
            known["good_bands"] = tuple(map(bool, known.get("good_bands", ())))
            return cls(**known)
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            raise ValueError(f"These are no facts of a scene: {error}") from error

    def refusals(self) -> List[str]:
        """Why Mixel cannot use the raster: sentences that say what to do; empty if it can."""
        found = []
        if self.num_good_bands < MIN_BANDS:
            found.append(
                f"The scene has {counted(self.num_good_bands, 'usable band')}; Mixel needs at least {MIN_BANDS}. "
                "Choose a multispectral or hyperspectral scene."
            )
        if self.bands > MAX_BANDS:
            found.append(
                f"The scene has {self.bands} bands; Mixel reads at most {MAX_BANDS}. Check whether its bands and lines "
                "were exchanged, or choose another scene."
            )
        if self.rows < MIN_SIDE or self.cols < MIN_SIDE:
            found.append(
                f"The scene has {self.rows} x {self.cols} pixels; Mixel needs at least {MIN_SIDE} x {MIN_SIDE}. "
                "Choose a larger part of the scene."
            )
        if self.dtype.startswith("complex"):
            found.append("The scene holds complex numbers; choose a reflectance or radiance scene.")
        return found

    def notices(self) -> List[str]:
        """What the user should know before a run: sentences; empty if the raster says everything itself."""
        found = list(self.notes)
        if self.wavelengths is None:
            found.append("The file names no wavelengths: spectra are drawn over band numbers.")
        if not self.georeferenced:
            found.append("The scene has no georeference: the results lie in pixel coordinates, as the scene does.")
        if self.quantity == RADIANCE:
            unit = f" ({self.unit})" if self.unit else ""
            found.append(f"The values are radiance{unit}, not reflectance: they are used as they are, without a scale.")
        elif self.quantity == COUNTS:
            found.append("The values are raw counts, not reflectance: they are used as they are, without a scale.")
        if self.nodata is None and not self.product:  # a product marks its missing pixels in its own ways
            found.append("The file names no nodata value: every finite pixel counts.")
        if self.scale is None and not self.quantity:
            found.append("The file names no reflectance scale: it will be estimated from the values.")
        if self.num_good_bands < self.bands:
            out = f"{self.bands - self.num_good_bands} of {self.bands} bands"
            found.append(f"Left out: {out}, marked as bad in the file or in the scene settings.")
        return found


def counted(number: int, noun: str) -> str:
    """A number with its noun: "1 band", "3 bands"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def spectral_axis(
    envi: Mapping[str, str], band_tags: Sequence[Mapping[str, str]], band_names: Sequence[str]
) -> Tuple[Numbers, Numbers, Tuple[bool, ...]]:
    """Wavelengths (nm), fwhm (nm) and good bands out of GDAL's metadata; see :class:`backend.axis.Axis`.

    ``envi``: the dataset's metadata, domain ENVI; ``band_tags``: each band's default and IMAGERY metadata in one
    mapping; ``band_names``: each band's description, the last resort ("Band 5 (550.3 Nanometers)").
    """
    header = axis.from_lists(envi, "The header's metadata")
    others = [axis.from_tags(band_tags), axis.from_names(band_names)]
    found = axis.settle([header] if header.wavelengths else [header, *others], len(band_tags))
    return found.wavelengths, found.fwhm, found.good


def positive_number(text: str) -> Optional[float]:
    """The number that a text is, or None if it is none above 0."""
    found = [axis.number(part) for part in axis.split(text)]
    return found[0] if len(found) == 1 and found[0] is not None and found[0] > 0 else None


def stated_scale(gain: Optional[float], envi: Mapping[str, str]) -> Optional[float]:
    """Stored value that means reflectance 1, or None if the file does not say it.

    ``gain``: the first band's factor from stored to true values; 1 says nothing, then ENVI's metadata domain counts.
    """
    if gain is not None and gain != 1 and 0 < gain < math.inf:
        return 1 / gain
    return positive_number(envi.get("reflectance_scale_factor", ""))
