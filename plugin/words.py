"""Sentences for people: what a scene is, how long a run still takes, how large a folder is."""

from __future__ import annotations

from typing import Optional

from ..backend.facts import Facts


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


def in_progress(message: str, seconds: Optional[float]) -> str:
    """A step of a run with the time it still takes."""
    left = time_left(seconds)
    return f"{message} · {left}" if left else message


def size(num_bytes: float) -> str:
    """A size on disk: '850 MB', '1.2 GB'."""
    if num_bytes >= 1e9:
        return f"{num_bytes / 1e9:.1f} GB"
    return f"{num_bytes / 1e6:.0f} MB" if num_bytes >= 1e6 else f"{num_bytes / 1e3:.0f} kB"
