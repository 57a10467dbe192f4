"""Sits inside QGIS and plays a story: a generator that acts like a user and yields what it waits for.

Standard library, QGIS and Qt only. Never blocks: a timer looks after the story, so QGIS stays as alive as for a user.

A story may yield a number (seconds to pass) or ``robot.until(condition, what, seconds)``. When it ends, fails or
waits too long, the robot reports and leaves QGIS, unless the story has set ``robot.stay``.
"""

from __future__ import annotations

import importlib
import json
import os
import time
import traceback
from typing import Any, Callable, NamedTuple

from qgis.core import QgsApplication
from qgis.PyQt.QtCore import QPoint, Qt, QTimer
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QApplication, QDialogButtonBox, QMessageBox, QToolButton, QWidget
from qgis.utils import iface


class Wait(NamedTuple):
    """What a story waits for: true at some time within so many seconds."""

    condition: Callable[[], bool]
    what: str
    seconds: float


class Robot:
    """Plays one story and tells the host by lines of JSON how it goes."""

    def __init__(self, wishes: dict) -> None:
        """``wishes``: ``story`` (a module with ``play(robot)``), ``events`` (the file to report to) and ``args``."""
        self.args = wishes["args"]
        self.window = iface.mainWindow()
        self.stay = False
        self._events = open(wishes["events"], "a", encoding="utf-8")  # noqa: SIM115
        self._story = importlib.import_module(wishes["story"]).play(self)
        self._wait = Wait(lambda: True, "", 0)
        self._since = time.monotonic()
        self._timer = QTimer()
        self._timer.setInterval(50)
        self._timer.timeout.connect(self._look)
        self.tell("ready", pid=os.getpid())
        self._timer.start()

    def tell(self, event: str, **facts: Any) -> None:
        """Report one event to the host."""
        self._events.write(json.dumps({"event": event, "time": time.time(), **facts}) + "\n")
        self._events.flush()

    def until(self, condition: Callable[[], bool], what: str, seconds: float) -> Wait:
        """For ``yield``: go on when ``condition`` is true; fail after ``seconds``, naming ``what``."""
        return Wait(condition, what, seconds)

    def widget(self, name: str, parent: QWidget = None) -> Any:
        """The one widget with that object name; LookupError if there is none."""
        found = (parent or self.window).findChild(QWidget, name)
        if found is None:
            raise LookupError(f"There is no widget named {name}.")
        return found

    def click(self, widget: QWidget) -> None:
        """Press the left mouse button on a widget that a user could press."""
        if not (widget.isVisible() and widget.isEnabled()):
            raise LookupError(f"{widget.objectName()} cannot be pressed: visible {widget.isVisible()}.")
        QTest.mouseClick(widget, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(8, 8))

    def tool_button(self, text: str) -> QToolButton:
        """The visible toolbar button whose action's text or tooltip names ``text``."""
        for button in self.window.findChildren(QToolButton):
            action = button.defaultAction()
            if action and button.isVisible() and text.lower() in (action.text() + action.toolTip()).lower():
                return button
        raise LookupError(f"There is no toolbar button for {text}.")

    def picture(self, path: str) -> None:
        """Save the main window as it is on the screen."""
        if not self.window.grab().save(path):
            raise OSError(f"The picture {path} could not be written.")

    def leave(self) -> None:
        """Close QGIS as a user does, answering every question with yes.

        While a task is active QGIS asks whether to cancel it, does so and stays open: then a user closes it again.
        """
        self.tell("leaving")
        self._leaving = QTimer(self.window)
        self._leaving.timeout.connect(self._insist)
        self._leaving.start(300)
        self._exit()

    @staticmethod
    def _exit() -> None:
        iface.newProject(False)
        iface.actionExit().trigger()

    def _insist(self) -> None:
        if QApplication.activeModalWidget() is not None:
            self._say_yes()
        elif QgsApplication.taskManager().countActiveTasks() == 0:
            self._exit()

    def _look(self) -> None:
        """Called by the timer: go on with the story when its condition is true."""
        try:
            if not self._wait.condition():
                if time.monotonic() - self._since > self._wait.seconds:
                    raise TimeoutError(f"Waited {self._wait.seconds:g} s in vain until {self._wait.what}.")
                return
            wish = next(self._story)
            self._since = now = time.monotonic()
            if isinstance(wish, (int, float)):
                wish = Wait(lambda: time.monotonic() - now >= wish_seconds, "a pause ends", 60 + float(wish))
                wish_seconds = wish.seconds - 60
            self._wait = wish
        except StopIteration:
            self._end("done")
        except Exception as error:
            modal = QApplication.activeModalWidget()
            self._end(
                "failed",
                message=f"{type(error).__name__}: {error}",
                details=traceback.format_exc(),
                dialog=f"{type(modal).__name__} {modal.windowTitle()}" if modal else "",
                status=self._status(),
            )

    def _end(self, event: str, **facts: Any) -> None:
        self._timer.stop()
        if event == "failed" and self.args.get("failure_picture"):
            self.window.grab().save(self.args["failure_picture"])
        self.tell(event, **facts)
        if event == "failed" or not self.stay:
            self.leave()

    def _status(self) -> str:
        label = self.window.findChild(QWidget, "statusLabel")
        return label.text() if label is not None else ""

    @staticmethod
    def _say_yes() -> None:
        modal = QApplication.activeModalWidget()
        if isinstance(modal, QMessageBox):
            for choice in (QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.Ok):
                if modal.button(choice):
                    modal.button(choice).click()
                    return
        elif modal is not None:
            box = modal.findChild(QDialogButtonBox)
            for choice in (QDialogButtonBox.StandardButton.Yes, QDialogButtonBox.StandardButton.Ok):
                if box is not None and box.button(choice):
                    box.button(choice).click()
                    return
            modal.close()
