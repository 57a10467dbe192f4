"""Opening a product by mouse: what it is, its flags, onto the map; dropped files; the algorithm's own parameter."""

from __future__ import annotations

import json

import pytest
from mixel.plugin import product_names
from mixel.plugin.dock import facts_reader
from mixel.plugin.dock.open_product import OpenProduct, dropped_path
from mixel.plugin.dock.panel import MixelDock
from mixel.plugin.drops import ProductDrops
from qgis.core import QgsLayerTreeRegistryBridge, QgsMultiBandColorRenderer, QgsProcessingContext
from qgis.gui import QgsFileWidget
from qgis.PyQt.QtCore import QMimeData, QPoint, Qt, QUrl
from qgis.PyQt.QtGui import QDropEvent
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QCheckBox, QComboBox, QFileDialog, QGroupBox, QLabel, QLineEdit, QPushButton

FLAGS = [
    {"name": "cloud", "label": "Cloud", "by_default": True},
    {"name": "snow", "label": "Snow", "by_default": False},
]
FACTS = {
    **{"bands": 25, "rows": 9, "cols": 14, "dtype": "int16", "georeferenced": True, "nodata": -99.0},
    **{"wavelengths": [0.0, *(410.0 + 10 * band for band in range(24))], "good_bands": [False] + [True] * 24},
    **{"product": "EnMAP L2A", "quantity": "reflectance", "date": "2022-07-24T10:45:26Z", "flags": FLAGS},
}


@pytest.fixture(autouse=True)
def clean(qgis_app):
    yield
    facts_reader.end_all()
    facts_reader.forget()
    qgis_app.processEvents()


@pytest.fixture
def answer(tmp_path):
    """What the scripted backend says of the scenes in the test's folder."""

    def write(**content):
        told = {"facts": FACTS, "notices": ["1 band is <bad>."], "refusal": "", **content}
        (tmp_path / "answer.json").write_text(json.dumps(told))

    return write


class Dialog:
    """The dialog's widgets by their names."""

    def __init__(self, dialog):
        self.dialog = dialog

    def find(self, name, kind):
        return self.dialog.findChild(kind, name)

    @property
    def said(self):
        return self.find("productSaid", QLabel)

    @property
    def add(self):
        return self.find("addToMap", QPushButton)

    @property
    def rows(self):
        labels = [one for one in self.dialog.findChildren(QLabel) if one.parent().objectName() == "factsTable"]
        return " | ".join(one.text() for one in labels)


@pytest.fixture
def dialog(qgis_app, project, provider, scripted):
    scripted()
    made = OpenProduct()
    made.show()
    yield Dialog(made)
    made.shut_down()
    made.deleteLater()
    qgis_app.processEvents()


def mime(*paths):
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    return data


def test_file_and_one_click_make_a_layer_in_true_colour(dialog, answer, make_scene, wait_until, project, tmp_path):
    answer()
    path = make_scene("EnMAP-ä.tif", bands=25)
    opened = []
    dialog.dialog.opened.connect(opened.append)
    dialog.dialog.look_at(str(path))
    assert not dialog.add.isEnabled() and "Looking" in dialog.said.text()
    wait_until(lambda: dialog.add.isEnabled())
    assert "EnMAP L2A" in dialog.said.text() and dialog.said.property("tone") == "good"
    for text in ("24 of 25 usable", "410–640 nm", "9 rows × 14 columns", "2022-07-24 10:45", "reflectance", "map grid"):
        assert text in dialog.rows, text
    assert "&lt;bad&gt;" in dialog.find("productNotices", QLabel).text()
    QTest.mouseClick(dialog.add, Qt.MouseButton.LeftButton)
    wait_until(lambda: opened)
    layer = project.mapLayer(opened[0])
    assert isinstance(layer.renderer(), QgsMultiBandColorRenderer) and layer.renderer().redBand() == 24
    assert dialog.dialog.isHidden()
    job = json.loads((tmp_path / "EnMAP-ä_scene" / "job.json").read_text(encoding="utf-8"))
    assert (job["scene"], job["options"]) == (str(path), {"flags": "cloud", "how": "auto"})
    root = project.layerTreeRoot()
    assert [node.layerId() for node in root.children()] == [layer.id()]


@pytest.mark.parametrize("checked, told", [((), "none"), (("cloud", "snow"), "cloud,snow"), (("snow",), "snow")])
def test_checked_flags_are_the_ones_left_out(dialog, answer, make_scene, wait_until, checked, told):
    answer()
    dialog.dialog.look_at(str(make_scene()))
    wait_until(lambda: dialog.add.isEnabled())
    for one in FLAGS:
        dialog.find(f"flag_{one['name']}", QCheckBox).setChecked(one["name"] in checked)
    assert dialog.dialog.parameters()["FLAGS"] == told


def test_a_product_without_flags_asks_for_none(dialog, answer, make_scene, wait_until):
    answer(facts={**FACTS, "flags": []})
    dialog.dialog.look_at(str(make_scene()))
    wait_until(lambda: dialog.add.isEnabled())
    assert dialog.find("flagBoxes", QGroupBox).isHidden() and dialog.dialog.parameters()["FLAGS"] == ""


@pytest.fixture
def group(project, make_layer):
    """A group between others with a layer in it, beside which QGIS puts new layers: as if it were the current one."""
    root, point = project.layerTreeRoot(), QgsLayerTreeRegistryBridge.InsertionPoint
    root.addGroup("first")
    made = root.addGroup("mine")
    layer = make_layer("result.tif")
    made.addLayer(layer)
    root.removeChildNode(next(one for one in root.findLayers() if one.parent() is root))
    project.layerTreeRegistryBridge().setLayerInsertionPoint(point(made, 0))
    yield made
    project.layerTreeRegistryBridge().setLayerInsertionPoint(point(root, 0))


@pytest.mark.parametrize("of_a_run", [True, False])
def test_a_product_opened_after_a_run_does_not_go_into_its_group(
    dialog, group, answer, make_scene, wait_until, project, of_a_run
):
    answer()
    if of_a_run:
        group.findLayers()[0].layer().setCustomProperty("mixel/rank", 1)
    opened = []
    dialog.dialog.opened.connect(opened.append)
    dialog.dialog.look_at(str(make_scene("product.tif", bands=25)))
    wait_until(lambda: dialog.add.isEnabled())
    QTest.mouseClick(dialog.add, Qt.MouseButton.LeftButton)
    wait_until(lambda: opened and project.layerTreeRoot().findLayer(opened[0]))
    names = [[node.name() for node in place.children()] for place in (project.layerTreeRoot(), group)]
    product = project.mapLayer(opened[0]).name()
    assert names == ([["first", product, "mine"], ["result"]] if of_a_run else [["first", "mine"], [product, "result"]])


def test_long_names_of_flags_are_not_cut(dialog, answer, make_scene, wait_until, qgis_app):
    labels = [f"Atmospheric correction failed in this pixel {number}" for number in range(4)]
    flags = [{"name": f"flag{number}", "label": label, "by_default": True} for number, label in enumerate(labels)]
    answer(facts={**FACTS, "flags": flags})
    dialog.dialog.look_at(str(make_scene()))
    boxes = dialog.find("flagBoxes", QGroupBox)
    wait_until(lambda: dialog.add.isEnabled() and boxes.width() >= boxes.minimumSizeHint().width())
    for box in boxes.findChildren(QCheckBox):
        assert box.width() >= box.sizeHint().width()


def test_flags_kept_with_the_product_are_checked(dialog, answer, make_scene, wait_until):
    answer()
    path = make_scene()
    path.with_name("scene.tif.mixel.json").write_text('{"flags": ["snow"]}')
    dialog.dialog.look_at(str(path))
    wait_until(lambda: dialog.add.isEnabled())
    assert dialog.dialog.parameters()["FLAGS"] == "snow"


def test_what_is_refused_cannot_be_added_and_says_why(dialog, answer, make_scene, wait_until, tmp_path):
    answer(refusal="The scene lies on its side.")
    dialog.dialog.look_at(str(make_scene()))
    wait_until(lambda: "on its side" in dialog.said.text())
    assert dialog.said.property("tone") == "bad" and not dialog.add.isEnabled()
    assert "9 rows" in dialog.rows
    dialog.dialog.look_at(str(tmp_path / "nowhere"))
    assert "There is no file" in dialog.said.text() and not dialog.rows


def test_a_path_that_is_being_changed_adds_nothing(dialog, answer, make_scene, wait_until, qgis_app):
    answer()
    first, second = make_scene("a.tif"), make_scene("b.tif")
    field = dialog.find("productPath", QLineEdit)
    for path in (first, second):
        dialog.dialog.look_at(str(path))
        wait_until(lambda: dialog.add.isEnabled())
    field.setFocus()
    QTest.keyClick(field, Qt.Key.Key_Backspace)
    assert not dialog.add.isEnabled() and "Press Enter" in dialog.said.text()
    field.setText(str(first))
    QTest.keyClick(field, Qt.Key.Key_Return)  # its answer is known: the default button must not hear the same key
    assert dialog.add.isEnabled() and not dialog.dialog.run.is_active
    assert dialog.dialog.parameters()["INPUT"] == str(first)


def test_while_a_scene_is_written_nothing_else_can_be_chosen(
    dialog, answer, make_scene, wait_until, scripted, tmp_path
):
    answer()
    scripted("slow")
    dialog.dialog.look_at(str(make_scene()))
    wait_until(lambda: dialog.add.isEnabled())
    dialog.add.click()
    choosing = [dialog.find("productPath", QLineEdit), dialog.find("fileButton", QPushButton)]
    assert not any(one.isEnabled() for one in choosing) and not dialog.dialog.acceptDrops()
    dialog.dialog.reject()
    wait_until(lambda: not dialog.dialog.run.is_active)
    assert all(one.isEnabled() for one in choosing) and dialog.dialog.acceptDrops()


def test_what_was_asked_when_the_dialog_was_closed_is_asked_again(dialog, answer, make_scene, wait_until):
    answer()
    dialog.dialog.look_at(str(make_scene()))
    dialog.dialog.reject()
    assert "Looking at" in dialog.said.text()
    dialog.dialog.show()
    wait_until(lambda: dialog.add.isEnabled())


def test_without_a_backend_the_way_to_one_is_said(dialog, make_scene, monkeypatch, tmp_path):
    monkeypatch.setenv("MIXEL_PYTHON", str(tmp_path / "no-python"))
    dialog.dialog.look_at(str(make_scene()))
    assert dialog.said.property("tone") == "bad" and not dialog.add.isEnabled()


def test_a_run_that_fails_can_be_tried_again(dialog, answer, make_scene, wait_until, scripted):
    answer()
    scripted("fail")
    dialog.dialog.look_at(str(make_scene()))
    wait_until(lambda: dialog.add.isEnabled())
    dialog.add.click()
    wait_until(lambda: not dialog.dialog.run.is_active)
    assert "All pixels are nodata" in dialog.said.text() and dialog.add.isEnabled() and dialog.dialog.isVisible()


def test_closing_ends_a_run(dialog, answer, make_scene, wait_until, scripted, tmp_path):
    answer()
    scripted("slow")
    dialog.dialog.look_at(str(make_scene()))
    wait_until(lambda: dialog.add.isEnabled())
    dialog.add.click()
    wait_until(lambda: (tmp_path / "scene_scene" / ".mixel-partial").exists())
    dialog.dialog.reject()
    wait_until(lambda: not dialog.dialog.run.is_active)
    assert not (tmp_path / "scene_scene").exists()


def test_another_product_takes_the_place_of_the_first(dialog, answer, make_scene, wait_until):
    answer()
    dialog.dialog.look_at(str(make_scene("a.tif")))
    wait_until(lambda: dialog.add.isEnabled())
    second = make_scene("b.tif")
    dialog.dialog.look_at(str(second))
    wait_until(lambda: dialog.add.isEnabled())
    given = dialog.dialog.parameters()
    assert given["INPUT"] == str(second) and given["OUTPUT_FOLDER"].endswith("b_scene")
    folder = dialog.find("productFolder", QgsFileWidget)
    folder.setFilePath("/somewhere/else")
    dialog.dialog.look_at(str(make_scene("c.tif")))
    assert dialog.dialog.parameters()["OUTPUT_FOLDER"] == "/somewhere/else"
    how = dialog.find("setting_how", QComboBox)
    how.setCurrentIndex(how.findData("geotiff"))
    assert dialog.dialog.parameters()["HOW"] == "geotiff"


def test_everything_fits_when_many_things_are_told(dialog, answer, make_scene, wait_until, qgis_app):
    answer(
        notices=[
            f"Sentence number {number} that is long enough to be wrapped at least once, or twice."
            for number in range(6)
        ]
    )
    dialog.dialog.look_at(str(make_scene()))
    wait_until(lambda: dialog.add.isEnabled())
    notices = dialog.find("productNotices", QLabel)
    wait_until(lambda: notices.height() >= notices.heightForWidth(notices.width()))


@pytest.fixture
def dock(qgis_app, project, provider, scripted):
    scripted()
    made = MixelDock()
    made.resize(340, 800)
    made.show()
    yield made
    made.shut_down()
    made.deleteLater()
    qgis_app.processEvents()


def test_three_clicks_button_file_add(dock, answer, make_scene, wait_until, monkeypatch, project):
    answer()
    path = make_scene(bands=25)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
    QTest.mouseClick(dock.findChild(QPushButton, "openProductButton"), Qt.MouseButton.LeftButton)
    dialog = Dialog(dock.findChild(OpenProduct, "openProduct"))
    wait_until(lambda: dialog.add.isEnabled())
    QTest.mouseClick(dialog.add, Qt.MouseButton.LeftButton)
    wait_until(lambda: project.mapLayers())
    (layer,) = project.mapLayers().values()
    wait_until(lambda: dock.unmix_page.form.scene is layer)
    assert dock.classify_page.form.scene is layer


def test_every_page_opens_the_same_dialog_and_a_cancelled_choice_leaves_it_open(dock, monkeypatch):
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("", ""))
    for name in ("openProductButton", "classify_openProductButton"):
        dock.findChild(QPushButton, name).click()
    (dialog,) = dock.findChildren(OpenProduct)
    assert dialog.isVisible() and not Dialog(dialog).add.isEnabled()


def test_a_file_dropped_on_the_panel_is_looked_at(dock, answer, make_scene, wait_until):
    answer()
    data = mime(make_scene())
    buttons = (Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    dock.dropEvent(QDropEvent(QPoint(5, 5), Qt.DropAction.CopyAction, data, *buttons))
    wait_until(lambda: Dialog(dock.findChild(OpenProduct, "openProduct")).add.isEnabled())
    assert dock.acceptDrops()


def test_one_local_path_can_be_dropped(tmp_path):
    assert dropped_path(mime(tmp_path)) == str(tmp_path)
    assert dropped_path(mime(tmp_path, tmp_path / "b")) == "" and dropped_path(QMimeData()) == ""
    data = QMimeData()
    data.setUrls([QUrl("https://example.org/a.nc")])
    assert dropped_path(data) == ""


@pytest.mark.parametrize(
    "name, ours",
    [
        ("ENMAP01-____L2A-DT0000001867_20220724T104526Z_008_V010302_20230628T165614Z.ZIP", True),
        ("ENMAP01-____L2A-DT0000001867_20220724T104526Z_008_V010302-METADATA.XML", True),
        ("ENMAP01-____L2A-DT0000001867_20220724T104526Z_008_V010302-SPECTRAL_IMAGE.TIF", False),
        ("PRS_L2D_STD_20201107101404_20201107101408_0001.he5", True),
        ("my copy.he5", True),
        ("EMIT_L2A_RFL_001_20220815T042838_2222703_003.nc", True),
        ("EMIT_L2B_MIN_001_20220815T042838_2222703_003.nc", False),
        ("NEON_D16_WREF_DP3_581000_5075000_reflectance.h5", True),
        ("NEON_D16_WREF_DP3_581000_5075000_CHM.tif", False),
        ("PACE_OCI.20240701T180000.L2.SFREFL.V3_0.nc", True),
        ("20250225_153627_16_4001_basic_sr_hdf5.h5", True),
        ("DESIS-HSI-L2A-DT1203190212_025-20191203T021128-V0210-METADATA.xml", True),
        ("sea_surface_temperature.nc", False),
        ("shapes.zip", False),
        ("scene.tif", False),
        ("project.qgz", False),
    ],
)
def test_only_sure_products_are_taken_from_qgis(name, ours, tmp_path):
    (tmp_path / name).write_bytes(b"")
    taken = []
    assert ProductDrops(taken.append).handleFileDrop(str(tmp_path / name)) is ours
    assert taken == ([str(tmp_path / name)] if ours else [])


def test_a_folder_with_a_product_is_one(tmp_path):
    assert not product_names.is_product(str(tmp_path))
    (tmp_path / "ENMAP01-____L2A-DT0000001867_20220724T104526Z-METADATA.XML").write_bytes(b"")
    assert product_names.is_product(str(tmp_path)) and product_names.is_product(f"{tmp_path}/")
    assert not product_names.is_product(str(tmp_path / "nowhere"))


def test_the_algorithm_takes_files_and_folders(processing, scripted, make_scene, tmp_path):
    scripted()
    path = make_scene(bands=25)
    given = {"INPUT": str(path), "FLAGS": "none", "HOW": "geotiff", "OUTPUT_FOLDER": str(tmp_path / "out")}
    results = processing.run("mixel:open_product", given)
    assert results["SCENE"] == str(tmp_path / "out" / "scene.tif")
    job = json.loads((tmp_path / "out" / "job.json").read_text(encoding="utf-8"))
    assert job["scene"] == str(path) and job["options"] == {"flags": "none", "how": "geotiff"}
    assert (tmp_path / "out" / "scene.qml").exists()


@pytest.mark.parametrize("text", ["", None, "nowhere.zip"])
def test_the_algorithm_refuses_what_is_not_there(provider, scripted, tmp_path, text):
    scripted()
    given = {"INPUT": str(tmp_path / text) if text else text, "OUTPUT_FOLDER": str(tmp_path / "out")}
    fine, message = provider.algorithm("open_product").checkParameterValues(given, QgsProcessingContext())
    assert not fine and "product" in message


@pytest.mark.parametrize("name", ["folder", "part"])
def test_the_algorithm_takes_a_folder_and_a_part_of_a_file(provider, scripted, tmp_path, name):
    scripted()
    (tmp_path / "folder").mkdir()
    (tmp_path / "a.nc").write_bytes(b"\x89HDF\r\n\x1a\n")
    text = {"folder": str(tmp_path / "folder"), "part": f'NETCDF:"{tmp_path / "a.nc"}":reflectance'}[name]
    given = {"INPUT": text, "OUTPUT_FOLDER": str(tmp_path / "out")}
    fine, message = provider.algorithm("open_product").checkParameterValues(given, QgsProcessingContext())
    assert fine, message
