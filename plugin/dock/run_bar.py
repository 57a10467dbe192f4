"""The run as the user sees it: start, cancel, how far it is, what went wrong, the report."""

from __future__ import annotations

from typing import List, Tuple

from qgis.PyQt.QtCore import Qt, QUrl
from qgis.PyQt.QtGui import QDesktopServices
from qgis.PyQt.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from ...backend.protocol import Event, Metric, Notice, Output, Progress
from ..words import in_progress, percent
from .curve import Curve
from .tone import Tone, breakable, lines_in_tones, rich, set_tone

NOTICES_HEIGHT = 110
"""Pixels; many notices are scrolled through, so that the form above stays in sight."""


class RunBar(QWidget):
    """Run, Cancel and Report buttons, progress, one line of words and a live curve."""

    def __init__(self) -> None:
        """Idle."""
        super().__init__()
        self._report = ""
        self._notices: List[Tuple[Tone, str]] = []
        self._build()
        self.set_running(False)
        self.report_button.hide()
        self.notices_area.hide()
        self.curve.hide()
        self.say("")

    def set_running(self, running: bool) -> None:
        """Which buttons make sense."""
        self.run_button.setVisible(not running)
        self.cancel_button.setVisible(running)
        self.cancel_button.setEnabled(running)
        self.progress_bar.setVisible(running)

    def begin(self) -> None:
        """A run has been started."""
        self._report, self._notices = "", []
        self.notices_area.hide()
        self.report_button.hide()
        self.curve.clear()
        self.curve.hide()
        self.progress_bar.setRange(0, 0)
        self.set_running(True)
        self.say("Starting…")

    def cancelling(self) -> None:
        """The user has asked for the end."""
        self.cancel_button.setEnabled(False)
        self.say("Cancelling…")

    def hear(self, event: Event) -> None:
        """Show an event of the backend."""
        if isinstance(event, Progress) and self.cancel_button.isEnabled():
            self.progress_bar.setRange(0, 100)
            self.progress_bar.setValue(percent(event))
            self.say(in_progress(event))
        elif isinstance(event, Metric):
            self.curve.add(event)
            self.curve.show()
        elif isinstance(event, Notice):
            self._notices.append((Tone.DOUBT, f"• {rich(event.message)}"))
            self.notices_label.setText(lines_in_tones(self, self._notices))
            needed = self.notices_label.heightForWidth(max(200, self.width() - 20))
            self.notices_area.setFixedHeight(min(NOTICES_HEIGHT, needed))
            self.notices_area.show()
        elif isinstance(event, Output) and event.kind == "report":
            self._report = event.path

    def end(self, worked: bool, message: str, layers: bool = True) -> None:
        """The run has ended; ``message`` says why if it did not work, empty after a cancel; ``layers``: some came."""
        self.set_running(False)
        if worked:
            where = "The layers are in the project." if layers else "The report and the output folder have the results."
            self.say(f"✓ Done. {where}", Tone.GOOD)
            self.report_button.setVisible(bool(self._report))
        elif message:
            self.say(message, Tone.BAD)
        else:
            self.say("Cancelled. Nothing was left behind.")

    def say(self, text: str, tone: Tone = Tone.PLAIN) -> None:
        """One line of words, coloured for its tone."""
        self.status_label.setText(breakable(text))
        self.status_label.setVisible(bool(text))
        set_tone(self.status_label, tone)

    def _build(self) -> None:
        self.curve = Curve()
        self.progress_bar = QProgressBar()
        self.progress_bar.setObjectName("progressBar")
        self.status_label = QLabel()
        self.status_label.setObjectName("statusLabel")
        self.status_label.setWordWrap(True)
        self.status_label.setTextFormat(Qt.TextFormat.PlainText)  # it quotes paths; a strange one is no markup
        self.status_label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.notices_label = QLabel()
        self.notices_label.setObjectName("noticesLabel")
        self.notices_label.setWordWrap(True)
        self.notices_label.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.notices_area = QScrollArea()
        self.notices_area.setWidget(self.notices_label)
        self.notices_area.setWidgetResizable(True)
        self.notices_area.setFrameShape(QFrame.Shape.NoFrame)
        self.notices_area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.run_button = _button("Run", "runButton", "Start in the background.")
        self.cancel_button = _button("Cancel", "cancelButton", "End the run; nothing is left behind.")
        self.report_button = _button("Open report", "reportButton", "Settings, curves, spectra and maps on one page.")
        self.report_button.clicked.connect(self._open_report)
        buttons = QHBoxLayout()
        for button in (self.report_button, self.cancel_button, self.run_button):
            buttons.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (self.curve, self.status_label, self.notices_area, self.progress_bar):
            layout.addWidget(widget)
        layout.addLayout(buttons)

    def _open_report(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(self._report))


def _button(text: str, name: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setObjectName(name)
    button.setToolTip(tip)
    return button
