"""Which Python runs the backend: MIXEL_PYTHON, else the user's own choice, else the one Mixel has made."""

from __future__ import annotations

import os
from pathlib import Path

from qgis.core import QgsSettings

from . import environment

KEY = "mixel/python"
VARIABLE = "MIXEL_PYTHON"


def chosen() -> str:
    """The interpreter that a person gave, empty if Mixel's own is to be used."""
    return os.environ.get(VARIABLE, "") or stored()


def stored() -> str:
    """The user's own choice in QGIS's settings, empty if there is none."""
    return str(QgsSettings().value(KEY, "") or "")


def origin() -> str:
    """Who chose the interpreter, for the user: empty for Mixel's own."""
    if os.environ.get(VARIABLE):
        return f" (chosen by the variable {VARIABLE})"
    return " (chosen by you)" if stored() else ""


def choose(path: str) -> None:
    """Remember the user's own interpreter; empty goes back to Mixel's own."""
    QgsSettings().setValue(KEY, path)


def find() -> Path:
    """The interpreter to run the backend with, by a look at files. ValueError, a sentence, if there is none."""
    found = environment.find(chosen())
    if found.python is None:
        raise ValueError(found.reason)
    return found.python
