"""What a spectral library is, and what every reader of one needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..links import check_file
from ..survey import HUGE, levels, likely_scale

Array = NDArray[np.float32]
Marks = NDArray[np.bool_]
MOST_BYTES = 256 * 1024**2
"""Text files beyond this are no spectral libraries."""
MOST_VALUES = 50_000_000
"""Spectra times bands."""


@dataclass(frozen=True)
class Library:
    """Spectra with names: ``spectra`` (spectra, bands) reflectance, NaN where a value is missing.

    ``wavelengths``, ``fwhm`` (bands,) nm or None; ``classes`` one for each spectrum ("" for none) or None.
    ValueError if the shapes do not fit.
    """

    names: list[str]
    spectra: Array
    wavelengths: Array | None = None
    fwhm: Array | None = None
    classes: list[str] | None = None

    def __post_init__(self) -> None:
        """Check the shapes."""
        if self.spectra.ndim != 2 or not self.spectra.size:
            raise ValueError(f"A library needs spectra of the shape (spectra, bands), not {self.spectra.shape}.")
        count, bands = self.spectra.shape
        if len(self.names) != count:
            raise ValueError(f"The library has {count} spectra and {len(self.names)} names.")
        if self.classes is not None and len(self.classes) != count:
            raise ValueError(f"The library has {count} spectra and {len(self.classes)} classes.")
        for what, values in (("wavelengths", self.wavelengths), ("values of fwhm", self.fwhm)):
            if values is None:
                continue
            if np.shape(values) != (bands,):
                raise ValueError(f"The library has {bands} bands and {np.size(values)} {what}.")
            if not np.isfinite(values).all() or np.min(values) < 0:
                raise ValueError(f"The library's {what} must be finite numbers of nanometres, none below 0.")

    def take(self, indices: Sequence[int] | NDArray[np.integer]) -> Library:
        """The library of some of the spectra only, in the order of ``indices``."""
        chosen = [int(index) for index in indices]
        classes = None if self.classes is None else [self.classes[index] for index in chosen]
        names = [self.names[index] for index in chosen]
        return replace(self, names=names, spectra=self.spectra[chosen], classes=classes)


@dataclass(frozen=True)
class Found:
    """What a file holds: the library, with its first column of classes, and all columns of classes to choose from."""

    library: Library
    columns: dict[str, list[str]] = field(default_factory=dict)


def read_text(path: Path) -> str:
    """The text of a file in UTF-8, or in Latin-1 where it is no UTF-8. ValueError if it is huge or no text."""
    check_file(path)
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise ValueError(f"it has {size:,} bytes, and at most {MOST_BYTES:,} are read as text.")
    data = path.read_bytes()
    if b"\0" in data:
        raise ValueError("it holds binary data where text was expected.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def nanometres(values: ArrayLike, unit: str) -> Array | None:
    """Wavelengths in nm; None for band numbers. Without a unit, values below 100 are micrometres.

    ValueError for other units (wavenumbers, GHz) and for values that are not above 0.
    """
    numbers, written, unit = np.asarray(values, np.float64), unit.strip(), unit.strip().lower()
    if unit in ("index", "band index", "band", "bands", "band number"):
        return None
    if not (numbers > 0).all() or not (numbers < 1e9).all():
        raise ValueError("its wavelengths are not all numbers above 0.")
    if unit.startswith(("nm", "nano")):
        return numbers.astype(np.float32)
    if unit.startswith(("um", "µm", "μm", "micro")):
        return (numbers * 1e3).astype(np.float32)
    if unit in ("", "unknown", "none", "-", "n/a"):
        return (numbers * (1e3 if numbers.max() < 100 else 1.0)).astype(np.float32)
    raise ValueError(f"its wavelengths are in '{written[:40]}'; write them in nanometres or micrometres.")


def reflectance(values: ArrayLike, scale: float | None, good: Marks | None = None) -> Array:
    """Stored values as reflectance; ``scale`` is the value that means 1, found out from the ``good`` bands where None.

    Values that mark what is missing (not finite, or beyond 1e15) become NaN. ValueError if nothing else is there.
    """
    stored = np.asarray(values)
    with np.errstate(invalid="ignore"):
        usable = np.abs(stored.astype(np.float64)) < HUGE
    telling = usable if good is None else usable & good
    if not telling.any():
        raise ValueError("it holds no spectra: every value is missing.")
    if scale is None:
        pool = np.where(telling, stored, np.nan).astype(np.float32).reshape(-1, stored.shape[-1]).T
        scale = likely_scale(*levels(pool), stored.dtype)
    return np.where(usable, np.where(usable, stored, 0) / scale, np.nan).astype(np.float32)


def tidy(library: Library, good: Marks | None = None) -> Library:
    """The library without the bands its file marks as bad, the shortest wavelength first if the last came first."""
    bands = np.arange(library.spectra.shape[1]) if good is None else np.flatnonzero(good)
    if library.wavelengths is not None and len(bands) > 1 and (np.diff(library.wavelengths[bands]) < 0).all():
        bands = bands[::-1]
    wavelengths, fwhm = (None if one is None else one[bands] for one in (library.wavelengths, library.fwhm))
    return replace(library, spectra=library.spectra[:, bands], wavelengths=wavelengths, fwhm=fwhm)
