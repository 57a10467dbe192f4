"""Where finished cells are kept: ``<scene>/<variant>.json`` has one row a seed, ``<variant>.npz`` beside it the arrays.

Arrays are named by seed, ``right_3`` for one; maps, abundances and endmembers are there of seed 0 alone. Those of the
reference itself (``floors.npz``) belong to the authors of the scenes and stay out of the repository.
"""

from __future__ import annotations

import json
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

TESTED = {"oa", "logistic regression"}
"""Figures made on test pixels: a row has one of them or depends on no split."""
ASIDE = ("per_class=", "without=")
"""Marks of variants that are not in a scene's table: learning curves and ablations."""
SHIPPED = Path(__file__).parents[2] / "docs" / "benchmarks" / "cells"


@dataclass
class Results:
    """The finished cells in a folder. Files are replaced whole, so a run that is cut off loses nothing."""

    folder: Path

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    def rows(self, scene: str, variant: str) -> dict[int, dict[str, Any]]:
        """The finished seeds of a method on a scene."""
        path = self._path(scene, variant, ".json")
        found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        return {int(seed): row for seed, row in found.items()}

    def arrays(self, scene: str, variant: str) -> dict[str, np.ndarray]:
        """The arrays of all its finished seeds."""
        path = self._path(scene, variant, ".npz")
        if not path.exists():
            return {}
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}

    def variants(self, scene: str) -> list[str]:
        """The methods with results on a scene."""
        return sorted(path.stem for path in (self.folder / scene).glob("*.json"))

    def scenes(self) -> list[str]:
        """The scenes with results."""
        return sorted(path.name for path in self.folder.iterdir() if path.is_dir()) if self.folder.exists() else []

    def add(self, scene: str, variant: str, seed: int, row: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        """Keep a finished cell."""
        with self._lock:
            (self.folder / scene).mkdir(parents=True, exist_ok=True)
            rows = {**self.rows(scene, variant), seed: row}
            lines = [f'"{one}": {json.dumps(rows[one])}' for one in sorted(rows)]
            self._replace(self._path(scene, variant, ".json"), ("{\n" + ",\n".join(lines) + "\n}\n").encode())
            kept = {f"{name}_{seed}": one for name, one in arrays.items()}
            if kept:
                path = self._path(scene, variant, ".npz")
                part = path.with_name("part.npz")
                np.savez_compressed(part, **{**self.arrays(scene, variant), **kept})
                os.replace(part, path)

    def _path(self, scene: str, variant: str, ending: str) -> Path:
        return self.folder / scene / (variant + ending)

    @staticmethod
    def _replace(path: Path, content: bytes) -> None:
        part = path.with_name(path.name + ".part")
        part.write_bytes(content)
        os.replace(part, path)


class Comparable(Results):
    """The same cells, less those whose split not every method has seen, where each seed is another split.

    Splits differ in how hard they are, so that means over unlike ones do not compare methods.
    """

    def rows(self, scene: str, variant: str) -> dict[int, dict[str, Any]]:
        """The finished seeds of a method on a scene that all have."""
        rows, shared = super().rows(scene, variant), self._shared(scene)
        return {seed: row for seed, row in rows.items() if shared is None or seed in shared or not TESTED & set(row)}

    def arrays(self, scene: str, variant: str) -> dict[str, np.ndarray]:
        """The arrays of these seeds."""
        found, seeds = super().arrays(scene, variant), self.rows(scene, variant)
        return {name: one for name, one in found.items() if int(name.rsplit("_", 1)[1]) in seeds}

    def _shared(self, scene: str) -> set[int] | None:
        """The seeds of every method that classifies a scene; None where the split is the same for all."""
        every = [super(Comparable, self).rows(scene, one) for one in self.variants(scene) if not aside(one)]
        every = [rows for rows in every if any("oa" in row for row in rows.values())]
        sizes = {row["test_pixels"] for rows in every for row in rows.values()}
        return set.intersection(*(set(rows) for rows in every)) if len(sizes) > 1 else None


def aside(variant: str) -> bool:
    """Whether a variant stands in a part of the page of its own, and need not have every seed."""
    return any(mark in variant for mark in ASIDE)
