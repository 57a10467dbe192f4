"""The panel with real widgets: from scene to layers by mouse, refusals at once, cancel, two runs."""

from __future__ import annotations

import dataclasses
import json
import math
import time

import pytest
from mixel.backend.facts import Facts
from mixel.backend.protocol import Metric, Notice, Progress
from mixel.backend.reading import Reading
from mixel.plugin import readings
from mixel.plugin.dock.curve import Curve
from mixel.plugin.dock.panel import MixelDock
from mixel.plugin.dock.run_bar import NOTICES_HEIGHT
from qgis.core import QgsProject, QgsVectorLayer
from qgis.gui import QgsFileWidget, QgsMapLayerComboBox, QgsSpinBox
from qgis.PyQt.QtCore import QPointF, QRectF, Qt
from qgis.PyQt.QtGui import QTextDocument
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QComboBox, QLabel, QProgressBar, QPushButton, QScrollArea, QTabWidget, QWidget

PLAIN = Facts(12, 9, 14, "int16", True, -99.0)


class Panel:
    """The panel's widgets by their object names."""

    def __init__(self, dock):
        self.dock = dock
        self.scene = dock.findChild(QgsMapLayerComboBox, "sceneCombo")
        self.facts = dock.findChild(QLabel, "factsLabel")
        self.method = dock.findChild(QComboBox, "methodCombo")
        self.folder = dock.findChild(QgsFileWidget, "outputFolder")
        self.run = dock.findChild(QPushButton, "runButton")
        self.cancel = dock.findChild(QPushButton, "cancelButton")
        self.report = dock.findChild(QPushButton, "reportButton")
        self.bar = dock.findChild(QProgressBar, "progressBar")
        self.status = dock.findChild(QLabel, "statusLabel")

    def setting(self, name, kind=QgsSpinBox):
        return self.dock.findChild(kind, f"setting_{name}")

    def click(self, button):
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)

    @property
    def idle(self):
        return not self.dock.unmix_page.run.is_active


@pytest.fixture
def panel(qgis_app, project, provider, scripted):
    scripted()
    dock = MixelDock()
    dock.resize(380, 800)
    dock.show()
    qgis_app.processEvents()
    yield Panel(dock)
    dock.shut_down()
    dock.deleteLater()
    qgis_app.processEvents()


def test_every_part_has_its_name(panel):
    assert all(value is not None for value in vars(panel).values())
    assert panel.dock.objectName() == "MixelDock"


def test_without_a_layer_it_says_what_to_do(panel):
    assert "Add a hyperspectral raster" in panel.facts.text()
    assert not panel.run.isEnabled()


def test_a_usable_layer_is_described_at_once(panel, make_layer):
    make_layer()
    assert panel.facts.property("tone") == "good"
    assert "9 × 14 pixels, 12 bands, 410–520 nm, nodata\u00a0-99" in panel.facts.text()
    assert panel.run.isEnabled()


@pytest.mark.parametrize(
    ("what", "said"), [({"bands": 3}, "at least 4"), ({"rows": 3, "cols": 5}, "Choose a larger part")]
)
def test_an_unusable_layer_is_refused_at_once(panel, make_layer, what, said):
    make_layer(**what)
    assert panel.facts.property("tone") == "bad" and said in panel.facts.text()
    assert not panel.run.isEnabled()


def test_notices_stand_below_the_facts(panel, make_layer):
    make_layer(georeferenced=False, nodata=None)
    assert "no georeference" in panel.facts.text() and "no nodata" in panel.facts.text()
    assert panel.run.isEnabled()


def test_only_rasters_are_offered(panel, project, make_layer):
    project.addMapLayer(QgsVectorLayer("Point", "points", "memory"))
    make_layer()
    assert panel.scene.count() == 1


def test_names_with_markup_are_shown_as_they_are(panel, make_layer, tmp_path):
    layer = make_layer("a&b<i>.tif")
    (tmp_path / "a&b<i>.tif").unlink()
    panel.dock.unmix_page.refresh()
    assert "a&amp;b&lt;i&gt;" in panel.facts.text() and layer.name() == "a&b<i>"


def test_the_folder_offered_is_fresh_and_beside_the_scene(panel, make_layer, tmp_path):
    (tmp_path / "scene_unmixed").mkdir()
    make_layer()
    assert panel.folder.filePath() == str(tmp_path / "scene_unmixed_2")


def test_a_folder_the_user_chose_stays(panel, make_layer, tmp_path):
    panel.folder.setFilePath(str(tmp_path / "mine"))
    make_layer()
    assert panel.folder.filePath() == str(tmp_path / "mine")


def test_from_scene_to_layers(panel, make_layer, project, wait_until, tmp_path):
    make_layer("Überflug 東京.tif")
    panel.setting("num_endmembers").setValue(3)
    folder = panel.folder.filePath()
    panel.click(panel.run)
    assert panel.bar.isVisible() and panel.cancel.isVisible() and not panel.run.isVisible()
    wait_until(lambda: panel.idle)
    assert panel.status.text().startswith("✓ Done") and panel.status.property("tone") == "good"
    (group,) = project.layerTreeRoot().findGroups()
    assert group.name() == "Unmixed: Überflug 東京"
    names = [node.name() for node in group.findLayers()]
    assert names[0].startswith("Composite") and names[4].startswith("Error")
    assert names[1:4] == ["Endmember 1", "Endmember 2", "Endmember 3"]
    assert panel.report.isVisible() and panel.run.isVisible() and not panel.cancel.isVisible()
    assert panel.folder.filePath() != folder


def test_the_live_curve_follows_the_loss(panel, make_layer, wait_until):
    make_layer()
    curve = panel.dock.findChild(QWidget, "curve")
    assert not curve.isVisible()
    panel.click(panel.run)
    wait_until(lambda: panel.idle)
    assert curve.isVisible() and curve.caption() == "loss 0.2 at step 5"


def test_two_runs_one_after_the_other(panel, make_layer, project, wait_until):
    make_layer()
    for _ in range(2):
        panel.click(panel.run)
        wait_until(lambda: panel.idle)
        assert panel.status.text().startswith("✓ Done")
    assert len(project.layerTreeRoot().findGroups()) == 2


def test_cancel_by_mouse_ends_within_two_seconds(panel, make_layer, project, scripted, wait_until, tmp_path):
    scripted("slow")
    make_layer()
    panel.click(panel.run)
    wait_until(lambda: panel.bar.value() >= 50)
    begin = time.monotonic()
    panel.click(panel.cancel)
    wait_until(lambda: panel.idle, seconds=4)
    assert time.monotonic() - begin < 2
    assert "Cancelled" in panel.status.text()
    assert not project.layerTreeRoot().findGroups()
    assert not (tmp_path / "scene_unmixed").exists()


def test_time_left_is_said_in_words(panel, make_layer, scripted, wait_until):
    scripted("slow")
    make_layer()
    panel.click(panel.run)
    wait_until(lambda: "a few seconds left" in panel.status.text())


def test_at_100_percent_no_time_is_left(panel):
    bar = panel.dock.unmix_page.bar
    bar.begin()
    bar.hear(Progress(0.996, "Unmixing window 9 of 10", 2.0))
    assert (panel.bar.value(), panel.status.text()) == (99, "Unmixing window 9 of 10 · a few seconds left")
    bar.hear(Progress(1.0, "Unmixing window 10 of 10", 0.0))
    assert (panel.bar.value(), panel.status.text()) == (100, "Unmixing window 10 of 10")


@pytest.mark.parametrize(("how", "said"), [("fail", "All pixels are nodata"), ("crash", "")])
def test_a_failure_is_a_sentence_and_the_next_run_works(panel, make_layer, scripted, wait_until, how, said):
    scripted(how)
    make_layer()
    panel.click(panel.run)
    wait_until(lambda: panel.idle)
    assert panel.status.property("tone") == "bad"
    assert said in panel.status.text() and panel.status.text()
    scripted("good")
    panel.click(panel.run)
    wait_until(lambda: panel.idle)
    assert panel.status.text().startswith("✓ Done")


def test_notices_of_the_run_are_shown_after_it(panel, make_layer, scripted, wait_until):
    scripted("notice")
    make_layer()
    panel.click(panel.run)
    wait_until(lambda: panel.idle)
    notices = panel.dock.findChild(QLabel, "noticesLabel")
    assert notices.isVisible() and "Three bands were left out." in notices.text()


def test_many_notices_neither_flatten_the_curve_nor_fill_the_panel(panel):
    bar = panel.dock.unmix_page.bar
    for step in range(1, 9):
        bar.hear(Metric("loss", 1.0 / step, step))
        bar.hear(Metric("validation loss", 2.0 / step, step))
    bar.hear(Notice("One band was left out."))
    low = bar.notices_area.height()
    for number in range(30):
        bar.hear(Notice(f"Band {number} was left out because it holds no data in most of the pixels of the scene."))
    assert low < bar.notices_area.height() <= NOTICES_HEIGHT
    assert bar.curve.height() >= 100 and bar.notices_label.text().count("•") == 31


def test_a_folder_with_a_run_is_refused_before_anything_starts(panel, make_layer, tmp_path):
    make_layer()
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "job.json").write_text("{}")
    panel.folder.setFilePath(str(tmp_path / "old"))
    panel.click(panel.run)
    assert "already holds a run" in panel.status.text() and panel.idle


def test_a_file_deleted_after_loading_is_seen_at_run(panel, make_layer, tmp_path):
    make_layer()
    (tmp_path / "scene.tif").unlink()
    panel.click(panel.run)
    assert panel.status.property("tone") == "bad" and panel.idle


def test_shutting_down_ends_a_run(panel, make_layer, scripted, wait_until, tmp_path):
    scripted("slow")
    make_layer()
    panel.click(panel.run)
    wait_until(lambda: panel.bar.value() >= 50)
    begin = time.monotonic()
    panel.dock.shut_down()
    assert time.monotonic() - begin < 3 and panel.idle
    assert not (tmp_path / "scene_unmixed" / ".mixel-partial").exists()


def test_a_new_project_during_a_run_does_no_harm(panel, make_layer, project, wait_until):
    make_layer()
    panel.click(panel.run)
    QgsProject.instance().clear()
    wait_until(lambda: panel.idle)


def test_without_a_python_the_way_to_get_one_is_shown(panel, make_layer, monkeypatch, tmp_path):
    monkeypatch.delenv("MIXEL_PYTHON")
    monkeypatch.setenv("MIXEL_HOME", str(tmp_path / "home"))
    make_layer()
    panel.dock.unmix_page.refresh()
    assert not panel.run.isEnabled()
    set_up = panel.dock.findChild(QPushButton, "setUpButton")
    assert set_up.isVisible()
    panel.click(set_up)
    assert panel.dock.findChild(QTabWidget, "pages").currentIndex() == 3


def test_it_fits_380_pixels(panel, make_layer, qgis_app):
    make_layer("a very long name of a scene that says everything about its sensor and date and place.tif")
    panel.dock.findChild(QWidget, "advancedGroup").setCollapsed(False)
    panel.dock.resize(380, 800)
    for _ in range(5):
        qgis_app.processEvents()
    assert panel.dock.width() == 380
    inside = panel.dock.unmix_page.findChild(QScrollArea)
    assert inside.widget().width() <= inside.viewport().width()
    for name in ("sceneCombo", "factsLabel", "methodCombo", "outputFolder", "setting_num_endmembers", "deviceCombo"):
        widget = panel.dock.findChild(QWidget, name)
        assert widget.mapTo(inside.viewport(), widget.rect().topRight()).x() < inside.viewport().width(), name


def test_no_folder_is_offered_without_a_usable_scene(panel, make_layer):
    make_layer(bands=3)
    assert panel.folder.filePath() == ""


def test_the_curves_points_lie_in_their_area(qgis_app):
    curve = Curve()
    assert curve.line(QRectF(0, 0, 100, 10)) == [] and curve.caption() == ""
    for step, value in enumerate([1.0, 0.1, 0.01, math.nan, math.inf]):
        curve.add(Metric("loss", value, step))
    curve.add(Metric("validation loss", 1.0, 4))
    curve.add(Metric("sad", 5.0, 1))
    points = [(round(point.x()), round(point.y())) for point in curve.line(QRectF(0, 0, 100, 10))]
    assert points == [(0, 0), (25, 5), (50, 10)]
    assert curve.line(QRectF(0, 0, 100, 10), "validation loss") == [QPointF(100, 0)]
    assert curve.caption() == "loss 0.01 at step 2, validation loss 1 at step 4"
    curve.clear()
    curve.add(Metric("rmse", 0.0, 1, "reflectance"))
    assert curve.caption() == "rmse 0 reflectance at step 1" and len(curve.line(QRectF(0, 0, 9, 9))) == 1
    curve.grab()


def test_long_names_in_notices_do_not_push_the_panel_wider(panel, make_layer, wait_until, qgis_app, tmp_path):
    name = "ENMAP01-____L2A-DT0000001867_20220724T104526Z_008_V010302_20230628T165614Z-SPECTRAL_IMAGE.TIF"
    told = {"facts": dataclasses.asdict(PLAIN), "notices": [f"{name} lies elsewhere, beside {'x' * 90}.", name]}
    (tmp_path / "answer.json").write_text(json.dumps(told))
    make_layer()
    wait_until(lambda: "lies elsewhere" in panel.facts.text())
    for message in told["notices"]:
        panel.dock.unmix_page.bar.hear(Notice(message))
    panel.dock.unmix_page.bar.say(f"✗ {name}{'x' * 90}")
    panel.dock.resize(380, 800)
    for _ in range(5):
        qgis_app.processEvents()
    assert panel.dock.width() == 380
    inside = panel.dock.unmix_page.findChild(QScrollArea)
    assert inside.widget().width() <= inside.viewport().width()
    shown = QTextDocument()
    shown.setHtml(panel.facts.text())
    shown.setTextWidth(panel.facts.width())
    assert shown.size().width() <= panel.facts.width(), "nothing is cut off at the right"


def test_settings_made_on_one_page_are_shown_on_the_others(panel, make_layer, wait_until):
    layer = make_layer()
    pages = panel.dock.findChild(QTabWidget, "pages")
    other = panel.dock.findChild(QLabel, "classify_factsLabel")
    pages.setCurrentIndex(1)
    wait_until(lambda: "12 bands" in other.text() and "Checking" not in other.text())
    pages.setCurrentIndex(0)
    readings.keep(layer, layer.source(), Reading(nodata=5.0))
    pages.setCurrentIndex(1)
    wait_until(lambda: "nodata\u00a05" in other.text())
