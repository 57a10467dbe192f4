"""No passwords in what is shown, logged for others or sent."""

from __future__ import annotations

import re


def masked(text: str) -> str:
    """The text without names and passwords in addresses."""
    return re.sub(r"://[^/\s]+@", "://***@", text)
