"""Continuum removal, window by window."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ... import plots
from ...cube import Cube
from ...library import Library
from ...outputs import OutputFolder, raster_writers, required_bytes
from ...record import Run
from ...report import Section
from ...transforms import without_continuum
from ..mapping import WINDOW, map_windows
from .config import WithoutContinuum


def prepare(run: Run) -> float:
    """Refuse two bands of one wavelength. ValueError, a sentence; gives the bytes of the results."""
    axis = run.scene.wavelengths
    if axis is not None and len(np.unique(axis)) < len(axis):
        raise ValueError("Several bands of the scene have one wavelength; leave the double ones out (ENVI: bbl).")
    return required_bytes(run.scene, run.scene.bands)


def perform(run: Run, folder: OutputFolder) -> list[Section]:
    """Divide every spectrum by its hull."""
    scene = run.scene
    axis = scene.wavelengths
    order = np.arange(scene.bands) if axis is None else np.argsort(axis, kind="stable")
    rising = None if axis is None else axis[order]
    totals: NDArray[np.float64] = np.zeros((2, scene.bands))

    def divided(cube: Cube) -> WithoutContinuum:
        image = np.full((scene.bands, *cube.valid.shape), np.nan, np.float32)
        image[:, cube.valid] = without_continuum(cube.pixels[:, order], rising).T
        return WithoutContinuum(image)

    def add(result: WithoutContinuum) -> None:
        good = np.isfinite(result.continuum_removed)
        totals[0] += np.where(good, result.continuum_removed, 0).sum(axis=(1, 2), dtype=np.float64)
        totals[1] += good.sum(axis=(1, 2))

    names = [f"Band {number}" for number in order + 1] if rising is None else [f"{value:g} nm" for value in rising]
    with raster_writers(folder.partial, WithoutContinuum, scene, {"continuum_removed": names}) as writers:
        map_windows(run, scene.windows(WINDOW), divided, writers, add, "Dividing", 0.0)
    mean = (totals[0] / np.maximum(totals[1], 1)).astype(np.float32)
    run.metrics.update(valid_pixels=float(totals[1].max()), deepest=float(1 - mean.min()))
    library = Library(["Mean of the scene"], mean[None], rising)
    caption = "Mean over the scene: where it dips, the scene's materials absorb"
    return [Section("Absorption", pictures=[plots.Picture(caption, plots.spectra(library, "Reflectance / continuum"))])]
