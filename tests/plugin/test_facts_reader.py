"""The panel shows what the backend says of a scene: in the background, kept, never another scene's."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from pathlib import Path

import pytest
from mixel.backend.protocol import Described
from mixel.backend.reading import Reading
from mixel.plugin import interpreter
from mixel.plugin.description import Cancelled, Question, ask
from mixel.plugin.dock import facts_reader
from mixel.plugin.dock.panel import MixelDock
from mixel.plugin.dock.scene_box import SceneBox
from qgis.gui import QgsMapLayerComboBox
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QCoreApplication, QEvent, Qt
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QLabel, QPushButton, QToolButton

ENMAP = {
    "facts": {
        **{"bands": 224, "rows": 1024, "cols": 1000, "dtype": "int16", "georeferenced": True, "nodata": -32768.0},
        **{"scale": 10000.0, "wavelengths": [418.0 + 9 * band for band in range(224)], "place": "grid"},
        **{"product": "EnMAP L2A", "quantity": "reflectance", "date": "2022-07-24T10:45:26.000Z"},
        "good_bands": [True] * 218 + [False] * 6,
        "flags": [
            {"name": "cloud", "label": "Cloud", "by_default": True},
            {"name": "snow", "label": "Snow", "by_default": False},
        ],
    },
    "notices": ["6 bands are marked as bad and left out.", "Reflectance scale <taken> by the values."],
}


@pytest.fixture(autouse=True)
def clean(qgis_app):
    yield
    facts_reader.end_all()
    facts_reader.forget()
    qgis_app.processEvents()


@pytest.fixture
def answers(tmp_path):
    def write(folder=tmp_path, **content):
        (folder / "answer.json").write_text(json.dumps({"notices": [], "refusal": "", **content}))

    return write


@pytest.fixture
def make_box(qgis_app, project, scripted):
    """A function that makes a box; all go by Qt's own hand, for Python may delete on any thread."""
    scripted()
    made = []

    def make():
        made.append(SceneBox())
        return made[-1]

    yield make
    for one in made:
        if not sip.isdeleted(one):
            one.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.fixture
def box(make_box):
    return make_box()


def text(box):
    return box.findChild(QLabel, "factsLabel").text()


def children(word):
    """Command lines of the children that are asked about a file of this name."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = entry.read_bytes().decode(errors="replace").split("\0")
            if "-m" in words and "--facts" in words and any(word in one for one in words):
                found.append(" ".join(words))
    return found


def test_a_plain_check_stands_until_the_answer_is_there(box, make_layer, answers, wait_until):
    answers(**ENMAP)
    make_layer()
    assert "9 × 14 pixels, 12 bands" in text(box) and "Checking" in text(box) and box.source
    wait_until(lambda: "Checking" not in text(box))
    assert "1024 × 1000 pixels, 218 of 224 bands, 418–2371 nm" in text(box)
    for said in ("EnMAP L2A", "reflectance", "2022-07-24 10:45", "map grid", "Left out", "cloud", "6 bands are marked"):
        assert said in text(box)
    assert "snow" not in text(box) and "&lt;taken&gt;" in text(box)
    assert 'href="scale"' in text(box) and 'href="bands"' in text(box)


def test_the_backends_refusal_counts(box, make_layer, answers, wait_until, tmp_path):
    answers(facts=ENMAP["facts"], refusal="The file lacks 3 of 9 rows. Copy it again.")
    make_layer()
    assert box.source == str(tmp_path / "scene.tif")
    wait_until(lambda: "lacks 3 of 9 rows" in text(box))
    assert box.source is None and box.findChild(QLabel, "factsLabel").property("tone") == "bad"


def test_the_backend_may_know_better_than_the_plain_refusal(box, make_layer, answers, wait_until):
    answers(**ENMAP)
    make_layer(bands=2)
    assert box.source is None and "2 usable bands" in text(box)
    wait_until(lambda: box.source is not None)
    assert "218 of 224 bands" in text(box)


def test_a_refusal_is_asked_again_after_a_while(box, make_layer, answers, wait_until, monkeypatch):
    """The copying of the file may have come to its end, of which nothing beside it tells."""
    answers(facts=ENMAP["facts"], refusal="The file lacks 3 of 9 rows. Copy it again.")
    make_layer()
    wait_until(lambda: "lacks 3 of 9 rows" in text(box))
    answers(**ENMAP)
    box.refresh()
    assert "lacks 3 of 9 rows" in text(box)
    monkeypatch.setattr(facts_reader, "_STALE", 0.0)
    box.refresh()
    wait_until(lambda: "EnMAP" in text(box))


def test_an_answer_is_asked_for_once_until_the_file_or_the_reading_changes(
    box, make_box, make_layer, answers, wait_until, tmp_path
):
    answers(**ENMAP)
    make_layer()
    wait_until(lambda: "EnMAP" in text(box))
    answers(facts={**ENMAP["facts"], "product": "Another"})
    box.refresh()
    assert "EnMAP" in text(box) and "Checking" not in text(box)
    other = make_box()
    assert "EnMAP" in text(other) and "Checking" not in text(other)
    Reading(scale=5.0).keep_beside(str(tmp_path / "scene.tif"))
    box.refresh()
    assert "Checking" in text(box) and "EnMAP" not in text(box)
    wait_until(lambda: "Another" in text(box))
    answers(facts={**ENMAP["facts"], "product": "A third"})
    (tmp_path / "scene.hdr").write_text("changed")
    box.refresh()
    wait_until(lambda: "A third" in text(box))


def test_a_stale_answer_of_another_layer_is_never_shown(
    box, make_layer, answers, scripted, wait_until, tmp_path, qgis_app
):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        answers(tmp_path / name, facts={**ENMAP["facts"], "product": f"Product {name}"})
    first, second = make_layer("one/scene.tif"), make_layer("two/scene.tif", bands=13)
    combo = box.findChild(QgsMapLayerComboBox, "sceneCombo")
    seen = set()

    def look():
        if box.layer():
            seen.add((box.layer().id(), "Product one" in text(box), "Product two" in text(box)))

    box.changed.connect(look)
    for layer in (first, second, first, second):
        combo.setLayer(layer)
    wait_until(lambda: "Product two" in text(box))
    for _ in range(30):
        qgis_app.processEvents()
        time.sleep(0.02)
    assert "Product two" in text(box)
    assert not {one for one in seen if (one[1] and one[0] == second.id()) or (one[2] and one[0] == first.id())}


@pytest.mark.parametrize("how", ["crash", "garbled"])
def test_a_backend_that_fails_leaves_the_plain_check_and_a_sentence(box, make_layer, scripted, wait_until, how):
    scripted(how)
    make_layer()
    wait_until(lambda: "gave no answer" in text(box))
    assert "9 × 14 pixels, 12 bands" in text(box) and box.source and "Checking" not in text(box)


def test_a_python_that_cannot_be_started_is_said(box, make_layer, tmp_path, monkeypatch, wait_until):
    broken = tmp_path / "broken"
    broken.write_bytes(b"\0")
    broken.chmod(0o755)
    monkeypatch.setattr(interpreter, "find", lambda: broken)
    make_layer()
    wait_until(lambda: "cannot be started" in text(box))
    assert box.source


def test_without_a_python_the_plain_check_stands_alone(box, make_layer, monkeypatch, tmp_path):
    monkeypatch.delenv("MIXEL_PYTHON")
    monkeypatch.setenv("MIXEL_HOME", str(tmp_path / "home"))
    make_layer()
    assert "9 × 14 pixels, 12 bands" in text(box) and "Checking" not in text(box)


def container(tmp_path, project):
    from osgeo import gdal
    from qgis.core import QgsRasterLayer

    path = tmp_path / "cube.nc"
    gdal.GetDriverByName("netCDF").CreateCopy(str(path), gdal.GetDriverByName("MEM").Create("", 9, 8, 5))
    return project.addMapLayer(QgsRasterLayer(f'NETCDF:"{path}":Band1', "part", "gdal"))


def test_a_part_of_a_container_waits_for_the_backend(box, project, answers, wait_until, tmp_path):
    answers(**ENMAP)
    container(tmp_path, project)
    assert "Checking" in text(box) and "pixels" not in text(box) and box.source is None
    wait_until(lambda: box.source == str(tmp_path / "cube.nc"))
    assert "218 of 224 bands" in text(box)


def test_a_part_of_a_product_leads_to_the_product_on_the_map(box, project, answers, wait_until, tmp_path):
    answers(**ENMAP)
    container(tmp_path, project)
    wait_until(lambda: box.source)
    assert "only a part of this product" in text(box) and "Show it on the map" in text(box)
    for button in box.findChildren(QToolButton):
        assert not button.isEnabled() and "Open a product" in button.toolTip()
    wanted = []
    box.product_wanted.connect(wanted.append)
    box.findChild(QLabel, "factsLabel").linkActivated.emit("product")
    QTest.mouseClick(box.findChild(QPushButton, "openProductButton"), Qt.MouseButton.LeftButton)
    assert wanted == [str(tmp_path / "cube.nc"), ""]


def test_a_file_of_its_own_is_no_part(box, make_layer, answers, wait_until):
    answers(**ENMAP)
    make_layer()
    wait_until(lambda: "Checking" not in text(box))
    assert "only a part" not in text(box)


def test_a_container_without_any_answer_can_be_tried(box, project, scripted, wait_until, tmp_path):
    scripted("crash")
    container(tmp_path, project)
    wait_until(lambda: "gave no answer" in text(box))
    assert box.source == str(tmp_path / "cube.nc")


def test_a_container_without_a_python_asks_for_one(box, project, monkeypatch, tmp_path):
    monkeypatch.delenv("MIXEL_PYTHON")
    monkeypatch.setenv("MIXEL_HOME", str(tmp_path / "home"))
    container(tmp_path, project)
    assert "set it up" in text(box) and box.source is None


def test_leaving_a_layer_ends_the_child(box, make_layer, scripted, project, wait_until, tmp_path):
    scripted("mute")
    make_layer()
    wait_until(lambda: children(str(tmp_path)))
    project.clear()
    wait_until(lambda: not children(str(tmp_path)), seconds=4)
    assert "Add a hyperspectral raster" in text(box)


def test_unloading_ends_the_children_of_all_pages_which_share_one(
    provider, project, make_layer, scripted, wait_until, tmp_path
):
    scripted("mute")
    make_layer()
    dock = MixelDock()
    wait_until(lambda: children(str(tmp_path)))
    assert len({line.split(" -m ")[1] for line in children(str(tmp_path))}) == 1
    begin = time.monotonic()
    dock.shut_down()
    assert time.monotonic() - begin < 3 and not children(str(tmp_path))
    dock.deleteLater()


def test_a_box_that_is_gone_is_left_alone(make_box, make_layer, wait_until, answers):
    answers(**ENMAP)
    make_layer()
    box = make_box()
    box.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    again = make_box()
    wait_until(lambda: "EnMAP" in text(again))


def test_asking_can_be_cancelled_and_leaves_no_file(scripted, make_scene, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    stop = threading.Event()
    threading.Timer(0.5, stop.set).start()
    question = Question.of(str(scripted("mute")), str(make_scene()), Reading(scale=2.0))
    with pytest.raises(Cancelled):
        ask(question, stop.is_set)
    assert not list(tmp_path.glob("mixel-*.json"))


def test_the_reading_goes_to_the_backend(scripted, make_scene):
    answer = ask(Question.of(str(scripted()), str(make_scene()), Reading(nodata=7.0)), lambda: False)
    assert isinstance(answer, Described) and answer.facts["nodata"] == 7.0


def test_another_layers_facts_are_waited_for_no_longer_than_one_can_bear(scripted, make_layer, monkeypatch):
    scripted("mute")
    monkeypatch.setattr(facts_reader, "_AT_ONCE", 0.3)
    monkeypatch.setattr(facts_reader.layers, "plain_facts", lambda path: None)
    with pytest.raises(ValueError, match="was not read within"):
        facts_reader.facts_now(make_layer())
