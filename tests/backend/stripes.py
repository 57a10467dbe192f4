"""Scenes of three classes in stripes, their labelled pixels, parts of them, and settings of small networks for them."""

from __future__ import annotations

import numpy as np
import torch
from mixel.backend.cube import Cube, Window
from mixel.backend.methods import method
from mixel.backend.methods.contract import Labelled, TrainingData

CPU = torch.device("cpu")
CLASSES, BANDS = 3, 12
SMALL = {
    "batch": 16, "components": 8, "epochs": 3, "num_blocks": 1, "num_endmembers": 3, "num_variants": 2, "patch": 3,
    "square": 4, "states": 2, "stem": 3, "trees": 10, "width": 16,
}  # fmt: skip
"""Whole numbers that make a method quick, whatever of them it has."""


def small(name: str, **changes: int) -> dict[str, int]:
    """Settings that make a method quick."""
    wanted = {**SMALL, **changes}
    return {one.name: wanted[one.name] for one in method(name).settings if one.type is int and one.name in wanted}


def silent(step: int, steps: int, loss: float) -> None:
    """Reports to nobody."""


def made_scene(rows: int = 23, cols: int = 17, bands: int = BANDS, seed: int = 0) -> tuple[Cube, np.ndarray]:
    """Three classes in stripes with noise and a nodata pixel: the cube and the class (rows, cols) from 1."""
    generator = np.random.default_rng(seed)
    spectra = np.random.default_rng(99).uniform(0.1, 0.6, (CLASSES, bands))
    classes = 1 + (np.arange(rows)[:, None] // 5 + np.arange(cols) // 6) % CLASSES
    values = spectra[classes - 1].transpose(2, 0, 1) + generator.normal(0, 0.05, (bands, rows, cols))
    valid = np.ones((rows, cols), dtype=bool)
    valid[4 % rows, 3 % cols] = rows * cols == 1
    return Cube(Window(0, 0, rows, cols), np.where(valid, values, 0).astype(np.float32), valid), classes


def crop(cube: Cube, rows: slice, cols: slice, halo: tuple[int, int, int, int] = (0, 0, 0, 0)) -> Cube:
    """A part of a cube, of which so many pixels at each side are halo."""
    top, bottom, left, right = halo
    core = Window(rows.start + top, cols.start + left, rows.stop - rows.start - top - bottom,
                  cols.stop - cols.start - left - right, halo)  # fmt: skip
    return Cube(core, cube.reflectance[:, rows, cols], cube.valid[rows, cols])


def data(
    cube: Cube,
    classes: np.ndarray,
    every: int = 3,
    validation: int = 0,
    weights: np.ndarray | None = None,
    wavelengths: np.ndarray | None = None,
) -> TrainingData:
    """Every so many-th valid pixel is labelled, some of them for validation. Without weights classes count alike."""
    places = np.flatnonzero(cube.valid)[::every]
    parts = [places[: len(places) - validation], places[len(places) - validation :]]
    labels = [np.zeros(cube.valid.size, dtype=np.int16) for _ in parts]
    for label, part in zip(labels, parts, strict=True):
        label[part] = classes.ravel()[part]
    training, held = ([Labelled(cube, label.reshape(cube.valid.shape))] for label in labels)
    counted = np.ones(CLASSES, dtype=np.float32) if weights is None else weights
    return TrainingData(training, held if validation else [], CLASSES, counted, wavelengths)
