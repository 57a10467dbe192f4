"""The spectral angle mapper, window by window."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ... import plots
from ...cube import Cube
from ...outputs import OutputFolder, raster_writers, required_bytes, thumbnail, write_categories
from ...record import Run
from ...report import Section
from ...transforms import spectral_angle_maps
from ..given_library import given_library, notice_left_out
from ..mapping import WINDOW, map_windows, notice_nodata
from .config import Angles

NONE = "none near enough"


def prepare(run: Run) -> float:
    """Read the library once to see that it fits the scene. ValueError, a sentence, if it does not."""
    return required_bytes(run.scene, len(given_library(run).library.names) + 1)


def perform(run: Run, folder: OutputFolder) -> list[Section]:
    """Map the angles and the nearest spectrum."""
    given, scene, threshold = given_library(run), run.scene, run.options.threshold
    names = given.library.names
    notice_left_out(run, given)
    counts: NDArray[np.int64] = np.zeros(len(names) + 1, np.int64)

    def mapped(cube: Cube) -> Angles:
        angles = np.full((len(names), *cube.valid.shape), np.nan, np.float32)
        angles[:, cube.valid] = spectral_angle_maps(cube.pixels[:, given.bands], given.spectra)
        nearest = np.where(cube.valid, angles, np.inf).argmin(axis=0)
        near = np.where(cube.valid, angles, np.inf).min(axis=0) <= threshold
        return Angles(np.where(cube.valid, np.where(near, nearest + 1, 0), -1).astype(np.int16), angles)

    def add(result: Angles) -> None:
        counts[:] += np.bincount(result.materials[result.materials >= 0], minlength=len(counts))

    with raster_writers(folder.partial, Angles, scene, {"materials": ["Nearest spectrum"], "angles": names}) as writers:
        writers["materials"].name_values([NONE, *names])
        map_windows(run, scene.windows(WINDOW), mapped, writers, add, "Mapping", 0.0)
    write_categories(folder.partial / "materials.tif", [NONE, *names])
    pixels = int(counts.sum())
    notice_nodata(run, pixels)
    run.metrics.update(valid_pixels=float(pixels), unclassified=float(counts[0]))
    listed = sorted(zip([NONE, *names], counts, strict=True), key=lambda one: -one[1])
    rows = [(name, f"{count} pixels ({100 * count / max(pixels, 1):.1f} %)") for name, count in listed if count]
    angles, top = thumbnail(folder.partial / "angles.tif"), 3 * threshold
    shown = np.argsort(-counts[1:], kind="stable")[:20]
    picture = plots.maps(angles[shown], [names[index] for index in shown], "Spectral angle (rad)", top)
    caption = "Angle to each spectrum, the most frequent first: dark is near"
    return [
        Section("Nearest spectra, the most frequent first", rows=rows),
        Section("Angles", pictures=[plots.Picture(caption, picture)]),
    ]
