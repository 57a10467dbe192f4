"""Pages made from the descriptions of tasks: every input and option is there, and what is set reaches the job."""

from __future__ import annotations

import json

import pytest
from mixel.backend.tasks import tasks
from mixel.plugin.dock.class_table import classes_of
from mixel.plugin.dock.panel import MixelDock
from mixel.plugin.dock.task_form import TaskForm
from mixel.plugin.dock.task_page import TaskPage
from qgis.core import (
    QgsApplication,
    QgsCategorizedSymbolRenderer,
    QgsFeature,
    QgsGeometry,
    QgsProject,
    QgsRectangle,
    QgsRendererCategory,
    QgsSymbol,
    QgsVectorLayer,
)
from qgis.gui import QgsCollapsibleGroupBox, QgsFieldComboBox, QgsFileWidget, QgsMapLayerComboBox
from qgis.PyQt.QtGui import QColor
from qgis.PyQt.QtWidgets import QCheckBox, QComboBox, QLabel, QPushButton, QWidget

TOOLS = [one for one in tasks() if not (one.default_method or one.opens_product)]


@pytest.fixture(autouse=True)
def some_python(scripted):
    scripted()


@pytest.fixture
def dock(qgis_app, project, provider):
    made = MixelDock()
    made.resize(400, 900)
    made.show()
    yield made
    made.shut_down()
    made.deleteLater()
    qgis_app.processEvents()


def areas(values=("roof", "tree", "tree"), name="areas", colours=None):
    """Squares of 90 m in the scene of the tests, the last one selected."""
    kind = "string" if isinstance(values[0], str) else "integer"
    layer = QgsVectorLayer(f"Polygon?crs=epsg:32633&field=note:{kind}&field=crop:{kind}", name, "memory")
    for number, value in enumerate(values):
        feature = QgsFeature(layer.fields())
        left = 383472 + 120 * number
        feature.setGeometry(QgsGeometry.fromRect(QgsRectangle(left, 5818182, left + 90, 5818272)))
        feature.setAttributes([None, value])
        layer.dataProvider().addFeatures([feature])
    layer.selectByIds([len(values)])
    if colours:
        made = []
        for value, colour in colours.items():
            symbol = QgsSymbol.defaultSymbol(layer.geometryType())
            symbol.setColor(QColor(colour))
            made.append(QgsRendererCategory(value, symbol, str(value)))
        layer.setRenderer(QgsCategorizedSymbolRenderer("crop", made))
    return QgsProject.instance().addMapLayer(layer)


def child(page, kind, name):
    return page.findChild(kind, name)


@pytest.mark.parametrize("one", tasks(), ids=lambda one: one.name)
def test_every_input_and_option_of_a_task_is_in_its_form(one, project, provider, make_layer):
    make_layer()
    form = TaskForm(one)
    assert all(child(form, QWidget, f"input_{given.name}") for given in one.inputs)
    assert all(child(form, QWidget, f"setting_{option.name}") for option in one.option_settings)


@pytest.mark.parametrize("one", tasks(), ids=lambda one: one.name)
def test_what_a_form_gives_its_algorithm_knows(one, project, provider, make_layer):
    make_layer()
    algorithm = QgsApplication.processingRegistry().createAlgorithmById(f"mixel:{one.name}")
    known = {definition.name() for definition in algorithm.parameterDefinitions()}
    assert set(TaskPage([one]).parameters()) <= known


def test_the_panel_has_a_place_for_every_task(dock):
    shown = {dock.unmix_page.form.task.name}
    for prefix, page in (("classify_", dock.classify_page), ("tools_", dock.tools_page)):
        combo = child(page, QComboBox, f"{prefix}taskCombo")
        shown |= {combo.itemData(index) for index in range(combo.count())} if combo else {page.form.task.name}
    products = {one.name for one in tasks() if one.opens_product}  # by a button of their own
    assert {one.name for one in tasks()} <= shown | products
    assert products and child(dock, QPushButton, "openProductButton")


def test_no_two_widgets_of_the_pages_share_a_name(dock, make_layer):
    make_layer()
    names = [
        widget.objectName()
        for page in dock.pages
        for widget in page.findChildren((QComboBox, QgsFileWidget, QCheckBox, QLabel))
        if widget.objectName() and not widget.objectName().startswith("qt_")
    ]
    assert len(set(names)) == len(names)


def test_choosing_a_tool_shows_its_summary_and_form_and_keeps_the_scene(dock, make_layer):
    make_layer("a.tif")
    second = make_layer("b.tif")
    page = dock.tools_page
    child(page, QgsMapLayerComboBox, "tools_sceneCombo").setLayer(second)
    combo = child(page, QComboBox, "tools_taskCombo")
    for one in TOOLS:
        combo.setCurrentIndex(combo.findData(one.name))
        assert page.form.task.name == one.name
        if one.needs_scene:
            assert child(page, QgsMapLayerComboBox, "tools_sceneCombo").currentLayer() is second


def test_headings_of_groups_cannot_be_chosen(dock):
    combo = child(dock.tools_page, QComboBox, "tools_taskCombo")
    titles = [index for index in range(combo.count()) if combo.itemData(index) is None]
    assert titles and not any(combo.model().item(index).isEnabled() for index in titles)


def test_a_tool_runs_from_the_panel(dock, make_layer, wait_until, tmp_path):
    make_layer()
    page = dock.tools_page
    combo = child(page, QComboBox, "tools_taskCombo")
    combo.setCurrentIndex(combo.findData("extract_endmembers"))
    child(page, QWidget, "tools_setting_num_endmembers").setValue(3)
    assert child(page, QgsFileWidget, "tools_outputFolder").filePath() == str(tmp_path / "scene_endmembers")
    page.bar.run_button.click()
    wait_until(lambda: not page.run.is_active)
    assert page.bar.status_label.text().startswith("✓ Done")
    job = json.loads((tmp_path / "scene_endmembers" / "job.json").read_text(encoding="utf-8"))
    assert job["task"] == "extract_endmembers" and job["options"]["num_endmembers"] == 3


def test_what_a_tool_lacks_is_said_in_a_sentence(dock, make_layer):
    make_layer()
    page = dock.tools_page
    combo = child(page, QComboBox, "tools_taskCombo")
    combo.setCurrentIndex(combo.findData("mesma"))
    page.bar.run_button.click()
    assert page.bar.status_label.text().startswith("Choose 'Spectral library with classes'")
    assert page.bar.status_label.property("tone") == "bad" and not page.run.is_active


def test_a_task_without_a_scene_offers_a_folder_beside_its_input(dock, make_layer, tmp_path):
    layer = make_layer("map.tif", bands=1)
    page = dock.tools_page
    combo = child(page, QComboBox, "tools_taskCombo")
    combo.setCurrentIndex(combo.findData("draw_sample"))
    child(page, QgsMapLayerComboBox, "tools_input_map").setLayer(layer)
    assert child(page, QgsFileWidget, "tools_outputFolder").filePath() == str(tmp_path / "map_sample")


def test_layers_of_a_task_without_a_scene_are_called_after_its_input(dock, make_layer, project, wait_until):
    layer = make_layer("landcover.tif", bands=1)
    page = dock.tools_page
    combo = child(page, QComboBox, "tools_taskCombo")
    combo.setCurrentIndex(combo.findData("draw_sample"))
    child(page, QgsMapLayerComboBox, "tools_input_map").setLayer(layer)
    page.bar.run_button.click()
    wait_until(lambda: not page.run.is_active)
    assert page.bar.status_label.text() == "✓ Done. The layers are in the project."
    (group,) = project.layerTreeRoot().findGroups()
    assert group.name() == "Sample: landcover"


def test_the_unmix_page_takes_a_library_a_reference_and_an_automatic_number(dock, make_layer, tmp_path, wait_until):
    make_layer()
    reference = make_layer("reference.tif", bands=4)
    (tmp_path / "names.csv").write_text("name,450\nroof,0.2\n")
    page = dock.unmix_page
    assert child(page, QgsCollapsibleGroupBox, "optionsGroup").isCollapsed()
    child(page, QgsFileWidget, "input_library").setFilePath(str(tmp_path / "names.csv"))
    child(page, QgsMapLayerComboBox, "input_reference").setLayer(reference)
    combo = child(page, QComboBox, "setting_number")
    combo.setCurrentIndex(combo.findData("hysime"))
    page.bar.run_button.click()
    wait_until(lambda: not page.run.is_active)
    job = json.loads((tmp_path / "scene_unmixed" / "job.json").read_text(encoding="utf-8"))
    assert job["inputs"]["library"]["path"].endswith("names.csv")
    assert job["inputs"]["reference"]["path"].endswith("reference.tif")
    assert job["options"] == {"number": "hysime"}


def test_from_polygons_to_a_class_map(dock, make_layer, project, wait_until, tmp_path):
    make_layer()
    layer = areas(colours={"roof": "#ff0000", "tree": "#00ff00"})
    page = dock.classify_page
    child(page, QgsMapLayerComboBox, "classify_input_training").setLayer(layer)
    assert child(page, QgsFieldComboBox, "classify_field_training").currentField() == "crop"
    page.bar.run_button.click()
    wait_until(lambda: not page.run.is_active)
    assert page.bar.status_label.text().startswith("✓ Done"), page.bar.status_label.text()
    folder = tmp_path / "scene_classified"
    given = json.loads((folder / "job.json").read_text(encoding="utf-8"))["inputs"]["training"]
    assert given["field"] == "crop" and given["colours"] == {"roof": "#ff0000", "tree": "#00ff00"}
    assert (folder / "inputs" / "training.gpkg").exists()
    (group,) = project.layerTreeRoot().findGroups()
    assert group.name() == "Classified: scene"


def test_without_training_areas_it_says_what_to_choose(dock, make_layer):
    make_layer()
    dock.classify_page.bar.run_button.click()
    assert dock.classify_page.bar.status_label.text().startswith("Choose 'Training areas'")


def test_the_class_table_counts_areas_and_pixels(dock, make_layer):
    scene, layer = make_layer(), areas(colours={"roof": "#ff0000"})
    roof, tree = classes_of(layer, "crop", False, scene)
    assert (roof.name, roof.colour, roof.areas, round(roof.pixels)) == ("roof", "#ff0000", 1, 9)
    assert (tree.name, tree.colour, tree.areas, round(tree.pixels)) == ("tree", "", 2, 18)


def test_without_a_scene_pixels_are_those_of_the_class_map(dock, make_layer):
    known, layer = make_layer("map.tif", bands=1), areas()
    page = dock.tools_page
    combo = child(page, QComboBox, "tools_taskCombo")
    combo.setCurrentIndex(combo.findData("assess"))
    child(page, QgsMapLayerComboBox, "tools_input_reference").setLayer(layer)
    child(page, QgsFieldComboBox, "tools_field_reference").setField("crop")
    child(page, QgsMapLayerComboBox, "tools_input_map").setLayer(known)
    table = child(page, QWidget, "tools_classes_reference").table
    assert [table.item(row, 2).text() for row in range(2)] == ["9", "18"]


def test_only_the_selection_counts_if_the_user_says_so(dock, make_layer):
    scene, layer = make_layer(), areas()
    assert [(row.name, row.areas) for row in classes_of(layer, "crop", True, scene)] == [("tree", 1)]


def test_classes_that_are_numbers_stand_in_their_order(dock, make_layer):
    assert [row.name for row in classes_of(areas((10, 2, 1)), "crop", False, make_layer())] == ["1", "2", "10"]


def test_the_table_follows_layer_field_and_selection(dock, make_layer):
    make_layer()
    layer = areas()
    page = dock.classify_page
    child(page, QgsMapLayerComboBox, "classify_input_training").setLayer(layer)
    child(page, QgsFieldComboBox, "classify_field_training").setField("crop")
    table = child(page, QWidget, "classify_classes_training")
    assert [table.table.item(row, 0).text() for row in range(table.table.rowCount())] == ["roof", "tree"]
    child(page, QCheckBox, "classify_selected_training").setChecked(True)
    assert table.table.rowCount() == 1 and "two classes or more" in table.words.text()
    child(page, QgsFieldComboBox, "classify_field_training").setField("note")
    assert table.table.rowCount() == 0


def test_a_class_raster_needs_no_field(dock, make_layer):
    make_layer()
    raster = make_layer("labels.tif", bands=1)
    page = dock.classify_page
    child(page, QgsMapLayerComboBox, "classify_input_training").setLayer(raster)
    assert child(page, QgsFieldComboBox, "classify_field_training").isHidden()
    assert page.form.parameters()["TRAINING"] == raster.id()
    assert "TRAINING_FIELD" not in page.form.parameters()


def test_a_deleted_layer_leaves_the_page_sound(dock, make_layer, project):
    make_layer()
    layer = areas()
    page = dock.classify_page
    child(page, QgsMapLayerComboBox, "classify_input_training").setLayer(layer)
    gone = layer.id()
    project.removeMapLayer(gone)
    assert page.form.parameters().get("TRAINING") != gone
    assert "TRAINING_FIELD" not in page.form.parameters()
