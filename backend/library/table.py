"""Spectral libraries as tables of text (CSV): a row a band, as Mixel writes them, or a row a spectrum."""

from __future__ import annotations

import csv
import io
import math
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..names import cell, from_cell
from .spectra import Array, Found, Library, nanometres, reflectance, tidy

Rows = list[list[str]]
Numbers = NDArray[np.float64]
AXIS = re.compile(r"\s*(wavelength|wavelen|wvl|wl\b|lambda|band|channel|nm\b|[uµμ]m\b)", re.IGNORECASE)
COUNTED = re.compile(r"\s*(band|channel)", re.IGNORECASE)
UNIT = re.compile(r"(nm|nanomet\w*|[uµμ]m|micromet\w*|microns?)\W*$", re.IGNORECASE)
LABEL = re.compile(
    r"\s*(?P<number>[0-9]+(?:[.,][0-9]+)?)\s*(?P<unit>nm|nanomet\w*|[uµμ]m|micromet\w*|microns?)?\s*$", re.I
)
BAND = re.compile(r"\s*(?:b|band|channel)[ _]?[0-9]+\s*$", re.IGNORECASE)
NAMES = ("spectra names", "spectra_names", "spectrum", "spectra", "name", "names")
MISSING = ("", "nan", "na", "n/a", "null")


def write_csv(library: Library, path: Path) -> None:
    """Write a table for spreadsheets: a row a band, a column a spectrum, the wavelength first, then the fwhm.

    Below the names stands a row with the classes where the library has classes.
    """
    axis = range(1, library.spectra.shape[1] + 1) if library.wavelengths is None else library.wavelengths
    head = ["band" if library.wavelengths is None else "wavelength_nm"]
    widths: list[list[str]] = [[]] * library.spectra.shape[1]
    if library.fwhm is not None:
        head, widths = [*head, "fwhm_nm"], [[shortest(width)] for width in library.fwhm]
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        table = csv.writer(file)
        table.writerow([*head, *map(cell, library.names)])
        if library.classes is not None:
            table.writerow(["class", *[""] * (len(head) - 1), *map(cell, library.classes)])
        for position, width, values in zip(axis, widths, library.spectra.T, strict=True):
            table.writerow([shortest(position), *width, *(shortest(value) for value in values)])


def shortest(value: np.floating | float) -> str:
    """The shortest decimal number that is read back as the same float32."""
    return np.format_float_positional(np.float32(value), trim="-")


def read(text: str) -> Found:
    """The library that a table holds; see :class:`Found`. ValueError with the reason alone.

    Separated by tab, semicolon or comma; decimal commas where that is not the separator. Which way round the table
    lies is seen from where the numbers are: in the first column, or in the first row.
    """
    rows, comma = cells(text)
    if len(rows) < 2 or len(rows[0]) < 2:
        raise ValueError("it is no table of spectra: it needs a row of names or wavelengths and rows of numbers.")
    head, body = rows[0], rows[1:]
    first = next((index for index in range(1, len(head)) if _is_axis(head[index:])), 0)
    labels = next((index for index, row in enumerate(body) if _is_number(row[0], comma)), len(body))
    if _is_number(head[0], comma):
        raise ValueError("its first row holds numbers only; write the spectra's names into it.")
    if labels < len(body) and (AXIS.match(head[0]) or not first):
        return _row_a_band(head, body[:labels], body[labels:], comma)
    if first:
        return _row_a_spectrum(head, body, first, comma)
    raise ValueError("neither its first row nor its first column holds wavelengths or band numbers.")


def cells(text: str) -> tuple[Rows, bool]:
    """The cells of a table without its empty rows, and whether decimal commas are possible. ValueError if ragged."""
    rows: Rows = []
    for separator in "\t;,":
        rows = [
            row for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator) if any(map(str.strip, row))
        ]
        if rows and len(rows[0]) > 1 and all(len(row) == len(rows[0]) for row in rows[1:2]):
            break
    else:
        separator = ","
    for number, row in enumerate(rows, 1):
        if len(row) != len(rows[0]):
            raise ValueError(f"row {number} has {len(row)} cells and the first row {len(rows[0])}.")
    width = max((index + 1 for row in rows for index, text in enumerate(row) if text.strip()), default=0)
    return [[from_cell(one) for one in row[:width]] for row in rows], separator != ","


def read_classes(text: str, names: list[str]) -> dict[str, list[str]]:
    """Columns of classes for the spectra ``names`` out of a table that lists them, or out of a table of the spectra.

    Empty if the table is about something else. ValueError if it lists other spectra.
    """
    rows, _ = cells(text)
    if not rows:
        return {}
    head, body = rows[0], rows[1:]
    if AXIS.match(head[0]):
        found = read(text)
        same = [re.sub(r"[,{}\s]+", " ", name) for name in found.library.names] == names
        return found.columns if same else {}
    if head[0].strip().lower() not in NAMES or len(head) < 2:
        return {}
    listed = [row[0].strip() for row in body]
    if len(body) != len(names) or sorted(listed) != sorted(names):
        raise ValueError(f"its table of classes lists {len(body)} spectra that are not the library's {len(names)}.")
    if listed != names:
        place = {name: index for index, name in enumerate(listed)}
        body = [body[place[name]] for name in names]
    return {head[column].strip(): [row[column].strip() for row in body] for column in range(1, len(head))}


def _row_a_band(head: list[str], labels: Rows, body: Rows, comma: bool) -> Found:
    values = _numbers(body, comma, first=len(labels) + 2)
    widths = next((index for index, cell in enumerate(head) if index and cell.lower().startswith("fwhm")), None)
    columns = [index for index in range(1, len(head)) if index != widths]
    if not columns:
        raise ValueError("it has wavelengths and no spectra.")
    unit = UNIT.search(head[0])
    wavelengths = None if COUNTED.match(head[0]) else nanometres(values[:, 0], unit.group(1) if unit else "")
    fwhm = None if widths is None else _widths(values[:, widths], wavelengths, values[:, 0])
    classes = {row[0].strip(): [row[index].strip() for index in columns] for row in labels}
    names = [head[index].strip() for index in columns]
    return _found(names, values[:, columns].T, wavelengths, fwhm, classes)


def _row_a_spectrum(head: list[str], body: Rows, first: int, comma: bool) -> Found:
    widths = next((index for index, row in enumerate(body) if row[0].lower().startswith("fwhm")), None)
    spectra = [row for index, row in enumerate(body) if index != widths]
    if not spectra:
        raise ValueError("it has wavelengths and no spectra.")
    axis = [LABEL.match(cell) for cell in head[first:]]
    wavelengths, fwhm, written = None, None, np.zeros(0)
    if all(axis):
        written = np.array([float(label["number"].replace(",", ".")) for label in axis if label])
        wavelengths = nanometres(written, (axis[0] and axis[0]["unit"]) or "")
    if widths is not None:
        fwhm = _widths(_numbers([body[widths][first:]], comma, widths + 2)[0], wavelengths, written)
    classes = {head[index].strip(): [row[index].strip() for row in spectra] for index in range(1, first)}
    values = _numbers([row[first:] for row in spectra], comma, first=2)
    return _found([row[0].strip() for row in spectra], values, wavelengths, fwhm, classes)


def _found(
    names: list[str], values: Numbers, wavelengths: Array | None, fwhm: Array | None, classes: dict[str, list[str]]
) -> Found:
    library = Library(names, reflectance(values, None), wavelengths, fwhm, next(iter(classes.values()), None))
    return Found(tidy(library), classes)


def _widths(values: Numbers, wavelengths: Array | None, written: Numbers) -> Array | None:
    """The fwhm in nm: it is written in the unit of the wavelengths."""
    if wavelengths is None:
        return None
    return (values * round(float(wavelengths[0] / written[0]))).astype(np.float32)


def _is_axis(labels: list[str]) -> bool:
    return all(map(LABEL.match, labels)) or all(map(BAND.match, labels))


def _is_number(cell: str, comma: bool) -> bool:
    try:
        return math.isfinite(_number(cell, comma))
    except ValueError:
        return False


def _number(cell: str, comma: bool) -> float:
    cell = cell.strip()
    if cell.lower() in MISSING:
        return math.nan
    return float(cell.replace(",", ".") if comma else cell)


def _numbers(rows: Rows, comma: bool, first: int) -> Numbers:
    """The table's numbers (rows, columns); ``first`` is the number of the first of these rows in the file."""
    found = np.empty((len(rows), len(rows[0])), np.float64)
    for index, row in enumerate(rows):
        for column, value in enumerate(row):
            try:
                found[index, column] = _number(value, comma)
            except ValueError:
                raise ValueError(f"row {first + index} holds {value[:40]!r} where a number was expected.") from None
    return found
