"""Any spectral library by its path: which format it is, and one sentence where it cannot be read."""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ..damage import damage_told
from ..links import check_file
from ..names import LONGEST, plain
from . import envi, geopackage, table, text
from .geopackage_writing import write_geopackage
from .spectra import Found, Library, read_text

WRITERS: dict[str, Callable[[Library, Path], None]] = {
    ".sli": envi.write_sli,
    ".csv": table.write_csv,
    ".gpkg": write_geopackage,
}
REASONS = (OSError, ValueError, sqlite3.Error, csv.Error)


def read_library(path: Path, class_column: str | None = None) -> Library:
    """Read a spectral library: ENVI (.sli or .hdr), table (.csv), GeoPackage, USGS or ECOSTRESS text or a folder of it.

    ``class_column``: which of the file's :func:`class_columns` to take; the first one by default. ValueError of one
    sentence for whatever cannot be read.
    """
    found = _found(path)
    if class_column is None:
        return found.library
    if class_column not in found.columns:
        offered = ", ".join(f"'{name}'" for name in found.columns) or "none"
        raise ValueError(f"{path} has no column of classes '{class_column}'; it has {offered}.")
    return replace(found.library, classes=found.columns[class_column])


def class_columns(path: Path) -> list[str]:
    """The names of the columns that hold a class, or another label, of each spectrum. ValueError as `read_library`."""
    return list(_found(path).columns)


def write_library(library: Library, path: Path) -> None:
    """Write a library in the format of the ending: .sli, .csv or .gpkg. ValueError for another ending."""
    if path.suffix.lower() not in WRITERS:
        raise ValueError(f"A spectral library cannot be written as '{path.name}'; end it in {', '.join(WRITERS)}.")
    WRITERS[path.suffix.lower()](library, path)


def _found(path: Path) -> Found:
    check_file(path)
    with damage_told(path):
        return _read(path)


def _read(path: Path) -> Found:
    try:
        form, read = _reader(path)
    except OSError as error:
        raise ValueError(f"{path} cannot be opened: {error.strerror or error}.") from error
    except ValueError as error:
        raise ValueError(f"{path} is not a readable spectral library: {error}") from error
    try:
        found = read(path)
    except REASONS as error:
        raise ValueError(f"{path} is not a readable {form}: {str(error).rstrip('.')}.") from error
    library = found.library
    classes = None if library.classes is None else _plain(library.classes)
    columns = {column: _plain(texts) for column, texts in found.columns.items()}
    return Found(replace(library, names=_plain(library.names), classes=classes), columns)


def _plain(names: list[str]) -> list[str]:
    """Names and classes as they are shown; of texts that are too long to be one, the beginning."""
    whole = (plain(name[: 4 * LONGEST]) for name in names)
    return [name if len(name) <= LONGEST else f"{name[: LONGEST - 3]}..." for name in whole]


def _reader(path: Path) -> tuple[str, Callable[[Path], Found]]:
    """The format's name and reader, by what the file holds rather than by its ending where both are clear."""
    if path.is_dir():
        return "folder of spectra", text.read
    suffix = path.suffix.lower()
    with path.open("rb") as file:
        start = file.read(16)
    if start == geopackage.MAGIC:
        return "GeoPackage of spectra", geopackage.read
    if suffix == ".gpkg":
        raise ValueError("it is no GeoPackage, or it is damaged.")
    headers = (path.with_suffix(".hdr"), path.with_name(path.name + ".hdr"))
    beside = suffix not in (".csv", ".txt") and any(one.is_file() for one in headers)
    if suffix in (".hdr", *envi.SUFFIXES) or beside:
        return "ENVI spectral library", envi.read
    if suffix != ".csv" and text.is_spectrum(read_text(path)):
        return "spectrum", text.read
    return "table of spectra", lambda one: table.read(read_text(one))
