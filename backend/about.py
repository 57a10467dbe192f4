"""``python -m backend.about``: what this Python has, as one JSON object on standard output.

Imports every package the backend needs; exit code 1 and one sentence on standard error if one of them does not
import. The plugin runs it to judge an interpreter; nothing else in the backend uses it.
"""

from __future__ import annotations

import importlib
import json
import platform
import sys
from importlib import metadata
from typing import Any, Dict, List

from . import compiler
from .packages import PACKAGES

OLDEST = (3, 10)


def about() -> Dict[str, Any]:
    """Python's version, the packages' versions, torch's devices and what else would make it faster.

    ValueError, a sentence, if a package is missing.
    """
    if sys.version_info[:2] < OLDEST:
        raise ValueError(
            f"This is Python {platform.python_version()}; the backend needs {OLDEST[0]}.{OLDEST[1]} or newer."
        )
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _version(name, module) for name, module in PACKAGES.items()},
        "devices": devices(),
        "notes": notes(),
    }


def _version(name: str, module: str) -> str:
    """The version of a package that imports."""
    try:
        importlib.import_module(module)
        return metadata.version(name)
    except (ImportError, OSError, metadata.PackageNotFoundError) as error:
        # OSError: a shared library that does not load.
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"The package {name} does not work in this Python ({reason}).") from error


def devices() -> List[str]:
    """The devices torch can use: ``cpu``, then ``cuda: <name>`` for each GPU, ``mps`` on Apple's."""
    import torch

    try:
        names = [f"cuda: {torch.cuda.get_device_name(index)}" for index in range(torch.cuda.device_count())]
    except Exception as error:  # of a driver that is broken: the processor works all the same
        names = [f"cuda: not usable ({str(error).splitlines()[0] if str(error) else type(error).__name__})"]
    return ["cpu", *names, *(["mps"] if torch.backends.mps.is_available() else [])]


def notes() -> List[str]:
    """Sentences on what this machine lacks to run as fast as it could; empty for torch without CUDA."""
    import torch

    lack = compiler.sentence() if torch.version.cuda else ""
    return [lack] if lack else []


def main() -> int:
    """Print what there is; 0 if the backend can run, else 1."""
    try:
        found = about()
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
