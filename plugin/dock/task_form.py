"""The form of any task, made from its description: scene, inputs, method, options."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

from qgis.core import QgsMapLayer
from qgis.gui import QgsCollapsibleGroupBox
from qgis.PyQt.QtCore import pyqtSignal
from qgis.PyQt.QtWidgets import QLabel, QVBoxLayout, QWidget

from ...backend.tasks import Task
from .form import SettingsForm, add_row, form_layout, scale_box, shrinkable
from .input_rows import InputRow, row_for
from .method_box import MethodBox
from .scene_box import SceneBox


class TaskForm(QWidget):
    """What a task asks for. What it needs stands open; with a method to choose, what it merely takes is folded away."""

    changed = pyqtSignal()
    """Scene or inputs are others now."""
    product_wanted = pyqtSignal(str)
    """The user wants to open a product: its path, empty if it is still to be chosen."""

    def __init__(self, task: Task, scene: Optional[QgsMapLayer] = None) -> None:
        """The form with its defaults; ``scene``: the layer to begin with."""
        super().__init__()
        self.task = task
        self._scene = SceneBox(scene) if task.needs_scene else None
        self._method = MethodBox(task) if task.methods else None
        self._rows = [row_for(one) for one in task.inputs]
        self._options = [SettingsForm(task.option_settings, advanced) for advanced in (False, True)]
        self._scale = None if self._method or not self._scene else scale_box()
        self._build()
        if self._scene:
            self._scene.changed.connect(self._grid_changed)
            self._scene.product_wanted.connect(self.product_wanted)
            self._grid_changed()
        for row in self._rows:
            row.changed.connect(self.changed)
            if row.input.kind == "raster" and not self._scene:
                row.changed.connect(self._grid_changed)

    @property
    def scene(self) -> Optional[QgsMapLayer]:
        """The chosen scene."""
        return self._scene.layer() if self._scene else None

    @property
    def source(self) -> str:
        """The file that the run is about, as far as it is known: a fresh folder is offered beside it."""
        if self._scene:
            return self._scene.source or ""
        given = next((row.layer() for row in self._rows if row.layer()), None)
        return given.source().split("|")[0] if given else ""

    @property
    def is_ready(self) -> bool:
        """Whether there is a scene that can be used, if one is needed; the rest is checked when the run starts."""
        return self._scene is None or self._scene.source is not None

    def choose_scene(self, layer: QgsMapLayer) -> None:
        """Work on this scene."""
        if self._scene:
            self._scene.choose(layer)

    def refresh(self) -> None:
        """Look at the scene's file again."""
        if self._scene:
            self._scene.refresh()

    def parameters(self) -> Dict[str, Any]:
        """What the user has set, as the algorithm's parameters."""
        given: Dict[str, Any] = {}
        if self._scene:
            given["INPUT"] = self.scene.id() if self.scene else None
        for row in self._rows:
            given.update(row.parameters())
        for form in self._options:
            given.update({name.upper(): value for name, value in form.values().items()})
        if self._scale:
            given["SCALE"] = self._scale.value() or None
        return {**given, **(self._method.parameters() if self._method else {})}

    def _build(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        if self._scene:
            layout.addWidget(heading("Scene"))
            layout.addWidget(self._scene)
        needed = [row for row in self._rows if not row.input.optional]
        taken = [row for row in self._rows if row.input.optional]
        if needed:
            layout.addWidget(heading("Input" if len(needed) == 1 else "Inputs"))
        for row in needed:
            layout.addWidget(row)
        if self._method:
            layout.addWidget(heading("Method"))
            layout.addWidget(self._method)
            _folded(layout, "Options", "optionsGroup", [*taken, *self._shown_options()])
        else:
            self._add_open(layout, taken)

    def _add_open(self, layout: QVBoxLayout, taken: List[InputRow]) -> None:
        usual, advanced = self._options
        if taken or len(usual):
            layout.addWidget(heading("Options"))
        for widget in [*taken, usual]:
            layout.addWidget(widget)
        folded: List[QWidget] = [advanced] if len(advanced) else []
        if self._scale:
            form = QWidget()
            add_row(form_layout(form), QLabel("Reflectance scale"), shrinkable(self._scale))
            folded.append(form)
        _folded(layout, "Advanced", "advancedGroup", folded)

    def _shown_options(self) -> List[QWidget]:
        return [form for form in self._options if len(form)]

    def _grid_changed(self) -> None:
        """Areas are counted in pixels of the scene, or of the raster that stands in its place."""
        rasters = [row.layer() for row in self._rows if row.input.kind == "raster" and row.layer()]
        for row in self._rows:
            row.look_at(self.scene if self._scene else next(iter(rasters), None))
        self.changed.emit()


def heading(text: str) -> QLabel:
    """A heading within a page."""
    label = QLabel(f"<b>{text}</b>")
    label.setContentsMargins(0, 6, 0, 0)
    return label


def _folded(layout: QVBoxLayout, title: str, name: str, widgets: List[QWidget]) -> None:
    """A group that is folded away, if there is anything in it."""
    if not widgets:
        return
    group = QgsCollapsibleGroupBox(title)
    group.setObjectName(name)
    inside = QVBoxLayout(group)
    for widget in widgets:
        inside.addWidget(widget)
    group.setCollapsed(True)
    layout.addWidget(group)
