"""Copies of vector layers beside a run: geometry, edits, filters and selections, class names and colours, threads."""

from __future__ import annotations

import threading

import pytest
from mixel.plugin.copies import Copy
from osgeo import gdal, ogr
from qgis.core import (
    QgsApplication,
    QgsFeature,
    QgsFillSymbol,
    QgsGeometry,
    QgsMarkerSymbol,
    QgsProcessingAlgRunnerTask,
    QgsProcessingFeedback,
    QgsRendererCategory,
    QgsSingleSymbolRenderer,
    QgsVectorFileWriter,
    QgsVectorLayer,
)
from training_areas import SQUARE, categorised, context, created, feature, features, ran


@pytest.fixture(autouse=True)
def some_python(scripted):
    scripted()


def test_a_layer_in_memory_is_copied_with_its_field_only(areas, asked, tmp_path):
    entry = ran(asked(areas(), TRAINING_FIELD="class"))["training"]
    assert entry == {"path": str(tmp_path / "out" / "inputs" / "training.gpkg"), "layer": "training", "field": "class"}
    found = features(entry)
    assert {number: value for number, (value, _) in found.items()} == {1: "Roof", 2: "Tree", 3: "Roof"}
    assert found[1][1].startswith("POLYGON ((383480 5818200")


@pytest.mark.parametrize(
    ("kind", "shape", "said"),
    [
        ("Point", "POINT(1 2)", "POINT (1 2)"),
        ("LineString", "LINESTRING(1 2, 3 4)", "LINESTRING (1 2,3 4)"),
        ("MultiPoint", "MULTIPOINT((1 2),(3 4))", "MULTIPOINT (1 2,3 4)"),
        ("PolygonZ", "POLYGON Z((0 0 9, 1 0 9, 1 1 9, 0 0 9))", "POLYGON ((0 0,1 0,1 1,0 0))"),
        ("Polygon", "MULTIPOLYGON(((0 0, 1 0, 1 1, 0 0)))", "MULTIPOLYGON (((0 0,1 0,1 1,0 0)))"),
        ("Polygon", "", None),
    ],
)
def test_every_kind_of_geometry_is_copied_without_heights(areas, asked, kind, shape, said):
    entry = ran(asked(areas("Roof", kind=kind, shape=shape), TRAINING_FIELD="class"))["training"]
    assert features(entry) == {1: ("Roof", said)}


@pytest.mark.parametrize(("code", "known"), [("EPSG:4326", "4326"), ("EPSG:3035", "3035"), ("", None)])
def test_the_coordinate_system_stays(areas, asked, code, known):
    layer = areas(crs=code)
    entry = ran(asked(layer, TRAINING_FIELD="class"))["training"]
    source = ogr.Open(entry["path"])
    reference = source.GetLayer(0).GetSpatialRef()
    assert (reference.GetAuthorityCode(None) if reference else None) == known


def test_edits_that_are_not_saved_count(areas, asked):
    layer = areas()
    layer.startEditing()
    layer.addFeature(feature(layer, "Water"))
    layer.deleteFeature(1)
    layer.changeAttributeValue(2, 0, "Bush")
    entry = ran(asked(layer, TRAINING_FIELD="class"))["training"]
    assert {number: value for number, (value, _) in features(entry).items()} == {2: "Bush", 3: "Roof", 4: "Water"}
    assert layer.isEditable()
    layer.rollBack()


def test_a_filter_holds_and_numbers_are_those_of_the_file(areas, asked, project, tmp_path):
    path = tmp_path / "areas.gpkg"
    options = QgsVectorFileWriter.SaveVectorOptions()
    options.layerName = "drawn"
    QgsVectorFileWriter.writeAsVectorFormatV3(
        areas("Roof", "Tree", "Water"), str(path), project.transformContext(), options
    )
    layer = project.addMapLayer(QgsVectorLayer(f"{path}|layername=drawn|subset=\"class\" <> 'Roof'", "file", "ogr"))
    assert layer.isValid() and layer.featureCount() == 2
    entry = ran(asked(layer, TRAINING_FIELD="class"))["training"]
    assert {number: value for number, (value, _) in features(entry).items()} == {2: "Tree", 3: "Water"}


def test_a_path_is_as_good_as_a_layer(areas, asked, project, tmp_path):
    path = tmp_path / "Flächen 区.gpkg"
    options = QgsVectorFileWriter.SaveVectorOptions()
    options.layerName = "drawn"
    QgsVectorFileWriter.writeAsVectorFormatV3(areas(), str(path), project.transformContext(), options)
    entry = ran(asked(f"{path}|layername=drawn", TRAINING_FIELD="class"))["training"]
    assert len(features(entry)) == 3


def test_selected_features_only(areas, asked):
    layer = areas()
    layer.selectByIds([2, 3])
    entry = ran(asked(layer, TRAINING_FIELD="class", TRAINING_SELECTED=True))["training"]
    assert sorted(features(entry)) == [2, 3]


def test_a_selection_does_not_count_unless_asked_for(areas, asked):
    layer = areas()
    layer.selectByIds([2])
    assert len(features(ran(asked(layer, TRAINING_FIELD="class"))["training"])) == 3


@pytest.mark.parametrize(("field", "value"), [("code", 4), ("sure", 1), ("class", "Roof")])
def test_text_numbers_and_truth_are_classes(areas, asked, field, value):
    entry = ran(asked(areas("Roof", "Water"), TRAINING_FIELD=field))["training"]
    assert features(entry, field)[1][0] == value


def test_a_feature_without_a_class_is_left_to_the_backend_which_says_so(areas, asked):
    entry = ran(asked(areas("Roof", None), TRAINING_FIELD="class"))["training"]
    assert features(entry)[2][0] is None


def test_fields_whose_names_a_geopackage_uses_itself(project, asked):
    for name in ("fid", "geom", "FID", "Größe"):
        layer = QgsVectorLayer(f"Polygon?crs=EPSG:32633&field={name}:string", "areas", "memory")
        made = QgsFeature(layer.fields())
        made.setAttributes(["Roof"])
        made.setGeometry(QgsGeometry.fromWkt(SQUARE))
        layer.dataProvider().addFeatures([made])
        project.addMapLayer(layer)
        values = {**asked(layer, TRAINING_FIELD=name), "OUTPUT_FOLDER": "TEMPORARY_OUTPUT"}
        assert features(ran(values)["training"], name)[1][0] == "Roof"


def test_names_and_colours_are_those_of_the_legend(areas, asked):
    entries = [("Roof", "Dach ", "#ff0000"), ("Tree", "", "0,128,0,40"), ("", "everything else", "#123456")]
    entry = ran(asked(categorised(areas(), "class", entries), TRAINING_FIELD="class"))["training"]
    assert entry["names"] == {"Roof": "Dach", "Tree": "Tree"}
    assert entry["colours"] == {"Dach": "#ff0000", "Tree": "#008000"}


def test_numbers_are_written_as_the_backend_writes_them(areas, asked):
    entries = [(4, "Roof", "#ff0000"), (5.0, "Water", "#0000ff"), (0.5, "half", "#00ff00"), ("7", "Seven", "#777777")]
    entry = ran(asked(categorised(areas(), '"code"', entries), TRAINING_FIELD="code"))["training"]
    assert entry["names"] == {"4": "Roof", "5": "Water", "7": "Seven"}


def test_one_entry_for_several_values_makes_one_class(areas, asked):
    layer = categorised(areas(kind="Point", shape="POINT(1 2)"), "class", [], QgsMarkerSymbol)
    symbol = QgsMarkerSymbol.createSimple({"color": "#ff0000"})
    layer.renderer().addCategory(QgsRendererCategory(["Roof", "Tree"], symbol, "Tall"))
    entry = ran(asked(layer, TRAINING_FIELD="class"))["training"]
    assert entry["names"] == {"Roof": "Tall", "Tree": "Tall"} and entry["colours"] == {"Tall": "#ff0000"}


def test_a_legend_of_another_field_or_kind_says_nothing_of_the_classes(areas, asked):
    other = categorised(areas(), "code", [(4, "Four", "#ff0000")])
    assert "names" not in ran(asked(other, TRAINING_FIELD="class"))["training"]
    plain = areas()
    plain.setRenderer(QgsSingleSymbolRenderer(QgsFillSymbol()))
    values = {**asked(plain, TRAINING_FIELD="class"), "OUTPUT_FOLDER": "TEMPORARY_OUTPUT"}
    assert "colours" not in ran(values)["training"]


def test_on_a_worker_thread_as_in_the_desktop(areas, asked, project, wait_until, tmp_path):
    layer, made, ended = areas(), context(), []
    algorithm, feedback = created(), QgsProcessingFeedback()
    layer.startEditing()
    layer.addFeature(feature(layer, "Water"))
    task = QgsProcessingAlgRunnerTask(algorithm, asked(layer, TRAINING_FIELD="class"), made, feedback)
    task.executed.connect(lambda worked, results: ended.append(worked))
    QgsApplication.taskManager().addTask(task)
    wait_until(lambda: ended)
    assert ended == [True], feedback.textLog()
    layer.rollBack()
    source = ogr.Open(str(tmp_path / "out" / "inputs" / "training.gpkg"))
    assert source.GetLayer(0).GetFeatureCount() == 4


def test_a_copy_needs_its_layer_no_more(areas, project, tmp_path):
    layer = areas()
    copy = Copy(layer, "class", False, tmp_path / "a" / "b.gpkg", "b")
    project.removeMapLayer(layer)
    worker = threading.Thread(target=copy.write, args=(lambda: False,))
    worker.start()
    worker.join(20)
    assert len(features({"path": str(tmp_path / "a" / "b.gpkg"), "layer": "b"})) == 3


def test_a_disk_that_refuses_is_a_sentence(areas, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="cannot be made"):
        Copy(areas(), "class", False, tmp_path / "file" / "b.gpkg", "b").write(lambda: False)
    (tmp_path / "b.gpkg").mkdir()
    with pytest.raises(ValueError, match="cannot be copied to"):
        Copy(areas(), "class", False, tmp_path / "b.gpkg", "b").write(lambda: False)


def test_gdals_exceptions_stay_as_they_were(areas, tmp_path):
    before = gdal.GetUseExceptions()
    Copy(areas(), "class", False, tmp_path / "b.gpkg", "b").write(lambda: False)
    assert gdal.GetUseExceptions() == before
