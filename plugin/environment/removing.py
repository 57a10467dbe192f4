"""Delete the backend's Pythons and say what they take."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
import time
from pathlib import Path

from .places import InstallError, folders, home, log_path
from .turn import Turn


def delete() -> None:
    """Delete all of the backend's Pythons. InstallError if one is being made or is in use."""
    with Turn() as turn:
        if not turn.take():
            raise InstallError(f"Another QGIS (process {turn.holder()}) is making Mixel's Python: wait until it has.")
        for folder in folders():
            remove(folder)
        log_path().unlink(missing_ok=True)


def size() -> int:
    """Bytes that all of the backend's Pythons take."""
    total = 0
    for folder in folders():
        for parent, _, names in os.walk(folder) if not folder.is_symlink() else ():
            for name in names:
                with contextlib.suppress(OSError):
                    total += os.lstat(os.path.join(parent, name)).st_size
    return total


def remove(folder: Path, wait: bool = True) -> None:
    """Delete a folder so that it is either there whole or not at all under its name.

    Its many files can take half a minute: without ``wait`` they go in the background, for a cancel that is quick.
    """
    if folder.is_symlink():
        # Somebody moved it away: what it points to is not Mixel's to delete.
        folder.unlink()
        return
    if not folder.exists():
        return
    grave = folder
    if not folder.name.startswith("deleted-"):
        grave = home() / f"deleted-{os.getpid()}-{time.time_ns()}"
        try:
            os.rename(folder, grave)
        except OSError as error:
            raise InstallError(
                f"{folder} is in use ({error.strerror}): end Mixel's runs, close other QGIS windows and try again."
            ) from error
    # What a virus scanner still holds, or the end of QGIS leaves, is deleted by the next attempt.
    burial = threading.Thread(target=shutil.rmtree, args=(grave, True), name="mixel-delete", daemon=True)
    burial.start()
    if wait:
        burial.join()
