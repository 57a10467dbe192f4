"""A second, small process that outlives the first: it ends the backend with QGIS, and tidies up after a sudden end.

A thread of the backend cannot promise that: it waits while a library holds the interpreter, and ends with its process
when a library gives up. The second process is made before anything is loaded, waits without using the processor, and
is there where the system can fork. Elsewhere the thread in :mod:`.__main__` does what it can.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from .protocol import PARTIAL, Failed, Job, encode
from .unfinished import owner, settle, started

POLL_SECONDS = 0.2
LAST_WAIT = 30.0
"""Seconds to wait for a process that was killed: the system first gives its memory back."""
SIGNALS = ("SIGTERM", "SIGINT", "SIGHUP")
SILENT_END = (
    "Mixel's backend ended without a word, most often because the memory does not suffice. Close other programs, use "
    "fewer bands or a smaller scene, and run again. What is printed above says more."
)


_here: Watchdog | None = None


@dataclass(frozen=True)
class Watchdog:
    """The second process, as the first one knows it."""

    descriptor: int

    def dismiss(self) -> None:
        """Tell it that this process has said its last word and ends now."""
        with contextlib.suppress(OSError):
            os.write(self.descriptor, b".")


def start(job: str, output: str | None, parent: int | None) -> Watchdog | None:
    """Start it, before any thread and any library; None where the system has no such means.

    ``parent``: the process to end with; it also speaks for a backend that ended without a word.
    """
    if sys.platform == "win32":
        return None
    worker = os.getpid()
    try:
        told, tell = os.pipe()
    except OSError:  # no room for open files
        return None
    try:
        ends = [_handle(one) for one in (worker, parent) if one]
        child = os.fork()
    except OSError:  # no room for another process: the thread remains
        os.close(told)
        os.close(tell)
        return None
    if child:
        global _here
        for one in (told, *(end for end in ends if end is not None)):
            os.close(one)
        _here = Watchdog(tell)
        return _here
    try:
        for name in SIGNALS:
            signal.signal(getattr(signal, name), signal.SIG_IGN)
        _keep_only(told, *(end for end in ends if end is not None), *([] if parent else [1]))
        _watch(worker, parent, ends, told, _output(job, output))
    finally:
        os._exit(0)


def is_there() -> bool:
    """Whether this process has one: it tidies up once this process has ended, and nothing can come between."""
    return _here is not None


def _output(job: str, output: str | None) -> Path | None:
    try:
        return Path(output or Job.read(job).output)
    except ValueError:
        return None


def _keep_only(*descriptors: int) -> None:
    """Close all other files: whoever reads this process's output waits until the last writer has closed it."""
    before = 0
    for one in sorted(descriptors):
        os.closerange(before, one)
        before = one + 1
    os.closerange(before, 256)


def _watch(worker: int, parent: int | None, ends: list[int | None], told: int, output: Path | None) -> None:
    if _first_end([worker, *([parent] if parent else [])], ends) != 0:
        _kill(worker, ends[0])
        until = time.monotonic() + LAST_WAIT
        while os.getppid() == worker and time.monotonic() < until:
            time.sleep(0.01)
    os.set_blocking(told, False)
    try:
        spoke = bool(os.read(told, 1))
    except BlockingIOError:
        spoke = False
    if output and owner(output / PARTIAL) == worker:
        settle(output)
    if not spoke and not parent:
        os.write(1, (encode(Failed(SILENT_END)) + "\n").encode())
    if parent and os.getpgrp() == worker and _has_ended(parent, ends[1]):
        os.killpg(worker, signal.SIGKILL)  # what the backend had started; this process too


def _first_end(processes: list[int], ends: list[int | None]) -> int:
    """Wait until one of some processes has ended; gives its place. The first one is this process's parent."""
    handles = [one for one in ends if one is not None]
    while True:
        if handles and len(handles) == len(ends):
            ready, _, _ = select.select(handles, [], [])  # readable as soon as a process ends, reaped or not
            return ends.index(ready[0])
        for place, process in enumerate(processes):
            if os.getppid() != process if place == 0 else started(process) is None:
                return place
        time.sleep(POLL_SECONDS)


def _has_ended(process: int, handle: int | None) -> bool:
    return started(process) is None if handle is None else bool(select.select([handle], [], [], 0)[0])


def _handle(process: int) -> int | None:
    """The system's handle of a process, which never means another one; None if it has ended or there are none."""
    if sys.platform == "linux" and hasattr(os, "pidfd_open"):
        with contextlib.suppress(OSError, OverflowError):
            return os.pidfd_open(process)
    return None


def _kill(process: int, handle: int | None) -> None:
    with contextlib.suppress(OSError):
        if sys.platform == "linux" and handle is not None:
            signal.pidfd_send_signal(handle, signal.SIGKILL)
        elif os.getppid() == process:
            os.kill(process, signal.SIGKILL)
