"""Names for the endmembers of a scene, out of a library the user gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...cube import Array
from ...library import Match, match_library, read_library
from ...record import Run
from ...report import Table

GUESS = 0.1
"""Radians. Beyond this spectral angle a name is a guess."""
NOTE = "Beyond 0.1 rad a name is a guess: the library may not hold the material, or it is mixed in the scene."


def named(run: Run, endmembers: Array) -> tuple[list[str], list[Match]]:
    """A name for each endmember: the library's, where one is given, else its number; and the matches behind them."""
    if "library" not in run.job.inputs:
        return [f"Endmember {number}" for number in range(1, len(endmembers) + 1)], []
    library = read_library(Path(run.job.inputs["library"]["path"]))
    found = match_library(endmembers, library, run.scene.wavelengths, run.scene.fwhm)
    far = sum(one.angle > GUESS for one in found)
    if far:
        run.notice(
            f"{far} of {len(found)} endmembers lie farther than {GUESS:g} rad from every spectrum of the library; "
            "their names are guesses."
        )
    return [one.label for one in found], found


def table(matches: list[Match]) -> Table:
    """The names with class and spectral angle."""
    rows = [
        (f"Endmember {number}", one.label, one.material or "-", f"{one.angle:.3f} rad ({np.degrees(one.angle):.0f}°)")
        for number, one in enumerate(matches, start=1)
    ]
    return Table(("", "Nearest spectrum", "Class", "Spectral angle"), rows, NOTE)
