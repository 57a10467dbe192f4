"""Spectral libraries as GeoPackages in the way of the EnMAP-Box: a table with a field of profiles, each a JSON text.

A profile is ``{"y": [...], "x": [...], "xUnit": "nm", "yUnit": ..., "bbl": [...]}``; only ``y`` must be there
(EnMAP-Box documentation, Spectral Libraries). Older versions pickled the profiles; those are refused, never opened.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from .spectra import MOST_VALUES, Array, Found, Library, nanometres, reflectance, tidy

MAGIC = b"SQLite format 3\0"
PROFILES = "profiles"
MOST_BYTES = 4 * 1024**2
"""Of one value in the table: a profile of 100,000 bands."""
STEPS, MOST_STEPS = 1_000_000, 500_000_000
"""Steps of the database's machine: how often it is asked whether to go on, and how many it may take: some seconds."""
KEPT = ("x", "xUnit", "yUnit", "bbl", "fwhm")
"""What of a profile is read besides its values."""
LONGEST_CELL = 1000
"""Characters of a text in the table; longer ones are no names."""
CLASS_LIKE = ("class", "level", "label", "category", "material")
OLD = (
    "its profiles are Python pickles or Qt binaries of an older EnMAP-Box, which are not opened for safety; export the "
    "library as an ENVI spectral library with the EnMAP-Box that wrote it."
)
Profile = dict[str, Any]


def read(path: Path) -> Found:
    """The library of a GeoPackage. ValueError, OSError or sqlite3.Error with the reason alone."""
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
        database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_BYTES)
        database.execute("PRAGMA trusted_schema = OFF")
        database.set_progress_handler(_Patience(), STEPS)
        table, field = _profile_field(database)
        columns = _texts(database, table, field)
        chosen = ", ".join(map(_quoted, [field, *columns]))
        profiles: list[Profile] = []
        rows, values = [], 0
        for dump, *row in database.execute(f"SELECT {chosen} FROM {_quoted(table)}"):  # nosec
            profile = _profile(dump)
            if profile is None:
                continue
            values += len(profile["y"])
            if values > MOST_VALUES:
                raise ValueError(f"it holds more than {MOST_VALUES:,} values.")
            profiles.append(_kept(profile, profiles[0] if profiles else {}))
            rows.append(["" if cell is None else str(cell)[:LONGEST_CELL] for cell in row])
    if not profiles:
        raise ValueError(f"no row of its table '{table}' holds a profile.")
    return _library(profiles, {name: [row[index] for row in rows] for index, name in enumerate(columns)})


class _Patience:
    """Stops a database that works without end: a table can be made of anything."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self) -> int:
        self.asked += 1
        return int(self.asked * STEPS > MOST_STEPS)


def _kept(profile: Profile, first: Profile) -> Profile:
    """What is needed of a profile, its values as numbers; what is as in the first one is not kept twice."""
    found = {key: first[key] if profile[key] == first.get(key) else profile[key] for key in KEPT if key in profile}
    return {**found, "y": _numbers(profile["y"], len(profile["y"]))}


def _profile_field(database: sqlite3.Connection) -> tuple[str, str]:
    """Table and field of the profiles. ValueError if there is none, or more than one table."""
    listed = "SELECT name FROM sqlite_master JOIN gpkg_contents ON name = table_name WHERE type = 'table' ORDER BY 1"
    found, old = {}, False
    for (table,) in database.execute(listed).fetchall():
        for field in sorted(_fields(database, table), key=lambda name: name != PROFILES):
            first = f"SELECT {_quoted(field)} FROM {_quoted(table)} WHERE {_quoted(field)} IS NOT NULL LIMIT 1"  # nosec
            dump = next(iter(database.execute(first)), (None,))[0]
            old = old or (isinstance(dump, bytes) and dump.startswith((b"\x80", b"qbjs")))
            if table not in found and _looks_like_profile(dump):
                found[table] = field
    if len(found) > 1:
        raise ValueError(f"several of its tables hold profiles ({', '.join(found)}); export the one to use.")
    if not found:
        raise ValueError(OLD if old else "no field of its tables holds spectral profiles.")
    return next(iter(found.items()))


def _fields(database: sqlite3.Connection, table: str) -> list[str]:
    return [str(name) for (name,) in database.execute("SELECT name FROM pragma_table_info(?)", (table,))]


def _texts(database: sqlite3.Connection, table: str, profiles: str) -> list[str]:
    """The table's fields of text besides the profiles."""
    types = database.execute("SELECT name, type FROM pragma_table_info(?)", (table,)).fetchall()
    return [name for name, kind in types if name != profiles and str(kind).upper().startswith(("TEXT", "VARCHAR"))]


def _looks_like_profile(dump: object) -> bool:
    try:
        return _profile(dump) is not None
    except ValueError:
        return isinstance(dump, (str, bytes)) and '"y"' in _text(dump)[:10_000]


def _profile(dump: object) -> Profile | None:
    """One decoded profile, None where the field is empty. ValueError if it is something else."""
    if dump is None or dump in ("", b"", "None"):
        return None
    if isinstance(dump, bytes) and dump.startswith((b"\x80", b"qbjs")):
        raise ValueError(OLD)
    if not isinstance(dump, (str, bytes)):
        raise ValueError("its field of profiles holds something else than profiles.")
    try:
        profile = json.loads(_text(dump))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"a profile in it is no JSON text: {str(error)[:80]}.") from error
    if not isinstance(profile, dict) or not isinstance(profile.get("y"), list) or not profile["y"]:
        raise ValueError("a profile in it has no list of values 'y'.")
    return profile


def _text(dump: str | bytes) -> str:
    return dump if isinstance(dump, str) else dump.decode("utf-8", errors="replace")


def _library(profiles: list[Profile], texts: dict[str, list[str]]) -> Found:
    counts = sorted({len(one["y"]) for one in profiles})
    if len(counts) > 1 or any(one.get(key) is not profiles[0].get(key) for one in profiles for key in ("x", "xUnit")):
        raise ValueError(
            f"its profiles are of different wavelengths ({counts[0]} to {counts[-1]} bands); "
            "export those of one sensor into a file of their own."
        )
    first = profiles[0]
    percent = "%" in str(first.get("yUnit", "")) or "percent" in str(first.get("yUnit", "")).lower()
    marks = [_numbers(one["bbl"], counts[0]) != 0 for one in profiles if one.get("bbl")]
    good = np.all(marks, axis=0) if marks else None
    stored = np.stack([one["y"] for one in profiles])
    spectra = reflectance(stored, 100.0 if percent else None, good)
    wavelengths, fwhm = _axes(first, counts[0])
    lower = {name.lower(): name for name in texts}
    names = texts.pop(lower["name"]) if "name" in lower else [f"Spectrum {n}" for n in range(1, len(profiles) + 1)]
    texts = {name: column for name, column in texts.items() if any(column)}
    columns = dict(sorted(texts.items(), key=lambda item: not item[0].lower().startswith(CLASS_LIKE)))
    likely = next((name for name in columns if name.lower().startswith(CLASS_LIKE)), None)
    library = Library(names, spectra, wavelengths, fwhm, None if likely is None else columns[likely])
    return Found(tidy(library, good), columns)


def _axes(profile: Profile, bands: int) -> tuple[Array | None, Array | None]:
    if not profile.get("x"):
        return None, None
    written = _numbers(profile["x"], bands)
    wavelengths = nanometres(written, str(profile.get("xUnit") or ""))
    if wavelengths is None or not profile.get("fwhm"):
        return wavelengths, None
    factor = round(float(wavelengths[0]) / written[0])
    return wavelengths, (_numbers(profile["fwhm"], bands) * factor).astype(np.float32)


def _numbers(values: object, bands: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """A list of a profile as numbers, NaN for null. ValueError if it is something else or of another length."""
    if not isinstance(values, list) or len(values) != bands:
        raise ValueError(f"a profile in it has lists of different lengths; all should have {bands} values.")
    if not all(value is None or isinstance(value, (int, float)) for value in values):
        raise ValueError("a profile in it holds something else than numbers.")
    try:
        return np.array([np.nan if value is None else value for value in values], np.float64)
    except OverflowError as error:
        raise ValueError("a profile in it holds a number that is too large.") from error


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
