"""Layers and files as inputs: their parameters, what the job file says of them, refusals, runs that do not end well."""

from __future__ import annotations

import json

import pytest
from mixel.backend.tasks import tasks
from qgis.core import (
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterField,
    QgsProcessingParameterFile,
    QgsProcessingParameterMapLayer,
    QgsProcessingParameterRasterLayer,
    QgsProcessingParameterVectorLayer,
    QgsVectorLayer,
)
from training_areas import FIELDS, context, created, features, ran, refusal


@pytest.fixture(autouse=True)
def some_python(scripted):
    scripted()


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


def test_every_task_that_maps_takes_an_area_and_hands_it_on(areas, asked, provider):
    for one in tasks():
        if one.result is not None:
            algorithm = created(one.name)  # held: its definitions die with it
            names = {item.name() for item in algorithm.parameterDefinitions()}
            assert {"AREA", "AREA_SELECTED"} <= names, one.name
    entries = ran({**asked(areas(), TRAINING_FIELD="class"), "AREA": areas("Roof").id()})
    assert sorted(entries) == ["area", "training"] and entries["area"]["layer"] == "area"
    assert len(features(entries["area"], "")) == 1


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
