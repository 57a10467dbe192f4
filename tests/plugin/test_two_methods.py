"""Two methods side by side in toolbox and panel: the default, shared and own settings, the way from one to the other.

Once with a stand-in that comes before the default by name, once with the methods there are.
"""

from __future__ import annotations

import json

import pytest
from mixel.backend.methods import methods
from mixel.backend.tasks import task
from mixel.plugin.dock.method_box import MethodBox
from mixel.plugin.dock.panel import MixelDock
from qgis.core import QgsApplication, QgsProcessingContext, QgsProject
from qgis.PyQt.QtWidgets import QComboBox, QScrollArea, QWidget


@pytest.fixture(autouse=True)
def some_python(scripted):
    scripted()


@pytest.fixture
def algorithm(two_methods, provider, project):
    return QgsApplication.processingRegistry().createAlgorithmById("mixel:unmix")


@pytest.fixture
def box(two_methods, qgis_app):
    return MethodBox(task("unmix"))


def choose(box, name):
    combo = box.findChild(QComboBox, "methodCombo")
    combo.setCurrentIndex(combo.findData(name))


def editor(box, name):
    return box.findChild(QWidget, f"setting_{name}")


def job_of(processing, layer, folder, name="unmix", **more):
    processing.run(f"mixel:{name}", {"INPUT": layer.id(), "OUTPUT_FOLDER": str(folder), **more})
    return json.loads((folder / "job.json").read_text(encoding="utf-8"))


def test_the_default_is_named_and_not_the_first(algorithm, box):
    method = algorithm.parameterDefinition("METHOD")
    assert method.options() == ["fcls", "unmamba"] and method.defaultValue() == "unmamba"
    assert box.parameters()["METHOD"] == "unmamba"
    assert editor(box, "epochs") is not None and editor(box, "repeats") is None


def test_the_folded_settings_of_another_method_are_folded_away_too(box, qgis_app):
    group = box.findChild(QWidget, "advancedGroup")
    box.show()
    choose(box, "fcls")
    qgis_app.processEvents()
    assert group.isCollapsed() and not editor(box, "repeats").isVisible()
    group.setCollapsed(False)
    qgis_app.processEvents()
    assert editor(box, "repeats").isVisible()
    box.close()


def test_the_toolbox_shares_what_is_the_same_and_says_whose_the_rest_is(algorithm):
    helps = {one.name(): one.help() for one in algorithm.parameterDefinitions()}
    assert {"NUM_ENDMEMBERS", "SEED", "EPOCHS", "FCLS_EXTRACTION", "FCLS_REPEATS"} <= set(helps)
    assert not {"FCLS_SEED", "FCLS_NUM_ENDMEMBERS", "EXTRACTION", "UNMAMBA_EPOCHS"} & set(helps)
    assert "Only for unmamba" in helps["EPOCHS"] and "Only for fcls" in helps["FCLS_REPEATS"]
    assert "Only for" not in helps["SEED"]


def test_a_run_gets_the_settings_of_its_method_only(two_methods, processing, project, make_layer, tmp_path):
    layer = make_layer()
    values = {"NUM_ENDMEMBERS": 3, "SEED": 5, "EPOCHS": 7, "FCLS_EXTRACTION": "sivm", "FCLS_REPEATS": 2}
    quick = job_of(processing, layer, tmp_path / "quick", METHOD="fcls", **values)
    assert quick["method"] == "fcls"
    assert quick["settings"] == {"num_endmembers": 3, "seed": 5, "extraction": "sivm", "repeats": 2}
    default = job_of(processing, layer, tmp_path / "default", **values)
    assert default["method"] == "unmamba" and default["settings"]["epochs"] == 7
    assert default["settings"]["seed"] == 5 and "repeats" not in default["settings"]


def test_limits_are_those_of_the_chosen_method(algorithm, make_layer, tmp_path):
    context = QgsProcessingContext()
    context.setProject(QgsProject.instance())
    values = {"INPUT": make_layer().id(), "OUTPUT_FOLDER": str(tmp_path / "out"), "METHOD": "fcls"}
    assert algorithm.checkParameterValues(values, context) == (True, "")
    fine, message = algorithm.checkParameterValues({**values, "FCLS_REPEATS": 100}, context)
    assert not fine and message == "'Repeats' must be at most 99, not 100."


def test_the_form_follows_the_method_and_keeps_what_was_set(box):
    editor(box, "num_endmembers").setValue(6)
    editor(box, "epochs").setValue(50)
    choose(box, "fcls")
    assert editor(box, "epochs") is None
    assert box.parameters() == {
        "METHOD": "fcls",
        "NUM_ENDMEMBERS": 6,
        "SEED": 11,
        "FCLS_EXTRACTION": "vca",
        "FCLS_REPEATS": 10,
        "SCALE": None,
        "DEVICE": "auto",
    }
    editor(box, "extraction").setCurrentIndex(1)
    editor(box, "num_endmembers").setValue(7)
    choose(box, "unmamba")
    again = box.parameters()
    assert (again["METHOD"], again["NUM_ENDMEMBERS"], again["EPOCHS"]) == ("unmamba", 7, 50)
    choose(box, "fcls")
    assert box.parameters()["FCLS_EXTRACTION"] == "sivm"


def test_from_the_panel_to_the_job(two_methods, provider, project, make_layer, wait_until, qgis_app, tmp_path):
    dock = MixelDock()
    dock.resize(380, 800)
    dock.show()
    make_layer()
    choose(dock, "fcls")
    editor(dock, "repeats").setValue(4)
    for _ in range(5):
        qgis_app.processEvents()
    inside = dock.unmix_page.findChild(QScrollArea)
    assert dock.width() == 380 and inside.widget().width() <= inside.viewport().width()
    dock.unmix_page.bar.run_button.click()
    wait_until(lambda: not dock.unmix_page.run.is_active)
    job = json.loads((tmp_path / "scene_unmixed" / "job.json").read_text(encoding="utf-8"))
    assert job["method"] == "fcls" and job["settings"]["repeats"] == 4
    dock.shut_down()
    dock.deleteLater()
    qgis_app.processEvents()


@pytest.mark.parametrize("name", ["unmix", "classify", "unmix_and_classify"])
def test_the_real_methods_can_all_be_chosen_and_run(processing, make_layer, areas, tmp_path, name):
    layer, box = make_layer(), MethodBox(task(name))
    assert box.parameters()["METHOD"] == task(name).default_method
    training = {} if name == "unmix" else {"TRAINING": areas().id(), "TRAINING_FIELD": "class"}
    for method in methods(name):
        choose(box, method.name)
        job = job_of(processing, layer, tmp_path / method.name, name, **training, **box.parameters())
        assert (job["task"], job["method"]) == (name, method.name)
        assert job["settings"] == {one.name: one.default for one in method.settings}
