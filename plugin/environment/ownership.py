"""``backend/ownership.py`` under one name, however this folder was started."""

from __future__ import annotations

try:
    from ...backend.ownership import complaint, make
except ImportError:  # ``python3 -m plugin.environment`` in the checkout: plugin is no part of a package there
    from backend.ownership import complaint, make

__all__ = ["complaint", "make"]
