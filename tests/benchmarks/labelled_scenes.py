"""The scenes of the classification benchmarks, each described in one place: its cube, training and test labels.

A data folder holds one folder per scene, as their authors spread them; nothing of it belongs to Mixel. Validation
pixels are drawn from the training pixels, never from the test pixels.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from scipy.io import loadmat

from backend.cube import Array, Cube, Window
from backend.labels import Labels, make_classes
from backend.scene import Scene
from backend.splits import Split, block_split, given_split

Values = NDArray[np.int16]
INDIAN_PINES = (
    "Corn-notill", "Corn-mintill", "Corn", "Grass-pasture", "Grass-trees", "Hay-windrowed", "Soybean-notill",
    "Soybean-mintill", "Soybean-clean", "Wheat", "Woods", "Buildings-Grass-Trees", "Stone-Steel-Towers", "Alfalfa",
    "Grass-pasture-mowed", "Oats",
)  # fmt: skip
POTSDAM = ("roof", "pavement", "low vegetation", "tree", "soil", "water")
TILE, PARENT_COL = 32, 64


@dataclass(frozen=True)
class LabelledScene:
    """A scene with labels and their split; ``note`` says how far its test pixels can be trusted."""

    name: str
    cube: Cube
    wavelengths: Array | None
    labels: Labels
    split: Split
    note: str


def indian_pines(data: Path, seed: int) -> LabelledScene:
    """AVIRIS, 145 x 145 pixels, 200 bands of 8 bits, 16 classes: the 695 / 9671 pixels of the released masks."""
    folder = data / "indian_pines"
    values = next(value for key, value in loadmat(folder / "IP_200_M.mat").items() if not key.startswith("_"))
    cube = np.ascontiguousarray(np.moveaxis(np.asarray(values, np.float32), -1, 0)) / 255
    parts = [_table(folder / "mim_split" / name) for name in ("TRAIN_GT.mat", "TEST_GT.mat")]
    labels, split = given_split(*(_labels(part, INDIAN_PINES) for part in parts), 0.1, 1, 0, seed)
    whole = Cube(Window(0, 0, *cube.shape[1:]), cube, np.ones(cube.shape[1:], bool))
    return LabelledScene("indian_pines", whole, None, labels, split, "test pixels lie beside training pixels")


def potsdam(data: Path, seed: int) -> LabelledScene:
    """EnMAP L2A, 6 classes: 14 tiles train, 4 test (the two validation tiles of the authors among them)."""
    folder = data / "enmap_potsdam"
    cube, wavelengths = _read(folder / "potsdam_enmap_l2a.tif")
    with rasterio.open(folder / "potsdam_landcover.tif") as dataset:
        known = np.where(cube.valid, dataset.read(1), 0)
    parts = [np.zeros_like(known), np.zeros_like(known)]
    for name, part in (("train", parts[0]), ("validation", parts[1]), ("test", parts[1])):
        for row, col in _tiles(folder / f"{name}_files.csv"):
            part[row : row + TILE, col : col + TILE] = known[row : row + TILE, col : col + TILE]
    labels, split = given_split(*(_labels(part, POTSDAM) for part in parts), 0.1, TILE, 0, seed)
    return LabelledScene("potsdam", cube, wavelengths, labels, split, "whole tiles, side by side")


def potsdam_blocks(data: Path, seed: int) -> LabelledScene:
    """The same scene, split into blocks as Mixel does by default; another seed is another split."""
    folder = data / "enmap_potsdam"
    cube, wavelengths = _read(folder / "potsdam_enmap_l2a.tif")
    with rasterio.open(folder / "potsdam_landcover.tif") as dataset:
        labels = _labels(np.where(cube.valid, dataset.read(1), 0), POTSDAM)
    split = block_split(labels, None, 6, (0.6, 0.1, 0.3), seed)
    return LabelledScene("potsdam_blocks", cube, wavelengths, labels, split, "blocks, 6 pixels apart")


SCENES: dict[str, Callable[[Path, int], LabelledScene]] = {
    "indian_pines": indian_pines,
    "potsdam": potsdam,
    "potsdam_blocks": potsdam_blocks,
}


def _labels(values: NDArray[np.integer], names: tuple[str, ...]) -> Labels:
    """All labelled pixels of an image of class values, whose names these are in order."""
    rows, cols = np.nonzero(values)
    groups = np.arange(len(rows), dtype=np.int32)
    return Labels(
        rows.astype(np.int32), cols.astype(np.int32), values[rows, cols].astype(np.int16), groups, make_classes(names)
    )


def _read(path: Path) -> tuple[Cube, Array | None]:
    with Scene(path) as scene:
        return scene.read(Window(0, 0, scene.rows, scene.cols)), scene.wavelengths


def _table(path: Path) -> Values:
    found = next(value for key, value in loadmat(path).items() if not key.startswith("_"))
    return np.asarray(found, np.int16)


def _tiles(path: Path) -> list[tuple[int, int]]:
    """Rows and columns where the tiles of a list begin; their names hold columns and rows of the parent scene."""
    with path.open(encoding="utf-8", newline="") as file:
        names = [re.search(r"_(\d+)_(\d+)\.tif", row["mask"]) for row in csv.DictReader(file)]
    return [(int(name.group(2)), int(name.group(1)) - PARENT_COL) for name in names if name]
