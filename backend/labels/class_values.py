"""What the values of a class raster mean: their names, and whether 0 is a class or none.

0 means none, as in most class rasters. It is a class where the file gives it a name that is no word for none, or marks
missing pixels otherwise: by another nodata value, or NaN.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import rasterio.shutil
from numpy.typing import NDArray
from rasterio.io import MemoryFile

from ..names import plain
from .single import blocks

LARGEST = 2**53
"""Beyond it floats skip whole numbers."""
NONE = re.compile(
    r"(no|none|not|nodata|null|void|empty|background|ignored?|masked( out)?|0"
    r"|un(classified|labell?ed|known|defined|assigned|klassifiziert))?$|(no|not|none)[ _-]",
    re.IGNORECASE,
)
"""Names of the value 0 that say that it is no class."""


@dataclass(frozen=True)
class Zero:
    """What the value 0 means: whether it ``counts`` as a class; ``why``, in words, or empty where the file says so."""

    counts: bool
    why: str

    def notices(self, what: str, pixels: int) -> list[str]:
        """What is to be said of so many pixels of value 0 in a raster; ``what``: what it is called."""
        if not pixels or not self.why:
            return []
        if self.counts:
            return [
                f"Pixels of value 0 in the {what} ({pixels}) count as a class, since {self.why}. If they belong to no "
                "class, state 0 as the file's nodata value."
            ]
        return [
            f"Pixels of value 0 in the {what} ({pixels}) count as not labelled. If 0 is a class, state another nodata "
            "value for the file."
        ]


def zero_of(dataset: Any, names: list[str]) -> Zero:
    """What 0 means in an open raster; ``names``: of its values."""
    if dataset.nodata == 0:
        return Zero(False, "")
    if names and names[0] not in ("", "0"):
        none = NONE.match(names[0]) is not None
        return Zero(not none, "" if none else f"the file calls it {names[0]!r}")
    if dataset.nodata is not None:
        return Zero(True, f"the file's nodata value is {dataset.nodata:.6g}")
    if dataset.dtypes[0].startswith("float") and any(np.isnan(values).any() for _, _, values, _ in blocks(dataset)):
        return Zero(True, "pixels without a class are NaN")
    return Zero(False, "the file does not say")


def check_values(values: NDArray[Any], what: str) -> None:
    """ValueError, a sentence, if values are not whole numbers from 0 that a float holds to the last digit."""
    wrong = values[(values < 0) | (values != np.floor(values)) | (values > LARGEST)]
    if len(wrong):
        raise ValueError(
            f"The {what} holds the value {wrong[0]:.15g}; classes are whole numbers from 0. If it means none, state it "
            "as the file's nodata value; else choose another raster."
        )


def value_names(dataset: Any) -> list[str]:
    """Names by class value: those Mixel writes into its maps, else the file's categories.

    rasterio does not give categories; they stand in any VRT that describes the file. It is made in memory: the folder
    of temporary files may be full.
    """
    tags = dataset.tags(1)
    if "category_0" in tags:
        number = sum(key.startswith("category_") for key in tags)
        return [plain(tags.get(f"category_{value}", "")) for value in range(number)]
    with MemoryFile(ext=".vrt") as description:
        rasterio.shutil.copy(dataset, description.name, driver="VRT")
        text = _decoded(description.read())
    found = re.search("<CategoryNames>(.*?)</CategoryNames>", text, re.DOTALL)
    entries = re.findall("<Category>(.*?)</Category>|<Category ?/>", found.group(1), re.DOTALL) if found else []
    return [plain(html.unescape(entry)) for entry in entries]


def _decoded(text: bytes) -> str:
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:  # GDAL hands on the bytes of an older ENVI header
        return text.decode("latin-1")


def called(present: NDArray[np.int64], names: list[str]) -> list[str]:
    """A name for every class value: the file's, else the number. Two of one name get their number added."""
    plain = [names[code] if code < len(names) and names[code] else str(code) for code in present.tolist()]
    return [f"{name} ({code})" if plain.count(name) > 1 else name for name, code in zip(plain, present, strict=True)]
