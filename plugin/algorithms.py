"""The Processing algorithms: one per task; parameters from its description, one run of the backend, styled layers.

They never touch the project or a widget while they run, so they work in toolbox, batch, models, scripts, qgis_process
and the panel alike.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Tuple

from qgis.core import (
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingOutputFolder,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterFolderDestination,
    QgsProcessingParameterNumber,
    QgsProcessingParameterRasterLayer,
    QgsProcessingParameterString,
)
from qgis.PyQt.QtGui import QIcon

from ..backend.protocol import JOB_FILE, Event, Failed, Notice, Output, Progress, Started
from ..backend.tasks import Task
from . import interpreter, process, results
from .folders import forget_run
from .inputs import input_parameters, output_definitions, product_parameter
from .parameters import choice_parameter, parameter_names, setting_parameter, setting_parameters
from .request import CARD, DEVICE, INPUT, METHOD, OUTPUT_FOLDER, SCALE, RequestReader
from .words import in_progress, milestone

HOMEPAGE = "https://github.com/mixel/mixel"
ICON = Path(__file__).parent.parent / "resources" / "icons" / "mixel.svg"
DEVICES = (
    ("auto", "whichever is faster"),
    ("cpu", "processor"),
    ("cuda", "NVIDIA graphics card"),
    ("mps", "Apple's graphics processor"),
)


class TaskAlgorithm(QgsProcessingAlgorithm):
    """A task of the backend as ``mixel:<its name>``."""

    LOAD = "LOAD"
    FOLDER = "FOLDER"

    def __init__(self, task: Task) -> None:
        """An algorithm before its run."""
        super().__init__()
        self._task = task
        self._methods = task.methods
        self._names = parameter_names(self._methods, task.default_method)
        self._load = True
        self._found: Dict[str, str] = {}
        self._passed = ("", -1)

    def createInstance(self) -> TaskAlgorithm:
        """A fresh one for each run."""
        return type(self)(self._task)

    def name(self) -> str:
        """Stable: scripts and models hold it."""
        return self._task.name

    def displayName(self) -> str:
        """What the toolbox shows."""
        return self._task.label

    def group(self) -> str:
        """The toolbox's group."""
        return self._task.group

    def groupId(self) -> str:
        """The group's stable name."""
        return self._task.group.lower().replace(" ", "_")

    def tags(self) -> list:
        """Words the toolbox's search finds it by."""
        return list(self._task.tags)

    def icon(self) -> QIcon:
        """The plugin's icon."""
        return QIcon(str(ICON))

    def helpUrl(self) -> str:
        """Where more stands."""
        return HOMEPAGE

    def shortDescription(self) -> str:
        """One sentence for the toolbox's tip."""
        return self._task.summary

    def shortHelpString(self) -> str:
        """What it does, what comes out, which methods there are."""
        known = "".join(
            f"<p><b>{one.name}</b>: {one.label}. {one.summary} {one.advice} <i>{one.reference}</i></p>"
            for one in self._methods
        )
        files = [one.label for one in (*self._task.layers, *self._task.files)]
        return (
            f"<p>{self._task.summary}</p><p>The output folder gets: {', '.join(files)}; report.html and job.json, with "
            f"which the run can be repeated.</p>{known}"
        )

    def canExecute(self) -> Tuple[bool, str]:
        """No as long as the backend's Python is missing, with the way to get it."""
        try:
            interpreter.find()
        except ValueError as error:
            return False, str(error)
        return True, ""

    def initAlgorithm(self, configuration: Dict[str, Any]) -> None:
        """Declare parameters and outputs."""
        made: List[QgsProcessingParameterDefinition] = []
        if self._task.needs_scene:
            scene = QgsProcessingParameterRasterLayer(INPUT, "Hyperspectral scene")
            bands = self._task.least_bands
            scene.setHelp(f"A raster file with at least {bands} bands, reflectance for preference. It is only read.")
            made.append(scene)
        if self._task.opens_product:
            made.append(product_parameter(INPUT))
        made += input_parameters(self._task)
        if self._methods:
            names, default = tuple((one.name, one.label) for one in self._methods), self._task.default_method
            made.append(choice_parameter(METHOD, "Method", names, default, "How it is done."))
        made += [setting_parameter(one.name.upper(), one) for one in self._task.option_settings]
        made += setting_parameters(self._methods, self._task.default_method)
        for definition in [*made, *self._common_parameters()]:
            self.addParameter(definition, False)
        for output in [*output_definitions(self._task), QgsProcessingOutputFolder(self.FOLDER, "Output folder")]:
            self.addOutput(output)

    def checkParameterValues(self, parameters: Dict[str, Any], context: QgsProcessingContext) -> Tuple[bool, str]:
        """Refuse before anything starts, with the sentence that says what to do."""
        fine, message = super().checkParameterValues(parameters, context)
        try:
            self._reader(parameters, context).read()  # its sentences name limits, QGIS's only the parameter
            interpreter.find()  # scripts are told only what is refused here, not what canExecute says
        except ValueError as error:
            return False, str(error)
        return fine, message

    def prepareAlgorithm(
        self, parameters: Dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> bool:
        """Main thread: everything that needs layers or settings, so that the run itself needs neither."""
        try:
            self._request = self._reader(parameters, context).read()
            self._python = interpreter.find()
        except ValueError as error:
            raise QgsProcessingException(str(error)) from error
        self._load = self.parameterAsBool(parameters, self.LOAD, context)
        return True

    def processAlgorithm(
        self, parameters: Dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> Dict[str, Any]:
        """Write the job, let the backend do it, pass on what it says."""
        folder = self._request.folder
        try:
            self._request.write(feedback)
        except ValueError as error:
            raise QgsProcessingException(str(error)) from error
        try:
            for event in process.run(self._python, folder / JOB_FILE, feedback.isCanceled):
                self._tell(event, feedback)
        except process.Cancelled:
            forget_run(folder)
            return {}
        return {**self._found, self.FOLDER: str(folder)}

    def postProcessAlgorithm(self, context: QgsProcessingContext, feedback: QgsProcessingFeedback) -> Dict[str, Any]:
        """Make the styled layers of the finished files."""
        if feedback.isCanceled():
            return {}
        try:
            run = results.run_layers(self._task, self._found)
        except ValueError as error:
            raise QgsProcessingException(str(error)) from error
        results.save_sidecars([layer for _, layer in run])
        if self._load and run:
            title = f"{self._task.title}: {self._request.about}"
            results.hand_over(run, "" if self._task.opens_product else title, context)
        return {}

    def _reader(self, parameters: Dict[str, Any], context: QgsProcessingContext) -> RequestReader:
        return RequestReader(self, self._task, self._names, parameters, context)

    def _common_parameters(self) -> List[QgsProcessingParameterDefinition]:
        made: List[QgsProcessingParameterDefinition] = []
        if self._task.needs_scene:
            kind = QgsProcessingParameterNumber.Type.Double
            limits = {"optional": True, "minValue": 1e-9, "maxValue": 1e9}
            made.append(QgsProcessingParameterNumber(SCALE, "Reflectance scale", kind, **limits))
            made[-1].setHelp(
                "Stored value that means reflectance 1: 10000 for most products. Empty: found out from the file."
            )
        if self._task.on_device:
            about = "Where the networks run. By itself Mixel takes what was faster in a short trial, and says so."
            made.append(choice_parameter(DEVICE, "Device", DEVICES, "auto", about))
            made.append(QgsProcessingParameterString(CARD, "Graphics card", optional=True))
            made[-1].setFlags(made[-1].flags() | QgsProcessingParameterDefinition.Flag.FlagAdvanced)
            made[-1].setHelp("Its name or a part of it, where there are several; it then goes before Device.")
        made.append(QgsProcessingParameterFolderDestination(OUTPUT_FOLDER, "Output folder"))
        made[-1].setHelp("A folder without an earlier run. It is made if it does not exist.")
        made.append(QgsProcessingParameterBoolean(self.LOAD, "Add the layers to the project", True))
        made[-1].setHelp("The results as styled layers in one group.")
        return made

    def _tell(self, event: Event, feedback: QgsProcessingFeedback) -> None:
        hear = getattr(feedback, "hear", None)
        if hear is not None:
            hear(event)
        if isinstance(event, Started):
            what = f"{event.method} on {event.device}. {event.scan}" if event.method else event.task
            feedback.pushInfo(f"Mixel {event.version}, {what}")
        elif isinstance(event, Progress):
            feedback.setProgress(100 * event.fraction)
            if milestone(event) != self._passed:  # QGIS logs each text
                self._passed = milestone(event)
                feedback.setProgressText(in_progress(event))
        elif isinstance(event, Notice):
            feedback.pushWarning(event.message)
        elif isinstance(event, Output):
            self._found[event.kind.upper()] = event.path
        elif isinstance(event, Failed):
            if event.details:
                feedback.pushConsoleInfo(event.details)
            raise QgsProcessingException(event.message)
