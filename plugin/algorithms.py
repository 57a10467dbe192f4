"""The Processing algorithm: parameters from the Configs, one run of the backend, styled layers.

It never touches the project or a widget while it runs, so it works in toolbox, batch, models, scripts, qgis_process
and the panel alike.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Dict, Tuple

from qgis.core import (
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingOutputFile,
    QgsProcessingOutputFolder,
    QgsProcessingOutputHtml,
    QgsProcessingOutputRasterLayer,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterFolderDestination,
    QgsProcessingParameterNumber,
    QgsProcessingParameterRasterLayer,
)
from qgis.PyQt.QtGui import QIcon

from ..backend.methods import method, methods
from ..backend.protocol import JOB_FILE, Event, Failed, Job, Notice, Output, Progress, Started
from . import interpreter, layers, process, results
from .folders import forget_run, usable_folder
from .parameters import DEFAULT_METHOD, choice_parameter, parameter_names, read_settings, setting_parameters
from .words import in_progress, milestone

HOMEPAGE = "https://github.com/mixel/mixel"
ICON = Path(__file__).parent.parent / "resources" / "icons" / "mixel.svg"
DEVICES = (
    ("auto", "graphics card, else processor"),
    ("cpu", "processor"),
    ("cuda", "NVIDIA graphics card"),
)
_OUTPUTS = {"abundances": "ABUNDANCES", "error": "ERROR", "endmembers": "ENDMEMBERS", "report": "REPORT", "job": "JOB"}


class Unmix(QgsProcessingAlgorithm):
    """Blind unmixing of a hyperspectral scene: ``mixel:unmix``."""

    INPUT = "INPUT"
    METHOD = "METHOD"
    SCALE = "SCALE"
    DEVICE = "DEVICE"
    OUTPUT_FOLDER = "OUTPUT_FOLDER"
    LOAD = "LOAD"
    FOLDER = "FOLDER"

    def __init__(self) -> None:
        """An algorithm before its run."""
        super().__init__()
        self._methods = methods(task="unmix")
        self._names = parameter_names(self._methods)
        self._load = True
        self._found: Dict[str, str] = {}
        self._passed = ("", -1)

    def createInstance(self) -> Unmix:
        """A fresh one for each run."""
        return type(self)()

    def name(self) -> str:
        """Stable: scripts and models hold it."""
        return "unmix"

    def displayName(self) -> str:
        """What the toolbox shows."""
        return "Unmix a hyperspectral scene"

    def group(self) -> str:
        """The toolbox's group."""
        return "Unmixing"

    def groupId(self) -> str:
        """The group's stable name."""
        return "unmixing"

    def tags(self) -> list:
        """Words the toolbox's search finds it by."""
        return ["hyperspectral", "spectral", "unmixing", "endmember", "abundance", "mamba", "material", "fraction"]

    def icon(self) -> QIcon:
        """The plugin's icon."""
        return QIcon(str(ICON))

    def helpUrl(self) -> str:
        """Where more stands."""
        return HOMEPAGE

    def shortDescription(self) -> str:
        """One sentence for the toolbox's tip."""
        return "Finds the materials of a hyperspectral scene and their share in every pixel."

    def shortHelpString(self) -> str:
        """What it does, what comes out, which methods there are."""
        known = "".join(
            f"<p><b>{one.name}</b>: {one.label}. {one.summary} <i>{one.reference}</i></p>" for one in self._methods
        )
        return (
            "<p>Finds the materials of a hyperspectral scene (endmembers) and how much of each is in every pixel "
            "(abundances: at least 0, together 1), without a spectral library.</p>"
            "<p>The output folder gets the abundances (one band per endmember), the reconstruction error, the "
            "endmembers as an ENVI spectral library, report.html and job.json, with which the run can be "
            "repeated.</p>" + known
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
        names = tuple((one.name, one.label) for one in self._methods)
        scene = QgsProcessingParameterRasterLayer(self.INPUT, "Hyperspectral scene")
        scene.setHelp("A raster file with at least 10 bands, reflectance for preference. It is only read.")
        choice = choice_parameter(self.METHOD, "Method", names, DEFAULT_METHOD, "How the scene is unmixed.")
        for definition in [scene, choice, *setting_parameters(self._methods), *self._common_parameters()]:
            self.addParameter(definition, False)
        self._declare_outputs()

    def checkParameterValues(self, parameters: Dict[str, Any], context: QgsProcessingContext) -> Tuple[bool, str]:
        """Refuse before anything starts, with the sentence that says what to do."""
        fine, message = super().checkParameterValues(parameters, context)
        try:
            self._request(parameters, context)  # its sentences name limits, QGIS's only the parameter
            interpreter.find()  # scripts are told only what is refused here, not what canExecute says
        except ValueError as error:
            return False, str(error)
        return fine, message

    def prepareAlgorithm(
        self, parameters: Dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> bool:
        """Main thread: everything that needs layers or settings, so that the run itself needs neither."""
        try:
            self._job = self._request(parameters, context)
            self._python = interpreter.find()
        except ValueError as error:
            raise QgsProcessingException(str(error)) from error
        self._load = self.parameterAsBool(parameters, self.LOAD, context)
        return True

    def processAlgorithm(
        self, parameters: Dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> Dict[str, Any]:
        """Write the job, let the backend do it, pass on what it says."""
        folder = Path(self._job.output)
        job_path = folder / JOB_FILE
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._job.write(job_path)
        except OSError as error:
            raise QgsProcessingException(f"The output folder {folder} cannot be written: {error}") from error
        try:
            for event in process.run(self._python, job_path, feedback.isCanceled):
                self._tell(event, feedback)
        except process.Cancelled:
            forget_run(folder)
            return {}
        return {**self._found, self.FOLDER: str(folder)}

    def postProcessAlgorithm(self, context: QgsProcessingContext, feedback: QgsProcessingFeedback) -> Dict[str, Any]:
        """Make the styled layers of the finished files."""
        rasters = [self._found.get(name) for name in ("ABUNDANCES", "ERROR")]
        if not all(rasters) or feedback.isCanceled():
            return {}
        try:
            run = results.run_layers(*rasters)
        except ValueError as error:
            raise QgsProcessingException(str(error)) from error
        results.save_sidecars(run)
        if self._load:
            title = f"Unmixed: {Path(self._job.scene).stem}"
            results.hand_over(run, title, ["ABUNDANCES"] * (len(run) - 1) + ["ERROR"], context)
        return {}

    def _common_parameters(self) -> list:
        scale = QgsProcessingParameterNumber(
            self.SCALE,
            "Reflectance scale",
            QgsProcessingParameterNumber.Type.Double,
            optional=True,
            minValue=1e-9,
            maxValue=1e9,
        )
        scale.setHelp("Stored value that means reflectance 1: 10000 for most products. Empty: found out from the file.")
        device = choice_parameter(self.DEVICE, "Device", DEVICES, "auto", "Where the networks run.")
        folder = QgsProcessingParameterFolderDestination(self.OUTPUT_FOLDER, "Output folder")
        folder.setHelp("A folder without an earlier run. It is made if it does not exist.")
        load = QgsProcessingParameterBoolean(self.LOAD, "Add the layers to the project", True)
        load.setHelp("Composite, abundances and error as styled layers in one group.")
        return [scale, device, folder, load]

    def _declare_outputs(self) -> None:
        self.addOutput(QgsProcessingOutputRasterLayer("ABUNDANCES", "Abundances"))
        self.addOutput(QgsProcessingOutputRasterLayer("ERROR", "Reconstruction error"))
        self.addOutput(QgsProcessingOutputFile("ENDMEMBERS", "Endmembers (ENVI spectral library)"))
        self.addOutput(QgsProcessingOutputHtml("REPORT", "Report"))
        self.addOutput(QgsProcessingOutputFile("JOB", "Job file"))
        self.addOutput(QgsProcessingOutputFolder(self.FOLDER, "Output folder"))

    def _request(self, parameters: Dict[str, Any], context: QgsProcessingContext) -> Job:
        source = layers.source_path(self.parameterAsRasterLayer(parameters, self.INPUT, context))
        refusals = layers.read_facts(source).refusals()
        if refusals:
            raise ValueError(refusals[0])
        chosen = method(self.parameterAsEnumString(parameters, self.METHOD, context))
        scale = parameters.get(self.SCALE)
        return Job(
            task="unmix",
            method=chosen.name,
            scene=os.path.abspath(source),
            output=str(usable_folder(self.parameterAsFileOutput(parameters, self.OUTPUT_FOLDER, context))),
            settings=read_settings(self, parameters, context, chosen, self._names),
            scale=None if scale is None else self.parameterAsDouble(parameters, self.SCALE, context),
            device=self.parameterAsEnumString(parameters, self.DEVICE, context),
        )

    def _tell(self, event: Event, feedback: QgsProcessingFeedback) -> None:
        hear = getattr(feedback, "hear", None)
        if hear is not None:
            hear(event)
        if isinstance(event, Started):
            feedback.pushInfo(f"Mixel {event.version}, {event.method} on {event.device}. {event.scan}")
        elif isinstance(event, Progress):
            feedback.setProgress(100 * event.fraction)
            if milestone(event) != self._passed:  # QGIS logs each text
                self._passed = milestone(event)
                feedback.setProgressText(in_progress(event))
        elif isinstance(event, Notice):
            feedback.pushWarning(event.message)
        elif isinstance(event, Output):
            self._found[_OUTPUTS.get(event.kind, event.kind.upper())] = event.path
        elif isinstance(event, Failed):
            if event.details:
                feedback.pushConsoleInfo(event.details)
            raise QgsProcessingException(event.message)
