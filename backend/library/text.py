"""Laboratory spectra as text, one a file: USGS Spectral Library 7 (ASCII) and ECOSTRESS, formerly ASTER.

USGS: a line with the title, then one value a line, -1.23e34 where a channel was deleted; the wavelengths in micrometres
are in a file of their own, in the same folder or the one above (Kokaly et al. 2017, USGS Data Series 1035).
ECOSTRESS: lines ``Key: value``, then two columns (Meerdink et al. 2019, Remote Sensing of Environment 230).
A folder of such files is a library too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .spectra import Found, Library, nanometres, read_text, reflectance, tidy

Numbers = NDArray[np.float64]
SUFFIXES = (".txt", ".asc")
COLUMNS = ("Class", "Subclass", "Genus", "Species", "Type")
ASIDE = re.compile(r"^errorbars|_wavelengths?_|_bandpass_|ancillary", re.IGNORECASE)
"""Names of files that come with the spectra and are none."""
MOST_FILES = 20_000


@dataclass(frozen=True)
class Spectrum:
    """One file: ``values`` (bands,) reflectance, ``wavelengths`` (bands,) nm and ascending, or None."""

    name: str
    values: Numbers
    wavelengths: Numbers | None
    fields: dict[str, str] = field(default_factory=dict)


def read(path: Path) -> Found:
    """The library of one file or of a folder of files. ValueError or OSError with the reason alone.

    Files of a folder that are no spectra are left out. Where their wavelengths differ, spectra are interpolated to
    those of the file with the most bands within the range that all cover.
    """
    if not path.is_dir():
        if ASIDE.search(path.name):
            raise ValueError("it comes with the spectra of a library and is none itself; choose a spectrum.")
        return _library([_spectrum(path, read_text(path))])
    files = sorted(one for one in path.iterdir() if one.suffix.lower() in SUFFIXES and not ASIDE.search(one.name))
    if len(files) > MOST_FILES:
        raise ValueError(f"it holds {len(files):,} files; at most {MOST_FILES:,} are read as one library.")
    spectra = []
    for file in files:
        text = read_text(file)
        if is_spectrum(text):
            try:
                spectra.append(_spectrum(file, text))
            except ValueError as error:
                raise ValueError(f"in {file.name}: {error}") from error
    if not spectra:
        raise ValueError("no file in it is a spectrum of the USGS or ECOSTRESS libraries (.txt).")
    return _library(spectra)


def is_spectrum(text: str) -> bool:
    """Whether a text looks like one spectrum of the two libraries."""
    lines = text.lstrip().split("\n", 2)
    return len(lines) > 1 and (lines[0].startswith("Name:") or (len(_floats(lines[1])) == 1 and not _floats(lines[0])))


def _spectrum(path: Path, text: str) -> Spectrum:
    if not is_spectrum(text):
        raise ValueError("it is neither a USGS nor an ECOSTRESS spectrum.")
    return _ecostress(text) if text.lstrip().startswith("Name:") else _usgs(path, text)


def _usgs(path: Path, text: str) -> Spectrum:
    title, values = _column(text)
    if title.split()[-1] == "TRAN":
        raise ValueError("it holds transmittance; only reflectance can be used.")
    name = " ".join(title.rpartition("Record=")[2].partition(":")[2].split()) or " ".join(title.split())
    wavelengths = _companion(path, len(values))
    return _ascending(Spectrum(name, reflectance(values, None).astype(np.float64), wavelengths))


def _column(text: str) -> tuple[str, Numbers]:
    """Title and values of a USGS file. ValueError where a line is no number."""
    title, *lines = text.strip().splitlines()
    try:
        return title, np.array([float(line) for line in lines if line.strip()])
    except ValueError as error:
        raise ValueError(f"a line below its title is no number: {error}.") from error


def _companion(path: Path, count: int) -> Numbers | None:
    """The wavelengths (nm) that belong to a USGS spectrum of so many values, or None where no file holds them.

    Of several files with as many values that of the same spectrometer counts: ASDFRa begins with ASD.
    """
    spectrometers = path.stem.split("_")[1:]
    fitting: dict[str, Numbers] = {}
    for folder in (path.parent, path.parent.parent):
        for file in sorted(folder.glob("*_Wavelengths_*.txt")):
            values = _column(read_text(file))[1]
            if len(values) == count:
                fitting[file.stem] = np.asarray(nanometres(values, "um"), np.float64)
        if fitting:
            break
    if len({tuple(values) for values in fitting.values()}) > 1:
        words = {name: re.split(r"_Wavelengths_", name)[1].split("_")[0] for name in fitting}
        fitting = {name: fitting[name] for name in fitting if any(one.startswith(words[name]) for one in spectrometers)}
        if len(fitting) != 1:
            raise ValueError(f"several files of wavelengths have {count} values; keep the one that belongs to it.")
    return next(iter(fitting.values()), None)


def _ecostress(text: str) -> Spectrum:
    fields, rows = {}, []
    for line in text.splitlines():
        numbers = _floats(line)
        if len(numbers) == 2:
            rows.append(numbers)
        elif ":" in line and not rows:
            key, _, value = line.partition(":")
            fields[key.strip()] = value.strip()
        elif line.strip() and rows:
            raise ValueError(f"a line below its header is no pair of numbers: {line[:40]!r}.")
    stated = fields.get("Number of X Values", "").strip()
    if not rows or (stated.isdecimal() and stated.isascii() and len(stated) < 9 and int(stated) != len(rows)):
        raise ValueError(f"it holds {len(rows)} values, and its header says {stated[:40] or 'none'}; it is cut short.")
    quantity, unit = fields.get("Y Units", ""), fields.get("X Units", "")
    if "reflect" not in quantity.lower():
        raise ValueError(f"it holds '{quantity[:60]}'; only reflectance can be used.")
    inside = unit.partition("(")[2].rpartition(")")[0]
    wavelengths = nanometres([row[0] for row in rows], inside)
    values = reflectance([row[1] for row in rows], 100.0 if "percent" in quantity.lower() or "%" in quantity else None)
    axis = None if wavelengths is None else wavelengths.astype(np.float64)
    return _ascending(Spectrum(fields["Name"], values.astype(np.float64), axis, fields))


def _ascending(spectrum: Spectrum) -> Spectrum:
    if spectrum.wavelengths is None:
        return spectrum
    _, order = np.unique(spectrum.wavelengths, return_index=True)
    return Spectrum(spectrum.name, spectrum.values[order], spectrum.wavelengths[order], spectrum.fields)


def _library(spectra: list[Spectrum]) -> Found:
    columns = {
        key: [one.fields.get(key, "") for one in spectra]
        for key in COLUMNS
        if any(one.fields.get(key) for one in spectra)
    }
    wavelengths, values = _together(spectra)
    axis = None if wavelengths is None else wavelengths.astype(np.float32)
    classes = next(iter(columns.values()), None)
    return Found(tidy(Library([one.name for one in spectra], values.astype(np.float32), axis, None, classes)), columns)


def _together(spectra: list[Spectrum]) -> tuple[Numbers | None, Numbers]:
    """Common wavelengths (bands,) and the values there (spectra, bands)."""
    axes = [one.wavelengths for one in spectra if one.wavelengths is not None]
    counts = sorted({len(one.values) for one in spectra})
    if not axes and len(counts) == 1:
        return None, np.stack([one.values for one in spectra])
    if len(axes) < len(spectra):
        raise ValueError(
            f"its spectra have {counts[0]} to {counts[-1]} bands and not all of them have wavelengths; "
            "put the library's files of wavelengths beside them."
        )
    low, high = max(axis[0] for axis in axes), min(axis[-1] for axis in axes)
    within = [axis[(axis >= low) & (axis <= high)] for axis in axes]
    common = max(within, key=len)
    if not len(common):
        raise ValueError("its spectra have no wavelengths in common; make a folder of each spectrometer's files.")
    values = [np.interp(common, axis, one.values) for axis, one in zip(axes, spectra, strict=True)]
    return common, np.stack(values)


def _floats(line: str) -> list[float]:
    try:
        return [float(part) for part in line.replace(",", " ").split()]
    except ValueError:
        return []
