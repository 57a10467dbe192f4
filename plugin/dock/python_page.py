"""The panel's second page: the Python that does the work. It is made, repaired and deleted here, or chosen."""

from __future__ import annotations

from typing import Callable, Iterator, Tuple

from qgis.gui import QgsFileWidget
from qgis.PyQt.QtCore import Qt, pyqtSignal
from qgis.PyQt.QtGui import QShowEvent
from qgis.PyQt.QtWidgets import (
    QApplication,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QMessageBox,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from .. import environment, interpreter
from ..words import size
from .chore import Chore, Outcome, Work
from .form import shrinkable
from .tone import Tone, set_tone

Step = Tuple[float, str]
_BUILDS = (
    ("auto", "What fits this computer"),
    ("cpu", "Processor only (about 1.5 GB)"),
    ("cuda", "NVIDIA graphics card (about 7 GB)"),
)
_WHY = (
    "The networks run in a Python of their own, apart from QGIS's, which is left alone. Mixel makes it once, in your "
    "user folder."
)


class PythonPage(QWidget):
    """State, size, and what can be done about it; the work itself goes on in the background."""

    changed = pyqtSignal()
    """There is another Python than before, or none."""

    def __init__(self) -> None:
        """The page, showing what is on disk."""
        super().__init__()
        self.chore = Chore(self)
        self._sizing = Chore(self, asks_before_closing=False)
        self._copied = ""
        self._build()
        self._own.setFilePath(interpreter.stored())
        self.chore.stepped.connect(self._stepped)
        self.chore.ended.connect(self._ended)
        self._sizing.stepped.connect(self._sized)
        self._own.fileChanged.connect(self._choose)
        self._say("")
        self._size.hide()
        self.refresh()

    def showEvent(self, event: QShowEvent) -> None:
        """Called by Qt."""
        super().showEvent(event)
        self.refresh()
        self._measure()

    def shut_down(self) -> None:
        """End what is under way, for unloading and closing."""
        self.chore.shut_down()
        self._sizing.shut_down()

    def refresh(self) -> None:
        """Look again at what is on disk."""
        try:
            self._state.setText(f"✓ Ready: {interpreter.find()}{interpreter.origin()}")
            set_tone(self._state, Tone.GOOD)
        except ValueError as error:
            self._state.setText(str(error))
            set_tone(self._state, Tone.DOUBT)
        self._show_buttons()

    def _build(self) -> None:
        layout = QVBoxLayout(self)
        self._state = _words("pythonState")
        self._size = _words("pythonSize")
        self._message = _words("pythonMessage")
        self._progress = QProgressBar()
        self._progress.setObjectName("pythonProgress")
        self._cancel = _button("Cancel", "pythonCancel", "Stop; what is half made is removed.", self._stop)
        layout.addWidget(_words("", _WHY))
        layout.addWidget(self._state)
        layout.addWidget(self._size)
        layout.addSpacing(9)
        layout.addWidget(_words("", "<b>Mixel's own Python</b>"))
        layout.addWidget(self._build_choice())
        layout.addLayout(self._make_buttons())
        for widget in (self._message, self._progress, self._cancel):
            layout.addWidget(widget)
        layout.addSpacing(9)
        layout.addWidget(_words("", "<b>Your Python instead</b>"))
        layout.addWidget(self._own_python())
        layout.addStretch(1)
        copy = _button("Copy diagnosis", "copyDiagnosis", "A text for a bug report, without home paths.", self._copy)
        layout.addWidget(copy)
        self._idle = [self._create, self._repair, self._delete, self._builds, self._own, copy]

    def _build_choice(self) -> QWidget:
        self._builds = QComboBox()
        self._builds.setObjectName("buildCombo")
        self._builds.setToolTip("Which build of torch is downloaded.")
        for value, label in _BUILDS:
            self._builds.addItem(label, value)
        return shrinkable(self._builds)

    def _make_buttons(self) -> QHBoxLayout:
        self._create = _button("Create", "pythonCreate", "Download and set up Mixel's Python.", self._make)
        self._repair = _button("Repair", "pythonRepair", "Make it anew from scratch.", self._make_anew)
        self._delete = _button("Delete", "pythonDelete", "Remove Mixel's Python from the disk.", self._remove)
        row = QHBoxLayout()
        for button in (self._create, self._repair, self._delete):
            row.addWidget(button)
        return row

    def _own_python(self) -> QgsFileWidget:
        self._own = QgsFileWidget()
        self._own.setObjectName("ownPython")
        self._own.setToolTip("A Python with torch and Mixel's other packages. Empty: the one Mixel makes.")
        self._own.lineEdit().setPlaceholderText("Mixel's own")
        return self._own

    def _show_buttons(self) -> None:
        active, made = self.chore.is_active, environment.find().python is not None
        for widget in self._idle:
            widget.setEnabled(not active)
        self._create.setVisible(not made)
        self._repair.setVisible(made)
        self._delete.setVisible(made or bool(self._size.text()))
        self._progress.setVisible(active)
        self._cancel.setVisible(active)
        self._cancel.setEnabled(active)

    def _make(self) -> None:
        build = self._builds.currentData()
        self._start("making its Python", lambda cancelled: environment.create(cancelled, build))

    def _make_anew(self) -> None:
        build = self._builds.currentData()
        self._start("repairing its Python", lambda cancelled: environment.repair(cancelled, build))

    def _remove(self) -> None:
        question = "Delete Mixel's Python? Unmixing needs it; making it anew takes minutes and a good connection."
        yes = QMessageBox.StandardButton.Yes
        if QMessageBox.question(self, "Mixel", question) == yes:
            self._start("deleting its Python", _deletion)

    def _copy(self) -> None:
        self._start("diagnosis", self._diagnosis)

    def _diagnosis(self, cancelled: Callable[[], bool]) -> Iterator[Step]:
        yield 0.0, "Looking at this computer…"
        self._copied = environment.diagnosis(interpreter.chosen())
        yield 1.0, "The diagnosis is in the clipboard: paste it where you ask for help."

    def _choose(self, path: str) -> None:
        interpreter.choose(path)
        self._say("")
        self.refresh()
        self.changed.emit()
        if path:
            self._start("checking a Python", lambda cancelled: _check(path))

    def _start(self, title: str, work: Work) -> None:
        self._copied = ""
        self._progress.setRange(0, 0)
        self._say("Starting…")
        self.chore.start(f"Mixel: {title}", work)
        self.refresh()

    def _stop(self) -> None:
        self._cancel.setEnabled(False)
        self._say("Cancelling…")
        self.chore.cancel()

    def _stepped(self, fraction: float, text: str) -> None:
        if self._cancel.isEnabled():
            self._progress.setRange(0, 100 if fraction else 0)
            self._progress.setValue(round(100 * fraction))
            self._say(text)

    def _ended(self, outcome: Outcome, error: str) -> None:
        if outcome is Outcome.CANCELLED:
            self._say("Cancelled. What was half made is gone.")
        else:
            self._say(error or self._message.text(), Tone.BAD if error else Tone.GOOD)
        if self._copied:
            QApplication.clipboard().setText(self._copied)
        self.refresh()
        self._measure()
        self.changed.emit()

    def _measure(self) -> None:
        """Add up the size in the background: an environment has some ten thousand files."""
        if not self._sizing.is_active:
            self._sizing.start("Mixel: size of its Python", lambda cancelled: iter([(1.0, _size_text())]))

    def _sized(self, fraction: float, text: str) -> None:
        self._size.setText(text)
        self._size.setVisible(bool(text))
        self._show_buttons()

    def _say(self, text: str, tone: Tone = Tone.PLAIN) -> None:
        self._message.setText(text)
        self._message.setVisible(bool(text))
        set_tone(self._message, tone)


def _deletion(cancelled: Callable[[], bool]) -> Iterator[Step]:
    yield 0.0, "Deleting…"
    environment.delete()
    yield 1.0, "Mixel's Python is deleted."


def _check(path: str) -> Iterator[Step]:
    yield 0.0, "Checking the chosen Python…"
    environment.check(path)
    yield 1.0, "This Python has all that Mixel needs."


def _size_text() -> str:
    taken = environment.size()
    return f"{size(taken)} in {environment.home()}" if taken else ""


def _words(name: str, text: str = "") -> QLabel:
    label = QLabel(text)
    label.setObjectName(name)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label


def _button(text: str, name: str, tip: str, action: Callable[[], None]) -> QPushButton:
    button = QPushButton(text)
    button.setObjectName(name)
    button.setToolTip(tip)
    button.clicked.connect(lambda checked=False: action())
    return button
