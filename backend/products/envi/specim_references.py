"""White and dark references of a Specim capture: means over their lines, and the light that white means."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...cube import Window, spread
from .. import raster
from .header import header_of, numbers, read_header

LINES = 64
"""Lines read at a time."""
MOST = 512
"""Lines of a reference that its mean takes, spread over it: more do not change the mean."""
TIMES = ("tint", "integration time", "exposure time", "exposure", "shutter")
"""Keys of headers that name the integration time; Specim's is tint, in milliseconds."""
Levels = NDArray[np.float32]


class Unfit(ValueError):
    """References that do not fit their capture: why it stays in raw counts."""


@dataclass(frozen=True)
class Reference:
    """``mean`` (bands, cols): mean counts over the lines. ``time``: integration time, 0 if not stated."""

    mean: Levels
    time: float
    files: tuple[Path, ...]

    @classmethod
    def of(cls, path: Path, size: tuple[int, int]) -> Reference:
        """Read one. ``size``: bands and columns of the capture. Unfit if it has others; ValueError if damaged."""
        found = raster.recognise(path)
        try:
            bands, cols, rows = found.facts.bands, found.facts.cols, found.facts.rows
            if (bands, cols) != size:
                raise Unfit(
                    f"{path.name} has {bands} bands and {cols} columns, the capture {size[0]} and {size[1]}: it cannot "
                    "be calibrated to reflectance."
                )
            parts = [Window(row, 0, min(LINES, rows - row), cols) for row in range(0, rows, LINES)]
            parts = spread(parts)[: MOST // LINES]
            total = np.zeros((bands, cols))
            for part in parts:
                total += found.read(part, range(bands)).sum(axis=1, dtype=np.float64)
            mean = (total / sum(part.rows for part in parts)).astype(np.float32)
            return cls(mean, integration_time(header_of(path)), found.files)
        finally:
            found.close()


@dataclass(frozen=True)
class White:
    """``values`` (bands, cols): counts that mean reflectance 1, NaN where there are none.

    ``times``: integration times of capture and white reference where they differ.
    """

    values: Levels
    times: tuple[float, float] | None


def white_level(white: Reference, dark: Reference, header: Path) -> White:
    """What a white surface would have given in the capture, less the dark. Unfit if there is no light in it.

    ``dark``: of the white reference. ``header``: of the capture, for its integration time.
    """
    level = white.mean - dark.mean
    level[level <= 0] = np.nan
    if np.isnan(level).mean() > 0.5:
        raise Unfit(
            "The white reference is no brighter than the dark one: the capture cannot be calibrated to reflectance."
        )
    time = integration_time(header)
    if not time or not white.time or time == white.time:
        return White(level, None)
    return White(level * np.float32(time / white.time), (time, white.time))


def integration_time(header: Path | None) -> float:
    """The integration time that a header names, 0 if it names none."""
    fields = read_header(header) if header else {}
    for key in TIMES:
        found = numbers(fields.get(key, ""))
        if found and found[0] > 0:
            return found[0]
    return 0.0
