"""Training areas for tests: their features and legends, and a run that classifies by them and says what it copied."""

from __future__ import annotations

import json

from osgeo import ogr
from qgis.core import (
    QgsApplication,
    QgsCategorizedSymbolRenderer,
    QgsFeature,
    QgsFillSymbol,
    QgsGeometry,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProject,
    QgsRendererCategory,
)

SQUARE = "POLYGON((383480 5818200, 383540 5818200, 383540 5818260, 383480 5818200))"
FIELDS = "field=class:string&field=code:integer&field=share:double&field=when:date&field=sure:bool"


def feature(layer, name, shape=SQUARE):
    made = QgsFeature(layer.fields())
    made.setAttribute("class", name)
    made.setAttribute("code", len(name) if isinstance(name, str) else None)
    made.setAttribute("sure", name == "Roof")
    if shape:
        made.setGeometry(QgsGeometry.fromWkt(shape))
    return made


def context():
    made = QgsProcessingContext()
    made.setProject(QgsProject.instance())
    return made


def created(name="classify"):
    return QgsApplication.processingRegistry().createAlgorithmById(f"mixel:{name}")


def refusal(values, name="classify"):
    fine, message = created(name).checkParameterValues(values, context())
    assert fine == (not message)
    return message


def ran(values, name="classify", feedback=None):
    """Run to the end; what the job file then holds of the training areas."""
    algorithm, heard = created(name), feedback or QgsProcessingFeedback(False)
    found, worked = algorithm.run(values, context(), heard)
    assert worked, heard.textLog()
    return json.loads(open(found["JOB"], encoding="utf-8").read())["inputs"]


def features(entry, field="class"):
    """What stands in a copy: {number: (value, geometry)}."""
    source = ogr.Open(entry["path"])
    layer = source.GetLayer(entry["layer"])
    names = [one.name for one in layer.schema]
    assert names == ([field] if field else [])
    return {
        one.GetFID(): (one.GetField(field) if field else None, one.geometry() and one.geometry().ExportToWkt())
        for one in layer
    }


def categorised(layer, field, entries, symbol=QgsFillSymbol):
    """Give a layer the legend ``entries``: (value, label, colour)."""
    categories = []
    for value, label, colour in entries:
        categories.append(QgsRendererCategory(value, symbol.createSimple({"color": colour}), label))
    layer.setRenderer(QgsCategorizedSymbolRenderer(field, categories))
    return layer
