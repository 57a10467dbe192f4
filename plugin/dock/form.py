"""Settings as a form: one editor for each."""

from __future__ import annotations

from typing import Any, Dict, List

from qgis.gui import QgsDoubleSpinBox, QgsSpinBox
from qgis.PyQt.QtWidgets import QCheckBox, QComboBox, QFormLayout, QLabel, QLineEdit, QSizePolicy, QWidget

from ...backend.config import Setting, Value

_INT_LIMIT = 2**31 - 1
_NARROWEST = 80
"""Pixels."""


class SettingsForm(QWidget):
    """The usual or the advanced ones of some settings; ``values`` gives what the user has set."""

    def __init__(self, settings: List[Setting], advanced: bool) -> None:
        """``advanced``: which half of the settings to show."""
        super().__init__()
        self._settings = [setting for setting in settings if setting.advanced == advanced]
        self._editors: Dict[str, QWidget] = {}
        layout = form_layout(self)
        for setting in self._settings:
            made = self._editors[setting.name] = editor(setting)
            label = QLabel(setting.label)
            label.setToolTip(setting.help)
            label.setBuddy(made)
            add_row(layout, label, made)

    def __len__(self) -> int:
        """How many settings it shows."""
        return len(self._settings)

    def values(self) -> Dict[str, Value]:
        """The settings by name."""
        return {setting.name: _value(self._editors[setting.name]) for setting in self._settings}

    def fill(self, values: Dict[str, Value]) -> None:
        """Show these values, as far as they are of its settings."""
        for name in values.keys() & self._editors.keys():
            _show(self._editors[name], values[name])


def form_layout(parent: QWidget) -> QFormLayout:
    """A form whose labels move above their editors where the panel is narrow."""
    layout = QFormLayout(parent)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
    layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    return layout


def add_row(layout: QFormLayout, label: QLabel, made: QWidget) -> None:
    """One row of a form; a choice goes below its label, for its words need the whole width."""
    if isinstance(made, QComboBox):
        layout.addRow(label)
        layout.addRow(made)
    else:
        layout.addRow(label, made)


def editor(setting: Setting) -> QWidget:
    """The widget that fits the setting's type, with its limits, unit, default and help."""
    makers = {bool: _check_box, int: _spin_box, float: _double_spin_box, str: _line_edit}
    made = _combo_box(setting) if setting.choices else makers[setting.type](setting)
    made.setObjectName(f"setting_{setting.name}")
    made.setToolTip(setting.help)
    return shrinkable(made)


def scale_box() -> QgsDoubleSpinBox:
    """The stored value that means reflectance 1; 0 = found out from the file."""
    box = QgsDoubleSpinBox()
    box.setObjectName("scaleBox")
    box.setDecimals(2)
    box.setRange(0, 1e9)
    box.setSpecialValueText("from the file")
    box.setClearValue(0)
    box.setToolTip(
        "Stored value that means reflectance 1: 10000 for most products. Leave it at 'from the file' unless the "
        "report shows reflectances far off."
    )
    return box


def shrinkable(widget: QWidget) -> QWidget:
    """The widget, ready to get narrow: long choices and large limits must not push the panel beyond its width."""
    widget.setSizePolicy(QSizePolicy.Policy.Ignored, widget.sizePolicy().verticalPolicy())
    widget.setMinimumWidth(_NARROWEST)
    return widget


def _value(widget: Any) -> Value:
    if isinstance(widget, QCheckBox):
        return widget.isChecked()
    if isinstance(widget, QComboBox):
        return widget.currentData()
    if isinstance(widget, QLineEdit):
        return widget.text()
    return widget.value()


def _show(widget: Any, value: Value) -> None:
    if isinstance(widget, QCheckBox):
        widget.setChecked(bool(value))
    elif isinstance(widget, QComboBox):
        widget.setCurrentIndex(widget.findData(value))
    elif isinstance(widget, QLineEdit):
        widget.setText(str(value))
    else:
        widget.setValue(value)


def _check_box(setting: Setting) -> QCheckBox:
    box = QCheckBox()
    box.setChecked(bool(setting.default))
    return box


def _combo_box(setting: Setting) -> QComboBox:
    box = QComboBox()
    for value, label in setting.choices:
        box.addItem(label, value)
    box.setCurrentIndex(box.findData(setting.default))
    return box


def _line_edit(setting: Setting) -> QLineEdit:
    return QLineEdit(str(setting.default))


def _spin_box(setting: Setting) -> QgsSpinBox:
    box = QgsSpinBox()
    box.setMinimum(-_INT_LIMIT if setting.minimum is None else max(int(setting.minimum), -_INT_LIMIT))
    box.setMaximum(_INT_LIMIT if setting.maximum is None else min(int(setting.maximum), _INT_LIMIT))
    return _finished(box, setting)


def _double_spin_box(setting: Setting) -> QgsDoubleSpinBox:
    box = QgsDoubleSpinBox()
    box.setDecimals(_decimals(float(setting.default)))
    box.setMinimum(-1e12 if setting.minimum is None else setting.minimum)
    box.setMaximum(1e12 if setting.maximum is None else setting.maximum)
    box.setSingleStep(10 ** -max(1, box.decimals() - 2))
    return _finished(box, setting)


def _finished(box: Any, setting: Setting) -> Any:
    if setting.unit:
        box.setSuffix(f" {setting.unit}")
    box.setClearValue(setting.default)
    box.setValue(setting.default)
    return box


def _decimals(default: float) -> int:
    """Two more than the default needs, so that it can be tuned; one more where it is very small."""
    needed = len(f"{default:.10f}".rstrip("0").split(".")[1])
    return needed + (2 if needed < 5 else 1)
