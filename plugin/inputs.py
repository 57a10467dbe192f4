"""The files a task reads and writes, as Processing parameters and outputs."""

from __future__ import annotations

import os
from typing import Any, Dict, List

from qgis.core import (
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingOutputDefinition,
    QgsProcessingOutputFile,
    QgsProcessingOutputHtml,
    QgsProcessingOutputRasterLayer,
    QgsProcessingOutputVectorLayer,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterFile,
    QgsProcessingParameterRasterLayer,
)

from ..backend.tasks import Input, Task
from . import layers


def input_parameters(task: Task) -> List[QgsProcessingParameterDefinition]:
    """One parameter for every input besides the scene, in their order."""
    return [_parameter(one) for one in task.inputs]


def read_inputs(
    algorithm: QgsProcessingAlgorithm, parameters: Dict[str, Any], context: QgsProcessingContext, task: Task
) -> Dict[str, Dict[str, Any]]:
    """The inputs as the job file holds them. ValueError, a sentence, if one is missing or no file."""
    found = {}
    for one in task.inputs:
        if parameters.get(one.name.upper()) in (None, ""):
            if not one.optional:
                raise ValueError(f"Choose '{one.label}': {one.help}")
            continue
        found[one.name] = {"path": _path(algorithm, parameters, context, one)}
    return found


def output_definitions(task: Task) -> List[QgsProcessingOutputDefinition]:
    """Everything a run of the task may write, by the names scripts use."""
    made: List[QgsProcessingOutputDefinition] = [
        QgsProcessingOutputRasterLayer(one.name.upper(), one.label) for one in task.layers
    ]
    for one in task.files:
        kind = QgsProcessingOutputVectorLayer if one.kind == "points" else QgsProcessingOutputFile
        made.append(kind(one.name.upper(), one.label))
    return [*made, QgsProcessingOutputHtml("REPORT", "Report"), QgsProcessingOutputFile("JOB", "Job file")]


def _parameter(one: Input) -> QgsProcessingParameterDefinition:
    name = one.name.upper()
    if one.kind == "raster":
        made = QgsProcessingParameterRasterLayer(name, one.label, optional=one.optional)
    else:
        made = QgsProcessingParameterFile(name, one.label, optional=one.optional)
    made.setHelp(one.help)
    return made


def _path(
    algorithm: QgsProcessingAlgorithm, parameters: Dict[str, Any], context: QgsProcessingContext, one: Input
) -> str:
    name = one.name.upper()
    if one.kind == "raster":
        return os.path.abspath(layers.source_path(algorithm.parameterAsRasterLayer(parameters, name, context)))
    path = os.path.abspath(algorithm.parameterAsFile(parameters, name, context))
    if not os.path.isfile(path):
        raise ValueError(f"'{one.label}': there is no file {path}.")
    return path
