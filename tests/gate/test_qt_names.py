"""The plugin's Qt names exist in Qt 6, and the check that says so finds what it should."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import qt_names

ROOT = Path(__file__).resolve().parents[2]
GUARDED = "try:\n    from qgis.PyQt.{} import {}\nexcept ImportError:\n    {}"
QT = "from qgis.PyQt.QtCore import Qt, QTimer\n"


def test_every_qt_name_of_the_plugin_is_in_pyqt6():
    assert qt_names.problems([ROOT / "plugin", ROOT / "__init__.py"]) == []


@pytest.mark.parametrize(
    ("code", "part"),
    [
        (QT + "Qt.RightDockWidgetArea", "Qt.RightDockWidgetArea is not in PyQt6"),
        ("from qgis.PyQt.QtWidgets import QAction", "QtWidgets.QAction is not in PyQt6"),
        (
            "from qgis.PyQt import QtGui, QtWidgets\ngetattr(QtGui, 'QNo', None) or QtWidgets.QAction",
            "QtWidgets.QAction is not in PyQt6",
        ),
        ("from qgis.PyQt.QtCore import QRegExp", "QtCore.QRegExp is not in PyQt6"),
        ("from qgis.PyQt import QtCore\nQtCore.Qt.AlignLeft", "QtCore.Qt.AlignLeft is not in PyQt6"),
        ("from PyQt5.QtCore import Qt", "import from qgis.PyQt only"),
        ("import PyQt5.QtCore", "import from qgis.PyQt only"),
        ("dialog.exec_()", "exec_"),
        (GUARDED.format("QtGui", "Nothing", "pass"), "QtGui.Nothing is not in PyQt6"),
    ],
)
def test_a_name_of_qt_5_is_found(code, part):
    found = qt_names.problems_in(code, "file.py")
    assert len(found) == 1
    assert part in found[0]


@pytest.mark.parametrize(
    "code",
    [
        QT + "Qt.DockWidgetArea.RightDockWidgetArea\nQTimer.singleShot(0, print)\nQt.AlignmentFlag.AlignLeft.value",
        GUARDED.format("QtGui", "QAction", "from qgis.PyQt.QtWidgets import QAction"),
        GUARDED.format("QtWidgets", "QAction", "from qgis.PyQt.QtGui import QAction"),
        "from qgis.PyQt import QtGui, QtWidgets\ngetattr(QtGui, 'QAction', None) or QtWidgets.QAction",
        "Qt = 1\nQt.anything",
    ],
)
def test_a_good_name_is_left_alone(code):
    assert qt_names.problems_in(code, "file.py") == []
