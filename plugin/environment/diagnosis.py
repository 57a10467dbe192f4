"""A text that a user can send when the backend's Python makes trouble: no home paths, no passwords."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from pathlib import Path
from typing import Callable, Iterator, List

from .base import base_interpreter
from .checking import check, notes_of
from .child import PLUGIN_ROOT
from .masking import masked
from .places import READY, InstallError, choose_accelerator, find, folders, home, lock_file, log_path
from .removing import size
from .sources import sentence, settings

LOG_LINES = 40


def diagnosis(given: str = "") -> str:
    """Everything that explains why the backend's Python works or not. Takes some seconds; never raises InstallError.

    ``given`` is the interpreter that the user chose instead, if any.
    """
    return private("\n".join(_lines(given)) + "\n")


def private(text: str) -> str:
    """The text with the home folder as ``~`` and without names and passwords in addresses."""
    homes = {str(Path.home()), os.path.realpath(Path.home())} - {os.sep}
    for path in sorted(homes, key=len, reverse=True):
        flags = re.IGNORECASE if sys.platform == "win32" else 0
        # As it is, with doubled backslashes as in Python's messages, and with slashes.
        for form in (path, path.replace("\\", "\\\\"), path.replace("\\", "/")):
            text = re.sub(re.escape(form) + r"(?![\w.-])", "~", text, flags=flags)
    return masked(text)


def _lines(given: str) -> Iterator[str]:
    yield f"Mixel {_version()}"
    yield f"System: {platform.platform()}, {os.cpu_count()} processors"
    yield f"QGIS's Python: {platform.python_version()} ({sys.exec_prefix})"
    yield f"Base for Mixel's Python: {_or_reason(base_interpreter)}"
    yield f"Lock file: {_or_reason(lambda: lock_file('cpu').name)}"
    yield f"Accelerator: {_or_reason(lambda: choose_accelerator()[1])}"
    yield f"Folder: {home()}, {_free()}, Mixel's Pythons take {size() / 1e9:.2f} GB"
    for folder in folders():
        yield f"  {folder.name}: {'finished' if (folder / READY).exists() else 'half made'}"
    yield f"Settings of pip and the network: {', '.join(_settings()) or 'none'}"
    yield _or_reason(lambda: sentence(settings(find().python or base_interpreter())))
    yield from _interpreter(given)
    yield from _log()


def _interpreter(given: str) -> Iterator[str]:
    python, reason = find(given)
    if python is None:
        yield f"The backend's Python: none. {reason}"
        return
    yield f"The backend's Python: {python}" + (" (chosen by the user)" if given else "")
    try:
        about = check(python)
    except InstallError as error:
        yield f"  {error}"
        return
    yield f"  Python {about.get('python')}, devices: {', '.join(about.get('devices', []))}"
    yield "  " + ", ".join(f"{name} {version}" for name, version in about.get("packages", {}).items())
    if notes_of(about):
        yield f"  {notes_of(about)}"


def _log() -> Iterator[str]:
    try:
        told = log_path().read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    yield "End of the installation's log:"
    yield from (f"  {line}" for line in told[-LOG_LINES:])


def _settings() -> List[str]:
    """Names only: the values can hold passwords."""
    pattern = re.compile(r"PIP_|https?_proxy$|all_proxy$|no_proxy$|SSL_CERT|REQUESTS_CA|MIXEL_", re.IGNORECASE)
    return sorted(name for name in os.environ if pattern.match(name))


def _free() -> str:
    existing = next(path for path in (home(), *home().parents) if path.exists())
    return f"{shutil.disk_usage(existing).free / 1e9:.1f} GB free"


def _version() -> str:
    try:
        text = (PLUGIN_ROOT / "metadata.txt").read_text(encoding="utf-8")
    except OSError:
        return "(metadata.txt is missing)"
    found = re.search(r"^version=(\S+)", text, re.MULTILINE)
    return found.group(1) if found else "(no version)"


def _or_reason(question: Callable[[], object]) -> str:
    try:
        return str(question())
    except InstallError as error:
        return str(error)
