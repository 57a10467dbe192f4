"""A small unmixing-guided Mamba: its settings, a scene of mixtures, and its fit to it."""

from __future__ import annotations

import numpy as np
from mixel.backend.config import build
from mixel.backend.cube import Cube, Window
from mixel.backend.methods.ugm import method as ugm
from mixel.backend.methods.ugm.config import Config
from stripes import BANDS, CLASSES, CPU, data, silent

SMALL = {
    "epochs": 3,
    "stem": 3,
    "width": 16,
    "states": 2,
    "square": 4,
    "num_endmembers": 3,
    "num_variants": 2,
    "components": 8,
}


def made_scene(rows: int = 23, cols: int = 17, seed: int = 0) -> tuple[Cube, np.ndarray, np.ndarray, np.ndarray]:
    """Mixtures of three spectra, in stripes where one prevails, a nodata pixel: cube, classes, spectra, abundances."""
    generator = np.random.default_rng(seed)
    spectra = np.random.default_rng(99).uniform(0.05, 0.7, (CLASSES, BANDS)).astype(np.float32)
    classes = 1 + (np.arange(rows)[:, None] // 5 + np.arange(cols) // 6) % CLASSES
    shares = generator.dirichlet(np.full(CLASSES, 0.6), size=(rows, cols))
    shares = 0.6 * np.eye(CLASSES)[classes - 1] + 0.4 * shares
    shares[::4, ::4] = np.eye(CLASSES)[classes[::4, ::4] - 1]  # pure pixels
    values = np.einsum("hwr,rb->bhw", shares, spectra) + generator.normal(0, 0.005, (BANDS, rows, cols))
    valid = np.ones((rows, cols), dtype=bool)
    valid[4 % rows, 3 % cols] = rows * cols == 1
    cube = Cube(Window(0, 0, rows, cols), np.where(valid, values, 0).astype(np.float32), valid)
    return cube, classes, spectra, shares.transpose(2, 0, 1)


def config(**changes: object) -> Config:
    return build(Config, {**SMALL, **changes})


def fitted(cube: Cube, classes: np.ndarray, **changes: object) -> ugm.FittedUgm:
    return ugm.fit(data(cube, classes), [cube], config(**changes), CPU, silent)
