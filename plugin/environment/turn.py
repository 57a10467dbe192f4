"""One at a time: two QGIS must not make or delete the backend's Python at once."""

from __future__ import annotations

import os
import sys
import time
from types import TracebackType
from typing import Callable, Iterator, Optional, Tuple, Type

from .child import POLL, Cancelled
from .ownership import complaint, make
from .places import UNSAFE, InstallError, home

FILE = "install.lock"


class Turn:
    """The right to change Mixel's folder, held by a lock of the operating system on a file in it.

    The system takes the lock back when the process dies, however it dies, so a stale one cannot exist; the number
    of the process in the file only serves the message. On POSIX a child that gets :attr:`inherited` keeps the lock
    alive: a pip that outlives a killed QGIS is waited for and not disturbed.
    """

    def __init__(self) -> None:
        self._file: Optional[int] = None

    def wait(self, cancelled: Callable[[], bool]) -> Iterator[int]:
        """Yield the number of the process that has the turn, about every 0.1 s, until it is ours.

        Raises Cancelled, and InstallError if the folder cannot be written or locked.
        """
        while not self.take():
            if cancelled():
                raise Cancelled("Cancelled while another QGIS was at work.")
            yield self.holder()
            time.sleep(POLL)

    def take(self) -> bool:
        """Take the turn if it is free; whether it was."""
        path = home() / FILE
        try:
            make(home())
            wrong = complaint(home())
            if wrong:
                raise InstallError(UNSAFE.format(wrong=wrong))
            file = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
        except OSError as error:
            raise InstallError(
                f"You have no right to write to {home()} ({error.strerror}): get the right, or set MIXEL_HOME to a "
                "folder of your own."
            ) from error
        try:
            _lock(file)
        except (BlockingIOError, PermissionError):
            os.close(file)
            return False
        except OSError as error:
            os.close(file)
            raise InstallError(
                f"{home()} cannot be locked ({error.strerror}): set MIXEL_HOME to a folder on a local disk."
            ) from error
        os.ftruncate(file, 0)
        # Behind the locked first byte, which Windows lets nobody else read.
        os.write(file, f" {os.getpid()}".encode())
        self._file = file
        return True

    @staticmethod
    def holder() -> int:
        """The process that wrote its number last, 0 if it cannot be read."""
        try:
            with (home() / FILE).open("rb") as file:
                file.seek(1)
                return int(file.read(20))
        except (OSError, ValueError):
            return 0

    @property
    def inherited(self) -> Tuple[int, ...]:
        """What a child must inherit (Popen's ``pass_fds``) to keep the turn alive."""
        return (self._file,) if self._file is not None and sys.platform != "win32" else ()

    def give_back(self) -> None:
        """Let the next one in."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def __enter__(self) -> Turn:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.give_back()


def _lock(file: int) -> None:
    """Lock the file's first byte or fail at once."""
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
