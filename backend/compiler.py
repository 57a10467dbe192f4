"""What Triton needs of a machine to start its kernels: a C compiler and the headers of the Python it runs in.

Triton compiles a small file of C at its first call, apart from the kernels themselves. Standard library only.
"""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path


def missing() -> str:
    """What to install so that Triton runs here, as a phrase; empty if nothing is missing."""
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if sys.platform == "win32":
        # triton-windows brings a compiler, but takes the headers from the Python that this one was made from.
        return "" if _headers() else f"Python's headers are missing, so install Python {version} from python.org"
    if not _compiler():
        return "there is no C compiler, so install the package gcc (with python3-dev, if that is missing too)"
    if not _headers():
        return f"Python's headers are missing, so install the package python{version}-dev (or python3-devel)"
    return ""


def sentence() -> str:
    """What the lack costs, for whoever makes this Python; empty if nothing is missing or Triton is not here."""
    lack = missing() if find_spec("triton") else ""
    return f"The graphics card will work, but slower than it could: {lack}." if lack else ""


def _compiler() -> bool:
    named = os.environ.get("CC")
    return any(shutil.which(name) for name in ([named] if named else ["gcc", "clang"]))


def _headers() -> bool:
    scheme = sysconfig.get_default_scheme()
    scheme = "posix_prefix" if scheme == "posix_local" else scheme
    return (Path(sysconfig.get_paths(scheme=scheme)["include"]) / "Python.h").is_file()
