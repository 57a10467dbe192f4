"""Layers as inputs: areas of known class, areas to look in, trained models; copies, names and colours, refusals."""

from __future__ import annotations

import json
import threading

import pytest
from mixel.plugin.copies import Copy
from osgeo import gdal, ogr
from qgis.core import (
    QgsApplication,
    QgsCategorizedSymbolRenderer,
    QgsFeature,
    QgsFillSymbol,
    QgsGeometry,
    QgsMarkerSymbol,
    QgsProcessingAlgRunnerTask,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterField,
    QgsProcessingParameterFile,
    QgsProcessingParameterMapLayer,
    QgsProcessingParameterRasterLayer,
    QgsProcessingParameterVectorLayer,
    QgsProject,
    QgsRendererCategory,
    QgsSingleSymbolRenderer,
    QgsVectorFileWriter,
    QgsVectorLayer,
)

SQUARE = "POLYGON((383480 5818200, 383540 5818200, 383540 5818260, 383480 5818200))"
FIELDS = "field=class:string&field=code:integer&field=share:double&field=when:date&field=sure:bool"


@pytest.fixture(autouse=True)
def some_python(scripted):
    scripted()


@pytest.fixture
def areas(project):
    """A function that makes a layer in memory with a feature for each class."""

    def make(*classes, kind="Polygon", crs="EPSG:32633", shape=SQUARE):
        layer = QgsVectorLayer(f"{kind}?crs={crs}&{FIELDS}", "areas", "memory")
        layer.dataProvider().addFeatures([feature(layer, name, shape) for name in classes or ("Roof", "Tree", "Roof")])
        return project.addMapLayer(layer)

    return make


def feature(layer, name, shape=SQUARE):
    made = QgsFeature(layer.fields())
    made.setAttribute("class", name)
    made.setAttribute("code", len(name) if isinstance(name, str) else None)
    made.setAttribute("sure", name == "Roof")
    if shape:
        made.setGeometry(QgsGeometry.fromWkt(shape))
    return made


@pytest.fixture
def asked(provider, project, make_layer, tmp_path):
    """A function that asks for a classification with some parameters."""

    def ask(training, **more):
        given = training.id() if hasattr(training, "id") else training
        scene = make_layer("scene.tif").id()
        return {"INPUT": scene, "OUTPUT_FOLDER": str(tmp_path / "out"), "TRAINING": given, **more}

    return ask


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


def test_labels_have_a_layer_its_field_a_choice_of_selected_features_or_a_raster(provider, project):
    algorithm = created()  # held: its definitions die with it
    layer, field, selected, raster = (
        algorithm.parameterDefinition(f"TRAINING{ending}") for ending in ("", "_FIELD", "_SELECTED", "_RASTER")
    )
    assert isinstance(layer, QgsProcessingParameterVectorLayer) and isinstance(
        raster, QgsProcessingParameterRasterLayer
    )
    assert isinstance(field, QgsProcessingParameterField) and field.parentLayerParameterName() == "TRAINING"
    assert isinstance(selected, QgsProcessingParameterBoolean) and selected.defaultValue() is False
    assert all(one.flags() & one.Flag.FlagOptional for one in (layer, field, raster))


def test_no_field_belongs_to_a_parameter_that_may_be_a_raster(provider):
    """QGIS (3.22 and 3.44) crashes when the toolbox opens such a pair and the first layer there is a raster."""
    for algorithm in provider.algorithms():
        for one in algorithm.parameterDefinitions():
            if isinstance(one, QgsProcessingParameterField):
                parent = algorithm.parameterDefinition(one.parentLayerParameterName())
                assert isinstance(parent, QgsProcessingParameterVectorLayer)


def test_an_area_has_no_field_and_a_model_is_a_file(provider, project):
    endmembers, apply = created("extract_endmembers"), created("apply_model")
    names = {one.name() for one in endmembers.parameterDefinitions()}
    area = endmembers.parameterDefinition("AREA")
    assert isinstance(area, QgsProcessingParameterMapLayer) and "AREA_SELECTED" in names and "AREA_FIELD" not in names
    model = apply.parameterDefinition("MODEL")
    assert isinstance(model, QgsProcessingParameterFile) and "model.json" in model.fileFilter()
    assert apply.parameterDefinition("DEVICE") is not None and apply.parameterDefinition("METHOD") is None


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


def test_test_areas_are_copied_beside_the_training_areas(areas, asked, tmp_path):
    values = asked(areas(), TRAINING_FIELD="class", TEST=areas("Roof", "Tree").id(), TEST_FIELD="class")
    entries = ran(values)
    assert sorted(entries) == ["test", "training"] and len(features(entries["test"])) == 2
    assert {path.name for path in (tmp_path / "out" / "inputs").iterdir()} == {"test.gpkg", "training.gpkg"}


@pytest.mark.parametrize("name", ["TRAINING", "TRAINING_RASTER"])
def test_a_class_raster_is_read_where_it_is(asked, make_layer, tmp_path, name):
    raster = make_layer("labels.tif", bands=1)
    assert ran({**asked(None), name: raster.id()})["training"] == {"path": str(tmp_path / "labels.tif")}
    assert not (tmp_path / "out" / "inputs").exists()


def test_an_area_needs_no_field(areas, asked, tmp_path):
    layer = areas()
    layer.selectByIds([1])
    values = {**asked(layer), "AREA": layer.id(), "AREA_SELECTED": True}
    del values["TRAINING"]
    entry = ran(values, "extract_endmembers")["area"]
    assert entry == {"path": str(tmp_path / "out" / "inputs" / "area.gpkg"), "layer": "area"}
    assert sorted(features(entry, "")) == [1]


def test_without_an_area_there_is_none(asked, areas):
    values = asked(areas())
    del values["TRAINING"]
    assert "area" not in ran(values, "extract_endmembers")


def test_a_model_is_its_card(asked, areas, tmp_path):
    values = {**asked(areas()), "MODEL": str(tmp_path / "model.json")}
    del values["TRAINING"]
    assert "there is no file" in refusal(values, "apply_model")
    (tmp_path / "model.json").write_text("{}")
    assert ran(values, "apply_model")["model"] == {"path": str(tmp_path / "model.json")}


def test_without_training_areas_it_says_what_is_missing(asked):
    assert refusal(asked(None)).startswith("Choose 'Training areas': Polygons")
    assert "no layer and no file" in refusal(asked("/nowhere/areas.gpkg", TRAINING_FIELD="class"))


def test_without_a_field_it_names_the_fields_there_are(areas, asked):
    said = refusal(asked(areas()))
    assert said == (
        "Choose the field of 'areas' that names the classes; its fields are class, code, share, when, sure."
    )


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"TRAINING_FIELD": "colour"}, "has no field 'colour'; its fields are class, code"),
        ({"TRAINING_FIELD": "when"}, "holds neither text nor whole numbers"),
        ({"TRAINING_FIELD": "class", "TRAINING_SELECTED": True}, "No feature of 'areas' is selected."),
    ],
)
def test_layers_it_cannot_use_are_refused(areas, asked, more, said, tmp_path):
    assert said in refusal(asked(areas(), **more))
    assert not (tmp_path / "out").exists()


def test_an_empty_layer_and_a_table_are_refused(areas, asked, project):
    layer = areas()
    layer.dataProvider().truncate()
    assert "holds no features" in refusal(asked(layer, TRAINING_FIELD="class"))
    table = project.addMapLayer(QgsVectorLayer(f"NoGeometry?{FIELDS}", "table", "memory"))
    assert "table without geometry" in refusal(asked(table, TRAINING_FIELD="class"))


def test_a_layer_whose_file_is_gone_is_refused(asked, project, tmp_path):
    layer = project.addMapLayer(QgsVectorLayer(str(tmp_path / "gone.gpkg"), "gone", "ogr"))
    assert "no file that can be opened" in refusal(asked(layer, TRAINING_FIELD="class"))
    assert "is broken" in refusal({**asked(layer, TRAINING_FIELD="class"), "TRAINING": layer})


def test_a_raster_has_neither_fields_nor_selected_features(asked, make_layer):
    raster = make_layer("labels.tif", bands=1)
    assert "has no fields" in refusal(asked(raster, TRAINING_FIELD="class"))
    assert "nothing is selected" in refusal(asked(raster, TRAINING_SELECTED=True))


def test_a_vector_layer_and_a_raster_at_once_are_refused(areas, asked, make_layer):
    values = asked(areas(), TRAINING_FIELD="class", TRAINING_RASTER=make_layer("labels.tif", bands=1).id())
    assert "either a vector layer or a class raster" in refusal(values)


def test_checking_writes_nothing(areas, asked, tmp_path):
    assert refusal(asked(areas(), TRAINING_FIELD="class")) == ""
    assert not (tmp_path / "out").exists()


def test_a_cancelled_run_leaves_nothing_behind(areas, asked, scripted, tmp_path):
    class Impatient(QgsProcessingFeedback):
        def hear(self, event):
            assert (tmp_path / "out" / "inputs" / "training.gpkg").exists()
            self.cancel()

    scripted("slow")
    created().run(asked(areas(), TRAINING_FIELD="class"), context(), Impatient(False))
    assert not (tmp_path / "out").exists()


def test_a_run_cancelled_while_it_copies_leaves_nothing_behind(areas, asked, tmp_path):
    class Hasty(QgsProcessingFeedback):
        def setProgressText(self, text):
            if text.startswith("Copying"):
                self.cancel()

    created().run(asked(areas(*["Roof"] * 500), TRAINING_FIELD="class"), context(), Hasty(False))
    assert not (tmp_path / "out").exists()


def test_a_run_that_failed_can_be_tried_again_in_its_folder(areas, asked, scripted, tmp_path):
    scripted("fail")
    layer = areas()
    values = asked(layer, TRAINING_FIELD="class", TEST=layer.id(), TEST_FIELD="class")
    with pytest.raises(QgsProcessingException, match="Choose another scene"):
        created().run(values, context(), QgsProcessingFeedback(False), {}, False)
    assert (tmp_path / "out" / "inputs" / "test.gpkg").exists()
    scripted()
    entry = ran(asked(areas("Water", "Roof"), TRAINING_FIELD="class"))["training"]
    assert features(entry)[1][0] == "Water"
    assert [path.name for path in (tmp_path / "out" / "inputs").iterdir()] == ["training.gpkg"]


def test_a_folder_with_a_finished_run_is_refused(areas, asked, tmp_path):
    (tmp_path / "out" / "inputs").mkdir(parents=True)
    (tmp_path / "out" / "inputs" / "mine.gpkg").write_bytes(b"mine")
    values = asked(areas(), TRAINING_FIELD="class")
    assert "already holds files (inputs)" in refusal(values)
    (tmp_path / "out" / "job.json").write_text(json.dumps({"record": {"seconds": 1}}))
    assert "already holds a run" in refusal(values)
    assert (tmp_path / "out" / "inputs" / "mine.gpkg").read_bytes() == b"mine"


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
