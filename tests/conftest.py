"""Loads the checkout as the package ``mixel``, whatever its folder is called, with or without QGIS."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def _load_mixel() -> None:
    if "mixel" in sys.modules:
        return
    spec = importlib.util.spec_from_file_location("mixel", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)])
    module = importlib.util.module_from_spec(spec)
    sys.modules["mixel"] = module
    spec.loader.exec_module(module)


_load_mixel()
