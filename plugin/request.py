"""From Processing parameters to a job and the copies of layers it needs: read on the main thread, written on any."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

from qgis.core import QgsProcessingAlgorithm, QgsProcessingContext, QgsProcessingFeedback

from ..backend.config import Value, build
from ..backend.protocol import JOB_FILE, Job
from ..backend.reading import Reading
from ..backend.tasks import Task
from . import layers, readings
from .copies import Copy
from .folders import forget_copies, forget_run, usable_folder
from .inputs import product_path, read_inputs
from .parameters import Names, read_settings

INPUT, METHOD, SCALE, DEVICE, CARD, OUTPUT_FOLDER = "INPUT", "METHOD", "SCALE", "DEVICE", "CARD", "OUTPUT_FOLDER"
"""Names of the parameters that several tasks have."""


@dataclass(frozen=True)
class Request:
    """A job, and the layers that are copied before it runs."""

    job: Job
    copies: List[Copy]
    about: str
    """What the run is about, for people: the name of the scene's layer, or of the first file."""

    @property
    def folder(self) -> Path:
        """Of the output."""
        return Path(self.job.output)

    def write(self, feedback: QgsProcessingFeedback) -> None:
        """Write the copies and the job file; what a run that failed has left of them is written anew.

        ValueError, a sentence, if the disk refuses; then nothing is left.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            forget_copies(self.folder)
            for number, copy in enumerate(self.copies, start=1):
                feedback.setProgressText(f"Copying layer {number} of {len(self.copies)}")
                copy.write(feedback.isCanceled)
            self.job.write(self.folder / JOB_FILE)
        except OSError as error:
            raise ValueError(f"The output folder {self.folder} cannot be written: {error}") from error
        except ValueError:
            forget_run(self.folder)
            raise


class RequestReader:
    """Reads the parameters of an algorithm; nothing is written."""

    def __init__(
        self,
        algorithm: QgsProcessingAlgorithm,
        task: Task,
        names: Names,
        parameters: Dict[str, Any],
        context: QgsProcessingContext,
    ) -> None:
        """``names``: the parameter of each (method, setting)."""
        self._algorithm, self._task, self._names = algorithm, task, names
        self._parameters, self._context = parameters, context

    def read(self) -> Request:
        """The request. ValueError, a sentence that says what to do, where it cannot be met."""
        scene, reading, about = self._scene() if self._task.needs_scene else ("", Reading(), "")
        if self._task.opens_product:
            scene = product_path(self._algorithm, *self._of(INPUT))
        scale = self._scale() if self._task.needs_scene else None
        method, settings = self._method()
        options = self._task.option_settings
        names = {one.name: one.name.upper() for one in options}
        folder = usable_folder(self._algorithm.parameterAsFileOutput(*self._of(OUTPUT_FOLDER)))
        given = read_inputs(self._algorithm, self._parameters, self._context, self._task, folder)
        job = Job(
            task=self._task.name,
            method=method,
            scene=scene,
            output=str(folder),
            settings=settings,
            options=read_settings(self._algorithm, self._parameters, self._context, options, names),
            inputs=given.entries,
            scale=scale,
            reading=reading.to_dict(),
            device=self._device() if self._task.on_device else "auto",
        )
        first = next((entry["path"] for entry in job.inputs.values()), job.output)
        return Request(job, given.copies, about or Path(first).stem)

    def _device(self) -> str:
        """A card by its name, where one is given, else the chosen device."""
        card: str = self._algorithm.parameterAsString(*self._of(CARD)).strip()
        return card or str(self._algorithm.parameterAsEnumString(*self._of(DEVICE)))

    def _of(self, name: str) -> Tuple[Dict[str, Any], str, QgsProcessingContext]:
        return self._parameters, name, self._context

    def _scene(self) -> Tuple[str, Reading, str]:
        """The scene's file or folder, how it is to be read (as set for the file or the layer), and the layer's name."""
        layer = self._algorithm.parameterAsRasterLayer(*self._of(INPUT))
        path = os.path.abspath(layers.source_path(layer))
        facts = layers.plain_facts(path)
        refusals = [*facts.refusals(), self._task.refusal(facts.num_good_bands)] if facts else []
        refusals = [one for one in refusals if one]
        if refusals:
            raise ValueError(refusals[0])
        return path, readings.known(layer, layers.source_path(layer)).reading, layer.name()

    def _scale(self) -> Optional[float]:
        given = self._parameters.get(SCALE) is not None
        return self._algorithm.parameterAsDouble(*self._of(SCALE)) if given else None

    def _method(self) -> Tuple[str, Dict[str, Value]]:
        methods = self._task.methods
        if not methods:
            return "", {}
        wanted = self._algorithm.parameterAsEnumString(*self._of(METHOD))
        chosen = {one.name: one for one in methods}.get(wanted)
        if chosen is None:
            raise ValueError(f"There is no method {wanted!r} here; choose one of the list.")
        names = {one.name: self._names[chosen.name, one.name] for one in chosen.settings}
        values = read_settings(self._algorithm, self._parameters, self._context, chosen.settings, names)
        build(chosen.config, values)  # what single settings do not show: limits that depend on several
        return chosen.name, values
