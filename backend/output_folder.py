"""The folder of a run: taken by one run at a time, and its files come into place all together or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .protocol import INPUTS, JOB_FILE, LOG_FILE, PARTIAL, TEMPORARY
from .unfinished import MOVING, flush, is_alive, settle, sign, write_journal

if sys.platform != "win32":
    import fcntl

KEPT = {JOB_FILE, LOG_FILE, INPUTS}
"""What may lie in an output folder before a run: the request, the log and the copied layers of this very run."""
LOCK = f"{PARTIAL}-lock"
"""File in the output folder, on Windows, while a run takes the folder; the system removes it with the process."""
PATIENCE = 10.0
"""Seconds that a run waits for another one that is just taking the folder."""
_TEMPORARY = ("TMPDIR", "TEMP", "TMP")
"""Where programs and libraries look for the folder of temporary files."""


class OutputFolder:
    """The folder of a run. Files are written under ``partial`` and moved into place when they are whole.

    ``partial`` also holds the temporary files of this process from now on, so that they go with it, however the
    process ends.
    """

    def __init__(self, path: Path, size: float = 0.0) -> None:
        """Take the folder for a run of about ``size`` bytes. ValueError if it cannot be used."""
        self.path, self.partial = path, path / PARTIAL
        self._before: dict[str, str | None] | None = None
        self._is_new = not path.exists()
        try:
            path.mkdir(parents=True, exist_ok=True)
            with _alone(path):
                self._take()
            self._keep_temporary_files_here()
        except OSError as error:
            raise ValueError(
                f"The output folder {path} cannot be written to ({error.strerror or error}). Choose another folder."
            ) from error
        self.require(size)

    def require(self, size: float) -> None:
        """ValueError if the disk has less than ``size`` bytes free; the folder is given back then."""
        free = shutil.disk_usage(self.path).free
        if free < size:
            self.discard()
            raise ValueError(
                f"The disk of {self.path} has {free / 1e6:.0f} MB free; the results need about {size / 1e6:.0f} MB. "
                "Free some space or choose another folder."
            )

    def keep(self, names: list[str]) -> None:
        """Move finished files, in their order, out of ``partial`` into place: all or, with an error, none.

        They are on the disk before the first one is moved. However this process ends in the midst of it, the journal
        tells the next one what to take away.
        """
        for name in names:
            flush(self.partial / name)
        with MOVING:
            try:
                write_journal(self.partial, names)
                for name in names:
                    os.replace(self.partial / name, self.path / name)
            except BaseException:  # also a signal
                settle(self.path)
                raise
        flush(self.path)

    def discard(self) -> None:
        """Remove what is unfinished."""
        for name, value in (self._before or {}).items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        if self._before is not None:
            self._before = tempfile.tempdir = None
        shutil.rmtree(self.partial, ignore_errors=True)

    def leave(self) -> None:
        """Remove what is unfinished, and the folder if this run made it and nothing came into it."""
        self.discard()
        if self._is_new:
            with contextlib.suppress(OSError):
                self.path.rmdir()

    def _take(self) -> None:
        """Clear leftovers, make ``partial`` and sign it. ValueError if somebody else's files or run are here."""
        if self.partial.is_symlink() or (self.partial.exists() and not self.partial.is_dir()):
            raise ValueError(
                f"In the output folder {self.path} a link or a file takes the place of Mixel's folder {PARTIAL}. "
                "Remove it or choose another folder."
            )
        if is_alive(self.partial):
            raise ValueError(f"Another Mixel run is writing to {self.path}. Wait for it or choose another folder.")
        settle(self.path)
        found = sorted(item.name for item in self.path.iterdir() if item.name not in {*KEPT, LOCK, PARTIAL})
        if found:
            raise ValueError(
                f"The output folder {self.path} already holds files ({found[0]}); nothing was overwritten. "
                "Choose a new or empty folder."
            )
        self.partial.mkdir()
        try:
            sign(self.partial)
            (self.partial / TEMPORARY).mkdir()
        except OSError:
            self.discard()
            with contextlib.suppress(OSError):  # where no more files may be open, which taking away a folder needs
                self.partial.rmdir()
            raise

    def _keep_temporary_files_here(self) -> None:
        self._before = {name: os.environ.get(name) for name in _TEMPORARY}
        os.environ.update(dict.fromkeys(_TEMPORARY, str((self.partial / TEMPORARY).absolute())))
        tempfile.tempdir = None  # to be looked up anew


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Within the block no other run takes the folder. The system ends this with the process."""
    until = time.monotonic() + PATIENCE
    while (held := _lock(folder)) is None:
        if time.monotonic() > until:
            raise ValueError(f"Another Mixel run is starting in {folder}. Wait for it or choose another folder.")
        time.sleep(0.02)
    try:
        yield
    finally:
        os.close(held)


def _lock(folder: Path) -> int | None:
    """A descriptor that holds the folder until it is closed; None if another process has it. OSError as the disk's."""
    if sys.platform == "win32":
        try:
            return os.open(folder / LOCK, os.O_CREAT | os.O_EXCL | os.O_TEMPORARY)
        except (FileExistsError, PermissionError):
            return None
    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(held)
        return None
    except OSError:
        pass  # a network drive without locks: making the folder of unfinished files decides
    return held
