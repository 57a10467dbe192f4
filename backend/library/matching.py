"""Names for endmembers that were found in a scene: the nearest spectra of a library by spectral angle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..metrics import spectral_angles
from .resampling import covered, resample
from .spectra import Array, Library

LEAST_COVERED = 0.5
"""Share of the scene's bands that a library must cover to name what is in it."""


@dataclass(frozen=True)
class Match:
    """The nearest spectrum of a library to one endmember."""

    index: int
    """Its place in the library."""
    name: str
    material: str | None
    """Its class, None if the library has none."""
    angle: float
    """Spectral angle in radians; above about 0.1 the name is a guess."""
    label: str
    """The name; the second endmember of one name is "name (2)"."""


def match_library(
    endmembers: Array, library: Library, wavelengths: Array | None = None, fwhm: Array | None = None
) -> list[Match]:
    """The nearest spectrum of the library to each of the ``endmembers`` (endmembers, bands), in their order.

    ``wavelengths``, ``fwhm`` (bands,) nm are the scene's; the library is brought to them, and bands that it does not
    cover are left out, half of them at most. Without wavelengths on either side the bands are compared one by one.
    Spectra with missing values in these bands name nothing. ValueError if the two cannot be compared.
    """
    spectra, bands = _comparable(endmembers, library, wavelengths, fwhm)
    whole = np.flatnonzero(np.isfinite(spectra).all(axis=1))
    if not len(whole):
        raise ValueError("Every spectrum of the library lacks values in the scene's bands; choose another library.")
    angles = spectral_angles(np.asarray(endmembers)[:, bands], spectra[whole])
    if not np.isfinite(angles).all():
        raise ValueError("The endmembers hold values that are not finite; they cannot be compared with a library.")
    nearest = whole[angles.argmin(axis=1)]
    labels = distinct([library.names[index] for index in nearest])
    classes = [None] * len(library.names) if library.classes is None else library.classes
    rows = zip(nearest, angles.min(axis=1), labels, strict=True)
    return [Match(int(one), library.names[one], classes[one], float(angle), label) for one, angle, label in rows]


def distinct(names: list[str]) -> list[str]:
    """The names, each once: what comes again is numbered, "roof, tile", "roof, tile (2)"."""
    taken: set[str] = set()
    found = []
    for name in names:
        label, number = name, 1
        while label in taken or (number > 1 and label in names):
            number += 1
            label = f"{name} ({number})"
        taken.add(label)
        found.append(label)
    return found


def _comparable(
    endmembers: Array, library: Library, wavelengths: Array | None, fwhm: Array | None
) -> tuple[Array, NDArray[np.bool_]]:
    """The library's spectra (spectra, compared bands) and which of the scene's bands (bands,) are compared."""
    if np.ndim(endmembers) != 2 or not np.size(endmembers):
        raise ValueError(f"Endmembers must have the shape (endmembers, bands), not {np.shape(endmembers)}.")
    count, own = np.shape(endmembers)[1], library.spectra.shape[1]
    if wavelengths is None or library.wavelengths is None:
        if count != own:
            missing = "the scene" if wavelengths is None else "the library"
            raise ValueError(
                f"The scene has {count} bands and the library {own}, and {missing} names no wavelengths: they cannot "
                "be compared."
            )
        return library.spectra, np.ones(count, bool)
    if np.shape(wavelengths) != (count,):
        raise ValueError(f"The endmembers have {count} bands and the scene {np.size(wavelengths)} wavelengths.")
    bands = covered(library, wavelengths, fwhm)
    if bands.mean() < LEAST_COVERED:
        raise ValueError(
            f"The library covers {bands.sum()} of the scene's {count} bands: it reaches from "
            f"{library.wavelengths.min():.0f} to {library.wavelengths.max():.0f} nm, and the scene from "
            f"{np.min(wavelengths):.0f} to {np.max(wavelengths):.0f} nm; choose another library."
        )
    widths = None if fwhm is None else np.asarray(fwhm)[bands]
    return resample(library, np.asarray(wavelengths)[bands], widths).spectra, bands
