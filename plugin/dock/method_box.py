"""Which method, with which settings."""

from __future__ import annotations

from typing import Any, Dict, List

from qgis.gui import QgsCollapsibleGroupBox
from qgis.PyQt.QtWidgets import QComboBox, QLabel, QVBoxLayout, QWidget

from ...backend.config import Value
from ...backend.methods import Method
from ...backend.tasks import Task
from ..algorithms import DEVICES
from ..parameters import parameter_names
from .form import SettingsForm, add_row, form_layout, scale_box, shrinkable


class MethodBox(QWidget):
    """The methods of a task and the form of the chosen one; rarely needed settings are folded away."""

    def __init__(self, task: Task) -> None:
        """``task``: whose methods to offer."""
        super().__init__()
        self._methods = task.methods
        self._names = parameter_names(self._methods, task.default_method)
        self._forms: List[SettingsForm] = []
        self._given: Dict[str, Value] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._combo = QComboBox()
        self._combo.setObjectName("methodCombo")
        for method in self._methods:
            self._combo.addItem(method.label, method.name)
        self._combo.setCurrentIndex(self._combo.findData(task.default_method))
        self._shown = self.method()
        self._usual = QVBoxLayout()
        layout.addWidget(shrinkable(self._combo))
        layout.addLayout(self._usual)
        layout.addWidget(self._advanced_group())
        self._show_method()
        self._combo.currentIndexChanged.connect(self._show_method)

    def method(self) -> Method:
        """The chosen one."""
        return self._methods[self._combo.currentIndex()]

    def parameters(self) -> Dict[str, Any]:
        """Method, settings, scale and device as the algorithm's parameters."""
        return {
            "METHOD": self._shown.name,
            **self._settings(),
            "SCALE": self._scale.value() or None,
            "DEVICE": self._device.currentData(),
        }

    def _advanced_group(self) -> QgsCollapsibleGroupBox:
        group = QgsCollapsibleGroupBox("Advanced")
        group.setObjectName("advancedGroup")
        inside = QWidget()  # a folded group hides the widgets it had when it was folded: forms come and go in this one
        QVBoxLayout(group).addWidget(inside)
        self._advanced = QVBoxLayout(inside)
        self._advanced.setContentsMargins(0, 0, 0, 0)
        form = QWidget()
        layout = form_layout(form)
        self._scale = scale_box()
        add_row(layout, QLabel("Reflectance scale"), shrinkable(self._scale))
        add_row(layout, QLabel("Device"), shrinkable(self._device_combo()))
        self._advanced.addWidget(form)
        group.setCollapsed(True)
        return group

    def _device_combo(self) -> QComboBox:
        self._device = QComboBox()
        self._device.setObjectName("deviceCombo")
        for value, label in DEVICES:
            self._device.addItem(label[0].upper() + label[1:], value)
        return self._device

    def _settings(self) -> Dict[str, Value]:
        values = {field: value for form in self._forms for field, value in form.values().items()}
        return {self._names[self._shown.name, field]: value for field, value in values.items()}

    def _show_method(self) -> None:
        """What methods share keeps its value, and a method that is chosen again has its own ones back."""
        self._given.update(self._settings())
        method = self._shown = self.method()
        self._combo.setToolTip(f"<p>{method.summary}</p><p>{method.advice}</p><p><i>{method.reference}</i></p>")
        for old in self._forms:
            old.setParent(None)
            old.deleteLater()
        self._forms = [SettingsForm(method.settings, advanced) for advanced in (False, True)]
        values = {one.name: self._given.get(self._names[method.name, one.name], one.default) for one in method.settings}
        for form in self._forms:
            form.fill(values)
        self._usual.addWidget(self._forms[0])
        self._advanced.addWidget(self._forms[1])
