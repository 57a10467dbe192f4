"""Every task as a Processing algorithm: parameters, refusals, outputs; how the toolbox's outputs look."""

from __future__ import annotations

import numpy as np
import pytest
from mixel.backend.tasks import task, tasks
from mixel.plugin import class_styles, point_styles, results, styles
from mixel.plugin.inputs import input_parameters
from mixel.plugin.parameters import setting_parameters
from osgeo import gdal, ogr, osr
from qgis.core import (
    QgsApplication,
    QgsPalettedRasterRenderer,
    QgsProcessingContext,
    QgsProcessingOutputVectorLayer,
    QgsProcessingParameterFile,
    QgsProcessingParameterMapLayer,
    QgsProcessingParameterRasterLayer,
    QgsProcessingParameterVectorLayer,
    QgsProject,
    QgsVectorLayer,
)

NAMES = [one.name for one in tasks()]


@pytest.fixture(autouse=True)
def some_python(scripted):
    scripted()


@pytest.fixture(params=NAMES)
def described(request, provider, project):
    return task(request.param)


def created(name):
    return QgsApplication.processingRegistry().createAlgorithmById(f"mixel:{name}")


def refusal(name, values):
    context = QgsProcessingContext()
    context.setProject(QgsProject.instance())
    fine, message = created(name).checkParameterValues(values, context)
    assert fine == (not message)
    return message


def test_every_task_is_an_algorithm_with_its_words(described):
    algorithm = created(described.name)
    assert algorithm.displayName() == described.label and algorithm.group() == described.group
    assert " " not in algorithm.groupId() and algorithm.groupId() == algorithm.groupId().lower()
    assert described.summary in algorithm.shortHelpString()
    assert set(described.tags) == set(algorithm.tags())
    assert (
        isinstance(algorithm.createInstance(), type(algorithm))
        and algorithm.createInstance().name() == algorithm.name()
    )


def test_every_option_and_input_is_an_explained_parameter(described):
    algorithm = created(described.name)  # held: its definitions die with it
    definitions = {one.name(): one for one in algorithm.parameterDefinitions()}
    assert all(one.help() for one in definitions.values())
    for one in described.option_settings:
        assert definitions[one.name.upper()].defaultValue() == one.default
    kinds = {
        "raster": QgsProcessingParameterRasterLayer,
        "library": QgsProcessingParameterFile,
        "model": QgsProcessingParameterFile,
        "labels": QgsProcessingParameterVectorLayer,
        "area": QgsProcessingParameterMapLayer,
    }
    for one in described.inputs:
        assert isinstance(definitions[one.name.upper()], kinds[one.kind])
    assert ("INPUT" in definitions) == (described.needs_scene or described.opens_product)
    assert ("SCALE" in definitions) == described.needs_scene
    assert ("METHOD" in definitions) == bool(described.methods)
    assert ("DEVICE" in definitions) == described.on_device


def test_no_two_parameters_have_one_name(described):
    """QGIS would leave out the second without a word."""
    methods = described.methods
    names = [
        one.name() for one in (*input_parameters(described), *setting_parameters(methods, described.default_method))
    ]
    names += [one.name.upper() for one in described.option_settings]
    names += ["OUTPUT_FOLDER", "LOAD", *(["INPUT", "SCALE"] if described.needs_scene else [])]
    names += ["INPUT"] if described.opens_product else []
    names += ["METHOD"] if methods else []
    names += ["DEVICE", "CARD"] if described.on_device else []
    assert len(set(names)) == len(names)
    algorithm = created(described.name)
    assert {one.name() for one in algorithm.parameterDefinitions()} == set(names)


def test_every_output_has_its_name_and_every_raster_but_a_plain_one_its_look(described):
    algorithm = created(described.name)
    outputs = {one.name(): one for one in algorithm.outputDefinitions()}
    expected = {one.name.upper() for one in (*described.layers, *described.files)} | {"REPORT", "JOB", "FOLDER"}
    assert set(outputs) == expected
    for one in described.files:
        assert isinstance(outputs[one.name.upper()], QgsProcessingOutputVectorLayer) == (one.kind == "points")
    unshown = {one.name for one in described.layers} - set(styles.LOOKS)
    assert unshown <= {"spectra", "angles"}, unshown


def test_a_library_that_is_missing_or_nowhere_is_refused(described, make_layer, tmp_path):
    needed = [one for one in described.inputs if one.kind == "library" and not one.optional]
    if not needed:
        return
    values = {"OUTPUT_FOLDER": str(tmp_path / "out")}
    values.update({"INPUT": make_layer().id()} if described.needs_scene else {})
    assert f"Choose '{needed[0].label}'" in refusal(described.name, values) or "LIBRARY" in refusal(
        described.name, values
    )
    values[needed[0].name.upper()] = str(tmp_path / "nowhere.sli")
    assert "there is no file" in refusal(described.name, values)
    (tmp_path / "there.sli").write_bytes(b"x")
    values[needed[0].name.upper()] = str(tmp_path / "there.sli")
    assert refusal(described.name, values) == ""


def test_options_have_limits(provider, project, make_layer, tmp_path):
    values = {"INPUT": make_layer().id(), "OUTPUT_FOLDER": str(tmp_path / "out"), "NUM_ENDMEMBERS": 99}
    assert refusal("extract_endmembers", values) == "'Number of endmembers' must be at most 30, not 99."


def raster(path, arrays, kind=gdal.GDT_Float32):
    arrays = np.asarray(arrays)
    dataset = gdal.GetDriverByName("GTiff").Create(str(path), arrays.shape[2], arrays.shape[1], len(arrays), kind)
    for number, array in enumerate(arrays, start=1):
        dataset.GetRasterBand(number).WriteArray(array)
    return str(path)


def points(path):
    source = ogr.GetDriverByName("GPKG").CreateDataSource(str(path))
    reference = osr.SpatialReference()
    reference.ImportFromEPSG(32633)
    layer = source.CreateLayer("endmember_pixels", reference, ogr.wkbPoint)
    layer.CreateField(ogr.FieldDefn("name", ogr.OFTString))
    feature = ogr.Feature(layer.GetLayerDefn())
    feature.SetField("name", "Endmember 1")
    feature.SetGeometry(ogr.CreateGeometryFromWkt("POINT (383500 5818200)"))
    layer.CreateFeature(feature)
    return str(path)


def test_materials_have_their_names_and_colours_far_apart(qgis_app, tmp_path):
    path = raster(tmp_path / "materials.tif", np.arange(12).reshape(1, 3, 4) % 4, gdal.GDT_Int16)
    dataset = gdal.Open(path, gdal.GA_Update)
    names = ("none", "tree", "soil & sand", "roof")
    dataset.GetRasterBand(1).SetMetadata({f"category_{value}": name for value, name in enumerate(names)})
    dataset = None
    layer = class_styles.categories_layer(path)
    classes = layer.renderer().classes()
    assert isinstance(layer.renderer(), QgsPalettedRasterRenderer)
    assert class_styles.categories_layer(raster(tmp_path / "plain.tif", np.zeros((1, 3, 4)))).isValid()
    assert [one.label for one in classes] == ["none", "tree", "soil & sand", "roof"]
    assert len({one.color.name() for one in classes}) == 4


@pytest.mark.parametrize(("count", "bands"), [(1, [1, 1, 1]), (5, [1, 2, 3]), (40, [30, 20, 10])])
def test_components_are_a_stretched_picture_of_three_bands(qgis_app, tmp_path, count, bands):
    values = np.random.default_rng(0).normal(0, 1, (count, 20, 30))
    layer = styles.components_layer(raster(tmp_path / "c.tif", values))
    renderer = layer.renderer()
    assert [renderer.redBand(), renderer.greenBand(), renderer.blueBand()] == bands
    stretch = renderer.redContrastEnhancement()
    assert stretch.minimumValue() < -1 and stretch.maximumValue() > 1


def test_points_are_labelled_with_their_names(qgis_app, tmp_path):
    layer = point_styles.points_layer(points(tmp_path / "endmember_pixels.gpkg"))
    assert isinstance(layer, QgsVectorLayer) and layer.featureCount() == 1
    assert layer.labelsEnabled() and layer.labeling().settings().fieldName == "name"
    with pytest.raises(ValueError, match="cannot be opened"):
        point_styles.points_layer(str(tmp_path / "nowhere.gpkg"))


def test_only_what_a_run_wrote_becomes_layers_in_the_order_of_the_task(qgis_app, tmp_path):
    path = raster(tmp_path / "abundances.tif", np.full((2, 5, 6), 0.5))
    shade = raster(tmp_path / "shade.tif", np.full((1, 5, 6), 0.1))
    found = {"ABUNDANCES": path, "SHADE": shade, "REPORT": "report.html"}
    shown = results.run_layers(task("estimate_abundances"), found)
    assert [name for name, _ in shown] == ["ABUNDANCES"] * 3 + ["SHADE"]
    assert results.run_layers(task("count_endmembers"), {"EIGENVALUES": "eigenvalues.csv"}) == []
    extracted = results.run_layers(task("extract_endmembers"), {"POINTS": points(tmp_path / "endmember_pixels.gpkg")})
    assert [layer.name() for _, layer in extracted] == ["Endmember pixels"]
    results.save_sidecars([layer for _, layer in (*shown, *extracted)])
    assert (tmp_path / "abundances.qml").exists() and (tmp_path / "shade.qml").exists()
    assert (tmp_path / "endmember_pixels.qml").exists()
