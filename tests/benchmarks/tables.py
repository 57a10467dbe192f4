"""Numbers out of the files of a data folder, as a scene file describes them.

A table is described by ``file`` and, where the file holds several, ``variable``; ``axes`` names the file's axes in
order. An axis "pixels" in the file is written as the two it runs through, the slower one first ("cols rows" where
pixels lie column by column), and ``rows`` and ``cols`` say how many there are. ``divide`` scales, ``take`` picks along
the first axis of what is wanted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from scipy.io import loadmat

Table = NDArray[np.floating]
NATURAL = "bands rows cols"
"""The axes of a raster."""
KEYS = {"file", "variable", "axes", "rows", "cols", "divide", "take"}


class Files:
    """The files of one scene: reads tables, and knows which files were read.

    FileNotFoundError if one is missing; ValueError, a sentence that names file and key, if a description is wrong.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.used = folder, set[Path]()

    def path(self, name: str) -> Path:
        """A file of the folder that is to be read."""
        found = self.folder / name
        if not found.is_file():
            raise FileNotFoundError(f"{name} is not in the data folder")
        self.used.add(found)
        return found

    def table(self, given: Mapping[str, Any], wanted: str) -> Table:
        """A table with the axes ``wanted``, say "endmembers bands"; NaN where the file has no data."""
        unknown = sorted(set(given) - KEYS)
        if unknown or "file" not in given:
            raise ValueError(f"a table has {', '.join(sorted(KEYS))}, not {unknown or 'no file'}")
        path = self.path(given["file"])
        values, axes = (
            _raster(path) if path.suffix == ".tif" else _matlab(path, given.get("variable")),
            str(given.get("axes", NATURAL if path.suffix == ".tif" else wanted)).split(),
        )
        if sorted(axes) != sorted(wanted.split()):
            raise ValueError(f"{given['file']}: axes are {wanted!r} in the file's order, not {' '.join(axes)!r}")
        if values.ndim < len(axes):
            values = values.reshape(_sides(values, axes, given))
        order = [axes.index(one) for one in wanted.split()]
        values = np.ascontiguousarray(values.transpose(order))
        return (values[given["take"]] if "take" in given else values) / given.get("divide", 1)

    @property
    def digest(self) -> str:
        """The first twelve figures of the SHA-256 of all files used, in the order of their names."""
        found = hashlib.sha256()
        for path in sorted(self.used):
            found.update(path.read_bytes())
        return found.hexdigest()[:12]


def _raster(path: Path) -> Table:
    with rasterio.open(path) as dataset:
        return np.asarray(dataset.read(masked=True).astype(np.float64).filled(np.nan))


def _matlab(path: Path, variable: str | None) -> Table:
    content = {key: value for key, value in loadmat(path).items() if not key.startswith("_")}
    name = variable or next(iter(content))
    if name not in content or (not variable and len(content) > 1):
        raise ValueError(f"{path.name}: variable is one of {', '.join(content)}, not {variable!r}")
    return np.asarray(content[name], np.float64)


def _sides(values: Table, axes: list[str], given: Mapping[str, Any]) -> list[int]:
    """The shape of a table whose pixels are one axis in the file."""
    if not {"rows", "cols"} <= set(given):
        raise ValueError(f"{given['file']} has {values.ndim} axes; rows and cols must say how its pixels lie")
    others = iter(size for size in values.shape if size != given["rows"] * given["cols"])
    return [given[one] if one in ("rows", "cols") else next(others) for one in axes]
