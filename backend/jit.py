"""How kernels are compiled: without the interpreter's lock, and kept on disk beside the backend's Python.

Numba looks at one file's time stamp only, so the cache folder's name carries a digest of all files beside the kernel
and of the scan's, whose vectors other kernels are made of, of Numba's version, of the processor and of this package's
name, which compiled files refer to: an updated plugin, or another machine on the same home folder, never meets an old
kernel.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm  # type: ignore[import-untyped]
import numba
from numba.core import config as _config

settings: Any = _config


@cache
def cache_folder(sources: Path) -> Path:
    """Where the kernels of a folder of sources are kept: under sys.prefix, else the user's cache, else temporarily."""
    digest = hashlib.sha256(f"{__name__} {numba.__version__} {llvm.get_host_cpu_name()} {sys.version}".encode())
    folders = dict.fromkeys([sources, Path(__file__).parent / "scan"])
    for file in [Path(__file__), *(file for folder in folders for file in sorted(folder.glob("*.py")))]:
        digest.update(file.read_bytes())
    for root in _roots():
        folder = root / "mixel-kernels" / digest.hexdigest()[:16]
        if _writable(folder):
            return folder
    return Path(tempfile.mkdtemp(prefix="mixel-kernels-"))


def _roots() -> list[Path]:
    """Folders to try, best first; NUMBA_CACHE_DIR is obeyed."""
    if sys.platform == "win32":
        own = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        own = Path.home() / "Library" / "Caches"
    else:
        own = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    chosen = [Path(settings.CACHE_DIR)] if settings.CACHE_DIR else []
    return [*chosen, Path(sys.prefix), own]


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def kernel(function: Callable[..., Any]) -> Any:
    """Compile at first call, from then on load from the cache folder; runs without the interpreter's lock."""
    before = settings.CACHE_DIR
    settings.CACHE_DIR = str(cache_folder(Path(function.__code__.co_filename).parent))
    try:
        return numba.njit(nogil=True, cache=True, error_model="numpy")(function)
    finally:
        settings.CACHE_DIR = before


def inlined(function: Callable[..., Any]) -> Any:
    """A function that kernels call; compiled into them."""
    return numba.njit(nogil=True, error_model="numpy")(function)
