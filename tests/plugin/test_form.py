"""The form made from a Config: an editor for every type, with label, unit, limits, default and help."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from mixel.backend.config import build, setting
from mixel.backend.methods import Method, methods
from mixel.backend.tasks import task
from mixel.plugin.dock.form import SettingsForm
from mixel.plugin.dock.method_box import MethodBox
from qgis.gui import QgsDoubleSpinBox, QgsSpinBox
from qgis.PyQt.QtWidgets import QCheckBox, QComboBox, QLabel, QLineEdit, QWidget


@dataclass(frozen=True)
class Everything:
    count: int = setting(4, "Count", "How many.", minimum=2, maximum=9)
    width: float = setting(0.001, "Width", "How wide.", unit="nm", minimum=0, maximum=1)
    quick: bool = setting(True, "Quick", "In a hurry?")
    kind: str = setting("b", "Kind", "Which?", choices=(("a", "First"), ("b", "Second")))
    name: str = setting("x", "Name", "What name?")
    seed: int = setting(11, "Seed", "Any.", minimum=0, maximum=2**40, advanced=True)


METHOD = Method("everything", "Everything", "unmix", "", "", "", Everything)


@pytest.fixture
def form(qgis_app):
    return SettingsForm(METHOD.settings, advanced=False)


def editor(form, name):
    return form.findChild(QWidget, f"setting_{name}")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("count", QgsSpinBox),
        ("width", QgsDoubleSpinBox),
        ("quick", QCheckBox),
        ("kind", QComboBox),
        ("name", QLineEdit),
    ],
)
def test_each_type_has_its_editor_and_help(form, name, kind):
    assert isinstance(editor(form, name), kind)
    assert editor(form, name).toolTip()


def test_untouched_it_gives_the_defaults(form):
    assert build(Everything, form.values()) == Everything()


def test_what_the_user_sets_comes_back(form):
    editor(form, "count").setValue(7)
    editor(form, "width").setValue(0.25)
    editor(form, "quick").setChecked(False)
    editor(form, "kind").setCurrentIndex(0)
    editor(form, "name").setText("y")
    assert form.values() == {"count": 7, "width": 0.25, "quick": False, "kind": "a", "name": "y"}


def test_limits_hold_while_typing(form):
    editor(form, "count").setValue(100)
    assert editor(form, "count").value() == 9
    assert editor(form, "count").minimum() == 2


def test_small_defaults_keep_their_digits_and_unit(form):
    assert editor(form, "width").value() == 0.001
    assert editor(form, "width").suffix() == " nm"


def test_labels_stand_beside_and_carry_the_help(form):
    labels = {label.text(): label.toolTip() for label in form.findChildren(QLabel)}
    assert labels["Count"] == "How many."


def test_advanced_settings_are_apart(qgis_app, form):
    advanced = SettingsForm(METHOD.settings, advanced=True)
    assert list(advanced.values()) == ["seed"] and "seed" not in form.values()


def test_limits_beyond_qts_whole_numbers_are_cut(qgis_app):
    assert editor(SettingsForm(METHOD.settings, advanced=True), "seed").maximum() == 2**31 - 1


def test_the_real_methods_forms_give_their_defaults(qgis_app):
    for method in methods():
        values = {**SettingsForm(method.settings, False).values(), **SettingsForm(method.settings, True).values()}
        assert build(method.config, values) == method.config()


def test_the_method_box_speaks_the_algorithms_language(qgis_app):
    box = MethodBox(task("unmix"))
    values = box.parameters()
    assert values["METHOD"] == "unmamba" and values["DEVICE"] == "auto" and values["SCALE"] is None
    assert values["NUM_ENDMEMBERS"] == 4
    box.findChild(QWidget, "scaleBox").setValue(10000)
    assert box.parameters()["SCALE"] == 10000


def test_another_method_brings_another_form(qgis_app, monkeypatch):
    monkeypatch.setattr("mixel.backend.tasks.methods", lambda task: [*methods(task), METHOD])
    box = MethodBox(task("unmix"))
    combo = box.findChild(QComboBox, "methodCombo")
    combo.setCurrentIndex(combo.count() - 1)
    assert box.parameters()["METHOD"] == "everything"
    assert box.findChild(QWidget, "setting_quick") is not None
    assert box.findChild(QWidget, "setting_epochs") is None
