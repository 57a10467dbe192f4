"""Work on the backend's Python in the background: minutes of downloading must not freeze QGIS."""

from __future__ import annotations

from enum import Enum
from typing import Any, Callable, Iterator, Optional, Tuple

from qgis.core import QgsApplication, QgsTask
from qgis.PyQt.QtCore import QObject, pyqtSignal

from ..environment import Cancelled, InstallError

Work = Callable[[Callable[[], bool]], Iterator[Tuple[float, str]]]
"""Takes the question whether it was cancelled; yields how far it is (0 to 1) and what it is doing."""
_PATIENCE = 5000
"""Milliseconds to wait for a cancelled chore when QGIS unloads the plugin."""


class Outcome(Enum):
    """How a piece of work ended."""

    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


class _Task(QgsTask):
    stepped = pyqtSignal(float, str)
    ended = pyqtSignal(object, str)

    def __init__(self, title: str, work: Work, asks_before_closing: bool) -> None:
        super().__init__(title, QgsTask.Flag.CanCancel if asks_before_closing else QgsTask.Flag.CancelWithoutPrompt)
        self._work = work
        self._outcome = Outcome.CANCELLED  # also if it never gets to run
        self._error = ""

    def run(self) -> bool:
        """Called by QGIS on a worker thread; nothing but the named failures of an environment is expected here."""
        try:
            for fraction, text in self._work(self.isCanceled):
                self.stepped.emit(fraction, text)
        except Cancelled:
            return False
        except (InstallError, OSError, ValueError) as error:
            self._outcome, self._error = Outcome.FAILED, str(error)
            return False
        self._outcome = Outcome.DONE
        return True

    def finished(self, result: bool) -> None:
        """Called by QGIS on the main thread."""
        self.ended.emit(self._outcome, self._error)


class Chore(QObject):
    """One piece of work at a time."""

    stepped = pyqtSignal(float, str)
    """How far it is (0 to 1), and what it is doing."""
    ended = pyqtSignal(object, str)
    """The Outcome, and if it failed the sentence that says why."""

    def __init__(self, parent: Optional[QObject] = None, asks_before_closing: bool = True) -> None:
        """``asks_before_closing``: whether QGIS asks the user before the work is cut off by closing it."""
        super().__init__(parent)
        self._asks = asks_before_closing
        self._task: Optional[Any] = None

    @property
    def is_active(self) -> bool:
        """Whether work is under way."""
        return self._task is not None

    def start(self, title: str, work: Work) -> None:
        """Begin in the background."""
        self._task = _Task(title, work, self._asks)
        self._task.stepped.connect(self.stepped)
        self._task.ended.connect(self._ended)
        QgsApplication.taskManager().addTask(self._task)

    def cancel(self) -> None:
        """Ask for the end; ``ended`` follows."""
        if self._task is not None:
            self._task.cancel()

    def shut_down(self) -> None:
        """End the work and wait for its end. ``ended`` does not follow."""
        if self._task is None:
            return
        self._task.ended.disconnect(self._ended)
        self._task.cancel()
        self._task.waitForFinished(_PATIENCE)
        self._task = None

    def _ended(self, outcome: Outcome, error: str) -> None:
        self._task = None
        self.ended.emit(outcome, error)
