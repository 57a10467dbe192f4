"""Tasks: what a job does from its scene to its files, window by window."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from . import config, version
from .cube import Cube
from .library import Library, write_csv, write_sli
from .methods import method
from .methods.contract import Plan, Unmixer, UnmixingMethod
from .outputs import OutputFolder, RasterWriter, raster_writers, refusals, required_bytes
from .protocol import JOB_FILE, Event, Job, Metric, Output, Progress, Started
from .record import Run
from .report import write_report
from .results import Unmixing, layers
from .scan import chosen_form
from .scene import Scene
from .summary import Summary
from .training import choose_device

Emit = Callable[[Event], None]
TRAINING_SHARE = 0.9
"""Part of the progress bar that training takes."""
LEAST_SECONDS = 0.2
"""Progress events come no closer than this."""


def run(job: Job, emit: Emit) -> dict[str, float]:
    """Run a job; gives its metrics. ValueError, a sentence, if it cannot be done; no output is left then."""
    chosen = method(job.method)
    if job.task != "unmix" or chosen.task != job.task:
        raise ValueError(f"{chosen.label} cannot do the task {job.task!r}; its task is {chosen.task!r}.")
    settings = config.build(chosen.config, job.settings)
    device = choose_device(job.device)
    emit(Started(job.task, job.method, str(device), chosen_form(device).sentence, version()))
    with Scene(job.scene, job.scale) as scene:
        plan = cast(UnmixingMethod, chosen.load()).plan(settings)
        _check_size(scene, plan, settings)
        folder = OutputFolder(Path(job.output), required_bytes(scene, settings.num_endmembers + 1))
        try:
            return _unmix(Run(job, chosen, settings, scene, emit), plan, folder)
        finally:
            folder.discard()


def _unmix(run: Run, plan: Plan, folder: OutputFolder) -> dict[str, float]:
    scene = run.scene
    for notice in scene.notices:
        run.notice(notice)
    run.emit(Progress(0.0, "Reading a sample of the scene"))
    size = max(scene.rows, scene.cols) if plan.whole else plan.tile
    sample = scene.sample(plan.num_tiles, size)
    _check_values(run, sample)
    module = cast(UnmixingMethod, run.method.load())
    unmixer = module.fit(sample, run.settings, choose_device(run.job.device), _Steps(run.emit))
    del sample
    names = [f"Endmember {number}" for number in range(1, len(unmixer.endmembers) + 1)]
    library = Library(names, unmixer.endmembers, scene.wavelengths, scene.fwhm)
    bands = {"abundances": names, "error": ["Reconstruction error"]}
    with raster_writers(folder.partial, Unmixing, scene, bands) as writers:
        summary = _map(run, plan, unmixer, writers)
    scene.check_unchanged()
    run.finish(unmixer.record, unmixer.num_parameters, summary)
    with refusals(folder.path):
        write_sli(library, folder.partial / "endmembers.sli")
        write_csv(library, folder.partial / "endmembers.csv")
        write_report(folder.partial, run, library, summary)
        replace(run.job, record=run.record()).write(folder.partial / JOB_FILE)
        _keep(folder)
    _announce(run, folder)
    return run.metrics


def _map(run: Run, plan: Plan, unmixer: Unmixer, writers: dict[str, RasterWriter]) -> Summary:
    """Unmix window by window, a thread reading ahead and a thread writing behind; gives the scene's figures."""
    scene = run.scene
    windows = scene.windows(max(scene.rows, scene.cols) if plan.whole else plan.window, plan.halo)
    summary, started = Summary(len(unmixer.endmembers)), time.monotonic()
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="writer") as writer:
        pending: Future[None] | None = None
        for number, cube in enumerate(scene.cubes(windows), start=1):
            rows, cols = cube.window.core
            whole = unmixer.unmix(cube)
            result = Unmixing(whole.abundances[:, rows, cols], whole.error[rows, cols])
            if pending:
                pending.result()
            pending = writer.submit(_write, result, cube.window, writers)
            summary.add(result)
            fraction = TRAINING_SHARE + (1 - TRAINING_SHARE) * number / len(windows)
            left = (time.monotonic() - started) * (len(windows) / number - 1)
            run.emit(Progress(fraction, f"Unmixing window {number} of {len(windows)}", left))
        if pending:
            pending.result()
    pixels = scene.rows * scene.cols
    if summary.pixels < pixels:
        run.notice(f"{100 * (1 - summary.pixels / pixels):.1f} % of the pixels hold no data and were left out.")
    return summary


def _write(result: Unmixing, window: Any, writers: dict[str, RasterWriter]) -> None:
    for name, writer in writers.items():
        writer.write(window, getattr(result, name))


def _keep(folder: OutputFolder) -> None:
    """Move the files into place, the rasters after what explains them; the record, which says so, replaces the job."""
    rasters = [one.file for one in layers(Unmixing)]
    folder.keep(["endmembers.csv", "endmembers.hdr", "endmembers.sli", "report.html", *rasters, JOB_FILE])


def _announce(run: Run, folder: OutputFolder) -> None:
    outputs = [Output(one.kind, str(folder.path / one.file), one.label) for one in layers(Unmixing)]
    outputs.append(Output("endmembers", str(folder.path / "endmembers.sli"), "Endmember spectra"))
    outputs.append(Output("report", str(folder.path / "report.html"), "Report"))
    outputs.append(Output("job", str(folder.path / JOB_FILE), "Job"))
    for output in outputs:
        run.emit(output)


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


def _check_values(run: Run, sample: list[Cube]) -> None:
    """Look for what the values alone give away; pixels that are not valid hold 0 and count as fine."""
    negative = float(np.mean([(cube.reflectance < 0).mean() / cube.valid.mean() for cube in sample]))
    if negative > 0.001:
        run.notice(f"{100 * negative:.1f} % of the sampled values are negative; check the atmospheric correction.")
    if max(float(cube.reflectance.max()) for cube in sample) > 10:
        run.notice("Some reflectances are above 10; check the reflectance scale and the nodata value.")


class _Steps:
    """Turns training steps into progress and metric events, not too many a second."""

    def __init__(self, emit: Emit) -> None:
        self.emit, self.first, self.last = emit, 0.0, 0.0

    def __call__(self, step: int, steps: int, loss: float) -> None:
        now = time.monotonic()
        self.first = self.first or now  # the first step compiles kernels: the time left is reckoned from its end
        if now - self.last < LEAST_SECONDS and step < steps:
            return
        self.last = now
        left = (now - self.first) * (steps - step) / (step - 1) if 1 < step < steps else None
        self.emit(Progress(TRAINING_SHARE * step / steps, f"Training, step {step} of {steps}", left))
        self.emit(Metric("loss", loss, step))
