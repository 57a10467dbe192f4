"""Open a product: what it is at a glance, which marked pixels to leave out, and onto the map in true colour."""

from __future__ import annotations

import os
from typing import Any, Dict, List, Optional

from qgis.core import QgsProject
from qgis.PyQt.QtCore import QEvent, Qt, QTimer, pyqtSignal
from qgis.PyQt.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from ...backend.facts import Facts
from ...backend.protocol import Described, Event, Progress
from ...backend.reading import NO_FLAGS, Reading
from .. import interpreter
from ..description import Question
from ..inputs import PRODUCT_FILES
from ..words import in_progress
from .facts_reader import FactsReader
from .facts_table import FactsTable, FlagBoxes
from .product_output import ProductOutput
from .run import Run
from .tone import Tone, lines_in_tones, rich


class OpenProduct(QDialog):
    """One product at a time, from its path to a layer of the project."""

    opened = pyqtSignal(str)
    """The written scene is a layer now: its id."""

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        """Empty: ``choose_file`` or ``look_at`` begin."""
        super().__init__(parent)
        self.setObjectName("openProduct")
        self.setWindowTitle("Open a product")
        self.setMinimumWidth(520)
        self._asked = ""
        self._reader = FactsReader()
        self._reader.answered.connect(self._ask)
        self.run = Run(self)
        self.run.heard.connect(self._hear)
        self.run.finished.connect(self._finished)
        self._fitting = QTimer(self)  # once Qt has shown the new rows: hidden ones take no room
        self._fitting.setSingleShot(True)
        self._fitting.timeout.connect(self._fit)
        self._build()
        self._show_nothing("Choose a file or folder, or drop it here.")
        self.setAcceptDrops(True)

    def choose_file(self) -> None:
        """Let the user choose a file."""
        chosen, _ = QFileDialog.getOpenFileName(self, "The product's main file", self._start_folder(), PRODUCT_FILES)
        if chosen:
            self.look_at(chosen)

    def choose_folder(self) -> None:
        """Let the user choose a folder."""
        chosen = QFileDialog.getExistingDirectory(self, "The product's folder", self._start_folder())
        if chosen:
            self.look_at(chosen)

    def look_at(self, path: str) -> None:
        """Show what lies at a path. While a scene is being written nothing else is looked at."""
        if self.run.is_active:
            return
        self._path.setText(path)
        self._asked = os.path.abspath(path) if path else ""
        self._flags.show_flags(())
        self._output.offer_folder(self._asked)
        self._ask()

    def shut_down(self) -> None:
        """End what is under way, for closing and unloading."""
        self._reader.leave()
        self.run.shut_down()

    def parameters(self) -> Dict[str, Any]:
        """What the user has set, as the algorithm's parameters."""
        return {
            "INPUT": self._asked,
            "FLAGS": ",".join(self._flags.chosen()) or (NO_FLAGS if self._flags.has_any else ""),
            "HOW": self._output.how,
            "OUTPUT_FOLDER": self._output.folder,
            "LOAD": True,
        }

    def done(self, result: int) -> None:
        """Closing ends a run and what was asked."""
        self._reader.leave()
        self.run.cancel()
        super().done(result)

    def showEvent(self, event: Any) -> None:
        """Called by Qt: what was asked when the dialog was closed is asked again."""
        super().showEvent(event)
        if self._asked and not self.run.is_active:
            self._ask()

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """Called by Qt: Enter in the path's field looks at the product, and does not press the default button too."""
        keys = (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if watched is self._path and event.type() == QEvent.Type.KeyPress and event.key() in keys:
            self.look_at(self._path.text())
            return True
        return super().eventFilter(watched, event)

    def dragEnterEvent(self, event: Any) -> None:
        """Called by Qt."""
        if dropped_path(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: Any) -> None:
        """Called by Qt."""
        event.acceptProposedAction()
        self.look_at(dropped_path(event.mimeData()))

    def _build(self) -> None:
        layout = QVBoxLayout(self)
        layout.addLayout(self._path_row())
        self._said = QLabel()
        self._said.setObjectName("productSaid")
        self._said.setWordWrap(True)
        self._said.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._table, self._flags, self._output = FactsTable(), FlagBoxes(), ProductOutput()
        self._notices = QLabel()
        self._notices.setObjectName("productNotices")
        self._notices.setWordWrap(True)
        for widget in (self._said, self._table, self._flags, self._notices, self._output):
            layout.addWidget(widget)
        self._bar = QProgressBar()
        self._bar.setObjectName("productProgress")
        self._bar.hide()
        layout.addWidget(self._bar)
        layout.addStretch(1)
        self._buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self._add = self._buttons.addButton("Add to map", QDialogButtonBox.ButtonRole.ActionRole)
        self._add.setObjectName("addToMap")
        self._add.setDefault(True)
        self._add.clicked.connect(self._start)
        self._buttons.rejected.connect(self.reject)
        layout.addWidget(self._buttons)

    def _path_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        self._path = QLineEdit()
        self._path.setObjectName("productPath")
        self._path.setPlaceholderText("File or folder of the product")
        self._path.textEdited.connect(self._forget)
        self._path.installEventFilter(self)
        row.addWidget(self._path, 1)
        for text, name, slot in (
            ("File…", "fileButton", self.choose_file),
            ("Folder…", "folderButton", self.choose_folder),
        ):
            button = QPushButton(text)
            button.setObjectName(name)
            button.setAutoDefault(False)
            button.clicked.connect(slot)
            row.addWidget(button)
        self._choosing = [row.itemAt(index).widget() for index in range(row.count())]
        return row

    def _forget(self, *_: Any) -> None:
        """The path is being changed: what was said is of another product."""
        self._reader.leave()
        self._asked = ""
        self._show_nothing("Press Enter to look at this file or folder.")

    def _ask(self) -> None:
        """Show what the backend says of the product, as soon as it is known."""
        if not self._asked:
            return self._show_nothing("Choose a file or folder, or drop it here.")
        if not os.path.exists(self._asked):
            return self._show_nothing(f"There is no file or folder {self._asked}.", Tone.BAD)
        try:
            python, reading = str(interpreter.find()), Reading.beside(self._asked)
        except ValueError as error:
            return self._show_nothing(str(error), Tone.BAD)
        answer = self._reader.ask(Question.of(python, self._asked, reading))
        if answer is None:
            return self._show_nothing("Looking at the product…")
        if isinstance(answer, Described):
            return self._show_answer(answer, reading)
        return self._show_nothing(answer, Tone.BAD)

    def _show_answer(self, answer: Described, reading: Reading) -> None:
        try:
            facts: Optional[Facts] = Facts.from_dict(answer.facts) if answer.facts else None
        except ValueError as error:
            return self._show_nothing(str(error), Tone.BAD)
        if answer.refusal or facts is None:
            self._show_nothing(answer.refusal or "Nothing is known of this product.", Tone.BAD)
            self._table.show_facts(facts)
            self._fitting.start(0)
            return None
        name = facts.product or "A raster of no known product"
        self._say(f"✓ {name}", Tone.GOOD)
        self._table.show_facts(facts)
        self._flags.show_flags(facts.flags, reading.flags)
        lines = [(Tone.DOUBT, f"• {rich(text)}") for text in answer.notices]
        self._notices.setText(lines_in_tones(self, lines))
        self._notices.setVisible(bool(lines))
        self._add.setEnabled(True)
        self._add.setFocus()
        self._fitting.start(0)
        return None

    def _show_nothing(self, text: str, tone: Tone = Tone.PLAIN) -> None:
        self._say(f"✗ {text}" if tone is Tone.BAD else text, tone)
        self._table.show_facts(None)
        self._flags.show_flags(())
        self._notices.hide()
        self._add.setEnabled(False)
        self._fitting.start(0)

    def _fit(self) -> None:
        """Make room for what is shown: sentences wrap, so that the height hangs on the width."""
        self.layout().activate()
        least = self.minimumSizeHint()
        width = max(self.width(), least.width())  # flags have long names
        self.resize(width, max(least.height(), self.layout().totalHeightForWidth(width)))

    def _say(self, text: str, tone: Tone) -> None:
        self._said.setProperty("tone", tone.name.lower())
        self._said.setText(lines_in_tones(self, [(tone, rich(text))]))

    def _start(self) -> None:
        try:
            self.run.start("open_product", self.parameters())
        except ValueError as error:
            self._say(f"✗ {error}", Tone.BAD)
            return
        self._add.setEnabled(False)
        self._let_choose(False)
        self._bar.setValue(0)
        self._bar.show()

    def _hear(self, event: Event) -> None:
        if isinstance(event, Progress):
            self._bar.setValue(int(100 * event.fraction))
            self._say(in_progress(event), Tone.PLAIN)

    def _finished(self, worked: bool, results: Dict[str, Any], message: str) -> None:
        self._bar.hide()
        self._let_choose(True)
        if not worked:
            self._say(f"✗ {message}" if message else "Cancelled.", Tone.BAD if message else Tone.DOUBT)
            self._add.setEnabled(True)
            self._output.offer_folder(self._asked)
            return
        written = results.get("SCENE", "")
        found = [one for one in QgsProject.instance().mapLayers().values() if one.source() == written]
        self.accept()
        if found:
            self.opened.emit(found[0].id())

    def _let_choose(self, free: bool) -> None:
        """While a scene is being written no other product can be chosen or dropped."""
        for widget in self._choosing:
            widget.setEnabled(free)
        self.setAcceptDrops(free)

    def _start_folder(self) -> str:
        return os.path.dirname(self._asked) if self._asked else ""


def dropped_path(data: Any) -> str:
    """The one local file or folder that is dragged; empty if it is anything else."""
    paths: List[str] = [one.toLocalFile() for one in data.urls() if one.isLocalFile()]
    return paths[0] if len(paths) == 1 else ""
