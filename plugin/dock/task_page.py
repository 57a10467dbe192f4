"""A page of the panel: a task, or several to choose from, from its form to the end of its run."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

from qgis.core import QgsMapLayer
from qgis.gui import QgsFileWidget
from qgis.PyQt.QtCore import QStandardPaths, Qt, pyqtSignal
from qgis.PyQt.QtGui import QFont
from qgis.PyQt.QtWidgets import QComboBox, QFrame, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from ...backend.tasks import Task
from .. import interpreter
from ..folders import fresh_folder, usable_folder
from .form import shrinkable
from .run import Run
from .run_bar import RunBar
from .task_form import TaskForm, heading
from .tone import Tone, set_tone


class TaskPage(QWidget):
    """A task's form and the output folder; below them, always in sight, the run."""

    python_wanted = pyqtSignal()
    """The user wants to set up the backend's Python."""
    product_wanted = pyqtSignal(str)
    """The user wants to open a product: its path, empty if it is still to be chosen."""

    def __init__(self, tasks: List[Task], prefix: str = "") -> None:
        """``tasks``: with more than one, a list to choose from stands on top. ``prefix``: of the widgets' names."""
        super().__init__()
        self._tasks, self._prefix, self._offered = tasks, prefix, ""
        self._scene: Optional[QgsMapLayer] = None
        """The scene of the form before, for the next task that needs one."""
        self._running = tasks[0]
        self.run = Run(self)
        self.bar = RunBar()
        self._build()
        self._show_task()
        self.bar.run_button.clicked.connect(self._start)
        self.bar.cancel_button.clicked.connect(self._cancel)
        self.run.heard.connect(self.bar.hear)
        self.run.finished.connect(self._finished)
        self.refresh()

    def refresh(self) -> None:
        """Look again at scene and Python: both may have changed outside."""
        self.form.refresh()
        try:
            interpreter.find()
            missing = ""
        except ValueError as error:
            missing = str(error)
        self._missing_label.setText(missing)
        set_tone(self._missing_label, Tone.DOUBT)
        self._missing.setVisible(bool(missing))
        self._changed()

    def parameters(self) -> Dict[str, Any]:
        """What the user has set, as the algorithm's parameters."""
        return {**self.form.parameters(), "OUTPUT_FOLDER": self._folder.filePath(), "LOAD": True}

    def _build(self) -> None:
        inputs = QWidget()
        layout = QVBoxLayout(inputs)
        layout.addWidget(self._missing_box())
        if len(self._tasks) > 1:
            layout.addWidget(heading("Task"))
            layout.addWidget(shrinkable(self._task_combo()))
            self._summary = QLabel()
            self._summary.setWordWrap(True)
            layout.addWidget(self._summary)
        self._place = QVBoxLayout()
        layout.addLayout(self._place)
        layout.addWidget(heading("Output folder"))
        layout.addWidget(self._folder_widget())
        layout.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inputs)
        page = QVBoxLayout(self)
        page.setContentsMargins(0, 0, 0, 0)
        page.addWidget(scroll, 1)
        self.bar.layout().setContentsMargins(9, 0, 9, 9)
        page.addWidget(self.bar)

    def _task_combo(self) -> QComboBox:
        """The tasks under the headings of their groups."""
        self._combo = QComboBox()
        self._combo.setObjectName("taskCombo")
        for group in sorted({one.group for one in self._tasks}):
            self._combo.addItem(group)
            item = self._combo.model().item(self._combo.count() - 1)
            item.setEnabled(False)
            item.setFont(self._bold())
            for one in self._tasks:
                if one.group == group:
                    self._combo.addItem(one.label, one.name)
        self._combo.setCurrentIndex(1)
        self._combo.currentIndexChanged.connect(self._show_task)
        return self._combo

    def _bold(self) -> QFont:
        font = self.font()
        font.setBold(True)
        return font

    def _show_task(self) -> None:
        """Put the form of the chosen task in the place of the one before; the scene stays."""
        chosen, scene = self._tasks[0], None
        if len(self._tasks) > 1:
            chosen = next(one for one in self._tasks if one.name == self._combo.currentData())
            self._summary.setText(chosen.summary)
            while self._place.count():
                old = self._place.takeAt(0).widget()
                scene = old.scene or self._scene
                old.setParent(None)
                old.deleteLater()
        self.form, self._scene = TaskForm(chosen, scene), scene
        self._place.addWidget(self.form)
        self._name_widgets()
        self.form.changed.connect(self._changed)
        self.form.product_wanted.connect(self.product_wanted)
        self._changed()

    def _name_widgets(self) -> None:
        """Every widget of the panel has a name of its own: those of other pages carry the page's."""
        for widget in self.findChildren(QWidget):
            name = widget.objectName()
            if self._prefix and name and not name.startswith((self._prefix, "qt_")):
                widget.setObjectName(f"{self._prefix}{name}")

    def _missing_box(self) -> QFrame:
        self._missing = QFrame()
        self._missing.setObjectName("missingPython")
        self._missing.setFrameShape(QFrame.Shape.StyledPanel)
        layout = QVBoxLayout(self._missing)
        self._missing_label = QLabel()
        self._missing_label.setWordWrap(True)
        button = QPushButton("Set up Python…")
        button.setObjectName("setUpButton")
        button.clicked.connect(self.python_wanted)
        layout.addWidget(self._missing_label)
        layout.addWidget(button)
        return self._missing

    def _folder_widget(self) -> QgsFileWidget:
        self._folder = QgsFileWidget()
        self._folder.setObjectName("outputFolder")
        self._folder.setStorageMode(QgsFileWidget.StorageMode.GetDirectory)
        self._folder.setToolTip("A folder without an earlier run; it is made if it does not exist.")
        return self._folder

    def _changed(self) -> None:
        self._offer_folder()
        self.bar.run_button.setEnabled(self.form.is_ready and self._missing.isHidden())

    def _offer_folder(self) -> None:
        """Offer a fresh folder unless the user has typed one."""
        if self._folder.filePath() in ("", self._offered):
            documents = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation)
            about, suffix = self.form.source, self.form.task.title.lower().replace(" ", "_")
            self._offered = str(fresh_folder(about, documents, suffix)) if about else ""
            self._folder.setFilePath(self._offered)

    def _start(self) -> None:
        self.form.refresh()
        self._running = self.form.task
        try:
            self.run.start(self._running.name, self.parameters())
        except ValueError as error:
            self.bar.say(str(error), Tone.BAD)
            return
        self.bar.begin()

    def _cancel(self) -> None:
        self.bar.cancelling()
        self.run.cancel()

    def _finished(self, worked: bool, results: Dict[str, Any], message: str) -> None:
        shown = bool(self._running.layers) or any(one.kind == "points" for one in self._running.files)
        self.bar.end(worked, message, shown)
        try:
            usable_folder(self._folder.filePath())
        except ValueError:  # it holds this run now: the next one gets a fresh folder
            self._offered = self._folder.filePath()
        self.refresh()
