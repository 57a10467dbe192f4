"""Sentences for people: what a scene is, how long a run still takes, how large a folder is."""

from __future__ import annotations

import math
import re
from typing import List, Optional, Tuple

from ..backend.facts import COUNTS, RADIANCE, Facts
from ..backend.protocol import Progress
from ..backend.reading import Reading

LEFT_OUT = "Left out"
"""Name of the row that says by which quality flags pixels are left out."""
_PLACES = {
    "grid": "map grid",
    "gcps": "by coordinates of single pixels (control points)",
    "none": "none: the scene lies in pixel coordinates",
}


def describe(facts: Facts) -> str:
    """A scene in one line: '80 x 60 pixels, 177 bands, 460-2409 nm, nodata -99'."""
    in_use = facts.num_good_bands
    bands = f"{facts.bands} bands" if in_use == facts.bands else f"{in_use} of {facts.bands} bands"
    parts = [f"{facts.rows} × {facts.cols} pixels", bands]
    if facts.wavelengths:
        parts.append(span(facts))
    if facts.nodata is not None and not math.isnan(facts.nodata):
        parts.append(f"nodata\u00a0{facts.nodata:g}")
    if facts.scale is not None:
        parts.append(f"reflectance\u00a0×\u00a0{facts.scale:g}")
    return ", ".join(parts)


def span(facts: Facts) -> str:
    """From which wavelength to which the usable bands reach; bad ones may have a wavelength of 0."""
    good = facts.good_bands or (True,) * facts.bands
    axis = [wave for wave, fine in zip(facts.wavelengths or (), good) if fine] or facts.wavelengths or (0.0,)
    return f"{min(axis):.0f}–{max(axis):.0f} nm"


def details(facts: Facts, reading: Reading) -> List[Tuple[str, str]]:
    """What else is known of a scene, as rows of a table: product, values, date, place, pixels left out by flags."""
    rows = [("Product", facts.product), ("Values", _quantity(facts)), ("Taken", facts.moment)]
    rows.append(("Place", _PLACES.get(facts.place, "")))
    if facts.flags:
        chosen = left_out(facts, reading)
        labels = [one.label.lower() for one in facts.flags if one.name in chosen]
        rows.append((LEFT_OUT, ", ".join(labels) or "no pixels by quality flags"))
    elif facts.masked_by:
        rows.append((LEFT_OUT, facts.masked_by))
    return [(name, text) for name, text in rows if text]


def left_out(facts: Facts, reading: Reading) -> Tuple[str, ...]:
    """Names of the quality flags whose pixels are left out: the user's choice, else the product's default."""
    usual = tuple(one.name for one in facts.flags if one.by_default)
    return usual if reading.flags is None else reading.flags


def _quantity(facts: Facts) -> str:
    if facts.quantity == RADIANCE:
        return f"radiance, {facts.unit}" if facts.unit else "radiance"
    return {COUNTS: "raw counts"}.get(facts.quantity, facts.quantity)


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
