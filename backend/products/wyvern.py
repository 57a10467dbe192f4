"""Wyvern Dragonette: a GeoTIFF of radiance, or of reflectance at level L2A, with a STAC item beside it.

https://guide.wyvern.space/data-product-guide
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..facts import RADIANCE, REFLECTANCE
from .raster import Raster, opened

NAMES = re.compile(r"wyvern_dragonette-\d+_\d{8}T\d{6}_[0-9a-f]+\.TIFF?", re.IGNORECASE)
OTHERS = re.compile(r".*(?:mask|preview|thumbnail|overview|quicklook|cloud).*", re.IGNORECASE)
"""What else lies beside an image."""
UNIT = "W/m2/sr/um"
LARGEST = 20_000_000


def recognise(path: Path) -> Raster | None:
    """The Wyvern scene at a path: the image or its STAC item, or None. ValueError, a sentence, if it cannot be used."""
    end = path.suffix.lower()
    if end not in (".tif", ".tiff", ".json") or not path.is_file():
        return None
    if end == ".json":
        item = _item(path)
        if item is None:
            return None
        image = _image(item, path)
        if image is None:
            raise ValueError(f"The image that the STAC item {path} describes does not lie beside it. Copy it there.")
        return _scene(image, item, path)
    if OTHERS.fullmatch(path.stem):
        return None
    for beside in (path.with_suffix(".json"), path.with_name(f"{path.name}.json"), path.with_suffix(".stac.json")):
        item = _item(beside)
        if item is not None:
            return _scene(path, item, beside)
    return _scene(path, {}, None) if NAMES.fullmatch(path.name) else None


def _scene(image: Path, item: Mapping[str, Any], beside: Path | None) -> Raster:
    scene = Raster(opened(image), image)
    said = _properties(item)
    level = str(said.get("processing:level") or "").upper() or _named_level(image.name) or "L1B"
    reflectance = level.startswith("L2")
    notes = list(scene.facts.notes)
    if beside is None:
        notes.append(f"No STAC item lies beside the image: it was taken as level {level}, by its name.")
    else:
        scene.files = tuple(dict.fromkeys([*scene.files, beside]))
    scene.facts = replace(
        scene.facts,
        product=f"Wyvern Dragonette {level}",
        quantity="" if reflectance else RADIANCE,
        unit="" if reflectance else UNIT,
        date=str(said.get("datetime") or "") or scene.facts.date,
        notes=tuple(notes),
    )
    if reflectance and scene.gains is not None:
        scene.facts = replace(scene.facts, quantity=REFLECTANCE)
    return scene


def _named_level(name: str) -> str:
    found = re.search(r"(?<![A-Z0-9])L[12][A-D](?![A-Z0-9])", name.upper())
    return found.group() if found else ""


def _image(item: Mapping[str, Any], path: Path) -> Path | None:
    """The image of a STAC item: the asset beside it that names bands, else the file of the same name."""
    assets = item.get("assets")
    listed = [one for one in assets.values() if isinstance(one, dict)] if isinstance(assets, dict) else []
    ordered = sorted(listed, key=lambda one: not (one.get("eo:bands") or one.get("bands")))
    names = [str(one.get("href", "")).replace("\\", "/").rpartition("/")[2] for one in ordered]
    candidates = [path.with_name(name) for name in names if name.lower().endswith((".tif", ".tiff"))]
    candidates += [path.with_suffix(end) for end in (".tiff", ".tif")]
    return next((one for one in candidates if not OTHERS.fullmatch(one.stem) and one.is_file()), None)


def _item(path: Path) -> dict[str, Any] | None:
    """A STAC item of Wyvern's, or None for anything else."""
    try:
        if path.stat().st_size > LARGEST:
            return None
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(content, dict) or "stac_version" not in content:
        return None
    said = _properties(content)
    names = (content.get("id"), *(said.get(key) for key in ("platform", "constellation", "processing:facility")))
    return content if any(word in str(names).lower() for word in ("wyvern", "dragonette")) else None


def _properties(item: Mapping[str, Any]) -> dict[str, Any]:
    found = item.get("properties")
    return found if isinstance(found, dict) else {}
