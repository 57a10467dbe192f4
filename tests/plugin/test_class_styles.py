"""How the outputs of a classification look, and what is loaded of a run."""

from __future__ import annotations

import numpy as np
import pytest
from mixel.plugin import class_styles
from mixel.plugin.layers import value_colours, value_names
from osgeo import gdal
from qgis.core import (
    QgsApplication,
    QgsLayerTreeLayer,
    QgsMapLayerLegend,
    QgsMapRendererParallelJob,
    QgsMapSettings,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProject,
    QgsRasterLayer,
)
from qgis.PyQt.QtCore import QSize, Qt
from qgis.PyQt.QtGui import QColor

NAMES = ("not classified", "Dach & <Ziegel>", "水")


def raster(path, arrays, kind=gdal.GDT_Float32, tags=None, names=(), nodata=None):
    arrays = np.asarray(arrays)
    count, rows, cols = arrays.shape
    dataset = gdal.GetDriverByName("GTiff").Create(str(path), cols, rows, count, kind)
    dataset.SetGeoTransform((0, 1, 0, rows, 0, -1))
    for number, array in enumerate(arrays, start=1):
        band = dataset.GetRasterBand(number)
        band.WriteArray(array)
        if nodata is not None:
            band.SetNoDataValue(nodata)
        if names:
            band.SetDescription(names[number - 1])
    dataset.GetRasterBand(1).SetMetadata(tags or {})
    return str(path)


def class_map(path, kind=gdal.GDT_Byte, colours=("", "#a0b1c2", "#0000ff"), names=NAMES):
    tags = {f"category_{value}": name for value, name in enumerate(names)}
    tags.update({f"colour_{value}": colour for value, colour in enumerate(colours) if colour})
    return raster(path, [[[0, 1, 2, 1]] * 3], kind, tags, nodata=0)


def legend(layer):
    nodes = QgsMapLayerLegend.defaultRasterLegend(layer).createLayerTreeModelLegendNodes(QgsLayerTreeLayer(layer))
    return [str(node.data(Qt.ItemDataRole.DisplayRole)) for node in nodes]


def drawn(layer):
    """Colours of the pixels in the first row of a layer, as a map shows them; None where it is transparent."""
    settings = QgsMapSettings()
    settings.setLayers([layer])
    settings.setOutputSize(QSize(40 * layer.width(), 40 * layer.height()))
    settings.setExtent(layer.extent())
    settings.setBackgroundColor(QColor(0, 0, 0, 0))
    job = QgsMapRendererParallelJob(settings)
    job.start()
    job.waitForFinished()
    colours = [job.renderedImage().pixelColor(40 * col + 20, 20) for col in range(layer.width())]
    return [colour.name() if colour.alpha() else None for colour in colours]


@pytest.mark.parametrize("kind", [gdal.GDT_Byte, gdal.GDT_Int16])
def test_classes_have_their_names_and_colours_and_0_is_nothing(project, tmp_path, kind):
    layer = class_styles.classes_layer(class_map(tmp_path / "classes.tif", kind))
    assert [(one.value, one.label, one.color.name()) for one in layer.renderer().classes()] == [
        (1, NAMES[1], "#a0b1c2"),
        (2, NAMES[2], "#0000ff"),
    ]
    assert legend(layer)[-2:] == list(NAMES[1:])
    assert drawn(layer) == [None, "#a0b1c2", "#0000ff", "#a0b1c2"]


@pytest.mark.parametrize("colours", [(), ("", "no colour", "#12")])
def test_classes_without_a_colour_get_one_each(qgis_app, tmp_path, colours):
    layer = class_styles.classes_layer(class_map(tmp_path / "classes.tif", colours=colours))
    assert len({one.color.name() for one in layer.renderer().classes()}) == 2


def test_300_classes_are_in_the_order_of_their_values(qgis_app, tmp_path):
    names = [f"class {value}" for value in range(301)]
    path = class_map(tmp_path / "classes.tif", gdal.GDT_Int16, ["", *["#112233"] * 300], names)
    assert value_names(path) == names and value_colours(path)[300] == "#112233"
    layer = class_styles.classes_layer(path)  # held: its renderer dies with it
    assert [one.value for one in layer.renderer().classes()] == list(range(1, 301))


def test_a_raster_that_names_nothing_is_shown_nonetheless(qgis_app, tmp_path):
    path = raster(tmp_path / "plain.tif", [[[0, 1, 2]]], gdal.GDT_Byte, {"category_x": "?", "colour_": "#ffffff"})
    assert value_names(path) == [] and value_colours(path) == {}
    assert class_styles.classes_layer(path).isValid()


def test_the_names_survive_in_the_sidecar(qgis_app, tmp_path):
    from mixel.plugin.styles import save_sidecar

    path = class_map(tmp_path / "classes.tif")
    save_sidecar(class_styles.classes_layer(path))
    again = QgsRasterLayer(path, "again", "gdal")
    assert [one.label for one in again.renderer().classes()] == list(NAMES[1:])


def test_confidence_is_a_ramp_from_0_to_1(qgis_app, tmp_path):
    layer = class_styles.confidence_layer(raster(tmp_path / "c.tif", [[[0.2, 0.4]]]))
    function = layer.renderer().shader().rasterShaderFunction()
    assert (function.minimumValue(), function.maximumValue()) == (0, 1)
    settings = function.legendSettings()
    assert settings.useContinuousLegend() and (settings.minimumLabel(), settings.maximumLabel()) == ("0", "1")


def test_novelty_turns_from_green_to_brown_at_1_and_the_legend_says_so(project, tmp_path):
    layer = class_styles.novelty_layer(raster(tmp_path / "n.tif", [[[0, 0.5, 1, 2, 3, 9, np.nan]]]))
    _, half, edge, new, far, farther, nothing = drawn(layer)
    assert edge == "#f5f5f5" and far == farther and nothing is None
    assert QColor(half).green() > QColor(half).red() and QColor(new).red() > QColor(new).blue()
    words = [line for line in legend(layer) if line]
    assert any(line.startswith("2: looks like nothing") for line in words) and words[-1] == "3 and more"
    assert [line[0] for line in words[-5:]] == ["0", "0", "1", "2", "3"]


def test_probabilities_are_a_layer_for_each_class(qgis_app, tmp_path):
    path = raster(tmp_path / "p.tif", np.full((2, 3, 4), 0.5), names=("Roof", "Tree"))
    layers = class_styles.probability_layers(path)
    assert [layer.name() for layer in layers] == ["Probability of Roof", "Probability of Tree"]
    assert [layer.renderer().band() for layer in layers] == [1, 2]


@pytest.fixture
def classified(processing, project, qgis_app, scripted, make_layer, tmp_path):
    """A classification with the scripted backend, loaded as the toolbox loads it."""
    from processing.gui.Postprocessing import handleAlgorithmResults

    scripted()
    context, feedback = QgsProcessingContext(), QgsProcessingFeedback()
    context.setProject(QgsProject.instance())
    algorithm = QgsApplication.processingRegistry().createAlgorithmById("mixel:classify")
    labels = make_layer("labels.tif", bands=1)
    values = {"INPUT": make_layer("berlin.tif").id(), "TRAINING": labels.id(), "OUTPUT_FOLDER": str(tmp_path / "out")}
    found, worked = algorithm.run(values, context, feedback)
    assert worked, feedback.textLog()
    handleAlgorithmResults(algorithm, context, feedback)
    qgis_app.processEvents()
    return found


def test_a_run_is_one_group_with_the_class_map_on_top(project, classified):
    group = project.layerTreeRoot().findGroup("Classified: berlin")
    nodes = group.findLayers()
    assert [node.name() for node in nodes] == [
        "Classes",
        "Confidence (probability)",
        "Unlike the training pixels",
        "Probability of Roof",
        "Probability of Tree",
    ]
    assert [node.itemVisibilityChecked() for node in nodes] == [True, False, False, False, False]
    assert [node.isExpanded() for node in nodes] == [True, False, False, False, False]


def test_model_and_table_are_files_and_every_raster_has_its_look_beside_it(classified, tmp_path):
    assert classified["MODEL"].endswith("model.json") and classified["ACCURACY"].endswith("accuracy.csv")
    for name in ("classes", "confidence", "novelty", "probabilities"):
        assert (tmp_path / "out" / f"{name}.qml").exists()
