"""Sentences for people: what a scene is, how long a run still takes, how large a folder is."""

from __future__ import annotations

import re
from typing import Optional, Tuple

from ..backend.facts import Facts
from ..backend.protocol import Progress


def describe(facts: Facts) -> str:
    """A scene in one line: '80 x 60 pixels, 177 bands, 460-2409 nm, nodata -99'."""
    parts = [f"{facts.rows} × {facts.cols} pixels", f"{facts.bands} bands"]
    if facts.wavelengths:
        parts.append(f"{min(facts.wavelengths):.0f}–{max(facts.wavelengths):.0f} nm")
    if facts.nodata is not None:
        parts.append(f"nodata\u00a0{facts.nodata:g}")
    if facts.scale is not None:
        parts.append(f"reflectance\u00a0×\u00a0{facts.scale:g}")
    return ", ".join(parts)


def time_left(seconds: Optional[float]) -> str:
    """How long it still takes, as one says it: 'about 3 minutes left'; empty if nobody knows."""
    if seconds is None:
        return ""
    if seconds < 8:
        return "a few seconds left"
    if seconds < 50:
        return f"about {max(10, round(seconds / 10) * 10)} seconds left"
    minutes = max(1, round(seconds / 60))
    if minutes < 60:
        return "about a minute left" if minutes == 1 else f"about {minutes} minutes left"
    hours = round(minutes / 60)
    return "about an hour left" if hours == 1 else f"about {hours} hours left"


def percent(event: Progress) -> int:
    """Whole percent that are done; 100 only at the end."""
    return int(100 * event.fraction + 1e-6)


def milestone(event: Progress) -> Tuple[str, int]:
    """The stage of a run, whatever numbers its message counts, and the percent: the same for steps close together."""
    return re.sub(r"\d+", "", event.message), percent(event)


def in_progress(event: Progress) -> str:
    """A step of a run with the time it still takes, as long as something is left to do."""
    left = time_left(event.seconds_left) if percent(event) < 100 else ""
    return f"{event.message} · {left}" if left else event.message


def size(num_bytes: float) -> str:
    """A size on disk: '850 MB', '1.2 GB'."""
    if num_bytes >= 1e9:
        return f"{num_bytes / 1e9:.1f} GB"
    return f"{num_bytes / 1e6:.0f} MB" if num_bytes >= 1e6 else f"{num_bytes / 1e3:.0f} kB"
