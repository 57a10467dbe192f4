"""What the report shows of a library out of areas."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ... import plots
from ...labels import Labels
from ...library import Library
from ...metrics import spectral_angles
from ...report import Section, Table
from .means import Means

MOST_PANELS, MOST_LISTED = 24, 100


def sections(labels: Labels, seen: Means, library: Library, indices: NDArray[np.int64] | None) -> list[Section]:
    """Figures, the classes, and the spectra one by one; ``indices`` (spectra,) into the labels of single pixels."""
    most = "" if np.count_nonzero(seen.numbers) <= MOST_PANELS else f" (the {MOST_PANELS} largest)"
    caption = f"Each class{most}: mean and standard deviation of all its pixels; the library's spectra as thin lines"
    picture = plots.Picture(caption, _panels(labels, seen, library))
    table = _classes(labels, seen, library)
    first = Section("The library", rows=_rows(labels, seen, library), pictures=[picture], tables=[table])
    if indices is None:
        return [first]
    return [first, Section("Where the spectra come from", tables=[_places(labels, library, indices)])]


def _panels(labels: Labels, seen: Means, library: Library) -> str:
    largest = np.argsort(-seen.numbers, kind="stable")[:MOST_PANELS]
    means, spreads, classes = seen.means, seen.spreads, labels.classes
    shown = [index for index in np.sort(largest) if seen.numbers[index]]
    panels = {classes[index].name: (means[index], spreads[index], classes[index].colour) for index in shown}
    return plots.class_spectra(library, panels)


def _rows(labels: Labels, seen: Means, library: Library) -> list[tuple[str, str]]:
    rows = [
        ("Spectra", f"{len(library.names)}, of {seen.numbers.sum():,} pixels with data"),
        ("Bands", f"{library.spectra.shape[1]}"),
    ]
    there = np.flatnonzero(seen.numbers)
    if len(there) > 1:
        angles = spectral_angles(seen.means[there].astype(np.float32), seen.means[there].astype(np.float32))
        angles[np.tril_indices(len(there))] = np.inf
        first, second = (there[index] for index in np.unravel_index(np.argmin(angles), angles.shape))
        pair = f"{labels.classes[first].name} and {labels.classes[second].name}"
        rows.append(("Classes most alike", f"{pair}: {angles.min():.3f} rad between their means"))
    return rows


def _classes(labels: Labels, seen: Means, library: Library) -> Table:
    areas = np.bincount(
        labels.values[np.unique(labels.groups, return_index=True)[1]], minlength=len(labels.classes) + 1
    )
    spectra = library.classes or []
    lines = [
        (one.name, f"{areas[one.value]:,}", f"{count:,}", f"{number:,}", f"{spectra.count(one.name):,}")
        for one, count, number in zip(labels.classes, labels.counts, seen.numbers, strict=True)
    ]
    return Table(("Class", "Areas", "Pixels", "With data", "Spectra"), lines)


def _places(labels: Labels, library: Library, indices: NDArray[np.int64]) -> Table:
    more = len(indices) - MOST_LISTED
    note = "Rows and columns of the scene count from 1." + (f" {more:,} more are in the library." if more > 0 else "")
    lines = [
        (name, f"{labels.rows[index] + 1}", f"{labels.cols[index] + 1}")
        for name, index in zip(library.names[:MOST_LISTED], indices[:MOST_LISTED], strict=True)
    ]
    return Table(("Spectrum", "Row", "Column"), lines, note)
