"""A sample of a scene's pixels that remembers where each lies, and how many endmembers it holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..cube import Array, Cube
from ..endmembers import Count, hysime, virtual_dimensionality
from ..record import Run
from .shared import BLIND_BANDS

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
    """Valid pixels (pixels, bands) of a scene, reflectance, the row and column of each, and in words where they are."""

    pixels: Array
    rows: NDArray[np.int64]
    cols: NDArray[np.int64]
    where: str


def sample_of(run: Run) -> Sample:
    """The pixels that a run searches: up to 32 tiles of 64 x 64 pixels, of its area if it has one.

    A small scene or area whole. Within an area in the order of rows, then columns. ValueError if no pixel holds data.
    """
    scene = run.scene
    parts = [_part(cube) for cube in scene.sample(NUM_TILES, TILE)]
    if scene.within is None:
        return _joined(parts, "spread over the scene")
    found = _joined(parts, "spread over the area")
    _, once = np.unique(found.rows * scene.cols + found.cols, return_index=True)  # tiles of an area may overlap
    return Sample(found.pixels[once], found.rows[once], found.cols[once], found.where)


def check_enough(sample: Sample, number: int) -> None:
    """ValueError, a sentence, if the sample holds fewer pixels than endmembers are asked for."""
    if len(sample.pixels) < number:
        raise ValueError(
            f"Only {len(sample.pixels)} pixels with data were found ({sample.where}), and {number} endmembers need as "
            "many at least. Choose a larger area, or ask for fewer endmembers."
        )


def check_countable(pixels: Array) -> None:
    """ValueError, a sentence, if there are too few pixels to tell noise from signal band by band."""
    if len(pixels) <= pixels.shape[1]:
        raise ValueError(
            f"Only {len(pixels)} pixels with data were found; to count endmembers among {pixels.shape[1]} bands, more "
            "pixels than bands are needed. Choose a larger area."
        )


def _part(cube: Cube) -> Sample:
    """The valid pixels of a cube."""
    rows, cols = np.nonzero(cube.valid)
    return Sample(cube.pixels, rows + cube.window.row, cols + cube.window.col, "")


def _joined(parts: list[Sample], where: str) -> Sample:
    rows, cols = np.concatenate([one.rows for one in parts]), np.concatenate([one.cols for one in parts])
    return Sample(np.concatenate([one.pixels for one in parts]), rows, cols, where)


def pixels_of(cubes: list[Cube]) -> Array:
    """The valid pixels of all cubes (pixels, bands)."""
    return np.concatenate([cube.pixels for cube in cubes])


def settled_number(run: Run, choice: str, given: int, pixels: Array) -> int:
    """The number of endmembers: the given one, or what the chosen estimate counts, within what methods take.

    ``choice`` is one of ``shared.NUMBERS``. An estimate is told to the user.
    """
    if choice == "given":
        return given
    if pixels.shape[1] < BLIND_BANDS:
        raise ValueError(
            f"The number of endmembers cannot be counted in {pixels.shape[1]} bands; {BLIND_BANDS} are needed. Give "
            "the number yourself."
        )
    check_countable(pixels)
    counted = COUNTERS[choice](pixels).number
    number: int = min(max(counted, LEAST), MOST, *pixels.shape)
    kept = "" if number == counted else f"; {number} are looked for, since methods take {LEAST} to {MOST}"
    run.notice(f"{NAMES[choice]} counts {counted} endmembers{kept}.")
    run.metrics["num_endmembers"] = float(number)
    return number
