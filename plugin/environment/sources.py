"""Where pip gets packages from, for the user to see before anything is installed."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Dict, List

from .child import run
from .masking import masked
from .pip_calls import TORCH_INDEX
from .places import InstallError

_LINE = re.compile(r"^(global|install|download|:env:)\.(index-url|extra-index-url|find-links|no-index)=(.*)$", re.M)
_ORDER = ("global", "install", "download", ":env:")
"""pip's own: what comes later counts."""


def settings(python: Path) -> str:
    """What ``pip config list`` prints, as the pip of this Python is set. InstallError if it has no pip."""
    try:
        told = run([str(python), "-m", "pip", "config", "list"], timeout=60)
    except OSError as error:
        raise InstallError(f"{python} cannot be started ({error.strerror or error}).") from error
    if told.returncode:
        raise InstallError(f"{python} has no pip that says where it gets packages from.")
    return told.stdout


def sentence(settings: str, torch_build: str = "") -> str:
    """Which indexes and folders packages come from; ``settings`` as ``pip config list`` prints them.

    ``torch_build`` is the part of torch's own index that is asked too; empty if it is not.
    """
    found: Dict[str, List[str]] = {}
    for _, name, value in sorted(_LINE.findall(settings), key=lambda item: _ORDER.index(item[0])):
        found[name] = _words(value)
    closed = (found.get("no-index") or ["0"])[0].lower() in ("1", "true", "yes", "on", "y", "t")
    indexes = [] if closed else [*(found.get("index-url") or ["PyPI"]), *found.get("extra-index-url", [])]
    places = [*indexes, *found.get("find-links", [])]
    by = " (so pip's settings say)" if found else ""
    torch = f"; torch also from {TORCH_INDEX.split('//')[1]}{torch_build}" if torch_build else ""
    return masked(f"Packages come from {' and '.join(places) or 'nowhere'}{by}{torch}")


def _words(value: str) -> List[str]:
    try:
        return str(ast.literal_eval(value)).split()
    except (ValueError, SyntaxError):
        return value.split()
