"""How well an unmixing agrees with reference abundances and spectra that the user gives."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from ...damage import damage_told
from ...labels.lying import check_grid
from ...labels.single import opened
from ...library import covered, read_library, resample
from ...metrics import match, spectral_angles
from ...record import Run
from ...report import Section, Table
from ...survey import HUGE
from ..labelled import grid_of

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Reference:
    """What the user gives: ``path`` of the abundances, the bands' names, ``spectra`` (bands, scene's bands) or None."""

    path: Path
    names: list[str]
    spectra: NDArray[np.float32] | None
    bands: NDArray[np.bool_]
    """(scene's bands,) that the spectra know."""
    notices: list[str]
    """What is to be said of how the reference lies."""


def reference(run: Run, most: int) -> Reference | None:
    """The reference, if one is given, looked at before anything is computed. ValueError if it cannot serve.

    ``most``: how many endmembers are looked for; a reference of more cannot be matched.
    """
    if "reference_library" in run.job.inputs and "reference" not in run.job.inputs:
        raise ValueError("Reference spectra serve only together with reference abundances; give both, or none.")
    if "reference" not in run.job.inputs:
        return None
    path = Path(run.job.inputs["reference"]["path"])
    with opened(path, "reference") as dataset:
        notices = check_grid(dataset, grid_of(run.scene), "reference")
        names = [name or f"Reference {band}" for band, name in enumerate(dataset.descriptions, start=1)]
    if len(names) > most:
        raise ValueError(f"The reference has {len(names)} bands; ask for at least as many endmembers, not {most}.")
    spectra, bands = _spectra(run, len(names))
    return Reference(path, names, spectra, bands, notices)


def scored(run: Run, given: Reference, abundances: Path, endmembers: NDArray[np.float32]) -> Section:
    """Match the endmembers to the reference (Hungarian method) and say how far they are from it.

    Matched by spectral angle where reference spectra are given, else by the abundances themselves.
    """
    for notice in given.notices:
        run.notice(notice)
    squares, pixels = _squares(given.path, abundances)
    if not pixels:
        raise ValueError("The reference abundances hold no pixel with data in the scene; check their nodata value.")
    if given.spectra is None:
        lines, columns = linear_sum_assignment(squares)
        order, angles = columns[np.argsort(lines)], None
    else:
        order = match(endmembers[:, given.bands], given.spectra)
        angles = np.diag(spectral_angles(given.spectra, endmembers[order][:, given.bands]))
    found = squares[np.arange(len(order)), order] / pixels
    run.metrics.update(abundance_rmse=float(np.sqrt(found.mean())), reference_pixels=float(pixels))
    if angles is not None:
        run.metrics["sad"] = float(angles.mean())
    return _section(given, order, np.sqrt(found), angles, pixels)


def _section(given: Reference, order: NDArray[np.int64], rmse: Numbers, angles: Numbers | None, pixels: int) -> Section:
    header = ["Reference", "Matched endmember", "Abundance RMSE", *(["Spectral angle"] if angles is not None else [])]
    rows = [
        [
            name,
            str(order[index] + 1),
            f"{rmse[index]:.4f}",
            *([f"{angles[index]:.4f} rad"] if angles is not None else []),
        ]
        for index, name in enumerate(given.names)
    ]
    last = ["All", "", f"{np.sqrt(np.mean(rmse**2)):.4f}"]
    rows.append([*last, *([f"{angles.mean():.4f} rad"] if angles is not None else [])])
    how = "spectral angle" if angles is not None else "abundances, since no reference spectra were given"
    note = f"{pixels} pixels; matched by {how} (Hungarian method)."
    return Section("Against the reference", tables=[Table(header, rows, note)])


def _squares(path: Path, abundances: Path) -> tuple[Numbers, int]:
    """Sums of squared differences (reference bands, endmembers) over the pixels both know, and their number."""
    with rasterio.open(path) as known, rasterio.open(abundances) as found:
        total, pixels = np.zeros((known.count, found.count)), 0
        for _, window in found.block_windows(1):
            with damage_told(path):
                truth = known.read(window=window, masked=True).astype(np.float64).filled(np.nan)
            shares = found.read(window=window).astype(np.float64)
            both = (np.abs(truth) < HUGE).all(axis=0) & np.isfinite(shares).all(axis=0)
            total += np.square(truth[:, None, both] - shares[None, :, both]).sum(axis=2)
            pixels += int(both.sum())
    return total, pixels


def _spectra(run: Run, count: int) -> tuple[NDArray[np.float32] | None, NDArray[np.bool_]]:
    scene = run.scene
    every = np.ones(scene.bands, dtype=bool)
    if "reference_library" not in run.job.inputs:
        return None, every
    library = read_library(Path(run.job.inputs["reference_library"]["path"]))
    if len(library.names) != count:
        raise ValueError(
            f"The reference library has {len(library.names)} spectra and the reference abundances {count} bands; the "
            "spectra must be those of the bands, in their order."
        )
    if library.wavelengths is None or scene.wavelengths is None:
        if library.spectra.shape[1] != scene.bands:
            raise ValueError("The reference library has other bands than the scene, and not both name wavelengths.")
        return library.spectra, every
    known = covered(library, scene.wavelengths, scene.fwhm)
    return resample(library, scene.wavelengths[known], None if scene.fwhm is None else scene.fwhm[known]).spectra, known
