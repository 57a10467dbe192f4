"""What a written scene says of itself: the same whether it is written as a virtual raster or as a GeoTIFF."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...facts import Facts
from ...place import Place
from ...products.product import Numbers, Product
from ...reading import Reading

DOMAIN = "MIXEL"
"""GDAL metadata domain of what no other program has words for: quantity, unit, product, date, notes, source."""


@dataclass(frozen=True)
class Meaning:
    """Facts of a scene and what its stored values mean, in the words of GDAL's metadata.

    ``gains``, ``offsets`` (bands,): value = gain * stored + offset, or None where neither file nor user says it.
    ``nodata`` (bands,): NaN for a band without one. ``source``: the product's own name.
    ``masked_by``: the flags whose pixels are left out, for people.
    """

    facts: Facts
    place: Place
    gains: Numbers | None
    offsets: Numbers | None
    nodata: Numbers
    source: str
    masked_by: str = ""

    @classmethod
    def of(cls, product: Product, facts: Facts, reading: Reading, path: Path) -> Meaning:
        """Of a product, with what the user knows better; ``facts``: the scene's, which have heard the user already."""
        count = facts.bands
        gains, offsets = product.gains, product.offsets
        if reading.scale:
            gains, offsets = np.full(count, 1 / reading.scale), np.zeros(count)
        elif gains is not None and offsets is None:
            offsets = np.zeros(count)
        elif gains is None and offsets is not None:
            gains = np.ones(count)
        nodata = np.full(count, np.nan) if product.nodata is None else np.asarray(product.nodata, float)
        if reading.nodata is not None:
            nodata = np.full(count, reading.nodata)
        labels = [one.label.lower() for one in facts.flags if one.name in (reading.flags or ())]
        masked_by = ", ".join(labels) or ("no pixels by quality flags" if facts.flags else "")
        return cls(facts, product.place, gains, offsets, nodata, path.name, masked_by)

    def band_tags(self, band: int) -> dict[str, str]:
        """Of a band, counted from 0: what most programs look for."""
        facts = self.facts
        found: dict[str, str] = {}
        if facts.wavelengths:
            found |= {"wavelength": repr(facts.wavelengths[band]), "wavelength_units": "Nanometers"}
        if facts.wavelengths and facts.fwhm:
            found["fwhm"] = repr(facts.fwhm[band])
        if facts.good_bands:
            found["bbl"] = str(int(facts.good_bands[band]))
        return found

    def imagery_tags(self, band: int) -> dict[str, str]:
        """Of a band, counted from 0: GDAL's own words, domain IMAGERY."""
        facts = self.facts
        found: dict[str, str] = {}
        if facts.wavelengths and facts.wavelengths[band] > 0:
            found["CENTRAL_WAVELENGTH_UM"] = f"{facts.wavelengths[band] / 1e3:.7g}"
            if facts.fwhm and facts.fwhm[band] > 0:
                found["FWHM_UM"] = f"{facts.fwhm[band] / 1e3:.7g}"
        return found

    def description(self, band: int) -> str:
        """The name of a band, counted from 0: QGIS shows it in every list of bands."""
        if self.facts.wavelengths and self.facts.wavelengths[band] > 0:
            return f"Band {band + 1} ({self.facts.wavelengths[band]:.2f} Nanometers)"
        return f"Band {band + 1}"

    def domain_tags(self) -> dict[str, str]:
        """Of the whole file, domain MIXEL: what :mod:`backend.products.raster` reads back."""
        facts = self.facts
        found = {
            "quantity": facts.quantity,
            "unit": facts.unit,
            "product": facts.product,
            "date": facts.date,
            "notes": "\n".join(facts.notes),
            "source": self.source,
            "masked_by": self.masked_by,
        }
        return {name: value for name, value in found.items() if value}

    def time_tags(self) -> dict[str, str]:
        """Of the whole file, domain IMAGERY: when the scene was taken."""
        return {"ACQUISITIONDATETIME": self.facts.date} if self.facts.date else {}

    def common_nodata(self) -> float | None:
        """The one nodata value of all bands; None without one, NaN where bands have different ones."""
        known = {value for value in self.nodata.tolist() if math.isfinite(value)}
        if not known:
            return None
        return known.pop() if len(known) == 1 and np.isfinite(self.nodata).all() else math.nan
