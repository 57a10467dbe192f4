"""Blind unmixing against references: ``python -m tests.benchmarks.bench_unmixing DATA [--seeds 20] [--scene NAME]``.

DATA holds the scenes as their authors spread them; see ``scenes.py``. Endmembers are matched to the reference by
spectral angle (Hungarian method), never by hand. Printed as a table per scene: abundance RMSE, mean spectral angle and
reconstruction error as mean and standard deviation over seeds, and seconds. Above them stand the floors that need the
reference: uniform abundances, exact FCLS with the reference spectra (not where these say only shapes), and with all
spectra of the scene's library, summed by class. Reference files are told apart by the digest.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import torch

from backend.abundances import fully_constrained
from backend.config import build
from backend.methods import Method, method, methods
from backend.metrics import match, rmse, spectral_angles
from tests.benchmarks.scenes import SCENES, UnmixingScene

HEADER = "| method | abundance RMSE | SAD (rad) | reconstruction | seconds |\n|---|---|---|---|---|"
DIGITS = ("{:.3f}", "{:.3f}", "{:.4f}", "{:.0f}")


def main() -> None:
    """Run and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--method", choices=[one.name for one in methods("unmix")], action="append")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the method")
    parser.add_argument("--scene", choices=sorted(SCENES), action="append")
    options = parser.parse_args()
    pairs = dict(pair.split("=", 1) for pair in options.set)
    for name in options.scene or SCENES:
        scene = SCENES[name](options.data)
        size = " x ".join(str(one) for one in scene.cube.reflectance.shape[1:])
        print(f"\n{name}: {size} pixels, {len(scene.spectra)} endmembers, reference {scene.digest} {scene.note}\n")
        print(HEADER, flush=True)
        for floor, value in floors(scene).items():
            print(f"| {floor} | {value:.3f} | | | |", flush=True)
        for one in options.method or [known.name for known in methods("unmix")]:
            chosen = method(one)
            kinds = {setting.name: setting.type for setting in chosen.settings}
            given = {key: kinds[key](value) for key, value in pairs.items()}
            rows = [score(chosen, {**given, "seed": seed}, scene) for seed in range(options.seeds)]
            print(f"| {one}, {options.seeds} seeds | " + _line(np.array(rows)) + " |", flush=True)


def floors(scene: UnmixingScene) -> dict[str, float]:
    """Abundance RMSE of answers that need the reference, by name."""
    known = np.isfinite(scene.abundances[0]) & scene.cube.valid
    pixels = np.ascontiguousarray(scene.cube.reflectance[:, known].T)
    truth = scene.abundances[:, known].T
    found = {"uniform abundances": rmse(np.full_like(truth, 1 / truth.shape[1]), truth)}
    if not scene.unit_spectra:
        spectra = np.asarray(scene.spectra, np.float32)
        found["FCLS, reference spectra"] = rmse(fully_constrained(pixels, spectra), truth)
    if scene.library is not None and scene.groups is not None:
        shares = fully_constrained(pixels, np.asarray(scene.library, np.float32))
        found["FCLS, whole library"] = rmse(shares @ np.eye(truth.shape[1])[scene.groups], truth)
    return found


def score(chosen: Method, settings: dict[str, object], scene: UnmixingScene) -> list[float]:
    """Abundance RMSE, mean SAD (rad), reconstruction RMSE (reflectance) and seconds of one run."""
    started, cube = time.monotonic(), scene.cube
    config = build(chosen.config, {**settings, "num_endmembers": len(scene.spectra)})
    fitted = chosen.load().fit([cube], config, torch.device("cpu"), lambda step, steps, loss: None)
    seconds = time.monotonic() - started
    found = fitted.unmix(cube)
    order = match(fitted.endmembers, scene.spectra)
    angles = np.diag(spectral_angles(fitted.endmembers[order], scene.spectra))
    error = float(np.sqrt(np.nanmean(np.square(found.error))))
    return [rmse(found.abundances[order], scene.abundances), float(angles.mean()), error, seconds]


def _line(rows: np.ndarray) -> str:
    """Means with standard deviations; of the seconds the mean alone."""
    parts = zip(DIGITS, rows.mean(axis=0), rows.std(axis=0), strict=True)
    cells = [f"{form.format(mean)} ± {form.format(spread)}" for form, mean, spread in parts]
    return " | ".join([*cells[:-1], cells[-1].split(" ±")[0]])


if __name__ == "__main__":
    main()
