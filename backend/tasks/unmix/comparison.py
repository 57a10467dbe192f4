"""The classical answer beside the network's, on the same sample of the scene: what every unmixing report shows."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from ... import config
from ...cube import Array, Cube
from ...methods import method
from ...methods.contract import Unmixer
from ...metrics import match, rmse, spectral_angles
from ...record import Run
from ...report import Section, Table

CLASSICAL = "vca_fcls"
MOST_CUBES = 8
"""Cubes of the sample that both are compared on: what they differ by shows in a few hundred thousand pixels."""
NOTE = (
    "Both are figures of the same sample. A lower error alone does not mean truer abundances; where the two answers "
    "differ much, look at the maps of both."
)


@dataclass(frozen=True)
class Beside:
    """How two unmixings of the same cubes differ. ``order``: for each endmember the classical one it is matched to."""

    errors: tuple[float, float]
    """Reconstruction RMSE in reflectance: of the method, of the classical answer."""
    angles: Array
    """(endmembers,) spectral angle of each endmember to its classical partner, rad."""
    agreement: float
    """RMSE between the abundances of matched endmembers."""
    seconds: float
    """What the classical answer took."""


def beside_classical(run: Run, sample: list[Cube], unmixer: Unmixer, seed: int) -> Section | None:
    """Unmix the sample classically too and say how the two differ; None where the method is the classical one."""
    if run.job.method == CLASSICAL:
        return None
    cubes = sample[:MOST_CUBES]
    found = compare(cubes, sample, unmixer, seed)
    run.metrics.update(classical_rmse=found.errors[1], classical_agreement=found.agreement)
    own = f"{run.training.seconds:.0f} s" if run.training else "-"
    label = run.method.label if run.method else ""
    rows = [
        (label, f"{found.errors[0]:.4f}", own),
        (method(CLASSICAL).label, f"{found.errors[1]:.4f}", f"{found.seconds:.1f} s"),
    ]
    angles = [
        (f"Endmember {number}", f"{angle:.3f} rad ({np.degrees(angle):.0f}°)")
        for number, angle in enumerate(found.angles, start=1)
    ]
    return Section(
        "Beside the classical answer",
        tables=[
            Table(("Method", "Reconstruction RMSE", "Time to learn"), rows),
            Table(("Spectral angle to the matched classical endmember", ""), angles),
        ],
        text=f"The abundances of matched endmembers differ by {found.agreement:.3f} (RMSE). {NOTE}",
    )


def compare(cubes: list[Cube], sample: list[Cube], unmixer: Unmixer, seed: int) -> Beside:
    """Fit the classical method to the sample and compare both on some of its cubes."""
    started = time.monotonic()
    chosen = method(CLASSICAL)
    settings = config.build(chosen.config, {"num_endmembers": len(unmixer.endmembers), "seed": seed})
    classical: Unmixer = chosen.load().fit(sample, settings, "cpu", lambda *_: None)
    seconds = time.monotonic() - started
    first, second = ([one.unmix(cube) for cube in cubes] for one in (unmixer, classical))
    order = match(classical.endmembers, unmixer.endmembers)
    angles = np.diag(spectral_angles(unmixer.endmembers, classical.endmembers[order])).astype(np.float32)
    pairs = [(a.abundances, b.abundances[order]) for a, b in zip(first, second, strict=True)]
    agreement = rmse(*(np.concatenate([pair[side].ravel() for pair in pairs]) for side in (0, 1)))
    errors = [np.concatenate([one.error.ravel() for one in results]) for results in (first, second)]
    own, other = (float(np.sqrt(np.nanmean(np.square(one, dtype=np.float64)))) for one in errors)
    return Beside((own, other), angles, agreement, seconds)
