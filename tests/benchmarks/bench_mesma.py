"""How long MESMA takes with a large library: ``python -m tests.benchmarks.bench_mesma [--side 500] [--complexity 2]``.

The library is the one that Mixel ships beside its sample scene: 75 spectra of six classes. Pixels are mixed of it, two
classes each, with 30 dB noise. Beside it in the same run, on the first pixels only: every model solved by itself with
the exact fully constrained solver, as a script would go through them. Printed: pixels per second of both, their ratio,
by how much the errors of the two lie apart, and the minutes of the whole scene.
"""

from __future__ import annotations

import argparse
import os
import time
from itertools import combinations

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import torch
from numpy.typing import NDArray

from backend.abundances import errors, fully_constrained
from backend.abundances.mesma import mesma
from backend.library import read_library
from tests.benchmarks.child import sample_scene

Table = NDArray[np.float32]


def shipped() -> tuple[Table, list[int]]:
    """Spectra (75, bands) of the shipped library and the class of each, from 0."""
    library = read_library(sample_scene().with_name("SpecLib_BerlinUrbanGradient.sli"), "level 2")
    names = sorted(set(library.classes or ()))
    return np.asarray(library.spectra, np.float32), [names.index(one) for one in library.classes or ()]


def mixed(library: Table, classes: list[int], pixels: int, seed: int = 0) -> Table:
    """Pixels (pixels, bands), each of one spectrum of two classes, with noise of 30 dB."""
    generator = np.random.default_rng(seed)
    members = [np.flatnonzero(np.array(classes) == one) for one in range(max(classes) + 1)]
    pairs = np.array([generator.choice(len(members), 2, replace=False) for _ in range(pixels)])
    first, second = (np.array([generator.choice(members[one]) for one in pairs[:, place]]) for place in (0, 1))
    share = generator.random((pixels, 1))
    values = share * library[first] + (1 - share) * library[second]
    noise = np.sqrt(np.mean(values**2) / 1000)
    return np.asarray(values + generator.normal(0, noise, values.shape), np.float32)


def one_by_one(pixels: Table, library: Table, classes: list[int], complexity: int) -> Table:
    """The lowest error (pixels,) over all models of at most so many classes, each solved by itself."""
    best = np.full(len(pixels), np.inf, np.float32)
    for size in range(1, complexity + 1):
        for chosen in combinations(range(len(library)), size):
            if len({classes[one] for one in chosen}) == size:
                spectra = np.ascontiguousarray(library[list(chosen)])
                best = np.minimum(best, errors(pixels, spectra, fully_constrained(pixels, spectra)))
    return best


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=500)
    parser.add_argument("--complexity", type=int, default=2)
    parser.add_argument("--few", type=int, default=2000, help="pixels that every model is solved for by itself")
    options = parser.parse_args()
    library, classes = shipped()
    pixels = mixed(library, classes, options.side**2)
    few = pixels[: options.few]
    mesma(few, library, classes, options.complexity, None, 0.0)  # compiles
    started = time.perf_counter()
    found = mesma(pixels, library, classes, options.complexity, None, 0.0)
    whole = time.perf_counter() - started
    started = time.perf_counter()
    known = one_by_one(few, library, classes, options.complexity)
    slow = (time.perf_counter() - started) / len(few)
    apart = float(np.abs(found.error[: len(few)] - known).max())
    print(f"{len(library)} spectra, {library.shape[1]} bands, at most {options.complexity} classes a pixel, ", end="")
    print(f"{torch.get_num_threads()} threads")
    print(f"{options.side} x {options.side} pixels: {whole / 60:.2f} minutes, {len(pixels) / whole:,.0f} pixels/s")
    print(
        f"model by model: {1 / slow:,.0f} pixels/s; ratio {slow * len(pixels) / whole:.0f}x; errors apart {apart:.0e}"
    )


if __name__ == "__main__":
    main()
