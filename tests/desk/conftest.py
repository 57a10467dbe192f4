"""The desk tests need the backend's Python, and start QGIS themselves instead of importing it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import desktop


@pytest.fixture(scope="session")
def scene(tmp_path_factory) -> Path:
    """A copy of the sample scene in a folder with a space and letters that are not Latin."""
    return desktop.copy_scene(tmp_path_factory.mktemp("désk σκηνή") / "scene")
