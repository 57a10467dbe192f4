"""Start the backend for one job, iterate over its events, cancel it, clean up after it.

Nothing of QGIS here: a worker thread of Processing, the dock and a test use it in the same way::

    for event in run(python, "out/job.json", feedback.isCanceled):
        ...

The events are those of ``backend/protocol.py``; the last one is always Done or Failed, and when it comes the
process has ended. A run that the user cancelled raises :class:`Cancelled` instead of giving a last event.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess  # nosec B404 # for the name PIPE; environment/child.py starts the process, without a shell
import sys
from pathlib import Path
from typing import IO, Any, Callable, Generator, Iterator, Optional, Union

from ..backend.protocol import LOG_FILE, PARTIAL, Done, Event, Failed, Job, decode
from ..backend.unfinished import owner, settle
from .environment.child import ORPHANS, Cancelled, end, lines, start

__all__ = ["Cancelled", "run"]

LAST_WORDS = 10.0
"""Seconds a backend may live on after its last event, to free the GPU."""
LOG_END = 4000
"""Characters of the log that a crash report shows."""
_NO_MEMORY = re.compile(
    r"bad_alloc|out of memory|cannot allocate memory|failed to map segment|thread creation failed|pthread_create|"
    r"paging file is too small",
    re.IGNORECASE,
)
"""How libraries say, before they give up, that the memory does not suffice."""


def run(python: Union[str, Path], job_path: Union[str, Path], cancelled: Callable[[], bool]) -> Iterator[Event]:
    """Run a job file with the backend's Python and yield its events; the last one is Done or Failed.

    ``cancelled`` is asked every 0.1 s on the thread that iterates; :class:`Cancelled` is raised within 2 s after
    it said yes. After a cancel, a crash, or when the iterator is closed early, no process and no unfinished file
    is left. Standard error goes to the end of ``log.txt`` in the output folder. What a user can cause never
    raises: it is a Failed with a sentence that says what to do.
    """
    try:
        job = Job.read(job_path)
    except ValueError as error:
        yield Failed(str(error))
        return
    output = Path(job.output)
    try:
        output.mkdir(parents=True, exist_ok=True)
        log = (output / LOG_FILE).open("ab", buffering=0)
    except OSError as error:
        reason = error.strerror or error
        yield Failed(f"The output folder {output} cannot be written ({reason}): choose another output folder.")
        return
    with log:
        log_start = log.seek(0, os.SEEK_END)
        try:
            process = _start(python, Path(job_path), log)
        except OSError as error:
            reason = error.strerror or error
            yield Failed(
                f"The backend's Python cannot be started ({reason}): repair it on the Python page of Mixel's panel.",
                f"Interpreter: {python}",
            )
            return
        last = yield from _events(process, log, output, cancelled)
    yield last or _crash(process.returncode, _text_from(output / LOG_FILE, log_start))


def _start(python: Union[str, Path], job_path: Path, log: IO[bytes]) -> subprocess.Popen[Any]:
    command = [str(python), "-m", "backend", str(job_path.resolve()), "--parent", str(os.getpid())]
    return start(command, stdout=subprocess.PIPE, stderr=log)


def _events(
    process: subprocess.Popen[Any], log: IO[bytes], output: Path, cancelled: Callable[[], bool]
) -> Generator[Event, None, Optional[Event]]:
    """Yield all events but the last, which is returned once the process has ended; None if there was none."""
    last: Optional[Event] = None
    try:
        for line in lines(process, cancelled):
            event = _event(line, log) if line else None
            if isinstance(event, (Done, Failed)):
                last = event
                break
            if event:
                yield event
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(LAST_WORDS if last else ORPHANS)
    finally:
        # Here after the last event, a crash, a cancel, an error in the caller and an early close alike.
        end(process)
        if last is None and not _is_of_another_run(output / PARTIAL, process.pid):
            # After a Failed the backend has tidied up itself; and if it refused the folder because another run is
            # under way in it, the unfinished files belong to that run.
            settle(output)
    return last


def _is_of_another_run(partial: Path, child: int) -> bool:
    """Whether unfinished files are signed by a process that is alive and not of the child's group."""
    if sys.platform == "win32":
        return False  # the standard library cannot ask for a process there without the risk of ending it
    try:
        signed = owner(partial)
        return signed > 0 and os.getpgid(signed) != child
    except (OSError, OverflowError):
        return False  # nobody has signed, or the process has gone


def _event(line: bytes, log: IO[bytes]) -> Optional[Event]:
    """The event of a line; what is no event goes into the log."""
    try:
        return decode(line.decode("utf-8"))
    except ValueError:
        # On a full disk the run must go on as far as it can: its own error says more than this line.
        with contextlib.suppress(OSError):
            log.write(line)
        return None


def _text_from(path: Path, begin: int) -> str:
    """The end of this run's part of the log."""
    try:
        with path.open("rb") as log:
            log.seek(begin)
            return log.read().decode("utf-8", "replace")[-LOG_END:]
    except OSError as error:
        return f"The log {path} cannot be read: {error}"


def _crash(code: int, log_end: str) -> Failed:
    """The event that a backend could not write itself any more."""
    lacking = re.search(r"No module named '?([\w.]+)", log_end)
    if code in (-9, 137) or _NO_MEMORY.search(log_end):
        message = (
            "The backend was ended, probably because the memory ran out: close other programs, use fewer bands or "
            "a smaller scene, and run again."
        )
    elif lacking:
        message = (
            f"The backend's Python lacks the package {lacking.group(1)}: repair it on the Python page of Mixel's panel."
        )
    elif code == 0:
        message = "The backend ended without a result: run again, and report the details if it happens again."
    else:
        message = f"The backend crashed ({_reason(code)}): run again, and report the details if it happens again."
    return Failed(message, log_end.strip() or "The log is empty.")


def _reason(code: int) -> str:
    number = -code if code < 0 else code - 128
    if code < 0 or 128 < code < 160:
        with contextlib.suppress(ValueError):
            return f"signal {signal.Signals(number).name}"
    # Windows says 3221225477 where everybody looks for 0xC0000005.
    return f"exit code {code}" if abs(code) < 2**16 else f"exit code 0x{code & 0xFFFFFFFF:08X}"
