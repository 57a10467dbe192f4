"""Minutes that 1000 training steps of UNMamba take: ``python -m tests.benchmarks.bench_training``.

The scene is synthetic, 100 x 100 pixels and 198 bands as Jasper Ridge, and learnt from whole in every step. The same
network is trained with the compiled form of scan, convolution and norm and, beside it, with the plain torch form; both
take their turns one after another, and the least time of a step counts.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import torch

from backend.cube import Cube, Window
from backend.memory import keep_freed_memory
from backend.methods.unmamba.config import Config
from backend.methods.unmamba.method import fit
from backend.scan import conv, norm, scan
from backend.scan.forms import form_module

FORMS = ("numba", "torch")


def made(side: int, bands: int) -> Cube:
    """A mixture of four random spectra with noise."""
    generator = np.random.default_rng(0)
    shares = generator.dirichlet([0.3] * 4, (side, side))
    values = np.einsum("hwr,rb->bhw", shares, generator.random((4, bands)))
    values += 0.01 * generator.standard_normal(values.shape)
    return Cube(Window(0, 0, side, side), values.astype(np.float32), np.ones((side, side), dtype=bool))


@contextmanager
def only(form: str) -> Iterator[None]:
    """Scan, convolution and norm in one form, whatever would be chosen."""

    def chosen(name: str | None, device: torch.device, dtype: torch.dtype, initial_state: bool = False) -> object:
        return form_module(form, device, dtype, initial_state)

    with ExitStack() as patches:
        for module in (scan, conv, norm):
            patches.enter_context(patch.object(module, "form_module", chosen))
        yield


def steps(cube: Cube, number: int) -> list[tuple[float, float]]:
    """Seconds by the clock and of processor time of each step but the first, which warms up."""
    marks: list[tuple[float, float]] = []
    config = Config(epochs=number + 1)
    fit([cube], config, torch.device("cpu"), lambda *_: marks.append((time.perf_counter(), time.process_time())))
    return [(b[0] - a[0], b[1] - a[1]) for a, b in zip(marks, marks[1:], strict=False)]


def main() -> None:
    """Run and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=100)
    parser.add_argument("--bands", type=int, default=198)
    parser.add_argument("--steps", type=int, default=6, help="steps of each turn")
    parser.add_argument("--turns", type=int, default=2)
    options = parser.parse_args()
    keep_freed_memory()  # as the backend does
    cube = made(options.side, options.bands)
    taken: dict[str, list[tuple[float, float]]] = {form: [] for form in FORMS}
    for _ in range(options.turns):
        for form in FORMS:
            with only(form):
                taken[form] += steps(cube, options.steps)
    print(f"{options.side} x {options.side} x {options.bands}, {torch.get_num_threads()} threads")
    print(f"{'form':10} {'ms a step':>10} {'core ms':>10} {'min / 1000':>11}")
    for form, times in taken.items():
        wall, busy = np.min(times, axis=0)
        print(f"{form:10} {1e3 * wall:10.0f} {1e3 * busy:10.0f} {wall * 1000 / 60:11.1f}")


if __name__ == "__main__":
    main()
