"""Which of a store's arrays is the scene, and which of its axes holds the bands: judged by names and wavelengths."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...facts import RADIANCE, REFLECTANCE
from .axes import Axes, axes_of
from .places import MAP_X, MAP_Y

SHORTEST, LONGEST = 300.0, 3000.0
"""Between these (nm) lie all values of what is taken for wavelengths."""
FEWEST = 4
_BESIDE = re.compile(r"uncert|mask|error|sigma|std|quality|flag|obs|weight|(^|_)(loc|igm|glt|unc)(_|$)", re.IGNORECASE)
MOST_NAMES = 6


@dataclass(frozen=True)
class Array:
    """What a store says of one of its arrays. ``turned``: written by a program whose first axis is the column;
    ``described``: all that it says."""

    name: str
    shape: tuple[int, ...]
    dims: Sequence[str] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)
    turned: bool = False
    described: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Spectrum:
    """Wavelengths and, where there are some, widths of the bands (nm)."""

    wavelengths: NDArray[np.float64]
    fwhm: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class Choice:
    """The array that is the scene, its axes (bands, rows, cols), and its spectral axis where one is known."""

    array: Array
    axes: Axes
    spectrum: Spectrum | None


def is_axis(wavelengths: NDArray[np.float64]) -> bool:
    """Whether numbers (nm) rise or fall as wavelengths do."""
    if len(wavelengths) < FEWEST or wavelengths.min() < SHORTEST or wavelengths.max() > LONGEST:
        return False
    steps = np.diff(wavelengths)
    return bool((steps > 0).all() or (steps < 0).all())


def choose(arrays: Sequence[Array], spectra: Sequence[Spectrum], path: Path) -> Choice | None:
    """The one array of three axes that is a scene; None where there is no array of three axes at all.

    ValueError, a sentence that lists them, if it cannot be told which one is.
    """
    cubes = [array for array in arrays if len(array.shape) == 3 and min(array.shape) > 1]
    if not cubes:
        return None
    fitting = [cube for cube in cubes if any(len(one.wavelengths) in cube.shape for one in spectra)]
    fitting = _leading(fitting)
    if len(fitting) == 1:
        return _by_wavelengths(fitting[0], spectra, path)
    named = [] if fitting else [choice for choice in map(_by_names, _leading(cubes)) if choice is not None]
    if len(named) == 1:
        return named[0]
    listed = ", ".join(f"{cube.name} ({' x '.join(map(str, cube.shape))})" for cube in cubes[:MOST_NAMES])
    more = f" and {len(cubes) - MOST_NAMES} more" if len(cubes) > MOST_NAMES else ""
    why = (
        "several of them fit its wavelengths" if fitting else "none has an axis as long as a list of wavelengths in it"
    )
    raise ValueError(
        f"{path} is no product that Mixel knows, and which of its arrays is a scene cannot be told, because {why}: "
        f"{listed}{more}. Write the scene as GeoTIFF or ENVI, with its wavelengths."
    )


def quantity_of(array: Array) -> str:
    """Reflectance or radiance, if the array's name or its attributes say so; else "" ."""
    told = " ".join([array.name.rsplit("/", 1)[-1], *(str(array.attributes.get(key, "")) for key in _SAYING)]).lower()
    if "radiance" in told and "irradiance" not in told:
        return RADIANCE
    return REFLECTANCE if "reflectance" in told or re.search(r"\b(rfl|refl|rhos)\b", told) else ""


_SAYING = ("long_name", "standard_name", "description", "Description")


def _leading(cubes: Sequence[Array]) -> list[Array]:
    """Without those that by their names lie beside a scene (uncertainty, masks), unless all do."""
    kept = [cube for cube in cubes if not _BESIDE.search(cube.name.rsplit("/", 1)[-1])]
    return kept or list(cubes)


def _by_wavelengths(cube: Array, spectra: Sequence[Spectrum], path: Path) -> Choice:
    fitting = [one for one in spectra if len(one.wavelengths) in cube.shape]
    lengths = {len(one.wavelengths) for one in fitting}
    if len(lengths) > 1 or any(not np.allclose(one.wavelengths, fitting[0].wavelengths) for one in fitting):
        raise ValueError(
            f"{path} holds several lists of wavelengths that fit the array {cube.name}, so that its spectral axis "
            "cannot be told. Write the scene as GeoTIFF or ENVI."
        )
    axes = axes_of(cube.shape, lengths.pop(), None, path, cube.dims)
    return Choice(cube, _turned(cube, axes), next((one for one in fitting if one.fwhm is not None), fitting[0]))


def _by_names(cube: Array) -> Choice | None:
    """By the names of the two axes of the map, where they have such names: the third one holds the bands."""
    names = [name.lower() for name in cube.dims]
    rows, cols = ([axis for axis, name in enumerate(names) if name in wanted] for wanted in (MAP_Y, MAP_X))
    if len(names) != 3 or len(rows) != 1 or len(cols) != 1:
        return None
    return Choice(cube, (3 - rows[0] - cols[0], rows[0], cols[0]), None)


def _turned(cube: Array, axes: Axes) -> Axes:
    return (axes[0], axes[2], axes[1]) if cube.turned else axes
