"""Settings that mean the same in several methods, so that form, toolbox and scripts have one of each."""

from __future__ import annotations

from typing import Any

from ..config import setting


def num_endmembers() -> Any:
    """A field of a Config: how many endmembers."""
    return setting(
        4, "Number of endmembers", "How many materials to look for. Start with 4 to 6.", minimum=2, maximum=30
    )


def seed() -> Any:
    """A field of a Config: where chance starts."""
    return setting(
        11,
        "Random seed",
        "The same seed gives the same result on the same machine.",
        minimum=0,
        maximum=2**31 - 1,
    )
