"""A library out of areas of known class: their pixels' spectra, window by window, and what is made of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...cube import Array
from ...labels import Labels
from ...library import Library, write_sli
from ...outputs import OutputFolder, refusals
from ...protocol import Progress
from ...record import Run
from ...report import Section
from ..labelled import grid_of, labels_of, spectra_by_window
from ..points import write_points
from .choosing import candidates, chosen, drawn, drawn_areas
from .means import Means
from .sections import sections

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Seen:
    """What was read: ``classes`` and, of means of areas, ``areas`` sum up all pixels that hold data.

    ``spectra`` (kept, bands) and ``indices`` (kept,) into the labels: the pixels that may go into the library.
    """

    classes: Means
    areas: Means
    spectra: Array
    indices: Integers


@dataclass(frozen=True)
class Made:
    """The library, and for single pixels their ``indices`` (spectra,) into the labels."""

    library: Library
    indices: Integers | None


def prepare(run: Run) -> float:
    """The areas are read with the scene: nothing to check before. Gives the bytes of the files."""
    return 5e6 + 40.0 * float(run.options.most * run.scene.bands)


def perform(run: Run, folder: OutputFolder) -> list[Section]:
    """Read the areas' pixels, make the library and write it. ValueError, a sentence, if none holds data."""
    labels = _labels(run)
    kept = _kept(run, labels)
    seen = _read(run, labels, kept)
    made = _made(run, labels, seen, kept)
    run.metrics.update(
        spectra=float(len(made.library.names)),
        classes=float((seen.classes.numbers > 0).sum()),
        pixels=float(seen.classes.numbers.sum()),
    )
    with refusals(folder.path):
        write_sli(made.library, folder.partial / "library.sli")
        if made.indices is not None:
            rows, cols = labels.rows[made.indices], labels.cols[made.indices]
            columns = {"name": made.library.names, "class": made.library.classes or []}
            write_points(folder.partial / "library_pixels.gpkg", grid_of(run.scene), rows, cols, columns)
    run.emit(Progress(1.0, "Library written"))
    return sections(labels, seen.classes, made.library, made.indices)


def _labels(run: Run) -> Labels:
    run.emit(Progress(0.0, "Reading the areas"))
    labels = labels_of(run, "areas", least=1)
    for notice in labels.notices:
        run.notice(notice)
    if len(labels.classes) > run.options.most:
        raise ValueError(
            f"The areas are of {len(labels.classes)} classes, and the library may hold {run.options.most} spectra; "
            "raise 'Spectra at most'."
        )
    return labels


def _kept(run: Run, labels: Labels) -> NDArray[np.bool_]:
    """Which labelled pixels (pixels,) may go into the library, by themselves or into the mean of their area."""
    options = run.options
    if options.spectra == "class_means":
        return np.zeros(len(labels), bool)
    if options.spectra == "chosen":
        return candidates(labels, options.choice, options.count_per_class, options.seed)
    if options.spectra == "area_means":
        kept, what = drawn_areas(labels, options.most, options.seed), "areas"
    elif len(labels) <= options.most:
        return np.ones(len(labels), bool)
    else:
        kept, what = drawn(labels, options.most // len(labels.classes), options.seed), "pixels"
    if not kept.all():
        run.notice(f"There are more {what} than the library may hold spectra ({options.most}); some were drawn.")
    return kept


def _read(run: Run, labels: Labels, kept: NDArray[np.bool_]) -> Seen:
    """Go once through the windows that hold labelled pixels."""
    of_areas = run.options.spectra == "area_means"
    numbers = np.zeros(len(labels), np.int64)
    names, numbers[kept] = np.unique(labels.groups[kept], return_inverse=True)
    classes = Means(len(labels.classes), run.scene.bands)
    areas = Means(len(names) if of_areas else 0, run.scene.bands)
    spectra, indices, read = [np.empty((0, run.scene.bands), np.float32)], [np.empty(0, np.int64)], 0
    for index, values, valid in spectra_by_window(run.scene, labels):
        read += len(index)
        index, values = index[valid], values[valid]
        classes.add(labels.values[index] - 1, values)
        own = kept[index]
        if of_areas:
            areas.add(numbers[index[own]], values[own])
        else:
            spectra.append(values[own])
            indices.append(index[own])
        run.emit(Progress(0.9 * read / len(labels), f"Reading pixels, {read:,} of {len(labels):,}"))
    found = np.concatenate(indices)
    order = np.argsort(found)
    return Seen(classes, areas, np.concatenate(spectra)[order], found[order])


def _made(run: Run, labels: Labels, seen: Seen, kept: NDArray[np.bool_]) -> Made:
    """The library, its spectra in the order of their classes."""
    options, scene, indices = run.options, run.scene, None
    if options.spectra == "class_means":
        values = np.flatnonzero(seen.classes.numbers) + 1
        spectra = seen.classes.means[values - 1].astype(np.float32)
    elif options.spectra == "area_means":
        values, spectra = _area_means(labels.select(kept), seen.areas)
    else:
        pick = _picked(options, labels.values[seen.indices], seen.spectra)
        indices, spectra = seen.indices[pick], seen.spectra[pick]
        values = labels.values[indices].astype(np.int64)
    classes = [labels.classes[value - 1].name for value in values]
    names = classes if options.spectra == "class_means" else _numbered(classes)
    return Made(Library(names, spectra, scene.wavelengths, scene.fwhm, classes), indices)


def _area_means(labels: Labels, areas: Means) -> tuple[Integers, Array]:
    """Class value and mean spectrum of every area that holds data."""
    first = np.unique(labels.groups, return_index=True)[1]
    values = labels.values[first].astype(np.int64)
    order = np.argsort(values, kind="stable")
    order = order[areas.numbers[order] > 0]
    return values[order], areas.means[order].astype(np.float32)


def _picked(options: Any, classes: NDArray[np.int16], spectra: Array) -> Integers:
    """Indices of the pixels that go into the library, class by class."""
    pick = np.arange(len(classes))
    if options.spectra == "chosen":
        pick = chosen(spectra, classes, options.choice, options.count_per_class, options.seed)
    return pick[np.argsort(classes[pick], kind="stable")]


def _numbered(classes: list[str]) -> list[str]:
    """The class and a number for every spectrum: Roof 1, Roof 2, Tree 1."""
    counts: dict[str, int] = {}
    names = []
    for name in classes:
        counts[name] = counts.get(name, 0) + 1
        names.append(f"{name} {counts[name]}")
    return names
