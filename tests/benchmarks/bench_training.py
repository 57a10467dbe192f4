"""Minutes that 1000 training steps of UNMamba take: ``python -m tests.benchmarks.bench_training``.

The scene is synthetic, 100 x 100 pixels and 198 bands as Jasper Ridge. Three trainings: as shipped, in squares of the
scene; the same network with the whole scene in every step, which makes a step an epoch; and that in the size that was
published. Each is done with the compiled form of scan, convolution and norm and, beside it, with the plain torch form;
all take their turns one after another, and the least time of a step counts.
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
from backend.methods.unmamba import method
from backend.methods.unmamba.config import Config
from backend.scan import conv, norm, scan
from backend.scan.forms import form_module

FORMS = ("numba", "torch")
PUBLISHED = {"width": 64, "num_blocks": 3, "states": 16}
TRAININGS: dict[str, tuple[dict[str, int], bool]] = {
    "as shipped": ({}, False),
    "shipped size, whole scene": ({}, True),
    "published size, whole scene": (PUBLISHED, True),
}
"""Settings that differ from the shipped ones, and whether a step sees the whole scene."""


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


def steps(cube: Cube, training: str, number: int) -> list[tuple[float, float]]:
    """Seconds by the clock and of processor time of each step but the first, which warms up."""
    marks: list[tuple[float, float]] = []
    changes, whole = TRAININGS[training]
    side = cube.valid.shape[0] if whole else method.SQUARE
    with patch.object(method, "SQUARE", side):
        method.fit(
            [cube],
            Config(epochs=number + 1, **changes),
            torch.device("cpu"),
            lambda *_: marks.append((time.perf_counter(), time.process_time())),
        )
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
    kinds = [(training, form) for training in TRAININGS for form in FORMS]
    taken: dict[tuple[str, str], list[tuple[float, float]]] = {kind: [] for kind in kinds}
    for _ in range(options.turns):
        for training, form in kinds:
            with only(form):
                taken[training, form] += steps(cube, training, options.steps)
    print(f"{options.side} x {options.side} x {options.bands}, {torch.get_num_threads()} threads")
    print(f"{'training':30} {'form':10} {'ms a step':>10} {'core ms':>10} {'min / 1000':>11}")
    for (training, form), times in taken.items():
        wall, busy = np.min(times, axis=0)
        print(f"{training:30} {form:10} {1e3 * wall:10.0f} {1e3 * busy:10.0f} {wall * 1000 / 60:11.1f}")


if __name__ == "__main__":
    main()
