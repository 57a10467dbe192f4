"""Spectral libraries on disk: ENVI .sli with its .hdr, and CSV."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .facts import positive_number

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Library:
    """Spectra with names: ``spectra`` (spectra, bands) reflectance; ``wavelengths``, ``fwhm`` (bands,) nm or None."""

    names: list[str]
    spectra: Array
    wavelengths: Array | None = None
    fwhm: Array | None = None


def write_sli(library: Library, path: Path) -> None:
    """Write an ENVI spectral library, the data at ``path`` (.sli) and its header beside it (.hdr)."""
    count, bands = library.spectra.shape
    names = [re.sub(r"[,{}\s]+", " ", name) for name in library.names]
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
            lines.append(f"{key} = {{{', '.join(f'{value:.6g}' for value in values)}}}")
    if library.wavelengths is not None:
        lines.append("wavelength units = Nanometers")
    library.spectra.astype("<f4").tofile(path)
    path.with_suffix(".hdr").write_text("\n".join(lines) + "\n", encoding="utf-8")


def read_sli(path: Path) -> Library:
    """Read an ENVI spectral library by the path of its data. ValueError if header and data do not fit."""
    header = path.with_suffix(".hdr")
    try:
        fields = _header(header.read_text(encoding="utf-8"))
        rows, bands = int(fields["lines"]), int(fields["samples"])
        types = {"4": "f4", "5": "f8", "2": "i2", "12": "u2"}
        order = ">" if fields.get("byte order", "0") == "1" else "<"
        values = np.fromfile(
            path, dtype=order + types[fields["data type"]], offset=int(fields.get("header offset", "0"))
        )
        scale = positive_number(fields.get("reflectance scale factor", "")) or 1.0
        spectra = (values.reshape(max(0, rows), max(0, bands)) / scale).astype(np.float32)
        unit = 1e3 if fields.get("wavelength units", "").lower().startswith("micro") else 1.0
        wavelengths, fwhm = (_floats(fields, key, bands, unit) for key in ("wavelength", "fwhm"))
    except KeyError as error:
        raise ValueError(f"{path} is not a readable ENVI spectral library: its header lacks {error}.") from error
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} is not a readable ENVI spectral library: {error}") from error
    names = [name.strip() for name in fields.get("spectra names", "").split(",")]
    if len(names) != rows:
        names = [f"Spectrum {number}" for number in range(1, rows + 1)]
    return Library(names, spectra, wavelengths, fwhm)


def write_csv(library: Library, path: Path) -> None:
    """Write a table for spreadsheets: a row a band, a column a spectrum, the wavelength first."""
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        table = csv.writer(file)
        table.writerow(["band" if library.wavelengths is None else "wavelength_nm", *library.names])
        axis = range(1, library.spectra.shape[1] + 1) if library.wavelengths is None else library.wavelengths
        for position, values in zip(axis, library.spectra.T, strict=True):
            table.writerow([f"{position:g}", *(f"{value:.6g}" for value in values)])


def _header(text: str) -> dict[str, str]:
    found = re.findall(r"^\s*([^=\n]+?)\s*=\s*(\{[^}]*\}|[^\n]*)", text, re.MULTILINE)
    return {key.lower(): value.strip(" {}\n") for key, value in found}


def _floats(fields: dict[str, str], key: str, count: int, factor: float) -> Array | None:
    if key not in fields:
        return None
    found = np.array([float(part) for part in fields[key].split(",")], dtype=np.float32) * np.float32(factor)
    if len(found) != count:
        raise ValueError(f"it has {count} bands and {len(found)} values of {key}.")
    return found
