"""Mixel's backend: unmixes and classifies scenes in its own Python, without QGIS (``python -m backend job.json``)."""

from __future__ import annotations

import re
from pathlib import Path


def version() -> str:
    """The version in metadata.txt, the one place where it stands."""
    metadata = Path(__file__).parent.parent / "metadata.txt"
    found = re.search(r"^version=(\S+)", metadata.read_text(encoding="utf-8"), re.MULTILINE)
    return found.group(1) if found else "unknown"
