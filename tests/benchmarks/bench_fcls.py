"""Pixels per second of fully constrained unmixing: ``python -m tests.benchmarks.bench_fcls [--endmembers 4 8 16]``.

Beside each other in one run: ours; a loop of scipy's ``nnls`` with a heavily weighted row for the sum to one, as
scripts do it; pysptools, where it is installed. Each is the best of several turns taken one after another, so that a
busy machine strikes them alike. The loop runs on one core, ours on all: "core" is the ratio of processor time, which
other programs hardly change. Printed too: how far the abundances lie apart.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import torch
from scipy.optimize import nnls

from backend.abundances import fully_constrained

WEIGHT = 1e3
"""Of the row for the sum to one; heavier is more exact, and worse conditioned."""


def made(endmembers: int, bands: int, pixels: int, layout: str, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (pixels, bands) with 30 dB noise, mixed of smooth spectra (endmembers, bands) at sparse random shares."""
    random = np.random.default_rng(seed)
    axis = np.linspace(0, 1, bands)
    bumps = np.exp(
        -0.5 * ((axis - random.random((endmembers, 6, 1))) / random.uniform(0.03, 0.3, (endmembers, 6, 1))) ** 2
    )
    spectra = 0.05 + 0.5 * (bumps * random.random((endmembers, 6, 1))).mean(axis=1) * 2
    shares = random.dirichlet(np.full(endmembers, 0.5), pixels)
    values = shares @ spectra
    values += random.normal(0, np.sqrt(np.mean(values**2) / 1000), values.shape)
    return np.asarray(values, np.float32, order=layout), spectra.astype(np.float32)  # type: ignore[call-overload]


def loop(pixels: np.ndarray, endmembers: np.ndarray) -> np.ndarray:
    """scipy's nnls pixel by pixel, the sum to one as one more band."""
    matrix = np.vstack([endmembers.T.astype(float), np.full(len(endmembers), WEIGHT)])
    return np.array([nnls(matrix, np.append(pixel, WEIGHT))[0] for pixel in pixels.astype(float)])


def pysptools() -> Callable[[np.ndarray, np.ndarray], np.ndarray] | None:
    """Its FCLS, or None."""
    try:
        from pysptools.abundance_maps.amaps import FCLS
    except ImportError:
        return None
    return lambda pixels, endmembers: FCLS(pixels.astype(float), endmembers.astype(float))


def seconds(work: Callable[..., np.ndarray], pixels: np.ndarray, endmembers: np.ndarray) -> tuple[float, float]:
    """How long it took, and the processor time of all threads."""
    started, busy = time.perf_counter(), time.process_time()
    work(pixels, endmembers)
    return time.perf_counter() - started, time.process_time() - busy


def main() -> None:
    """Run and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--endmembers", type=int, nargs="+", default=[4, 8, 16])
    parser.add_argument("--bands", type=int, default=204)
    parser.add_argument("--pixels", type=int, default=200_000)
    parser.add_argument("--turns", type=int, default=5)
    options = parser.parse_args()
    other = pysptools()
    print(f"{options.bands} bands, {torch.get_num_threads()} threads, pixels/s; 'apart' is in abundance")
    titles = ("endmembers", "bands first", "pixels first", "nnls loop", "ratio", "core", "apart", "pysptools", "ratio")
    print(" ".join(f"{title:>12}" for title in titles))
    for count in options.endmembers:
        pixels, spectra = made(count, options.bands, options.pixels, "F")
        rows = np.ascontiguousarray(pixels)
        runs = [(fully_constrained, pixels), (fully_constrained, rows), (loop, rows[:3000])]
        runs += [(other, rows[:300])] if other else []
        apart = np.abs(fully_constrained(rows[:3000], spectra) - loop(rows[:3000], spectra)).max()
        times = [[seconds(work, values, spectra) for work, values in runs] for _ in range(options.turns)]
        best = np.min(times, axis=0) / [[len(values)] for _, values in runs]
        speeds, cores = 1 / best[:, 0], best[:, 1]
        cells = [str(count), *(f"{speed:,.0f}" for speed in speeds[:3])]
        cells += [f"{max(speeds[:2]) / speeds[2]:.0f}x", f"{cores[2] / min(cores[:2]):.0f}x", f"{apart:.0e}"]
        cells += [f"{speeds[3]:,.0f}", f"{max(speeds[:2]) / speeds[3]:.0f}x"] if other else ["not installed"]
        print(" ".join(f"{cell:>12}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
