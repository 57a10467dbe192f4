"""What QGIS executes before its plugins (PYQGIS_STARTUP): keeps an eye on QGIS from within.

A dialog in the wrong place would stop everything: say on stderr what it asks. And a QGIS on a virtual screen must not
outlive the process that started it, MIXEL_DESK_HOST.
"""

import os
import sys

from qgis.PyQt.QtCore import QTimer
from qgis.PyQt.QtWidgets import QApplication, QLabel, QTextEdit


def _look():
    host = os.environ.get("MIXEL_DESK_HOST")
    if host and not os.path.exists(f"/proc/{host}"):
        os._exit(1)
    modal = QApplication.activeModalWidget()
    if modal is not None:
        words = [label.text() for label in modal.findChildren(QLabel)]
        words += [text.toPlainText() for text in modal.findChildren(QTextEdit)]
        print("A dialog is open:", modal.windowTitle(), *words, file=sys.__stderr__, flush=True)


_watch = QTimer()
_watch.timeout.connect(_look)
_watch.start(3000)
