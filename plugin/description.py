"""Ask the backend what a scene is: ``python -m backend --facts``, one answer. No QGIS inside."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess  # nosec B404 # for the name PIPE; environment/child.py starts the process, without a shell
import tempfile
import time
from pathlib import Path
from typing import Callable, List, NamedTuple, Optional, Tuple

from ..backend.protocol import Described, Failed, decode
from ..backend.reading import Reading
from .environment.child import Cancelled, end, lines, start

__all__ = ["Cancelled", "Question", "ask"]

PATIENCE = 60.0
"""Seconds after which no answer is expected any more."""
_BESIDE = (".aux.xml", ".hdr", ".msk", ".ovr")
"""Files beside a scene that say something of it."""


class Question(NamedTuple):
    """What is asked; equal questions have equal answers as long as nothing was written."""

    python: str
    path: str
    reading: str
    """JSON of :class:`backend.reading.Reading`; empty: nothing is known better."""
    stamps: Tuple[Optional[Tuple[int, int]], ...]
    """Modification time and size of the file and of what lies beside it."""

    @classmethod
    def of(cls, python: str, path: str, reading: Reading) -> Question:
        """The question about a scene as it lies there now."""
        said = reading.to_dict()
        beside = [path, *(path + one for one in _BESIDE), os.path.splitext(path)[0] + ".hdr"]
        return cls(python, path, json.dumps(said) if said else "", tuple(_stamp(one) for one in beside))


def ask(question: Question, cancelled: Callable[[], bool]) -> Described:
    """The answer of the backend. ValueError, a sentence, if there is none; Cancelled if ``cancelled()`` says so.

    No process is left afterwards, in any case.
    """
    with contextlib.ExitStack() as stack:
        command = [question.python, "-m", "backend", "--facts", question.path]
        command += ["--reading", _file_of(question.reading or "{}", stack), "--parent", str(os.getpid())]
        try:
            process = start(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        except OSError as error:
            raise ValueError(
                f"The backend's Python cannot be started ({error.strerror or error}): repair it on the Python page."
            ) from error
        stack.callback(end, process, 0.3)
        return _answer(_texts(process, cancelled))


def _file_of(text: str, stack: contextlib.ExitStack) -> str:
    """A file that holds a text as long as the stack stands: hundreds of wavelengths are too long for Windows."""
    handle, name = tempfile.mkstemp(prefix="mixel-", suffix=".json")
    stack.callback(Path(name).unlink, missing_ok=True)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    return name


def _texts(process: subprocess.Popen[bytes], cancelled: Callable[[], bool]) -> List[str]:
    """All lines of a child's output. ValueError if it takes for ever."""
    deadline, found = time.monotonic() + PATIENCE, []
    for line in lines(process, cancelled):
        if line is not None:
            found.append(line.decode("utf-8", "replace"))
        if time.monotonic() > deadline:
            raise ValueError(f"The backend has not said within {PATIENCE:.0f} seconds what the scene is.")
    return found


def _answer(texts: List[str]) -> Described:
    """The event among the lines. ValueError if there is none, or if it is a failure."""
    for text in texts:
        try:
            event = decode(text)
        except ValueError:
            continue  # a library's chatter
        if isinstance(event, Described):
            return event
        if isinstance(event, Failed):
            raise ValueError(event.message)
    raise ValueError("The backend gave no answer about the scene: check its Python on the Python page.")


def _stamp(path: str) -> Optional[Tuple[int, int]]:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
