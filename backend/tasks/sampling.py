"""A sample of a scene's pixels that remembers where each lies, and how many endmembers it holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..cube import Array, Cube, Mask, Window
from ..endmembers import Count, hysime, virtual_dimensionality
from ..labels import Area, read_area
from ..record import Run
from ..scene import Scene
from .labelled import grid_of

NUM_TILES, TILE = 32, 64
MOST_PIXELS = NUM_TILES * TILE * TILE
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
    """The pixels that a run searches: those of its input ``area``, or of the whole scene where it has none.

    ValueError, a sentence, if the area cannot be read or no pixel inside holds data.
    """
    if "area" not in run.job.inputs:
        return sampled(run.scene)
    area = read_area(run.job.inputs["area"], grid_of(run.scene))
    for notice in area.notices:
        run.notice(notice)
    return sampled_inside(run.scene, area)


def sampled(scene: Scene) -> Sample:
    """Up to 32 tiles of 64 x 64 pixels spread evenly over the scene; a small scene whole."""
    return _joined([_part(cube, cube.valid) for cube in scene.sample(NUM_TILES, TILE)], "spread over the scene")


def sampled_inside(scene: Scene, area: Area) -> Sample:
    """All pixels of an area that hold data, or some 131,000 of a large one, in tiles of it drawn at random.

    In the order of rows, then columns. ValueError if no pixel inside holds data.
    """
    tiles = np.random.default_rng(0).permutation(area.tiles(TILE)).tolist()
    parts: list[Sample] = []
    for cube in scene.cubes([_tile(scene, row, col) for row, col in tiles]):
        parts.append(_part(cube, cube.valid & area.mask(cube.window)))
        if sum(len(part.rows) for part in parts) >= MOST_PIXELS:
            break
    where = "all inside the area" if len(parts) == len(tiles) else "drawn at random inside the area"
    found = _joined(parts, where)
    if not len(found.pixels):
        raise ValueError("No pixel inside the area holds data; choose another area.")
    order = np.lexsort((found.cols, found.rows))
    return Sample(found.pixels[order], found.rows[order], found.cols[order], where)


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


def _tile(scene: Scene, row: int, col: int) -> Window:
    return Window(row, col, min(TILE, scene.rows - row), min(TILE, scene.cols - col))


def _part(cube: Cube, chosen: Mask) -> Sample:
    """The chosen pixels of a cube."""
    rows, cols = np.nonzero(chosen)
    return Sample(cube.reflectance[:, chosen].T, rows + cube.window.row, cols + cube.window.col, "")


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
    check_countable(pixels)
    counted = COUNTERS[choice](pixels).number
    number: int = min(max(counted, LEAST), MOST, *pixels.shape)
    kept = "" if number == counted else f"; {number} are looked for, since methods take {LEAST} to {MOST}"
    run.notice(f"{NAMES[choice]} counts {counted} endmembers{kept}.")
    run.metrics["num_endmembers"] = float(number)
    return number
