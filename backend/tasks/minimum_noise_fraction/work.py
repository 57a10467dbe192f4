"""The MNF transform, fitted to a sample of the scene and mapped window by window."""

from __future__ import annotations

import csv

import numpy as np

from ... import plots
from ...cube import Cube
from ...outputs import OutputFolder, raster_writers, refusals, required_bytes, thumbnail
from ...protocol import Progress
from ...record import Run
from ...report import Section
from ...transforms import fit_mnf
from ..mapping import map_windows
from .config import Components

NUM_TILES, TILE, WINDOW = 64, 128, 256
MOST_DRAWN = 10


def prepare(run: Run) -> float:
    """Nothing to refuse; gives the bytes of the results."""
    return required_bytes(run.scene, _count(run))


def perform(run: Run, folder: OutputFolder) -> list[Section]:
    """Fit to a sample, then map."""
    scene, count = run.scene, _count(run)
    if count < run.options.num_components:
        run.notice(f"The scene has {scene.bands} usable bands, so there are {count} components.")
    run.emit(Progress(0.0, "Judging the noise in a sample of the scene"))
    fitted = fit_mnf(scene.sample(NUM_TILES, TILE))

    def transformed(cube: Cube) -> Components:
        image = np.full((count, *cube.valid.shape), np.nan, np.float32)
        image[:, cube.valid] = fitted.forward(cube.pixels, count).T
        return Components(image)

    names = [f"Component {number}" for number in range(1, count + 1)]
    with raster_writers(folder.partial, Components, scene, {"components": names}) as writers:
        map_windows(run, scene.windows(WINDOW), transformed, writers, lambda one: None, "Transforming", 0.2)
    ratios = fitted.signal_to_noise
    with (
        refusals(folder.path),
        (folder.partial / "signal_to_noise.csv").open("w", newline="", encoding="utf-8") as file,
    ):
        table = csv.writer(file)
        table.writerow(["component", "signal_to_noise"])
        table.writerows((number, f"{value:.6g}") for number, value in enumerate(ratios, start=1))
    above = int((ratios > 1).sum())
    run.metrics["components_above_noise"] = float(above)
    shown = min(MOST_DRAWN, count)
    pictures = [
        plots.Picture("Signal to noise of every component (variances)", plots.ratios(ratios)),
        plots.Picture(
            f"The first {shown} components, each stretched by itself",
            plots.stretched(thumbnail(folder.partial / "components.tif")[:shown], names),
        ),
    ]
    rows = [("Components with more signal than noise", f"{above} of {scene.bands}")]
    return [Section("Components", rows=rows, pictures=pictures)]


def _count(run: Run) -> int:
    """How many components: those asked for, at most as many as there are bands."""
    return min(int(run.options.num_components), run.scene.bands)
