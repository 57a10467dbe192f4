"""Blind unmixing: learn from a sample of the scene, then map it window by window."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from ... import plots
from ...cube import Cube
from ...library import Library, write_csv, write_sli
from ...methods.contract import Plan, Unmixer, UnmixingMethod
from ...outputs import OutputFolder, RasterWriter, raster_writers, refusals, required_bytes, thumbnail
from ...protocol import Progress
from ...record import Run
from ...report import Section, training_rows
from ...results import Unmixing
from ...scene import Scene
from ...summary import Summary
from ..mapping import map_windows, notice_nodata
from ..progress import Steps
from ..sampling import MOST, pixels_of, settled_number
from .comparison import beside_classical
from .naming import named, table
from .reference import reference, scored

TRAINING_SHARE = 0.9
"""Part of the progress bar that training takes."""


def prepare(run: Run) -> float:
    """Refuse what the scene is too small for; gives the bytes of the results. ValueError, a sentence."""
    _check_size(run.scene, _module(run).plan(run.settings), run.settings)
    most = run.settings.num_endmembers if run.options.number == "given" else MOST
    reference(run, most)
    return required_bytes(run.scene, most + 1)


def perform(run: Run, folder: OutputFolder) -> list[Section]:
    """Unmix the scene: abundances, error, endmembers."""
    scene, module = run.scene, _module(run)
    plan = module.plan(run.settings)
    run.emit(Progress(0.0, "Reading a sample of the scene"))
    size = max(scene.rows, scene.cols) if plan.whole else plan.tile
    sample = scene.sample(plan.num_tiles, size)
    check_values(run, sample)
    number = settled_number(run, run.options.number, run.settings.num_endmembers, pixels_of(sample))
    run.settings = replace(run.settings, num_endmembers=number)
    unmixer = _fitted(run, module, sample)
    run.trained(unmixer.record, unmixer.num_parameters)
    beside = beside_classical(run, sample, unmixer, run.settings.seed)
    del sample
    names, matches = named(run, unmixer.endmembers)
    library = Library(names, unmixer.endmembers, scene.wavelengths, scene.fwhm)
    bands = {"abundances": names, "error": ["Reconstruction error"]}
    with raster_writers(folder.partial, Unmixing, scene, bands) as writers:
        summary = _map(run, plan, unmixer, writers)
    run.metrics.update(reconstruction_rmse=summary.rmse, valid_pixels=float(summary.pixels))
    with refusals(folder.path):
        write_sli(library, folder.partial / "endmembers.sli")
        write_csv(library, folder.partial / "endmembers.csv")
    page = sections(run, folder.partial, library, summary)
    given = reference(run, number)
    if given:
        page.append(scored(run, given, folder.partial / "abundances.tif", unmixer.endmembers))
    if matches:
        page.append(Section("Names of the endmembers", tables=[table(matches)]))
    return [*page, *([beside] if beside else [])]


def _fitted(run: Run, module: Any, sample: list[Cube]) -> Any:
    return run.on_device(lambda device: module.fit(sample, run.settings, device, Steps(run.emit, TRAINING_SHARE)))


def check_values(run: Run, sample: list[Cube]) -> None:
    """Look for what the values alone give away; pixels that are not valid hold 0 and count as fine."""
    negative = float(np.mean([(cube.reflectance < 0).mean() / cube.valid.mean() for cube in sample]))
    if negative > 0.001:
        run.notice(f"{100 * negative:.1f} % of the sampled values are negative; check the atmospheric correction.")
    if max(float(cube.reflectance.max()) for cube in sample) > 10:
        run.notice("Some reflectances are above 10; check the reflectance scale and the nodata value.")


def _module(run: Run) -> UnmixingMethod:
    return cast(UnmixingMethod, cast(Any, run.method).load())


def _map(run: Run, plan: Plan, unmixer: Unmixer, writers: dict[str, RasterWriter]) -> Summary:
    scene = run.scene
    windows = scene.windows(max(scene.rows, scene.cols) if plan.whole else plan.window, plan.halo)
    summary = Summary(len(unmixer.endmembers))
    map_windows(run, windows, unmixer.unmix, writers, summary.add, "Unmixing", TRAINING_SHARE)
    notice_nodata(run, summary.pixels)
    return summary


def sections(run: Run, folder: Path, library: Library, summary: Summary) -> list[Section]:
    """What the report says of an unmixed scene whose rasters lie in a folder."""
    abundances, error = (thumbnail(folder / name) for name in ("abundances.tif", "error.tif"))
    shares = [(name, f"{100 * mean:.1f} %") for name, mean in zip(library.names, summary.mean_abundances, strict=True)]
    found = [("Reconstruction error", f"{summary.rmse:.4f} reflectance (RMSE over all pixels)"), *training_rows(run)]
    caption = "Reconstruction error per pixel: root mean square over bands, in reflectance"
    pictures = [
        plots.Picture("Endmember spectra", plots.spectra(library)),
        plots.Picture(
            "Abundances: the share of each endmember in every pixel, 0 to 1", plots.maps(abundances, library.names)
        ),
        plots.Picture(caption, plots.error(error[0], summary)),
    ]
    if run.training:
        pictures.append(plots.Picture("Loss of every training step", plots.losses(run.training)))
    return [
        Section("Results in figures", rows=found),
        Section("Mean abundance over the scene", rows=shares),
        Section("Results", pictures=pictures),
    ]


def _check_size(scene: Scene, plan: Plan, settings: Any) -> None:
    if plan.whole and scene.rows * scene.cols > plan.window**2:
        raise ValueError(
            f"The scene has {scene.rows} x {scene.cols} pixels; this variant reads it whole and takes at most "
            f"{plan.window} x {plan.window}. Choose the repaired variant."
        )
    if settings.num_endmembers > scene.rows * scene.cols:
        raise ValueError(
            f"The scene has {scene.rows * scene.cols} pixels; {settings.num_endmembers} endmembers cannot be found in "
            "them. Ask for fewer endmembers."
        )
    if settings.num_endmembers > scene.bands:
        raise ValueError(
            f"The scene has {scene.bands} usable bands; {settings.num_endmembers} endmembers cannot be told apart in "
            "them. Ask for fewer endmembers."
        )
