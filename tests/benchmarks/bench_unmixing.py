"""Blind unmixing against references: ``python -m tests.benchmarks.bench_unmixing DATA [--seeds 3] [--scene NAME]``.

DATA is a folder that holds ``jasper_ridge/`` and ``samson/`` as their authors spread them. Endmembers are matched
to the reference by spectral angle (Hungarian method), never by hand. Printed per scene: abundance RMSE, mean spectral
angle, reconstruction error, each as mean and standard deviation over seeds, beside the floor of uniform abundances.
The SHA-256 of the reference file is printed because several references of the same scenes are in circulation.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import time
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import torch
from scipy.io import loadmat

from backend.config import build
from backend.cube import Cube, Window
from backend.methods import Method, method, methods
from backend.metrics import match, rmse, spectral_angles

Reference = tuple[Cube, np.ndarray, np.ndarray, Path]


def jasper_ridge(data: Path) -> Reference:
    """100 x 100 pixels, 198 bands, 4 endmembers; pixels lie in Fortran order in the file."""
    path = data / "jasper_ridge" / "jasperRidge2_R198_with_gt.mat"
    content = loadmat(path)
    cube = _in_fortran_order(content["Y"], 100, 100) / 5000
    return _cube(cube), content["M"].T, _in_fortran_order(content["A"], 100, 100), path


def samson(data: Path) -> Reference:
    """95 x 95 pixels, 156 bands, 3 endmembers; the reference endmembers are max-normalised: score their angle only."""
    path = data / "samson" / "Samson.mat"
    content = loadmat(path)
    return _cube(_in_fortran_order(content["Y"], 95, 95)), content["GT"], content["S_GT"].transpose(2, 0, 1), path


SCENES = {"jasper_ridge": jasper_ridge, "samson": samson}


def main() -> None:
    """Run and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--method", choices=[one.name for one in methods("unmix")], default="unmamba")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the method")
    parser.add_argument("--scene", choices=sorted(SCENES), action="append")
    options = parser.parse_args()
    chosen = method(options.method)
    kinds = {one.name: one.type for one in chosen.settings}
    pairs = [pair.split("=", 1) for pair in options.set]
    given = {name: kinds[name](value) for name, value in pairs}
    for name in options.scene or SCENES:
        cube, endmembers, abundances, path = SCENES[name](options.data)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
        floor = rmse(np.full_like(abundances, 1 / len(abundances)), abundances)
        print(f"{name} (reference {digest}), {chosen.label}; uniform abundances: RMSE {floor:.3f}", flush=True)
        settings = {**given, "num_endmembers": len(endmembers)}
        rows = []
        for seed in range(options.seeds):
            rows.append(score(chosen, {**settings, "seed": seed}, cube, endmembers, abundances))
            print(f"  seed {seed}: " + _line(rows[-1]), flush=True)
        print("  mean:   " + _line(np.mean(rows, axis=0)) + "\n  s.d.:   " + _line(np.std(rows, axis=0)), flush=True)


def score(
    chosen: Method, settings: dict[str, object], cube: Cube, endmembers: np.ndarray, abundances: np.ndarray
) -> list[float]:
    """Abundance RMSE, mean SAD (rad), reconstruction RMSE (reflectance) and seconds of one run."""
    started = time.monotonic()
    config = build(chosen.config, settings)
    fitted = chosen.load().fit([cube], config, torch.device("cpu"), lambda step, steps, loss: None)
    seconds = time.monotonic() - started
    found = fitted.unmix(cube)
    order = match(fitted.endmembers, endmembers)
    angles = np.diag(spectral_angles(fitted.endmembers[order], endmembers))
    error = float(np.sqrt(np.mean(np.square(found.error))))
    return [rmse(found.abundances[order], abundances), float(angles.mean()), error, seconds]


def _line(values: list[float]) -> str:
    return "abundance RMSE {:.4f}  SAD {:.4f} rad  reconstruction {:.4f}  {:.0f} s".format(*values)


def _in_fortran_order(table: np.ndarray, rows: int, cols: int) -> np.ndarray:
    return np.ascontiguousarray(table.reshape(len(table), cols, rows).transpose(0, 2, 1)).astype(np.float32)


def _cube(values: np.ndarray) -> Cube:
    return Cube(Window(0, 0, *values.shape[1:]), values, np.ones(values.shape[1:], dtype=bool))


if __name__ == "__main__":
    main()
