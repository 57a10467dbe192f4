"""The page that makes, repairs and deletes the backend's Python; the environment itself is scripted here."""

from __future__ import annotations

import time

import pytest
from mixel.plugin import environment, interpreter
from mixel.plugin.dock.python_page import PythonPage
from qgis.gui import QgsFileWidget
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QApplication, QComboBox, QLabel, QMessageBox, QProgressBar, QPushButton


class Scripted:
    """An environment that is made in three steps."""

    def __init__(self, tmp_path):
        self.python = tmp_path / "bin" / "python"
        self.asked = []
        self.slow = False
        self.error = None

    def find(self, given=""):
        if given or self.python.exists():
            return environment.Found(given or self.python, "")
        return environment.Found(None, "Mixel's Python is not made yet.")

    def create(self, cancelled, accelerator="auto"):
        self.asked.append(("create", accelerator))
        yield 0.1, "Looking for torch"
        while self.slow:
            if cancelled():
                raise environment.Cancelled
            time.sleep(0.01)
        if self.error:
            raise self.error
        self.python.parent.mkdir(exist_ok=True)
        self.python.write_text("")
        yield 1.0, "Mixel's Python is ready"

    def repair(self, cancelled, accelerator="auto"):
        self.asked.append(("repair", accelerator))
        yield 1.0, "Mixel's Python is ready"

    def delete(self):
        self.asked.append(("delete",))
        self.python.unlink()

    def size(self):
        return 850_000_000 if self.python.exists() else 0

    def check(self, python):
        self.asked.append(("check", str(python)))
        if self.error:
            raise self.error
        return {}

    def diagnosis(self, given=""):
        return "Mixel 0: all about it"


@pytest.fixture
def made(monkeypatch, tmp_path):
    scripted = Scripted(tmp_path)
    for name in ("find", "create", "repair", "delete", "size", "check", "diagnosis"):
        monkeypatch.setattr(environment, name, getattr(scripted, name))
    monkeypatch.delenv("MIXEL_PYTHON", raising=False)
    return scripted


@pytest.fixture
def page(qgis_app, made):
    interpreter.choose("")
    shown = PythonPage()
    shown.resize(380, 700)
    shown.show()
    qgis_app.processEvents()
    yield shown
    shown.shut_down()
    shown.deleteLater()
    interpreter.choose("")


def label(page, name):
    return page.findChild(QLabel, name)


def press(page, name):
    button = page.findChild(QPushButton, name)
    assert button.isVisible() and button.isEnabled()
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def done(page, wait_until):
    wait_until(lambda: not page.chore.is_active and not page._sizing.is_active)


def test_it_says_what_is_missing(page):
    assert label(page, "pythonState").text() == "Mixel's Python is not made yet."
    assert page.findChild(QPushButton, "pythonCreate").isVisible()


def test_create_with_progress_until_ready(page, made, wait_until):
    heard = []
    page.chore.stepped.connect(lambda fraction, text: heard.append(text))
    press(page, "pythonCreate")
    assert page.findChild(QProgressBar, "pythonProgress").isVisible()
    done(page, wait_until)
    assert heard == ["Looking for torch", "Mixel's Python is ready"]
    assert label(page, "pythonState").text().startswith("✓ Ready")
    assert label(page, "pythonMessage").property("tone") == "good"
    wait_until(lambda: "850 MB" in label(page, "pythonSize").text())
    assert not page.findChild(QPushButton, "pythonCreate").isVisible()


def test_the_build_of_torch_is_the_users_choice(page, made, wait_until):
    page.findChild(QComboBox, "buildCombo").setCurrentIndex(1)
    press(page, "pythonCreate")
    done(page, wait_until)
    assert made.asked == [("create", "cpu")]


def test_cancel(page, made, wait_until):
    made.slow = True
    press(page, "pythonCreate")
    wait_until(lambda: "torch" in label(page, "pythonMessage").text())
    begin = time.monotonic()
    press(page, "pythonCancel")
    done(page, wait_until)
    assert time.monotonic() - begin < 2
    assert "Cancelled" in label(page, "pythonMessage").text()
    assert page.findChild(QPushButton, "pythonCreate").isEnabled()


@pytest.mark.parametrize("error", [environment.InstallError("No network. Try again."), OSError("Disk gone.")])
def test_a_failure_is_shown_as_its_sentence(page, made, wait_until, error):
    made.error = error
    press(page, "pythonCreate")
    done(page, wait_until)
    assert label(page, "pythonMessage").text() == str(error)
    assert label(page, "pythonMessage").property("tone") == "bad"


def test_repair(page, made, wait_until):
    made.python.parent.mkdir()
    made.python.write_text("")
    page.refresh()
    assert not page.findChild(QPushButton, "pythonCreate").isVisible()
    press(page, "pythonRepair")
    done(page, wait_until)
    assert made.asked == [("repair", "auto")]


@pytest.mark.parametrize(("answer", "deleted"), [("Yes", True), ("No", False)])
def test_delete_asks_first(page, made, wait_until, monkeypatch, answer, deleted):
    made.python.parent.mkdir()
    made.python.write_text("")
    page.refresh()
    button = getattr(QMessageBox.StandardButton, answer)
    monkeypatch.setattr(QMessageBox, "question", lambda *_: button)
    press(page, "pythonDelete")
    done(page, wait_until)
    assert made.python.exists() != deleted


def test_the_diagnosis_goes_into_the_clipboard(page, wait_until):
    press(page, "copyDiagnosis")
    done(page, wait_until)
    assert QApplication.clipboard().text() == "Mixel 0: all about it"


def test_the_users_own_python_is_checked_and_remembered(page, made, wait_until, tmp_path):
    changes = []
    page.changed.connect(lambda: changes.append(1))
    page.findChild(QgsFileWidget, "ownPython").setFilePath(str(tmp_path / "mine"))
    done(page, wait_until)
    assert made.asked == [("check", str(tmp_path / "mine"))]
    assert interpreter.chosen() == str(tmp_path / "mine") and changes
    page.findChild(QgsFileWidget, "ownPython").setFilePath("")
    assert interpreter.chosen() == ""


def test_an_unfit_own_python_is_said_so(page, made, wait_until, tmp_path):
    made.error = environment.InstallError("It has no torch.")
    page.findChild(QgsFileWidget, "ownPython").setFilePath(str(tmp_path / "mine"))
    done(page, wait_until)
    assert label(page, "pythonMessage").text() == "It has no torch."


def test_nothing_can_be_pressed_twice(page, made, wait_until):
    made.slow = True
    press(page, "pythonCreate")
    for name in ("pythonCreate", "copyDiagnosis"):
        assert not page.findChild(QPushButton, name).isEnabled()
    made.slow = False
    done(page, wait_until)


def test_shutting_down_waits_for_the_end(page, made):
    made.slow = True
    press(page, "pythonCreate")
    begin = time.monotonic()
    page.shut_down()
    assert not page.chore.is_active and time.monotonic() - begin < 3


def test_the_variable_overrides_the_choice(page, made, monkeypatch):
    interpreter.choose("/chosen")
    monkeypatch.setenv("MIXEL_PYTHON", "/variable")
    assert interpreter.chosen() == "/variable" and "MIXEL_PYTHON" in interpreter.origin()
    monkeypatch.delenv("MIXEL_PYTHON")
    assert interpreter.chosen() == "/chosen" and "by you" in interpreter.origin()


def test_nothing_to_repair_or_delete_where_nothing_is(page, wait_until):
    done(page, wait_until)
    assert not page.findChild(QPushButton, "pythonRepair").isVisible()
    assert not page.findChild(QPushButton, "pythonDelete").isVisible()
