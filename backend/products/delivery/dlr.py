"""What products of DLR's ground segment share: an image, METADATA.XML beside it, and quality rasters.

EnMAP HSI Product Specification (EN-PCV-ICD-2009-2), DESIS Product Specification (PAV-DLR-ICD-003).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from xml.etree.ElementTree import Element  # nosec B405: only a type

import numpy as np

from ...cube import Mask, Window
from ...facts import RADIANCE, REFLECTANCE, Flag
from ...place import Place
from ..product import Numbers
from ..raster import Raster
from ..rasters.quality_rasters import Mark, QualityRasters
from .files import Found, find
from .xml_file import number, parsed

NAMES = re.compile(
    r"(?P<base>.+?)-(?P<part>METADATA(?=\.XML$)|(?:SPECTRAL_IMAGE(?:_VNIR|_SWIR)?|QL_[A-Z0-9_-]+?)"
    r"(?=(?:_COG)?\.TIFF?$))(?P<cog>_COG)?\.\w+",
    re.IGNORECASE,
)
MISSIONS = ("ENMAP", "DESIS")
IMAGES = MERGED, VNIR, SWIR = "SPECTRAL_IMAGE", "SPECTRAL_IMAGE_VNIR", "SPECTRAL_IMAGE_SWIR"
LEVELS = re.compile("L1B|L1C|L2A")
AGAIN = "Copy or download the product again."


@dataclass(frozen=True)
class BandTable:
    """What METADATA.XML says of the bands, in their order. ``wavelengths``, ``fwhm``: nm; arrays are (bands,)."""

    wavelengths: Numbers
    fwhm: Numbers | None
    gains: Numbers | None
    offsets: Numbers | None
    good: tuple[bool, ...] = ()
    surveyed: bool = False
    """Whether ``good`` is known, be it that all are."""

    def __len__(self) -> int:
        return len(self.wavelengths)

    def __getitem__(self, part: slice) -> BandTable:
        arrays = (self.fwhm, self.gains, self.offsets)
        fwhm, gains, offsets = (None if one is None else one[part] for one in arrays)
        return BandTable(self.wavelengths[part], fwhm, gains, offsets, self.good[part], self.surveyed)


def band_table(
    bands: Sequence[Element], order: Callable[[Element], str | None], tags: tuple[str, str, str, str], name: str
) -> BandTable:
    """The table of these elements, sorted by ``order``, the band's number.

    ``tags``: where an element has wavelength, width, gain and offset. ValueError, a sentence, if numbers are missing.
    """
    numbers = [number(order(band)) for band in bands]
    if not bands or None in numbers or len(set(numbers)) < len(numbers):
        raise ValueError(f"The file {name} is damaged: it does not number its bands. {AGAIN}")
    ordered = [band for _, band in sorted(zip(numbers, bands, strict=True), key=lambda pair: pair[0] or 0)]
    wavelengths, *others = (_column(ordered, tag) for tag in tags)
    if wavelengths is None or (wavelengths <= 0).any():
        raise ValueError(f"The file {name} is damaged: it does not give every band's wavelength. {AGAIN}")
    fwhm, gains, offsets = others
    if gains is not None and not gains.all():
        gains = None
    return BandTable(wavelengths, fwhm if fwhm is not None and (fwhm > 0).all() else None, gains, offsets)


def _column(bands: Sequence[Element], tag: str) -> Numbers | None:
    found = [number(band.findtext(tag)) for band in bands]
    return None if None in found else np.array(found, dtype=float)


def find_product(path: Path, mission: str) -> tuple[Found, Element | None] | None:
    """The mission's product at a path and the root of its METADATA.XML, None if that is missing; None if not its own.

    ValueError, a sentence, if the file is damaged or several products lie there.
    """
    found = find(
        path, NAMES, lambda base, parts: bool(_named(base)) or {"METADATA", *IMAGES} & set(parts) > {"METADATA"}
    )
    if found is None or found.chosen.startswith("QL_") or _named(found.base) not in ("", mission.upper()):
        return None
    named = bool(_named(found.base))
    if "METADATA" not in found.parts:
        return (found, None) if named else None
    name = found.parts["METADATA"]
    root = parsed(found.delivery.content(name), Path(name).name)
    said = " ".join(one.text or "" for one in root.iter("mission")).upper()
    return (found, root) if mission.upper() in said or (named and not said) else None


def _named(base: str) -> str:
    return next((one for one in MISSIONS if base.upper().startswith(one)), "")


def level_of(found: Found, said: str) -> str:
    """The processing level, by the words of METADATA.XML or else by the name. ValueError, a sentence, if unknown."""
    known = LEVELS.search(said.upper()) or LEVELS.search(found.base.upper())
    if known is None:
        raise ValueError(f"The METADATA.XML of {found.base} names no processing level that Mixel knows. {AGAIN}")
    return known.group()


def missing_metadata(found: Found) -> ValueError:
    """What to say of a product whose METADATA.XML is missing."""
    return ValueError(
        f"The METADATA.XML of {found.base} is missing beside its image. Copy it there: it says what the values mean."
    )


def missing_image(found: Found) -> ValueError:
    """What to say of a product whose image is missing."""
    return ValueError(f"The SPECTRAL_IMAGE of {found.base} is missing beside its METADATA.XML. Copy it there.")


class DlrScene(Raster):
    """An image of DLR's with the words of its METADATA.XML and the flags of its quality rasters."""

    def __init__(self, found: Found, image: str, bands: BandTable) -> None:
        """Open the image, one of the product's parts. ValueError, a sentence, if it does not fit its metadata."""
        self._found, self._quality, self._image = found, None, Path(found.parts[image]).name
        super().__init__(
            found.delivery.raster(found.parts[image]), found.delivery.on_disk(found.parts[image]), eager=True
        )
        if found.zipped:  # unpacked from far before it for any pixel of it
            self.block = (self.facts.rows, self.facts.cols)
        self._reads("METADATA")
        if len(bands) != self.facts.bands:
            raise self._unfit(f"{self.facts.bands} bands", f"names {len(bands)}")
        self.facts = replace(
            self.facts,
            wavelengths=tuple(bands.wavelengths.tolist()),
            fwhm=None if bands.fwhm is None else tuple(bands.fwhm.tolist()),
            good_bands=bands.good,
            notes=(),
        )

    _quality: QualityRasters | None

    def check_size(self, rows: str, cols: str) -> None:
        """ValueError, a sentence, if METADATA.XML, in these words, gives the image another size."""
        if rows and cols and (number(rows), number(cols)) != (self.facts.rows, self.facts.cols):
            raise self._unfit(f"{self.facts.rows} x {self.facts.cols} pixels", f"gives it {rows} x {cols}")

    def means(self, bands: BandTable, level: str, unit: str, default: float) -> None:
        """Settle what values mean: reflectance at level L2A, else radiance in this unit.

        ``default``: the gain of reflectance where neither metadata nor image name one. ValueError, a sentence, if that
        of radiance is missing.
        """
        reflectance = level == "L2A"
        if bands.gains is not None and not (reflectance and self.gains is not None and (bands.gains == 1).all()):
            self.gains, self.offsets, self.stated = bands.gains, bands.offsets, bands.surveyed
        elif not reflectance:
            raise ValueError(f"The METADATA.XML of {self._image} does not give every band's gain. {AGAIN}")
        elif self.gains is None:
            self.gains, self.offsets = np.full(len(bands), default), None
        self.offsets = np.zeros(len(bands)) if self.offsets is None else self.offsets
        self.facts = replace(
            self.facts,
            quantity=REFLECTANCE if reflectance else RADIANCE,
            unit="" if reflectance else unit,
            scale=float(1 / np.median(self.gains)) if reflectance else None,
        )

    def misses(self, value: float) -> None:
        """Settle the stored value of missing pixels.

        A pixel that is 0 in every band is missing anyway; a single 0 may be darkness and costs no pixel.
        """
        self.nodata = np.full(self.facts.bands, np.nan if value == 0 else value)
        self.facts = replace(self.facts, nodata=value)

    def lies(self, place: Place) -> None:
        """Settle where the pixels lie."""
        self.place = place
        self.facts = replace(self.facts, georeferenced=place.kind != "none", place=place.kind)

    def flagged(self, rasters: Mapping[str, Mapping[int, Flag]]) -> None:
        """Take up the quality rasters that are there: parts of the product, to the flags in their bands, from 1.

        ValueError, a sentence, if one cannot be opened or has another size.
        """
        marks: list[Mark] = []
        for part in [one for one in rasters if one in self._found.parts]:
            dataset = self._found.delivery.raster(self._found.parts[part])
            marks += [Mark(flag, dataset, band) for band, flag in rasters[part].items() if band <= dataset.count]
            self._reads(part)
        self._quality = QualityRasters(marks)
        self._quality.check_size(self.facts.rows, self.facts.cols)
        wanted = {flag.name: flag for bands in rasters.values() for flag in bands.values()}
        missing = [flag.label.lower() for name, flag in wanted.items() if flag not in self._quality.flags]
        if missing:
            self.tell(
                f"No quality raster lies beside the image for {', '.join(missing)}: such pixels cannot be left out."
            )
        self.facts = replace(self.facts, flags=self._quality.flags)

    def tell(self, note: str) -> None:
        """Add a sentence that the user has to know."""
        self.facts = replace(self.facts, notes=(*self.facts.notes, note))

    def usable(self, window: Window, flags: Sequence[str]) -> Mask | None:
        """Which pixels the image's own masks and these quality flags leave; None: all."""
        found = super().usable(window, flags)
        unmarked = self._quality.unmarked(window, flags) if self._quality else None
        if found is None or unmarked is None:
            return unmarked if found is None else found
        return found & unmarked

    def close(self) -> None:
        """Close the image and its quality rasters."""
        super().close()
        if self._quality:
            self._quality.close()

    def _reads(self, part: str) -> None:
        self.files = tuple(dict.fromkeys([*self.files, self._found.delivery.on_disk(self._found.parts[part])]))

    def _unfit(self, has: str, said: str) -> ValueError:
        self.close()
        return ValueError(f"The image {self._image} has {has} and its METADATA.XML {said}. {AGAIN}")
