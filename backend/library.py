"""Spectral libraries on disk: ENVI .sli with its .hdr, and CSV."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

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
        f"spectra names = {{{', '.join(re.sub('[,{}]', ' ', name) for name in library.names)}}}",
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
        spectra = values.reshape(rows, bands).astype(np.float32)
    except (OSError, KeyError, ValueError) as error:
        raise ValueError(f"{path} is not a readable ENVI spectral library: {error}") from error
    unit = 1e3 if fields.get("wavelength units", "").lower().startswith("micro") else 1.0
    names = [name.strip() for name in fields.get("spectra names", "").split(",")]
    if len(names) != rows:
        names = [f"Spectrum {number}" for number in range(1, rows + 1)]
    scale = float(fields.get("reflectance scale factor", "1"))
    return Library(names, spectra / scale, _floats(fields, "wavelength", unit), _floats(fields, "fwhm", unit))


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


def _floats(fields: dict[str, str], key: str, factor: float) -> Array | None:
    if key not in fields:
        return None
    return np.array([float(part) for part in fields[key].split(",")], dtype=np.float32) * np.float32(factor)
