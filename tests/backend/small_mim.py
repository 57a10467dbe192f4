"""A small Mamba-in-Mamba: its settings, and its fit to a scene."""

from __future__ import annotations

import numpy as np
from mixel.backend.config import build
from mixel.backend.cube import Cube
from mixel.backend.methods.mim import method as mim
from mixel.backend.methods.mim.config import Config
from stripes import CPU, data, silent

SMALL = {"patch": 5, "epochs": 4, "width": 16, "states": 4, "stem": 3, "batch": 16, "components": 8}


def config(**changes: object) -> Config:
    return build(Config, {**SMALL, **changes})


def fitted(cube: Cube, classes: np.ndarray, **changes: object) -> mim.FittedMim:
    return mim.fit(data(cube, classes), config(**changes), CPU, silent)
