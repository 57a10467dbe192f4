"""ENVI spectral libraries: .sli with its header .hdr, and beside them a table of classes .csv."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..facts import positive_number
from ..names import cell
from ..survey import Stored
from . import table
from .spectra import MOST_VALUES, Array, Found, Library, nanometres, read_text, reflectance, tidy

SUFFIXES = (".sli", ".esl")
TYPES = {"2": "i2", "3": "i4", "4": "f4", "5": "f8", "12": "u2", "13": "u4"}


def write_sli(library: Library, path: Path) -> None:
    """Write an ENVI spectral library, the data at ``path`` (.sli), its header (.hdr) and its classes (.csv) beside it.

    The header cannot hold commas, braces and line breaks in names; they become spaces. The table of classes is written
    only where the library has classes.
    """
    count, bands = library.spectra.shape
    names = [_in_header(name) for name in library.names]
    lines = [
        "ENVI",
        "description = {Mixel: endmember spectra, reflectance 0-1}",
        f"samples = {bands}",
        f"lines = {count}",
        "bands = 1",
        "header offset = 0",
        "file type = ENVI Spectral Library",
        "data type = 4",
        "interleave = bsq",
        "byte order = 0",
        "reflectance scale factor = 1",
        f"spectra names = {{{', '.join(names)}}}",
    ]
    for key, values in (("wavelength", library.wavelengths), ("fwhm", library.fwhm)):
        if values is not None:
            lines.append(f"{key} = {{{', '.join(table.shortest(value) for value in values)}}}")
    if library.wavelengths is not None:
        lines.append("wavelength units = Nanometers")
    library.spectra.astype("<f4").tofile(path)
    path.with_suffix(".hdr").write_text("\n".join(lines) + "\n", encoding="utf-8")
    if library.classes is not None:
        with path.with_suffix(".csv").open("w", newline="", encoding="utf-8") as file:
            rows = zip(map(cell, names), map(cell, library.classes), strict=True)
            csv.writer(file).writerows([("spectra names", "class"), *rows])


def read_sli(path: Path) -> Library:
    """Read an ENVI spectral library by the path of its data or header. ValueError if they do not fit."""
    try:
        return read(path).library
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} is not a readable ENVI spectral library: {error}") from error


def read(path: Path) -> Found:
    """The library at ``path``, the .sli or the .hdr. ValueError or OSError with the reason alone."""
    data, header = files_of(path)
    fields = header_fields(read_text(header))
    lacking = [key for key in ("samples", "lines", "data type") if key not in fields]
    if lacking:
        raise ValueError(f"its header lacks '{lacking[0]}'.")
    bands, rows = _whole(fields, "samples"), _whole(fields, "lines")
    marks = _floats(fields, "bbl", bands)
    good = None if marks is None else np.array(marks) != 0
    scale = positive_number(fields.get("reflectance scale factor", ""))
    spectra = reflectance(_values(data, fields, rows, bands), scale, good)
    wavelengths, fwhm = _axes(fields, bands)
    names = [name.strip() for name in fields.get("spectra names", "").split(",")]
    if len(names) != rows:
        names = [f"Spectrum {number}" for number in range(1, rows + 1)]
    columns = _classes(data, names)
    library = Library(names, spectra, wavelengths, fwhm, next(iter(columns.values()), None))
    return Found(tidy(library, good), columns)


def files_of(path: Path) -> tuple[Path, Path]:
    """Data and header of the library that the user chose by either. ValueError if one is missing."""
    if path.suffix.lower() == ".hdr":
        bare = path.with_suffix("")
        data = [bare, *(bare.with_suffix(suffix) for suffix in (*SUFFIXES, ".SLI", ".ESL", ".dat", ".bsq"))]
        headers = [path]
    else:
        data, headers = [path], [path.with_suffix(".hdr"), path.with_name(path.name + ".hdr")]
    found = next((one for one in data if one.is_file()), None)
    header = next((one for one in headers if one.is_file()), None)
    if found is None or header is None:
        missing = "data (.sli)" if found is None else "header (.hdr)"
        raise ValueError(f"its {missing} is missing; both files must lie in one folder.")
    return found, header


def header_fields(text: str) -> dict[str, str]:
    """The fields of an ENVI header by their names in lower case, values without braces. ValueError if it is none."""
    lines = iter(text.splitlines())
    if next(lines, "").strip() != "ENVI":
        raise ValueError("its header does not begin with ENVI.")
    fields = {}
    for line in lines:
        key, _, value = line.partition("=")
        value = value.strip()
        fields[key.strip().lower()] = _listed(value, lines) if value.startswith("{") else value
    return fields


def _listed(value: str, lines: Iterator[str]) -> str:
    parts = [value]
    while "}" not in parts[-1]:
        following = next(lines, None)
        if following is None:
            raise ValueError("a list in its header is not closed.")
        parts.append(following)
    return "\n".join(parts).partition("}")[0].strip("{ \n")


def _whole(fields: dict[str, str], key: str) -> int:
    if not re.fullmatch(r"[0-9]{1,18}", fields[key]) or int(fields[key]) < 1:
        raise ValueError(f"its header says '{key} = {fields[key][:40]}', which is no count.")
    return int(fields[key])


def _values(data: Path, fields: dict[str, str], rows: int, bands: int) -> Stored:
    """The stored values (rows, bands), read only if the file has the size that its header says."""
    if fields["data type"] not in TYPES:
        raise ValueError(f"its data type {fields['data type'][:40]!r} is not one of {', '.join(TYPES)}.")
    if fields.get("bands", "1") != "1":
        raise ValueError("its header describes an image of several bands; choose a spectral library.")
    dtype = np.dtype((">" if fields.get("byte order", "0") == "1" else "<") + TYPES[fields["data type"]])
    offset = fields.get("header offset", "0")
    if not re.fullmatch(r"[0-9]{1,18}", offset):
        raise ValueError(f"its header offset {offset[:40]!r} is no number of bytes.")
    expected, size = int(offset) + rows * bands * dtype.itemsize, data.stat().st_size
    if size != expected:
        raise ValueError(f"its header describes {expected:,} bytes of data, and there are {size:,}.")
    if rows * bands > MOST_VALUES:
        raise ValueError(f"it has {rows * bands:,} values; at most {MOST_VALUES:,} are read as a library.")
    return np.fromfile(data, dtype, offset=int(offset)).reshape(rows, bands)


def _axes(fields: dict[str, str], bands: int) -> tuple[Array | None, Array | None]:
    listed, widths = _floats(fields, "wavelength", bands), _floats(fields, "fwhm", bands)
    if listed is None:
        return None, None
    wavelengths = nanometres(listed, fields.get("wavelength units", ""))
    if wavelengths is None or widths is None:
        return wavelengths, None
    return wavelengths, (np.array(widths) * round(float(wavelengths[0]) / listed[0])).astype(np.float32)


def _floats(fields: dict[str, str], key: str, count: int) -> list[float] | None:
    if key not in fields:
        return None
    found = [float(part) for part in fields[key].split(",")]
    if len(found) != count:
        raise ValueError(f"it has {count} bands and {len(found)} values of {key}.")
    return found


def _classes(data: Path, names: list[str]) -> dict[str, list[str]]:
    """Columns of classes out of the table beside the library; none if there is no table or it is of something else."""
    path = data.with_suffix(".csv")
    return table.read_classes(read_text(path), names) if path.is_file() else {}


def _in_header(name: str) -> str:
    return re.sub(r"[,{}\s]+", " ", name)
