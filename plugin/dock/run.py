"""One run behind the panel: the Processing algorithm in a task, its events as signals, its layers into the project."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

from qgis.core import (
    Qgis,
    QgsApplication,
    QgsMessageLog,
    QgsProcessingAlgRunnerTask,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingUtils,
    QgsProject,
)
from qgis.PyQt.QtCore import QObject, pyqtSignal

from ...backend.protocol import Event, Failed

_PATIENCE = 5000
"""Milliseconds to wait for a cancelled run when QGIS unloads the plugin; a cancel takes less than 2 s."""
_outlived: List[Tuple[QgsProcessingContext, QgsProcessingFeedback]] = []
"""Of runs that were ended by unloading: QGIS's task still refers to them until the event loop has buried it."""


class RunFeedback(QgsProcessingFeedback):
    """A feedback that also passes on the backend's events, from the worker thread to the panel's."""

    heard = pyqtSignal(object)

    def __init__(self) -> None:
        """``error`` is the last one reported, empty if there was none."""
        super().__init__(False)
        self.error = ""

    def hear(self, event: Event) -> None:
        """Called by the algorithm for every event."""
        if isinstance(event, Failed):
            self.error = event.message
        self.heard.emit(event)

    def reportError(self, error: str, fatalError: bool = False) -> None:
        """Called by Processing."""
        self.error = error
        super().reportError(error, fatalError)


class Run(QObject):
    """A run of one of Mixel's algorithms in the background."""

    heard = pyqtSignal(object)
    """An event of the backend."""
    finished = pyqtSignal(bool, dict, str)
    """Whether it worked; the outputs by name; the sentence that says what went wrong, empty after a cancel."""

    def __init__(self, parent: Optional[QObject] = None) -> None:
        """Nothing runs before ``start``."""
        super().__init__(parent)
        self._task: Optional[QgsProcessingAlgRunnerTask] = None
        self._context: Optional[QgsProcessingContext] = None
        self._feedback: Optional[RunFeedback] = None

    @property
    def is_active(self) -> bool:
        """Whether a run is under way."""
        return self._task is not None

    def start(self, name: str, parameters: Dict[str, Any]) -> None:
        """Start a run of ``mixel:name``. ValueError, a sentence, if it is refused; then nothing has been started."""
        algorithm = QgsApplication.processingRegistry().algorithmById(f"mixel:{name}")
        context = QgsProcessingContext()
        context.setProject(QgsProject.instance())
        fine, message = algorithm.checkParameterValues(parameters, context)
        able, missing = algorithm.canExecute()
        if not (fine and able):
            raise ValueError(message or missing)
        self._context, self._feedback = context, RunFeedback()
        self._feedback.heard.connect(self.heard)
        self._task = QgsProcessingAlgRunnerTask(algorithm, parameters, context, self._feedback)
        self._task.setDescription(f"Mixel: {algorithm.displayName()}")
        self._task.executed.connect(self._executed)
        QgsApplication.taskManager().addTask(self._task)

    def cancel(self) -> None:
        """End the run; ``finished`` follows when everything has ended."""
        if self._task is not None:
            self._feedback.cancel()
            self._task.cancel()

    def shut_down(self) -> None:
        """End the run and wait for its end: for unloading and closing. ``finished`` does not follow."""
        if self._task is None:
            return
        self._task.executed.disconnect(self._executed)
        self.cancel()
        self._task.waitForFinished(_PATIENCE)
        _outlived.append((self._context, self._feedback))
        self._task = None

    def _executed(self, worked: bool, results: Dict[str, Any]) -> None:
        context, feedback = self._context, self._feedback
        level = Qgis.MessageLevel.Info if worked else Qgis.MessageLevel.Warning
        QgsMessageLog.logMessage(feedback.textLog(), "Mixel", level, False)
        self._task = None
        if worked:
            _load(context, feedback)
        cancelled = feedback.isCanceled()
        message = "" if worked or cancelled else feedback.error or "The run failed; the Mixel log says more."
        self.finished.emit(worked, results, message)


def _load(context: QgsProcessingContext, feedback: QgsProcessingFeedback) -> None:
    for layer_id, details in context.layersToLoadOnCompletion().items():
        layer = QgsProcessingUtils.mapLayerFromString(layer_id, context)
        if layer is None:
            continue
        context.temporaryLayerStore().takeMapLayer(layer)
        details.project.addMapLayer(layer)
        details.postProcessor().postProcessLayer(layer, context, feedback)
