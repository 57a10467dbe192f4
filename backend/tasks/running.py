"""One run of any task: what is checked before, and how its files, report and record come into place after."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from .. import config, version
from ..links import check_file
from ..methods import Method, method
from ..outputs import OutputFolder, refusals
from ..protocol import JOB_FILE, Job, Output, Progress, Started
from ..reading import Reading
from ..record import Run, cards_to_try, chosen_device, scan_sentence
from ..report import REPORT_FILE, write_report
from ..scene import Scene
from . import Task, task
from .labelled import look_within_area
from .progress import Emit


def run(job: Job, emit: Emit) -> dict[str, float]:
    """Run a job; gives its metrics. ValueError, a sentence, if it cannot be done; no output is left then."""
    wanted = task(job.task)
    chosen = _chosen_method(job, wanted)
    settings = config.build(chosen.config, job.settings) if chosen else None
    options = config.build(wanted.options, job.options)
    _check_inputs(job, wanted)
    with ExitStack() as opened:
        folder = OutputFolder(Path(job.output))  # first: the libraries' temporary files go there too
        opened.callback(folder.leave)
        cards = cards_to_try(job, wanted)
        if cards:
            emit(Progress(0.0, f"Trying {' and '.join(cards)}; the first time this takes some minutes"))
        emit(Started(job.task, job.method, chosen_device(job, wanted), scan_sentence(job, wanted), version()))
        scene = opened.enter_context(_opened_scene(job)) if wanted.needs_scene else None
        notices = [*scene.notices, *look_within_area(job, scene)] if scene else []
        refusal = wanted.refusal(scene.bands) if scene else ""
        if refusal:
            raise ValueError(refusal)
        made = Run(job, wanted, chosen, settings, options, scene, emit)
        work = wanted.load()
        folder.require(work.prepare(made))
        for notice in notices:
            made.notice(notice)
        sections = work.perform(made, folder)
        if scene:
            scene.check_unchanged()
        with refusals(folder.path):
            write_report(folder.partial, made, sections)
            replace(job, record=made.record()).write(folder.partial / JOB_FILE)
            outputs = _written(wanted, folder.partial)
            folder.keep([*outputs, JOB_FILE])
        _announce(made, folder.path, outputs)
    return made.metrics


def _opened_scene(job: Job) -> Scene:
    return Scene(job.scene, job.scale, Reading.from_dict(job.reading))


def _chosen_method(job: Job, wanted: Task) -> Method | None:
    if not wanted.default_method:
        if job.method:
            raise ValueError(f"The task {job.task!r} has no methods to choose from, so not {job.method!r} either.")
        return None
    chosen = method(job.method)
    if chosen.task != job.task:
        raise ValueError(f"{chosen.label} cannot do the task {job.task!r}; its task is {chosen.task!r}.")
    return chosen


def _check_inputs(job: Job, wanted: Task) -> None:
    known = {one.name: one for one in wanted.inputs}
    unknown = sorted(set(job.inputs) - set(known))
    if unknown:
        raise ValueError(f"The task {job.task!r} reads no {unknown[0]!r}; its inputs are {', '.join(known) or 'none'}.")
    for one in wanted.inputs:
        if one.name not in job.inputs and not one.optional:
            raise ValueError(f"'{one.label}' is missing: {one.help}")
        if one.name in job.inputs:
            check_file(Path(job.inputs[one.name]["path"]))
    if (wanted.needs_scene or wanted.opens_product) and not job.scene:
        raise ValueError("The job file needs the field 'scene', a text.")


def _written(wanted: Task, partial: Path) -> list[str]:
    """The files of this run in the order they are moved: rasters after what explains them."""
    files = [name for one in wanted.files for name in (*one.beside, *one.names)]
    names = [*files, REPORT_FILE, *(name for one in wanted.layers for name in (f"{one.file}.aux.xml", one.file))]
    return [name for name in names if (partial / name).exists()]


def _announce(run: Run, folder: Path, written: list[str]) -> None:
    outputs = [Output(one.name, str(folder / one.file), one.label) for one in run.task.layers if one.file in written]
    outputs += [
        Output(one.name, str(folder / name), one.label)
        for one in run.task.files
        for name in one.names
        if name in written
    ]
    outputs.append(Output("report", str(folder / REPORT_FILE), "Report"))
    outputs.append(Output("job", str(folder / JOB_FILE), "Job"))
    for output in outputs:
        run.emit(output)
