"""Child processes that know nothing of QGIS: a cleaned environment, a group of their own, a sure end.

Used for the backend's runs and for making its Python. No qgis, nothing outside this folder.
"""

from __future__ import annotations

import contextlib
import os
import queue
import re
import signal
import subprocess  # nosec B404 # starting the backend's Python is what this file is for
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence

PLUGIN_ROOT = Path(__file__).resolve().parent.parent.parent
POLL = 0.1
"""Seconds between two looks at the cancel button."""
GRACE = 1.0
"""Seconds between asking a process group to end and ending it."""
ORPHANS = 2.0
"""Seconds to wait for output of a process that has ended: a child of its own could hold the pipe open for ever."""

_DROPPED = re.compile(
    r"PYTHON(?!DONTWRITEBYTECODE$|PYCACHEPREFIX$|UNBUFFERED$)|__PYVENV|VIRTUAL_ENV|PIP_(USER|TARGET|PREFIX)$"
    r"|QGIS|PROJ_|GDAL_|OSGEO4W|O4W_|LD_LIBRARY_PATH$|LD_PRELOAD$|DYLD_|QT_PLUGIN_PATH$|GEOTIFF_CSV$",
    re.IGNORECASE,
)
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT")
_QGIS_FOLDER = re.compile(r"(^|[\\/])(qgis|osgeo4w)[^\\/]*([\\/]|$)", re.IGNORECASE)


class Cancelled(Exception):
    """The user cancelled; what was started has ended and what it left unfinished is gone."""


def clean_environment(inherited: Optional[Mapping[str, str]] = None) -> Dict[str, str]:
    """The environment for a child: the one given (by default this process's) without what QGIS put there.

    pip's own settings (mirrors, proxies, find-links) stay, but for those that send packages elsewhere.
    """
    given = dict(os.environ if inherited is None else inherited)
    kept = {name: value for name, value in given.items() if not _DROPPED.match(name)}
    for name in _CERTIFICATES:
        if name in kept and _belongs_to_qgis(kept[name], given):
            del kept[name]
    folders = [item for item in kept.get("PATH", "").split(os.pathsep) if item and not _belongs_to_qgis(item, given)]
    # PIP_USER is set, not only dropped: a "user = true" in pip's configuration file would break every venv.
    kept.update(PATH=os.pathsep.join(folders) or os.defpath, PYTHONNOUSERSITE="1", PYTHONUTF8="1", PIP_USER="0")
    return kept


def _belongs_to_qgis(path: str, environment: Mapping[str, str]) -> bool:
    """Whether a path lies in QGIS's own folders. /usr, QGIS's prefix on Linux, is everybody's and does not count."""
    if _QGIS_FOLDER.search(path):
        return True
    root = environment.get("OSGEO4W_ROOT", "")
    return bool(root) and os.path.normcase(path).startswith(os.path.normcase(root.rstrip("\\/")) + os.sep)


def start(command: Sequence[str], **options: Any) -> subprocess.Popen[Any]:
    """Start a command as the leader of its own process group, with the cleaned environment and no stdin.

    ``options`` go to Popen; OSError if the program cannot be started.
    """
    if sys.platform == "win32":
        options["creationflags"] = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
    else:
        options["start_new_session"] = True
    options.setdefault("env", clean_environment())
    options.setdefault("cwd", str(PLUGIN_ROOT))
    return subprocess.Popen(list(command), stdin=subprocess.DEVNULL, **options)  # nosec B603 # a list, no shell


def lines(process: subprocess.Popen[Any], cancelled: Callable[[], bool]) -> Iterator[Optional[bytes]]:
    """Yield the lines of a process started with ``stdout=PIPE``, and None about every 0.1 s without one.

    Stops when the output has ended; raises :class:`Cancelled` when ``cancelled()`` says so. The caller ends the
    process, in any case.
    """
    waiting: queue.Queue[Optional[bytes]] = queue.Queue()
    threading.Thread(target=_read, args=(process.stdout, waiting), name="mixel-output", daemon=True).start()
    ended: Optional[float] = None
    while True:
        if cancelled():
            raise Cancelled("Cancelled.")
        try:
            line = waiting.get(timeout=POLL)
        except queue.Empty:
            if process.poll() is not None:
                ended = ended or time.monotonic()
                if time.monotonic() - ended > ORPHANS:
                    return
            yield None
            continue
        if line is None:
            return
        yield line


def _read(stdout: IO[bytes], waiting: queue.Queue[Optional[bytes]]) -> None:
    with stdout, contextlib.suppress(OSError):
        for line in stdout:
            waiting.put(line)
    waiting.put(None)


def end(process: subprocess.Popen[Any], grace: float = GRACE) -> None:
    """End a process that :func:`start` started, and its whole group: ask, wait ``grace`` seconds, kill."""
    if sys.platform == "win32":
        _end_tree(process)
        return
    _signal_group(process, signal.SIGTERM)
    deadline = time.monotonic() + grace
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    # Also when the leader has gone: its own children may still hold its files and the GPU.
    _signal_group(process, signal.SIGKILL)
    process.wait()


def _signal_group(process: subprocess.Popen[Any], number: int) -> None:
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        # Gone already; macOS says "not permitted" for a group of zombies.
        return


def _end_tree(process: subprocess.Popen[Any]) -> None:
    taskkill = os.path.join(os.environ.get("SYSTEMROOT", r"C:\Windows"), "System32", "taskkill.exe")
    if process.poll() is None:
        run([taskkill, "/F", "/T", "/PID", str(process.pid)], timeout=10)
    if process.poll() is None:
        process.kill()
    process.wait()


def run(command: List[str], timeout: float, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a short command to its end and give its output. OSError if it cannot be started or takes too long."""
    options.setdefault("stderr", subprocess.STDOUT)
    process = start(command, stdout=subprocess.PIPE, encoding="utf-8", errors="replace", **options)
    try:
        output, errors = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired as error:
        raise OSError(f"{command[0]} gave no answer for {timeout:.0f} seconds") from error
    finally:
        if process.poll() is None:
            end(process)
    return subprocess.CompletedProcess(command, process.returncode, output, errors)
