"""Files beside a raster that say more of its bands: STAC items and ENVI headers."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ...axis import Statement, from_lists, number
from ..envi.header import is_header, read_header

LARGEST = 20_000_000
"""Bytes of a STAC item that is read."""


class Beside(NamedTuple):
    """What a file beside a raster says. ``date``: ISO 8601, empty if it names none."""

    path: Path
    said: Statement
    date: str = ""


def beside(path: Path, bands: int, rows: int, cols: int) -> list[Beside]:
    """What the files beside a raster of this size say of its bands, the most reliable first."""
    return [one for one in (_stac(path, bands), _header(path, bands, rows, cols)) if one is not None]


def _header(path: Path, bands: int, rows: int, cols: int) -> Beside | None:
    """An ENVI header beside a raster of another format, as DESIS' are; only if it speaks of as many pixels."""
    for name in (path.with_name(f"{path.name}.hdr"), path.with_suffix(".hdr")):
        for one in (name, name.with_suffix(".HDR")):
            if one == path or not is_header(one):
                continue
            fields = read_header(one)
            size = tuple(fields.get(key, "").strip() for key in ("lines", "samples"))
            if size == (str(rows), str(cols)):
                return Beside(one, from_lists(fields, f"The ENVI header {one.name}"))
    return None


def _stac(path: Path, bands: int) -> Beside | None:
    """A STAC item of the same name, with the extension EO or the common bands of version 1.1; micrometres.

    https://github.com/stac-extensions/eo
    """
    for end in (".stac.json", ".STAC.json", ".json", "_stac.json", "-stac.json"):
        for one in (path.with_name(path.stem + end), path.with_name(path.name + end)):
            item = _json(one)
            if item is None:
                continue
            listed = next((found for found in _band_lists(item, path.name) if len(found) == bands), None)
            properties = item.get("properties")
            date = properties.get("datetime") if isinstance(properties, dict) else None
            where = f"The STAC item {one.name}"
            said = Statement(where) if listed is None else _of_bands(listed, where)
            if said.wavelengths or date:
                return Beside(one, said, date if isinstance(date, str) else "")
    return None


def _json(path: Path) -> dict[str, Any] | None:
    try:
        if path.stat().st_size > LARGEST:
            return None
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) and "stac_version" in content else None


def _band_lists(item: Mapping[str, Any], name: str) -> Iterator[list[Mapping[str, Any]]]:
    """Lists of bands in an item: those of the raster's own asset first, then of other assets and of the whole."""
    assets = item.get("assets")
    found = [one for one in assets.values() if isinstance(one, dict)] if isinstance(assets, dict) else []
    own = [one for one in found if str(one.get("href", "")).replace("\\", "/").rpartition("/")[2] == name]
    others = [one for one in found if one not in own]
    for holder in (*own, *others, item.get("properties"), item):
        for key in ("eo:bands", "bands"):
            bands = holder.get(key) if isinstance(holder, dict) else None
            if isinstance(bands, list) and bands and all(isinstance(one, dict) for one in bands):
                yield bands


def _of_bands(bands: list[Mapping[str, Any]], where: str) -> Statement:
    def texts(key: str) -> tuple[str, ...]:
        found = [_text(one.get(key, one.get(f"eo:{key}"))) for one in bands]
        return tuple(found) if any(found) else ()

    return Statement(where, texts("center_wavelength"), texts("full_width_half_max"), unit="um")


def _text(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return ""
    text = str(value)
    return text if number(text) is not None and math.isfinite(float(text)) else ""
