"""The dialog for what the user knows better, by its widgets: filled, checked, kept, reached from the panel."""

from __future__ import annotations

import dataclasses
import json

import pytest
from mixel.backend.facts import Facts, Flag
from mixel.backend.reading import WATER_VAPOUR, Reading, reading_path
from mixel.plugin.dock import facts_reader
from mixel.plugin.dock.scene_box import SceneBox
from mixel.plugin.dock.scene_settings import SceneSettings
from mixel.plugin.dock.settings_pages import PixelsPage
from mixel.plugin.words import LEFT_OUT, details
from qgis.PyQt.QtCore import QCoreApplication, QEvent, Qt, QTimer
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import (
    QApplication,
    QCheckBox,
    QComboBox,
    QDialogButtonBox,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QTabWidget,
)

WAVES = tuple(400.0 + 200 * band for band in range(12))
"""400 to 2600 nm: the 6th, 8th and 9th band lie near water vapour."""
FLAGS = (Flag("cloud", "Cloud", True), Flag("snow", "Snow", False))
FACTS = Facts(12, 9, 14, "int16", True, -99.0, wavelengths=WAVES, flags=FLAGS)


class Dialog:
    """The dialog's widgets by their names."""

    def __init__(self, shown):
        self.dialog = shown
        self.scale = shown.findChild(QComboBox, "settingsScale")
        self.nodata = shown.findChild(QLineEdit, "settingsNodata")
        self.waves = shown.findChild(QPlainTextEdit, "wavelengthText")
        self.waves_state = shown.findChild(QLabel, "wavelengthState")
        self.sensor = shown.findChild(QPushButton, "wavelengthSensor")
        self.layer = shown.findChild(QPushButton, "wavelengthLayer")
        self.ranges = shown.findChild(QLineEdit, "settingsRanges")
        self.unit = shown.findChild(QComboBox, "settingsUnit")
        self.vapour = shown.findChild(QPushButton, "settingsVapour")
        self.bands_state = shown.findChild(QLabel, "settingsBandsState")
        self.message = shown.findChild(QLabel, "settingsMessage")
        self.pages = shown.findChild(QTabWidget, "settingsPages")

    def flag(self, name):
        return self.dialog.findChild(QCheckBox, f"flag_{name}")

    def press(self, button):
        box = self.dialog.findChild(QDialogButtonBox)
        QTest.mouseClick(box.button(getattr(QDialogButtonBox.StandardButton, button)), Qt.MouseButton.LeftButton)


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "scene.tif")


@pytest.fixture
def show(qgis_app, project, make_layer, path):
    made = []

    def make(facts=FACTS, layer=None):
        made.append(SceneSettings(layer or make_layer(), path, facts, facts is not None))
        made[-1].show()
        return Dialog(made[-1])

    yield make
    for one in made:
        one.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def test_untouched_it_says_nothing(show, path):
    dialog = show()
    assert dialog.flag("cloud").isChecked() and not dialog.flag("snow").isChecked()
    assert "12 wavelengths, 400 to 2600 nm" in dialog.waves_state.text()
    assert "No band is left out" in dialog.bands_state.text()
    dialog.press("Ok")
    assert not dialog.dialog.isVisible() and not reading_path(path).exists()


def test_everything_is_kept_and_shown_again(show, path, make_layer):
    layer = make_layer()
    dialog = show(layer=layer)
    dialog.scale.setEditText("5000,5")
    dialog.nodata.setText("-1")
    dialog.waves.setPlainText("\n".join(f"{0.4 + 0.1 * band:g} 0.01" for band in range(12)))
    dialog.ranges.setText("450-650")
    dialog.flag("snow").setChecked(True)
    assert "Left out: 2 bands (2-3)" in dialog.bands_state.text()
    dialog.press("Ok")
    kept = Reading.beside(path)
    assert (kept.scale, kept.nodata, kept.left_out) == (5000.5, -1.0, ((450.0, 650.0),))
    assert kept.flags == ("cloud", "snow")
    assert kept.wavelengths == pytest.approx([400 + 100 * band for band in range(12)])
    assert kept.fwhm == pytest.approx([10] * 12)
    again = show(layer=layer)
    assert again.dialog.reading() == kept
    again.press("Cancel")
    assert Reading.beside(path) == kept


def test_reset_forgets_everything(show, path):
    Reading(2.0, 3.0, WAVES, (), ((400.0, 500.0),), ()).keep_beside(path)
    dialog = show()
    assert not dialog.flag("cloud").isChecked()
    dialog.press("Reset")
    assert dialog.dialog.reading() == Reading() and reading_path(path).exists()
    dialog.press("Ok")
    assert not reading_path(path).exists()


@pytest.mark.parametrize(("index", "scale"), [(0, None), (1, 1.0), (2, 100.0), (4, 10000.0)])
def test_usual_scales_are_one_choice(show, index, scale):
    dialog = show()
    dialog.scale.setCurrentIndex(index)
    assert dialog.dialog.reading().scale == scale


def test_no_flag_at_all_is_a_choice_too(show, path):
    dialog = show()
    dialog.flag("cloud").setChecked(False)
    dialog.press("Ok")
    assert Reading.beside(path).flags == ()


def test_without_known_flags_those_kept_stay(show, path):
    Reading(flags=("cirrus",)).keep_beside(path)
    assert show(facts=None).dialog.reading().flags == ("cirrus",)


def test_flags_that_the_product_has_not_go(show, path):
    Reading(flags=("cirrus",)).keep_beside(path)
    assert show().dialog.reading().flags == ()


def test_water_vapour_by_one_click(show):
    dialog = show()
    dialog.ranges.setText("400-500")
    QTest.mouseClick(dialog.vapour, Qt.MouseButton.LeftButton)
    QTest.mouseClick(dialog.vapour, Qt.MouseButton.LeftButton)
    assert dialog.dialog.reading().left_out == ((400.0, 500.0), *WATER_VAPOUR)
    assert "Left out: 3 bands (1, 6, 8)" in dialog.bands_state.text()


def test_kept_flags_stay_as_long_as_the_backend_has_said_nothing(qgis_app, project, make_layer, path):
    Reading(flags=("cloud", "haze")).keep_beside(path)
    dialog = SceneSettings(make_layer(), path, dataclasses.replace(FACTS, flags=()), False)
    assert dialog.reading().flags == ("cloud", "haze")
    words = " ".join(label.text() for label in dialog.findChildren(QLabel))
    assert "not known yet" in words and "brings no quality flags" not in words
    dialog.deleteLater()


def test_the_unit_that_was_meant_stays_while_wavelengths_come_and_go(show):
    dialog = show()
    dialog.unit.setCurrentIndex(dialog.unit.findData("numbers"))
    dialog.ranges.setText("1-2")
    dialog.waves.setPlainText("400 500")  # not finished
    dialog.waves.setPlainText(" ".join(map(str, WAVES)))
    assert dialog.unit.currentData() == "numbers" and "Left out: 2 bands (1-2)" in dialog.bands_state.text()
    without = show(facts=Facts(12, 9, 14, "int16", True))
    without.ranges.setText("3-5")
    without.waves.setPlainText(" ".join(map(str, WAVES)))
    assert without.unit.currentData() == "numbers" and "Left out: 3 bands (3-5)" in without.bands_state.text()


@pytest.mark.parametrize("text", ["10,000", "-9,999", "1,000,000"])
def test_numbers_that_can_be_read_in_two_ways_are_refused(show, text):
    dialog = show()
    dialog.scale.setEditText(text)
    with pytest.raises(ValueError, match="can be read in two ways"):
        dialog.dialog.reading()


def test_bands_by_number_are_kept_as_wavelengths(show):
    dialog = show()
    dialog.unit.setCurrentIndex(dialog.unit.findData("numbers"))
    dialog.ranges.setText("1-2, 12")
    assert "Left out: 3 bands (1-2, 12)" in dialog.bands_state.text()
    assert dialog.dialog.reading().left_out == ((400.0, 600.0), (2600.0, 2600.0))


def test_without_wavelengths_bands_have_numbers_only(show):
    dialog = show(facts=Facts(12, 9, 14, "int16", True))
    assert dialog.unit.count() == 1 and not dialog.vapour.isEnabled()
    assert "names no wavelengths" in dialog.waves_state.text()
    dialog.ranges.setText("3-5")
    assert dialog.dialog.reading().left_out == ((3.0, 5.0),)
    dialog.waves.setPlainText(" ".join(map(str, WAVES)))
    assert dialog.unit.count() == 2 and dialog.vapour.isEnabled()


@pytest.mark.parametrize(
    ("widget", "text", "said"),
    [
        ("scale", "many", "reflectance scale must be a number"),
        ("scale", "-1", "positive number"),
        ("scale", "inf", "must be a number"),
        ("nodata", "none", "nodata value must be a number"),
        ("waves", "400 500 600", "3 wavelengths; the scene has 12 bands"),
        ("waves", "words", "no wavelengths"),
        ("ranges", "x-y", "no range of bands"),
        ("ranges", "0-9999", "All bands"),
    ],
)
def test_nonsense_is_said_and_nothing_is_kept(show, path, widget, text, said):
    dialog = show()
    one = getattr(dialog, widget)
    (one.setEditText if widget == "scale" else one.setPlainText if widget == "waves" else one.setText)(text)
    dialog.press("Ok")
    assert said in dialog.message.text() and dialog.message.property("tone") == "bad"
    assert dialog.dialog.isVisible() and not reading_path(path).exists()


def test_only_sensors_that_fit_can_be_chosen(show):
    dialog = show()
    actions = {one.text(): one for one in dialog.sensor.menu().actions()}
    fitting = [name for name, one in actions.items() if one.isEnabled()]
    assert fitting == ["Sentinel-2, 12 bands (without B10)"]
    actions[fitting[0]].trigger()
    reading = dialog.dialog.reading()
    assert reading.wavelengths[0] == 442.7 and len(reading.fwhm) == 12


def test_wavelengths_of_another_layer_and_of_a_header(show, make_layer, tmp_path):
    make_layer("other.tif")
    make_layer("silent.tif", wavelengths=False)
    dialog = show()
    actions = {one.text(): one for one in dialog.layer.menu().actions()}
    assert list(actions) == ["other", "silent"]
    actions["other"].trigger()
    assert dialog.dialog.reading().wavelengths[:2] == (410.0, 420.0)
    actions["silent"].trigger()
    assert "names no wavelengths" in dialog.waves_state.text()
    header = tmp_path / "a.hdr"
    header.write_text(f"ENVI\nwavelength units = nm\nwavelength = {{{', '.join(map(str, WAVES))}}}\n")
    dialog.dialog._waves.read_file(str(header))
    assert dialog.dialog.reading().wavelengths == WAVES


def test_a_damaged_file_is_said_and_written_anew(show, path):
    reading_path(path).write_text("{")
    dialog = show()
    assert "cannot be read" in dialog.message.text()
    dialog.nodata.setText("0")
    dialog.press("Ok")
    assert Reading.beside(path) == Reading(nodata=0.0)


@pytest.mark.parametrize(
    ("topic", "page", "focus"),
    [
        ("scale", 0, "scale"),
        ("nodata", 0, "nodata"),
        ("wavelengths", 1, "waves"),
        ("bands", 2, "ranges"),
        ("", 0, "scale"),
    ],
)
def test_it_opens_where_the_doubt_is(show, topic, page, focus):
    dialog = show()
    dialog.dialog.show_topic(topic, "Two scales are likely.")
    assert dialog.pages.currentIndex() == page and dialog.message.text() == "Two scales are likely."
    assert dialog.dialog.focusWidget() in (getattr(dialog, focus), getattr(dialog, focus).focusProxy())


@pytest.fixture
def box(qgis_app, project, scripted):
    scripted()
    made = SceneBox()
    yield made
    made.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    facts_reader.end_all()
    facts_reader.forget()


def answer_dialog(work):
    """Fill the modal dialog as soon as it stands."""

    def act():
        shown = QApplication.activeModalWidget()
        assert isinstance(shown, SceneSettings)
        work(Dialog(shown))

    QTimer.singleShot(0, act)


def test_from_the_doubt_to_the_answer(box, make_layer, wait_until, path):
    make_layer()
    label = box.findChild(QLabel, "factsLabel")
    wait_until(lambda: "Checking" not in label.text())
    assert 'href="scale"' in label.text()
    seen = []

    def work(dialog):
        seen.extend([dialog.message.text(), dialog.pages.currentIndex()])
        dialog.scale.setEditText("2500")
        dialog.press("Ok")

    answer_dialog(work)
    label.linkActivated.emit("scale")
    assert seen == ["No scale was stated; set the reflectance scale.", 0] and Reading.beside(path).scale == 2500
    wait_until(lambda: "reflectance\u00a0×\u00a02500" in label.text())
    assert 'href="scale"' not in label.text()


def test_the_button_opens_it_and_cancel_changes_nothing(box, make_layer, wait_until, path):
    button = box.findChild(QPushButton, "sceneSettingsButton")
    assert not button.isEnabled()
    make_layer()
    assert button.isEnabled()
    answer_dialog(lambda dialog: (dialog.nodata.setText("5"), dialog.press("Cancel")))
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert not reading_path(path).exists()


def test_a_folder_that_refuses_is_said_in_the_panel(box, make_layer, monkeypatch, wait_until):
    def refuse(self, path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Reading, "keep_beside", refuse)
    make_layer()
    answer_dialog(lambda dialog: (dialog.nodata.setText("5"), dialog.press("Ok")))
    box.set_up()
    label = box.findChild(QLabel, "factsLabel")
    wait_until(lambda: "nodata\u00a05" in label.text())
    assert "could not be written beside the scene" in label.text()


def test_the_way_to_the_quality_flags(box, make_layer, wait_until, tmp_path):
    (tmp_path / "answer.json").write_text(json.dumps({"facts": dataclasses.asdict(FACTS)}))
    make_layer()
    label = box.findChild(QLabel, "factsLabel")
    wait_until(lambda: 'href="flags"' in label.text())

    def work(dialog):
        assert dialog.pages.currentIndex() == 3
        dialog.flag("cloud").setChecked(False)
        dialog.press("Ok")

    answer_dialog(work)
    label.linkActivated.emit("flags")
    wait_until(lambda: "no pixels by quality flags" in label.text())


@pytest.mark.parametrize(
    "facts, said",
    [
        ({"masked_by": "cloud, cirrus"}, "Left out when the product was opened: cloud, cirrus. To choose other flags"),
        ({"masked_by": ""}, "brings no quality flags"),
    ],
)
def test_flags_that_were_left_out_at_opening_are_named(qgis_app, tmp_path, facts, said):
    page = PixelsPage(dataclasses.replace(FACTS, flags=(), **facts))
    assert any(said in one.text() for one in page.findChildren(QLabel))
    rows = dict(details(dataclasses.replace(FACTS, flags=(), **facts), Reading()))
    assert rows.get(LEFT_OUT, "") == facts["masked_by"]


def test_a_band_without_wavelength_does_not_count_in_what_the_file_says(show, path, make_layer):
    dialog = SceneSettings(make_layer(), str(path), dataclasses.replace(FACTS, wavelengths=(0.0, 500.0, 510.0)), True)
    assert any("500 to 510 nm" in one.text() for one in dialog.findChildren(QLabel))
