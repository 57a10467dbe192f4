"""A sample of a scene's pixels that remembers where each lies, and how many endmembers it holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..cube import Array, Cube
from ..endmembers import Count, hysime, virtual_dimensionality
from ..record import Run
from ..scene import Scene

NUM_TILES, TILE = 32, 64
COUNTERS: dict[str, Callable[[Array], Count]] = {
    "hysime": hysime,
    "virtual_dimensionality": virtual_dimensionality,
}
NAMES = {"hysime": "HySime", "virtual_dimensionality": "The virtual dimensionality (HFC)"}
LEAST, MOST = 2, 30
"""Numbers of endmembers that methods take."""


@dataclass(frozen=True)
class Sample:
    """Valid pixels (pixels, bands) of a scene, reflectance, and the row and column of each."""

    pixels: Array
    rows: NDArray[np.int64]
    cols: NDArray[np.int64]


def sampled(scene: Scene) -> Sample:
    """Up to 32 tiles of 64 x 64 pixels spread evenly over the scene; a small scene whole."""
    cubes = scene.sample(NUM_TILES, TILE)
    places = [np.nonzero(cube.valid) for cube in cubes]
    rows = np.concatenate([row + cube.window.row for cube, (row, _) in zip(cubes, places, strict=True)])
    cols = np.concatenate([col + cube.window.col for cube, (_, col) in zip(cubes, places, strict=True)])
    return Sample(pixels_of(cubes), rows, cols)


def pixels_of(cubes: list[Cube]) -> Array:
    """The valid pixels of all cubes (pixels, bands)."""
    return np.concatenate([cube.pixels for cube in cubes])


def settled_number(run: Run, choice: str, given: int, pixels: Array) -> int:
    """The number of endmembers: the given one, or what the chosen estimate counts, within what methods take.

    ``choice`` is one of ``shared.NUMBERS``. An estimate is told to the user.
    """
    if choice == "given":
        return given
    counted = COUNTERS[choice](pixels).number
    number: int = min(max(counted, LEAST), MOST, *pixels.shape)
    kept = "" if number == counted else f"; {number} are looked for, since methods take {LEAST} to {MOST}"
    run.notice(f"{NAMES[choice]} counts {counted} endmembers{kept}.")
    run.metrics["num_endmembers"] = float(number)
    return number
