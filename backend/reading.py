"""What the user knows better than the file: how a scene is to be read. Kept beside the scene and in the job.

Standard library only and Python 3.9, because QGIS's Python reads it too.
"""

from __future__ import annotations

import json
import math
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Dict, Optional, Tuple

SUFFIX = ".mixel.json"
"""End of the file's name in which a reading is kept: scene.tif has scene.tif.mixel.json."""
WATER_VAPOUR = ((1340.0, 1460.0), (1790.0, 1960.0))
"""Ranges (nm) in which water vapour leaves hardly any light at the ground."""
MOST_BANDS = 20_000
NO_FLAGS = "none"
"""In a list of quality flags written as text: no flag at all, where an empty text means the product's default."""


@dataclass(frozen=True)
class Reading:
    """What the user says of a scene; None or empty: the file's word counts."""

    scale: Optional[float] = None
    """Stored value that means reflectance 1."""
    nodata: Optional[float] = None
    """Stored value of missing pixels, in every band."""
    wavelengths: Tuple[float, ...] = ()
    """Of every band of the file, nm."""
    fwhm: Tuple[float, ...] = ()
    """Full width at half maximum of every band of the file, nm."""
    left_out: Tuple[Tuple[float, float], ...] = ()
    """Ranges whose bands are left out: wavelengths in nm, or band numbers from 1 where there are no wavelengths."""
    flags: Optional[Tuple[str, ...]] = None
    """Names of the quality flags whose pixels are left out; None: those the product leaves out by default."""

    @classmethod
    def from_dict(cls, content: Any) -> Reading:
        """Make a reading of parsed JSON. ValueError, a sentence, names what is unknown or of a wrong type."""
        if not isinstance(content, dict):
            raise ValueError("The description of how to read a scene must be one JSON object.")
        unknown = sorted(set(content) - {item.name for item in fields(cls)})
        if unknown:
            raise ValueError(f"A scene's reading has no {unknown[0]!r}.")
        scale, nodata = (_number(content.get(name), name) for name in ("scale", "nodata"))
        if scale is not None and not 0 < scale < 1e9:
            raise ValueError("The reflectance scale must be a positive number below 1e9.")
        waves, fwhm = (_numbers(content.get(name) or (), name) for name in ("wavelengths", "fwhm"))
        if any(value <= 0 for value in (*waves, *fwhm)):
            raise ValueError("Wavelengths and band widths must be positive numbers, in nm.")
        ranges = content.get("left_out") or ()
        if not isinstance(ranges, (list, tuple)) or len(ranges) > MOST_BANDS:
            raise ValueError("'left_out' must be a list of ranges, each of two numbers.")
        pairs = [_numbers(one, "left_out") for one in ranges]
        if any(len(pair) != 2 or pair[0] > pair[1] for pair in pairs):
            raise ValueError("A range of bands to leave out needs two numbers, the smaller one first.")
        return cls(
            scale, nodata, waves, fwhm, tuple((pair[0], pair[1]) for pair in pairs), _texts(content.get("flags"))
        )

    def to_dict(self) -> Dict[str, Any]:
        """What is said, for JSON; nothing else is in it. No flags at all is something else than the usual ones."""
        said = asdict(self).items()
        return {name: value for name, value in said if value is not None and (value != () or name == "flags")}

    @classmethod
    def beside(cls, path: str) -> Reading:
        """The reading kept beside a scene, or one that says nothing. ValueError if the file is damaged."""
        kept = reading_path(path)
        return cls.of_file(kept) if kept.is_file() else cls()

    @classmethod
    def of_file(cls, kept: Path) -> Reading:
        """The reading that a file holds. ValueError if it is damaged."""
        try:
            return cls.from_dict(json.loads(kept.read_text(encoding="utf-8")))
        except (OSError, ValueError, RecursionError) as error:
            raise ValueError(f"{kept} cannot be read ({error}). Delete it, and set the scene up again.") from error

    def keep_beside(self, path: str) -> None:
        """Keep the reading beside a scene; one that says nothing removes the file. OSError if the folder refuses."""
        kept = reading_path(path)
        if not self.to_dict():
            kept.unlink(missing_ok=True)
            return
        partial = kept.with_name(kept.name + ".part")
        partial.write_text(json.dumps(self.to_dict(), indent=2) + "\n", encoding="utf-8")
        os.replace(partial, kept)


def reading_path(path: str) -> Path:
    """Where the reading of a scene is kept."""
    return Path(str(path).rstrip("/\\") + SUFFIX)


def _number(value: Any, name: str) -> Optional[float]:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or (name == "scale" and not math.isfinite(value)):
        raise ValueError(f"{name!r} of a scene's reading must be a number.")
    return float(value)


def _numbers(value: Any, name: str) -> Tuple[float, ...]:
    if not isinstance(value, (list, tuple)) or len(value) > MOST_BANDS:
        raise ValueError(f"{name!r} of a scene's reading must be a list of numbers.")
    found = tuple(_number(one, name) for one in value)
    if any(one is None or not math.isfinite(one) for one in found):
        raise ValueError(f"{name!r} of a scene's reading must be a list of numbers.")
    return tuple(one for one in found if one is not None)


def _texts(value: Any) -> Optional[Tuple[str, ...]]:
    if value is None:
        return None
    if not isinstance(value, (list, tuple)) or not all(isinstance(one, str) for one in value):
        raise ValueError("'flags' of a scene's reading must be a list of names.")
    return tuple(value)
