"""The files a task reads and writes, as Processing parameters and outputs.

What a parameter of an input is called, by the input's kind (``NAME`` is the input's name in capitals):

* ``raster``: ``NAME``, a raster layer. ``library``, ``model``: ``NAME``, a file.
* ``labels``: ``NAME``, vectors of any geometry; ``NAME_FIELD``, their field of classes, needed for vectors;
  ``NAME_SELECTED``, a boolean: only the selected features (off unless given); or ``NAME_RASTER``, a class raster.
* ``area``: ``NAME``, polygons or a mask raster; ``NAME_SELECTED`` as above.

A task that opens a product takes the path of a file or folder in the place of the scene's layer.

Scripts and the panel may give a class raster as ``NAME`` too. The toolbox must not: QGIS (3.22 and 3.44) crashes as
soon as a list of fields belongs to a layer that is a raster.

A boolean and no QgsProcessingFeatureSourceDefinition, because QGIS takes that for vectors only. Vectors are copied
into the output folder, so that the backend needs no QGIS and a job can be repeated whatever becomes of the layer;
rasters are read where they are.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Tuple

from qgis.core import (
    QgsMapLayer,
    QgsProcessing,
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingOutputDefinition,
    QgsProcessingOutputFile,
    QgsProcessingOutputHtml,
    QgsProcessingOutputRasterLayer,
    QgsProcessingOutputVectorLayer,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterField,
    QgsProcessingParameterFile,
    QgsProcessingParameterMapLayer,
    QgsProcessingParameterRasterLayer,
    QgsProcessingParameterVectorLayer,
    QgsVectorLayer,
)

from ..backend.protocol import INPUTS
from ..backend.tasks import Input, Task
from . import layers, legends
from .containers import file_behind
from .copies import Copy

FIELD, SELECTED, RASTER = "_FIELD", "_SELECTED", "_RASTER"
"""What the parameters that belong to a layer are called behind the layer's name."""
PRODUCT_FILES = (
    "Products (*.zip *.xml *.XML *.he5 *.h5 *.hdf *.hdf5 *.nc *.tif *.tiff *.TIF *.geotiff *.hdr *.bsq *.bil *.bip "
    "*.dat *.img *.raw *.vrt *.txt *.TXT);;All files (*)"
)
_MODEL_FILES = "Mixel model (model.json)"


@dataclass(frozen=True)
class Given:
    """What a user gave: ``entries`` as the job file holds them, and the ``copies`` that must be written before."""

    entries: Dict[str, Dict[str, Any]]
    copies: List[Copy]


def input_parameters(task: Task) -> List[QgsProcessingParameterDefinition]:
    """The parameters of all inputs besides the scene, in their order."""
    return [made for one in task.inputs for made in _parameters(one)]


def read_inputs(
    algorithm: QgsProcessingAlgorithm,
    parameters: Dict[str, Any],
    context: QgsProcessingContext,
    task: Task,
    folder: Path,
) -> Given:
    """The inputs of a run with this output folder; nothing is written. ValueError, a sentence, where one cannot be."""
    given = Given({}, [])
    for one in task.inputs:
        reader = _Reader(algorithm, parameters, context, one)
        if not reader.is_given:
            if not one.optional:
                raise ValueError(f"Choose '{one.label}': {one.help}")
            continue
        given.entries[one.name], copies = reader.entry(folder / INPUTS)
        given.copies.extend(copies)
    return given


def product_parameter(name: str) -> QgsProcessingParameterFile:
    """The file or folder of a product; by QGIS's own filter a name without a dot, as folders have, is no file."""
    made = QgsProcessingParameterFile(name, "Product (file or folder)", fileFilter=PRODUCT_FILES)
    made.setHelp(
        "The product as it was delivered: its main or metadata file, the zip, the HDF5 or netCDF file, or the folder "
        "with all of it (type or paste its path). It is only read."
    )
    return made


def product_path(
    algorithm: QgsProcessingAlgorithm, parameters: Dict[str, Any], name: str, context: QgsProcessingContext
) -> str:
    """The product's file or folder, absolute. ValueError, a sentence, if there is nothing."""
    text = algorithm.parameterAsFile(parameters, name, context)
    if not text:
        raise ValueError("Choose the file or the folder of a product.")
    found = file_behind(text)
    if not found:
        raise ValueError(f"There is no file or folder {text}. Choose the file or the folder of a product.")
    return os.path.abspath(found)


def output_definitions(task: Task) -> List[QgsProcessingOutputDefinition]:
    """Everything a run of the task may write, by the names scripts use."""
    made: List[QgsProcessingOutputDefinition] = [
        QgsProcessingOutputRasterLayer(one.name.upper(), one.label) for one in task.layers
    ]
    kinds = {"points": QgsProcessingOutputVectorLayer, "raster": QgsProcessingOutputRasterLayer}
    for one in task.files:
        made.append(kinds.get(one.kind, QgsProcessingOutputFile)(one.name.upper(), one.label))
    return [*made, QgsProcessingOutputHtml("REPORT", "Report"), QgsProcessingOutputFile("JOB", "Job file")]


def _parameters(one: Input) -> List[QgsProcessingParameterDefinition]:
    name, kinds = one.name.upper(), QgsProcessing.SourceType
    if one.kind == "labels":
        return _labels_parameters(one, name)
    if one.kind == "area":
        types = [kinds.TypeVectorPolygon, kinds.TypeRaster]
        made = QgsProcessingParameterMapLayer(name, one.label, optional=one.optional, types=types)
    elif one.kind == "raster":
        made = QgsProcessingParameterRasterLayer(name, one.label, optional=one.optional)
    else:
        files = _MODEL_FILES if one.kind == "model" else ""
        made = QgsProcessingParameterFile(name, one.label, optional=one.optional, fileFilter=files)
    made.setHelp(one.help)
    return [made, _selected(one, name)] if one.kind == "area" else [made]


def _labels_parameters(one: Input, name: str) -> List[QgsProcessingParameterDefinition]:
    shapes = [QgsProcessing.SourceType.TypeVectorAnyGeometry]
    layer = QgsProcessingParameterVectorLayer(name, one.label, types=shapes, optional=True)
    layer.setHelp(f"{one.help} A raster is chosen below.")
    label = f"{one.label}: field of classes"
    field = QgsProcessingParameterField(name + FIELD, label, parentLayerParameterName=name, optional=True)
    field.setHelp(
        "The field that names the class of each feature. Names and colours are those of the layer's symbology where "
        "it is categorised by this field."
    )
    raster = QgsProcessingParameterRasterLayer(name + RASTER, f"{one.label}: or a class raster", optional=True)
    raster.setHelp("Class values on the scene's grid, 0 = no class; takes the place of the vector layer.")
    return [layer, field, _selected(one, name), raster]


def _selected(one: Input, name: str) -> QgsProcessingParameterBoolean:
    made = QgsProcessingParameterBoolean(name + SELECTED, f"{one.label}: selected features only", False)
    made.setHelp("Leaves out all features of the layer that are not selected.")
    return made


class _Reader:
    """Reads the parameters of one input."""

    def __init__(
        self, algorithm: QgsProcessingAlgorithm, parameters: Dict[str, Any], context: QgsProcessingContext, one: Input
    ) -> None:
        self._algorithm, self._parameters, self._context, self._input = algorithm, parameters, context, one
        self._name = one.name.upper()

    @property
    def is_given(self) -> bool:
        """Whether there is something to read."""
        return bool(self._given())

    def entry(self, folder: Path) -> Tuple[Dict[str, Any], List[Copy]]:
        """The input as the job file holds it, and what is to be copied into ``folder``."""
        if self._input.kind == "raster":
            layer = self._algorithm.parameterAsRasterLayer(*self._of(""))
            return {"path": os.path.abspath(layers.file_path(layer))}, []
        if self._input.kind in ("labels", "area"):
            return self._layer(folder)
        path = os.path.abspath(self._algorithm.parameterAsFile(*self._of("")))
        if not os.path.isfile(path):
            raise ValueError(f"'{self._input.label}': there is no file {path}.")
        return {"path": path}, []

    def _given(self) -> List[str]:
        """Which of its parameters name a file or layer, by the ends of their names."""
        return [ending for ending in ("", RASTER) if self._parameters.get(self._name + ending) not in (None, "")]

    def _of(self, ending: str) -> Tuple[Dict[str, Any], str, QgsProcessingContext]:
        return self._parameters, self._name + ending, self._context

    def _layer(self, folder: Path) -> Tuple[Dict[str, Any], List[Copy]]:
        given = self._given()
        if len(given) > 1:
            raise ValueError(f"'{self._input.label}': choose either a vector layer or a class raster, not both.")
        layer = self._algorithm.parameterAsLayer(*self._of(given[0]))
        field = self._field()
        selected = self._algorithm.parameterAsBool(*self._of(SELECTED))
        if not isinstance(layer, QgsVectorLayer):
            return {"path": self._raster(layer, field, selected)}, []
        if self._input.kind == "labels" and not field:
            raise ValueError(
                f"Choose the field of '{layer.name()}' that names the classes; its fields are "
                f"{', '.join(one.name() for one in layer.fields()) or 'none'}."
            )
        copy = Copy(layer, field, selected, folder / f"{self._input.name}.gpkg", self._input.name)
        entry: Dict[str, Any] = {"path": str(copy.path), "layer": copy.name}
        return {**entry, **({"field": field, **legends.of_field(layer, field)} if field else {})}, [copy]

    def _field(self) -> str:
        if self._input.kind != "labels":
            return ""
        found = self._algorithm.parameterAsFields(*self._of(FIELD))
        return str(found[0]) if found else ""

    def _raster(self, layer: QgsMapLayer, field: str, selected: bool) -> str:
        label = self._input.label
        if layer is None:
            raise ValueError(f"'{label}': this is no layer and no file that can be opened. Choose a layer.")
        path = os.path.abspath(layers.file_path(layer))
        if field:
            raise ValueError(f"'{label}' is a raster, which has no fields. Leave the field of classes empty.")
        if selected:
            raise ValueError(f"'{label}' is a raster, of which nothing is selected. Do not ask for selected features.")
        return path
