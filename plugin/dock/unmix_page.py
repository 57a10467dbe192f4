"""The panel's first page: from a scene to its materials."""

from __future__ import annotations

from typing import Any, Dict

from qgis.gui import QgsFileWidget
from qgis.PyQt.QtCore import QStandardPaths, Qt, pyqtSignal
from qgis.PyQt.QtWidgets import QFrame, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from .. import interpreter
from ..folders import fresh_folder, usable_folder
from .method_box import MethodBox
from .run import Run
from .run_bar import RunBar
from .scene_box import SceneBox
from .tone import Tone, set_tone


class UnmixPage(QWidget):
    """Scene, method, settings and output folder; below them, always in sight, the run."""

    python_wanted = pyqtSignal()
    """The user wants to set up the backend's Python."""

    def __init__(self) -> None:
        """The page, showing the project as it is."""
        super().__init__()
        self._offered = ""
        self.run = Run(self)
        self.bar = RunBar()
        self._build()
        self._scene.changed.connect(self._scene_changed)
        self.bar.run_button.clicked.connect(self._start)
        self.bar.cancel_button.clicked.connect(self._cancel)
        self.run.heard.connect(self.bar.hear)
        self.run.finished.connect(self._finished)
        self.refresh()

    def refresh(self) -> None:
        """Look again at scene and Python: both may have changed outside."""
        self._scene.refresh()
        try:
            interpreter.find()
            missing = ""
        except ValueError as error:
            missing = str(error)
        self._missing_label.setText(missing)
        set_tone(self._missing_label, Tone.DOUBT)
        self._missing.setVisible(bool(missing))
        self._allow_run()

    def parameters(self) -> Dict[str, Any]:
        """What the user has set, as the algorithm's parameters."""
        layer = self._scene.layer()
        return {
            "INPUT": layer.id() if layer else None,
            **self._method.parameters(),
            "OUTPUT_FOLDER": self._folder.filePath(),
            "LOAD": True,
        }

    def _build(self) -> None:
        inputs = QWidget()
        layout = QVBoxLayout(inputs)
        self._scene, self._method = SceneBox(), MethodBox("unmix")
        layout.addWidget(self._missing_box())
        for title, widget in (
            ("Scene", self._scene),
            ("Method", self._method),
            ("Output folder", self._folder_widget()),
        ):
            layout.addWidget(_heading(title))
            layout.addWidget(widget)
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

    def _scene_changed(self) -> None:
        self._offer_folder()
        self._allow_run()

    def _offer_folder(self) -> None:
        """Offer a fresh folder unless the user has typed one."""
        if self._folder.filePath() in ("", self._offered):
            documents = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation)
            scene = self._scene.source
            self._offered = str(fresh_folder(scene, documents)) if scene else ""
            self._folder.setFilePath(self._offered)

    def _allow_run(self) -> None:
        self.bar.run_button.setEnabled(self._scene.source is not None and self._missing.isHidden())

    def _start(self) -> None:
        self._scene.refresh()
        try:
            self.run.start(self.parameters())
        except ValueError as error:
            self.bar.say(str(error), Tone.BAD)
            return
        self.bar.begin()

    def _cancel(self) -> None:
        self.bar.cancelling()
        self.run.cancel()

    def _finished(self, worked: bool, results: Dict[str, Any], message: str) -> None:
        self.bar.end(worked, message)
        try:
            usable_folder(self._folder.filePath())
        except ValueError:  # it holds this run now: the next one gets a fresh folder
            self._offered = self._folder.filePath()
        self.refresh()


def _heading(text: str) -> QLabel:
    label = QLabel(f"<b>{text}</b>")
    label.setContentsMargins(0, 6, 0, 0)
    return label
