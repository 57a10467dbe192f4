"""Specim's captures (FX, IQ, AISA, SWIR cameras; Lumo): raw counts, made reflectance by their references.

A capture is ``name.raw`` with ``WHITEREF_name.raw`` and ``DARKREF_name.raw`` beside it, each with its ENVI header, in a
folder ``capture``; its folder ``results`` holds what the program made of it. Formats by Specim's manuals.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..cube import Mask, Window
from ..facts import COUNTS, RADIANCE, REFLECTANCE, Facts
from . import raster
from .envi.header import header_of, read_header
from .envi.quantity import settle, stated
from .envi.specim_references import Levels, Reference, Unfit, white_level
from .product import Product, Stored

WHITE, DARK, WHITE_DARK = "whiteref", "darkref", "whitedarkref"
REFERENCE = re.compile(r"(whitedark|white|dark)[-_]?ref(?:erence)?[-_ ]?", re.IGNORECASE)
"""How the names of references begin; the capture's name follows."""
MADE = "reflectance_"
"""How the names of what Lumo and the IQ make of a capture begin."""
SENSOR = re.compile(r"specim|specsensor|\bFX(?:10|17|50)\b|\baisa|lumo", re.IGNORECASE)


def recognise(path: Path) -> Product | None:
    """A capture, by one of its files or its folder. ValueError, a sentence, if it is damaged or there are several."""
    if path.is_dir():
        path = _only_capture(path) or path
    header = header_of(path)
    if header is None or not is_specim(path, header):
        return None
    found = raster.recognise(path)
    name, whole_numbers = path.name.lower(), np.dtype(found.facts.dtype).kind in "iu"
    found.files = tuple(dict.fromkeys((*found.files, header)))
    found.facts = replace(found.facts, product=_model(header))
    said = stated(read_header(header), path.name, whole_numbers)
    if said.quantity == RADIANCE:
        settle(found, said)
        return found
    if _role(path):
        return _as_counts(found, "This is a reference of a capture, not the capture itself.")
    if not whole_numbers:
        if name.startswith(MADE):
            found.facts = replace(found.facts, quantity=REFLECTANCE)
        return found
    if said.quantity == REFLECTANCE or path.parent.name.lower() == "results":
        return found
    return _calibrated(found, path, header)


def is_specim(path: Path, header: Path) -> bool:
    """Whether a file with this header is one of Specim's."""
    fields = read_header(header)
    told = " ".join(fields.get(key, "") for key in ("description", "sensor type", "calibration pack", "camera type"))
    return bool(SENSOR.search(told)) or _beside(path, DARK, strict=True) is not None


def _role(path: Path) -> str:
    """WHITE, DARK or WHITE_DARK by a file's name; empty for what is no reference."""
    found = REFERENCE.match(path.name)
    return f"{found.group(1).lower()}ref" if found else ""


def _model(header: Path) -> str:
    fields = read_header(header)
    found = re.search(
        r"\b(FX\d\d|IQ|SWIR|AISA\w*)", fields.get("sensor type", "") + " " + fields.get("description", "")
    )
    return f"Specim {found.group(1)}" if found else "Specim"


def _only_capture(folder: Path) -> Path | None:
    """The capture in a folder, or in its folder "capture"; None if there is none. ValueError if there are several."""
    inside = [one for one in folder.iterdir() if one.is_dir() and one.name.lower() == "capture"]
    names = sorted((inside or [folder])[0].iterdir())
    references = [one for one in names if _role(one)]
    others = [one for one in names if one not in references and one.suffix.lower() in (".raw", ".dat", ".bil", ".img")]
    captures = [one for one in others if header_of(one)]
    if not references and not inside:
        return None
    if len(captures) > 1:
        listed = ", ".join(one.name for one in captures[:4])
        raise ValueError(
            f"The folder {folder} holds several captures ({listed}{' ...' * (len(captures) > 4)}). Choose one of them."
        )
    return captures[0] if captures else None


def _beside(path: Path, role: str, strict: bool = False) -> Path | None:
    """The reference of a capture: of its name, else the only one in the folder (unless ``strict``)."""
    try:
        names = sorted(path.parent.iterdir())
    except OSError:
        return None
    found = [one for one in names if _role(one) == role and header_of(one)]
    own = [one for one in found if REFERENCE.sub("", one.stem, count=1).lower() == path.stem.lower()]
    if own or strict:
        return own[0] if own else None
    return found[0] if len(found) == 1 else None


def _as_counts(found: Product, note: str) -> Product:
    found.gains = found.offsets = None
    facts = replace(found.facts, quantity=COUNTS, scale=None, notes=(*found.facts.notes, note))
    found.facts = facts
    return found


def _calibrated(found: Product, path: Path, header: Path) -> Product:
    """The capture in reflectance, or in raw counts with a note that says why."""
    white_path, dark_path, own_dark = (_beside(path, role) for role in (WHITE, DARK, WHITE_DARK))
    if white_path is None or dark_path is None:
        missing = [role for role, one in ((WHITE, white_path), (DARK, dark_path)) if one is None]
        names = " and no ".join(f"{role.upper()}_{path.stem}" for role in missing)
        return _as_counts(found, f"No {names} lies beside the capture, so it cannot be calibrated to reflectance.")
    try:
        size = found.facts.bands, found.facts.cols
        white, dark = Reference.of(white_path, size), Reference.of(dark_path, size)
        of_white = Reference.of(own_dark, size) if own_dark else dark
        level = white_level(white, of_white, header)
    except Unfit as error:
        return _as_counts(found, str(error))
    note = f"Reflectance is (raw - dark) / (white - dark), by {white_path.name} and {dark_path.name}"
    note += f" ({own_dark.name} for the white)." if own_dark else "."
    if level.times:
        note += " The integration times differ: {:g} ms, and {:g} ms for the white.".format(*level.times)
    files = [*white.files, *dark.files, *of_white.files]
    return Capture(found, dark.mean, level.values, note, files)


class Capture(Product):
    """A raw capture that is calibrated window by window."""

    def __init__(self, raw: Product, dark: Levels, white: Levels, note: str, files: Sequence[Path]) -> None:
        """``dark``, ``white`` (bands, cols): counts of the dark, and of white less dark, NaN where it is dead."""
        self._raw, self._dark, self._white, self.block = raw, dark, white, raw.block
        self.place, self.files = raw.place, tuple(dict.fromkeys((*raw.files, *files)))
        self.facts, self._nodata = _calibrated_facts(raw.facts, white, note), raw.nodata

    def read(self, window: Window, bands: Sequence[int]) -> Stored:
        """Reflectance (bands, rows, cols), float32; NaN where it is nodata or the detector is dead."""
        stored = self._raw.read(window, bands)
        cols = slice(window.col, window.col + window.cols)
        chosen = list(bands)
        values = stored.astype(np.float32)
        values -= self._dark[chosen, None, cols]
        values /= self._white[chosen, None, cols]
        if self._nodata is not None:
            values[stored == self._nodata[chosen, None, None]] = np.nan
        return values

    def usable(self, window: Window, flags: Sequence[str]) -> Mask | None:
        """What the raw file's masks say."""
        return self._raw.usable(window, flags)

    def close(self) -> None:
        """Close the raw file."""
        self._raw.close()


def _calibrated_facts(facts: Facts, white: Levels, note: str) -> Facts:
    """Facts of the reflectance; bands whose white is dead in most columns are bad."""
    dead = np.isnan(white)
    alive = dead.mean(axis=1) <= 0.5
    good = np.array(facts.good_bands or [True] * facts.bands) & alive
    notes = [*facts.notes, note]
    columns = int(dead[good].any(axis=0).sum())
    if columns:
        what = "1 column counts" if columns == 1 else f"{columns} columns count"
        notes.append(f"{what} as missing: there the white is no brighter than the dark in some band.")
    return replace(
        facts,
        dtype="float32",
        nodata=None,
        scale=1.0,
        quantity=REFLECTANCE,
        good_bands=() if good.all() else tuple(good.tolist()),
        notes=tuple(notes),
    )
