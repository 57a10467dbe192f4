"""What GDAL's metadata of a raster say of its bands. Texts that are not UTF-8 are left out, never a failure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ...axis import Statement, from_lists, from_names, from_tags, split

T = TypeVar("T")
BAND_AXES = ("band", "bands", "channel", "channels")
WAVE_AXES = ("wavelength", "wavelengths", "wl", "lambda", "wave", "wvl", "central_wavelength", "center_wavelength")


def statements(dataset: Any, header: Mapping[str, str]) -> list[Statement]:
    """What an open dataset says of its bands, the most reliable place first.

    ``header``: its ENVI header, keys in small letters, empty for a dataset without one. GDAL spreads the header's list
    over the bands even where it is too short: where the header lists wavelengths, nothing else is asked.
    """
    said = from_lists(header, "The ENVI header")
    if dataset.driver == "ENVI":
        if said.wavelengths:
            return [said]
        names = split(header.get("band names", ""))
        return [said, tags(dataset), from_names(names if len(names) == dataset.count else [""] * dataset.count)]
    names = readable(lambda: tuple(name or "" for name in dataset.descriptions), ("",) * dataset.count)
    found = [
        array_axis(dataset),
        from_lists(domain(dataset, "ENVI"), "The metadata domain ENVI"),
        from_lists(domain(dataset), "The file's metadata"),
        tags(dataset),
    ]
    return [*(one for one in found if one is not None), said, from_names(names)]


def tags(dataset: Any) -> Statement:
    """What the default and IMAGERY metadata of each band say."""
    return from_tags([{**domain(dataset, None, band), **domain(dataset, "IMAGERY", band)} for band in dataset.indexes])


def domain(dataset: Any, name: str | None = None, band: int = 0) -> dict[str, str]:
    """The metadata of one domain of a dataset, or of a band from 1; empty if they are not UTF-8."""
    return readable(lambda: dict(dataset.tags(band, ns=name)), {})


def readable(read: Callable[[], T], otherwise: T) -> T:
    """What can be read, or something else where it is not UTF-8."""
    try:
        return read()
    except UnicodeDecodeError:
        return otherwise


def array_axis(dataset: Any) -> Statement | None:
    """What the axis says that a netCDF array is cut along into bands; None if it is not known to be the spectral one.

    Structure as GDAL's netCDF driver gives it: https://gdal.org/en/stable/drivers/raster/netcdf.html.
    """
    if dataset.driver != "netCDF":
        return None
    known = domain(dataset)
    axes = split(known.get("NETCDF_DIM_EXTRA", ""))
    if len(axes) != 1:
        return None
    own = {key.rpartition("#")[2]: text for key, text in known.items() if _variable(key) == axes[0]}
    unit, values = own.get("units", ""), split(known.get(f"NETCDF_DIM_{axes[0]}_VALUES", ""))
    spectral = axes[0].lower() in WAVE_AXES or own.get("standard_name") == "radiation_wavelength"
    if spectral:
        return Statement("The wavelength axis", values, unit=unit)
    placed = dataset.crs is not None or not dataset.transform.is_identity
    return Statement("The band axis") if axes[0].lower() in BAND_AXES and placed else None


def _variable(key: str) -> str:
    """The variable of "wavelength#units" and "/group/wavelength#units"."""
    return key.rpartition("#")[0].rpartition("/")[2]
