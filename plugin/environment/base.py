"""The Python from which the backend's own is made: QGIS's, or another one of this machine."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, List, Tuple

from .child import clean_environment, run
from .places import InstallError

OLDEST, NEWEST = (3, 10), (3, 14)
"""Versions of Python that the lock files serve."""
_QUESTION = """
import json, sys
try:
    import ensurepip, venv
    venv = True
except ImportError:
    venv = False
print(json.dumps([sys.version_info[0], sys.version_info[1], sys.maxsize > 2**32, venv]))
"""


@dataclass(frozen=True)
class Base:
    """An interpreter and what it said of itself."""

    path: Path
    version: Tuple[int, int]
    fits: bool
    """64 bits and a version that the lock files serve."""
    venv: bool


def candidates() -> Iterator[Path]:
    """Interpreters worth asking, QGIS's own first. ``sys.executable`` is of no use: inside QGIS it is QGIS."""
    names = [f"python{sys.version_info[0]}.{sys.version_info[1]}", "python3"]
    prefixes = list(dict.fromkeys([sys.base_exec_prefix, sys.exec_prefix, sys.base_prefix]))
    for prefix in map(Path, prefixes):
        if sys.platform == "win32":
            yield from (prefix / name for name in ("python.exe", "python3.exe"))
        else:
            yield from (prefix / "bin" / name for name in names)
        if sys.platform == "darwin":
            # The bundle keeps its programs in Contents/MacOS, wherever its libraries are.
            bundle = next((item for item in prefix.parents if item.suffix == ".app"), None)
            if bundle:
                yield from (bundle / "Contents" / "MacOS" / "bin" / name for name in names)
    yield from _elsewhere()


def _elsewhere() -> Iterator[Path]:
    """Pythons that were installed for all programs."""
    versions = [f"{OLDEST[0]}.{minor}" for minor in range(NEWEST[1], OLDEST[1] - 1, -1)]
    if sys.platform == "win32":
        roots = [
            Path(os.environ.get("LOCALAPPDATA", "")) / "Programs" / "Python",
            Path(os.environ.get("PROGRAMFILES", "")),
        ]
        yield from (root / f"Python{version.replace('.', '')}" / "python.exe" for root in roots for version in versions)
        return
    path = clean_environment()["PATH"]
    if sys.platform == "darwin":
        # A program started from the dock does not get the shell's PATH.
        path = os.pathsep.join([path, "/opt/homebrew/bin", "/usr/local/bin"])
    found = (shutil.which(name, path=path) for name in [*(f"python{version}" for version in versions), "python3"])
    yield from (Path(item) for item in found if item)


def ask(path: Path) -> Base:
    """What an interpreter says of itself. OSError if it does not run, ValueError if it says something else."""
    answer = run([str(path), "-c", _QUESTION], timeout=30)
    major, minor, wide, venv = json.loads(answer.stdout.strip().splitlines()[-1] if answer.stdout.strip() else "")
    version = (int(major), int(minor))
    return Base(path, version, bool(wide) and OLDEST <= version <= NEWEST, bool(venv))


def base_interpreter() -> Path:
    """The first candidate that can make the backend's Python. InstallError says what to install if none can."""
    asked: List[Base] = []
    for path in dict.fromkeys(candidates()):
        if not path.is_file():
            continue
        try:
            asked.append(ask(path))
        except (OSError, ValueError):
            # A link to nothing, or the stub of an app store: not a Python.
            continue
        if asked[-1].fits and asked[-1].venv:
            return asked[-1].path
    raise InstallError(_refusal(asked))


def _refusal(asked: List[Base]) -> str:
    without = [item for item in asked if item.fits]
    if without:
        major, minor = without[0].version
        return (
            f"{without[0].path} cannot make virtual environments: install the package python{major}.{minor}-venv "
            "(or python3-venv) and try again."
        )
    seen = ", ".join(dict.fromkeys(f"{item.version[0]}.{item.version[1]}" for item in asked))
    return (
        f"Mixel needs a 64-bit Python between {OLDEST[0]}.{OLDEST[1]} and {NEWEST[0]}.{NEWEST[1]}; this machine has "
        f"{'only ' + seen if seen else 'none'}: install one and try again."
    )
