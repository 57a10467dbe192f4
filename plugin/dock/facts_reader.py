"""The backend's answers about scenes: asked once in the background, kept in memory, shared by all pages."""

from __future__ import annotations

import threading
import time
from typing import Dict, Optional, Set, Tuple, Union

from qgis.core import QgsMapLayer
from qgis.PyQt.QtCore import QObject, Qt, pyqtSignal
from qgis.PyQt.QtGui import QGuiApplication

from ...backend.facts import Facts
from ...backend.protocol import Described
from .. import interpreter, layers, readings
from ..description import Cancelled, Question, ask

Answer = Union[Described, str]
"""What a scene is, or the sentence that says why the backend cannot tell."""
_MOST = 200
"""Answers kept."""
_STALE = 5.0
"""Seconds after which a refusal or a failure is asked again: the file may be whole by now."""
_AT_ONCE = 15.0
"""Seconds that one waits for an answer with QGIS standing still."""
_PATIENCE = 3.0
"""Seconds to wait for children to end when QGIS unloads the plugin."""


class _Asking(QObject):
    """One child that is asked, and the boxes that wait for its answer."""

    ended = pyqtSignal(object)

    def __init__(self, question: Question) -> None:
        super().__init__()
        self.question = question
        self.waiting: Set[FactsReader] = set()
        self.cancelled = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mixel-facts", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def join(self) -> None:
        self._thread.join(_PATIENCE)

    def _run(self) -> None:
        answer: Optional[Answer] = None
        try:
            answer = ask(self.question, self.cancelled.is_set)
        except Cancelled:
            answer = None
        except (ValueError, OSError) as error:
            answer = str(error)
        self.ended.emit(answer)  # crosses to the main thread, in whose event loop it is heard


_known: Dict[Question, Tuple[Answer, float]] = {}
"""Answers, and when they came."""
_asked: Dict[Question, _Asking] = {}
_alive: Set[_Asking] = set()
"""All that have a thread: an object of Qt must not die in another thread than its own."""


class FactsReader(QObject):
    """Asks for one box of the panel: about one scene at a time, the last one."""

    answered = pyqtSignal()
    """The answer to the last question is there now."""
    _question: Optional[Question] = None

    def ask(self, question: Question) -> Optional[Answer]:
        """The answer, if it is known; else None, the backend is asked and ``answered`` follows."""
        if question != self._question:
            self.leave()
        found = _remembered(question)
        if found is None:
            self._question = question
            _asking(question).waiting.add(self)
        return found

    def leave(self) -> None:
        """Nothing is to be known any more: the child ends unless another box waits for it."""
        asking = _asked.get(self._question) if self._question else None
        self._question = None
        if asking is None:
            return
        asking.waiting.discard(self)
        if not asking.waiting:
            asking.cancelled.set()
            del _asked[asking.question]

    def hear(self) -> None:
        """The last question was answered."""
        self._question = None
        self.answered.emit()


def end_all() -> None:
    """End every child and wait for it: for unloading."""
    ending = list(_asked.values())
    _asked.clear()
    for asking in ending:
        asking.cancelled.set()
    for asking in ending:
        asking.join()


def forget() -> None:
    """Ask anew from now on: the backend's Python is another one."""
    _known.clear()


def facts_now(layer: QgsMapLayer) -> Facts:
    """What a layer's file says, waited for. ValueError, a sentence, if it cannot be known."""
    path = layers.source_path(layer)
    found = layers.plain_facts(path)
    if found is not None:
        return found
    question = Question.of(str(interpreter.find()), path, readings.kept(layer, path))
    answer = _remembered(question) or _waited_for(question)
    if isinstance(answer, str):
        raise ValueError(answer)
    if not answer.facts:
        raise ValueError(answer.refusal)
    return Facts.from_dict(answer.facts)


def _waited_for(question: Question) -> Answer:
    ends = time.monotonic() + _AT_ONCE
    QGuiApplication.setOverrideCursor(Qt.CursorShape.WaitCursor)
    try:
        return ask(question, lambda: time.monotonic() > ends)
    except Cancelled:
        return f"{question.path} was not read within {_AT_ONCE:.0f} seconds. Wait until its disk is less busy."
    except OSError as error:
        return f"{question.path} cannot be looked at ({error.strerror or error})."
    finally:
        QGuiApplication.restoreOverrideCursor()


def _remembered(question: Question) -> Optional[Answer]:
    """The known answer; what is no good news is forgotten after a while."""
    answer, came = _known.get(question, (None, 0.0))
    is_good = isinstance(answer, Described) and not answer.refusal
    return answer if is_good or time.monotonic() - came < _STALE else None


def _asking(question: Question) -> _Asking:
    """The child that is asked this; started if there is none."""
    found = _asked.get(question)
    if found is None:
        found = _asked[question] = _Asking(question)
        _alive.add(found)
        asking = found  # for the closure
        found.ended.connect(lambda answer: _keep(asking, answer), Qt.ConnectionType.QueuedConnection)
        found.start()
    return found


def _keep(asking: _Asking, answer: Optional[Answer]) -> None:
    asking.join()
    _alive.discard(asking)
    question = asking.question
    if answer is None or _asked.get(question) is not asking:
        return  # nobody waits any more
    del _asked[question]
    if len(_known) >= _MOST:
        _known.pop(next(iter(_known)))
    _known[question] = answer, time.monotonic()
    for box in list(asking.waiting):
        box.hear()
