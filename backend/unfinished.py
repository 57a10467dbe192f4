"""What a run leaves that ended midway, and how it goes away again: whose files they are, and which were in their place.

Standard library only and Python 3.9, because QGIS's Python reads it too: a run may be ended by its parent, by the
system, or by a power cut; whoever comes next settles what is left, here.

A run signs its folder of unfinished files with its process (:func:`sign`). Before it moves finished files into place
it writes a journal of them. Until the last one is in place the set counts as absent: :func:`settle` takes away again
what was moved. Files are known by their size and time of change, which a move keeps, so that nobody else's file goes.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import threading
import time
from pathlib import Path
from typing import Dict, List, Optional

from .protocol import JOURNAL, OWNER, PARTIAL

SAME_PROCESS = 60.0
"""Seconds that two readings of one process's start may differ: a computer's clock is set now and then."""
MOVING = threading.Lock()
"""Held while this process moves files into place; a thread that ends the process waits for it."""


def started(process: int) -> Optional[float]:
    """When a process started, in seconds since 1970; None if it has ended, 0 if it lives and nobody says since when.

    A process that has ended and only waits for its parent to notice counts as ended.
    """
    if process <= 0:
        return None
    try:
        import psutil
    except ImportError:  # in QGIS's Python
        return _started_by_system(process)
    try:
        found = psutil.Process(process)
        return None if found.status() == psutil.STATUS_ZOMBIE else float(found.create_time())
    except psutil.NoSuchProcess:
        return None
    except (psutil.Error, OSError, OverflowError):
        return 0.0


def _started_by_system(process: int) -> Optional[float]:
    if sys.platform == "win32":
        return 0.0  # the standard library cannot ask for a process there without the risk of ending it
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return None
    except OSError:
        return 0.0  # it belongs to somebody else
    try:
        after_name = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace").rsplit(")", 1)[1]
        told = after_name.split()
        if told[0] in "ZX":
            return None
        up = float(Path("/proc/uptime").read_text(encoding="ascii").split()[0])
        return time.time() - up + int(told[19]) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return 0.0


def sign(partial: Path) -> None:
    """Write into a folder of unfinished files whose they are: this process's. OSError if the disk refuses."""
    (partial / OWNER).write_text(f"{os.getpid()} {started(os.getpid()):.2f}", encoding="ascii")


def owner(partial: Path) -> int:
    """The number of the process that signed a folder; 0 if none did."""
    try:
        return int((partial / OWNER).read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return 0


def is_alive(partial: Path) -> bool:
    """Whether the process that signed a folder still runs; its number may have gone to another process since."""
    try:
        number, signed = (partial / OWNER).read_text(encoding="ascii").split()
        since = started(int(number))
        return since is not None and (since == 0 or abs(since - float(signed)) < SAME_PROCESS)
    except (OSError, ValueError):
        return False


def flush(path: Path) -> None:
    """Have the system write a file, or the list of a folder's files, to the disk now. OSError if it cannot."""
    if path.is_dir():
        if sys.platform == "win32":
            return  # has no means for it, and needs none
        with contextlib.suppress(OSError):  # some network drives cannot; the files themselves are safe
            _flush(path, os.O_RDONLY)
    else:
        _flush(path, os.O_RDWR if sys.platform == "win32" else os.O_RDONLY)


def _flush(path: Path, how: int) -> None:
    descriptor = os.open(path, how)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_journal(partial: Path, names: List[str]) -> None:
    """Note the finished files that are about to be moved, in their order. OSError if the disk refuses."""
    draft = partial / f"{JOURNAL}.part"
    draft.write_text(json.dumps({name: _known_by(partial / name) for name in names}), encoding="utf-8")
    flush(draft)
    os.replace(draft, partial / JOURNAL)
    flush(partial)


def _known_by(path: Path) -> Optional[List[int]]:
    try:
        found = path.lstat()
    except OSError:
        return None
    return [found.st_size, found.st_mtime_ns]


def moved(output: Path) -> List[str]:
    """Names of files in the output folder that an incomplete move has left there; empty if none or all were moved."""
    journal = _journal(output / PARTIAL)
    there = [name for name, known in journal.items() if known is not None and _known_by(output / name) == known]
    return [] if len(there) == len(journal) else there


def _journal(partial: Path) -> Dict[str, Optional[List[int]]]:
    try:
        content = json.loads((partial / JOURNAL).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    # Somebody else may have written it: it names files beside it and nothing farther.
    plain = isinstance(content, dict) and all(Path(name).name == name and name != ".." for name in content)
    return content if plain else {}


def settle(output: Path) -> None:
    """Take away what a run left in an output folder that ended midway. A set of results that is complete stays.

    Only for a run that is known to have ended. Nothing is raised: what cannot be taken away stays.
    """
    partial = output / PARTIAL
    if partial.is_symlink():
        return
    for name in moved(output):
        with contextlib.suppress(OSError):
            (output / name).unlink()
    shutil.rmtree(partial, ignore_errors=True)
