"""A model that does both over a whole scene: its rasters, its spectral library, and what is added up of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...cube import Array, Cube
from ...labels import Class
from ...library import Library, write_csv, write_sli
from ...methods.contract import Plan
from ...novelty import Novelty
from ...outputs import raster_writers
from ...plots import Picture, class_spectra, colour
from ...record import Run
from ...report import Section
from ...results import Joint, Unmixing
from ...summary import Summary
from ..class_maps import Tally, Tested, classification, told
from ..class_maps import _tell as tell
from ..mapping import map_windows
from .contract import JointModel

VARIANTS_NOTE = (
    "Each panel is an endmember: thin lines are its learnt spectra, which every pixel mixes in shares of its own; the "
    "thick line is their mean, the band one standard deviation around it."
)


def joint(unmixing: Unmixing, probabilities: Array, novelty: Array) -> Joint:
    """The Result of one cube."""
    found = classification(probabilities, novelty)
    return Joint(**vars(found), **vars(unmixing))


def map_both(
    run: Run,
    folder: Path,
    model: JointModel,
    novelty: Novelty,
    classes: Sequence[Class],
    endmembers: Sequence[str],
    plan: Plan,
    start: float,
    tested: Tested,
) -> tuple[Tally, Summary]:
    """Map the scene of a run window by window; gives what classes and abundances add up to.

    ``endmembers``: their names; ``tested`` hears of every window; ``start``: where the progress bar stands.
    """
    tally, summary = Tally(len(classes)), Summary(len(endmembers))

    def compute(cube: Cube) -> Joint:
        unmixing, probabilities = model.unmix_and_classify(cube)
        tested.see(cube, probabilities)
        return told(joint(unmixing, probabilities, novelty.of(cube)), cube)

    def add(result: Joint) -> None:
        tally.add(result)
        summary.add(Unmixing(result.abundances, result.error))

    names = {
        "classes": ["Classes"], "confidence": ["Confidence"], "novelty": ["Unlike the training pixels"],
        "abundances": list(endmembers), "error": ["Reconstruction error"],
    }  # fmt: skip
    if run.options.probabilities:
        names["probabilities"] = [one.name for one in classes]
    with raster_writers(folder, Joint, run.scene, names) as writers:
        writers["classes"].name_values(
            ["not classified", *(one.name for one in classes)], ["", *(one.colour for one in classes)]
        )
        windows = run.scene.windows(plan.window, plan.halo)
        map_windows(run, windows, compute, writers, add, "Unmixing and classifying", start)
    if not tally.pixels:
        raise ValueError("No pixel of the scene holds data; check its nodata value.")
    tell(run, tally)
    return tally, summary


def write_variants(run: Run, folder: Path, model: JointModel, names: Sequence[str]) -> Library:
    """Write the spectral library: every variant, its class being its endmember's name."""
    number = model.variants.shape[1]
    named = [f"{name} / {variant}" for name in names for variant in range(1, number + 1)]
    spectra = model.variants.reshape(-1, model.variants.shape[2])
    classes = [name for name in names for _ in range(number)]
    library = Library(named, spectra, run.scene.wavelengths, run.scene.fwhm, classes)
    write_sli(library, folder / "endmembers.sli")
    write_csv(library, folder / "endmembers.csv")
    return library


def variants_section(library: Library, model: JointModel, names: Sequence[str]) -> Section:
    """The spectral library in pictures."""
    means, spreads = model.endmembers.astype(np.float64), model.variants.astype(np.float64).std(axis=1)
    panels = {name: (means[index], spreads[index], colour(index)) for index, name in enumerate(names)}
    return Section("Spectral library", pictures=[Picture(VARIANTS_NOTE, class_spectra(library, panels))])


def angle(model: JointModel, sample: Sequence[Cube]) -> float:
    """The mean spectral angle, radians, between the valid pixels of cubes and their reconstruction."""
    total, pixels = 0.0, 0
    for cube in sample:
        truth, rebuilt = cube.pixels, model.rebuilt(cube)[:, cube.valid].T
        norms = np.linalg.norm(truth, axis=1) * np.linalg.norm(rebuilt, axis=1)
        known = norms > 0
        cosines = np.einsum("nb,nb->n", truth[known], rebuilt[known], dtype=np.float64) / norms[known]
        total += float(np.arccos(np.clip(cosines, -1, 1)).sum())
        pixels += int(known.sum())
    return total / max(1, pixels)
