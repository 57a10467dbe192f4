"""Judge an interpreter by what ``python -m backend.about`` says of it."""

from __future__ import annotations

import contextlib
import json
import subprocess  # nosec B404 # for the name PIPE; child.py starts the interpreter, without a shell
from pathlib import Path
from typing import Any, Dict, Union

from .child import run
from .places import InstallError


def check(python: Union[str, Path]) -> Dict[str, Any]:
    """What an interpreter has, as ``python -m backend.about`` tells it. InstallError says why it will not do."""
    try:
        answer = run([str(python), "-m", "backend.about"], timeout=300, stderr=subprocess.PIPE)
    except OSError as error:
        raise InstallError(f"{python} cannot be started ({error.strerror or error}): choose another Python.") from error
    return about(answer.stdout, answer.stderr, answer.returncode)


def notes_of(about: Dict[str, Any]) -> str:
    """What a machine lacks to run as fast as it could, by what its Python tells; empty if nothing."""
    return " ".join(about.get("notes", []))


def about(output: str, errors: str, code: int) -> Dict[str, Any]:
    """What ``backend.about`` printed on its two streams, by its types. InstallError if it is not that."""
    told = [line for line in output.splitlines() if line.startswith("{")]
    with contextlib.suppress(ValueError):
        content = json.loads(told[-1] if told else "")
        if code == 0 and _is_about(content):
            return content
    reason = ([line for line in errors.splitlines() if line.strip()] or [f"It ended with exit code {code}."])[-1]
    raise InstallError(f"The backend cannot run with this Python. {reason} Repair it, or choose another Python.")


def _is_about(content: Any) -> bool:
    """Whether it is what ``backend.about`` prints, by its types."""
    if not isinstance(content, dict) or not isinstance(content.get("python"), str):
        return False
    packages, lists = content.get("packages"), (content.get("devices"), content.get("notes", []))
    named = isinstance(packages, dict) and all(isinstance(version, str) for version in packages.values())
    return named and all(isinstance(one, list) and all(isinstance(text, str) for text in one) for one in lists)
