"""Quality flags that lie in rasters beside the image, in its pixels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from rasterio.errors import RasterioError
from rasterio.windows import Window as RasterWindow

from ...cube import Mask, Window
from ...facts import Flag

CLOUD = Flag("cloud", "Cloud", True)
CIRRUS = Flag("cirrus", "Cirrus", True)
SHADOW = Flag("shadow", "Cloud shadow", True)
SNOW = Flag("snow", "Snow", False)
HAZE = Flag("haze", "Haze", False)
BACKGROUND = 255
"""What quality rasters of bytes hold outside the image, whether they declare it or not."""


@dataclass(frozen=True)
class Mark:
    """A flag and where it is drawn: a band of a raster, from 1, above 0 where it holds."""

    flag: Flag
    dataset: Any
    band: int = 1


class QualityRasters:
    """Open quality rasters of a scene; ``flags``: what can be left out by them."""

    def __init__(self, marks: Sequence[Mark]) -> None:
        """Take over the open rasters."""
        self._marks = tuple(marks)
        self.flags = tuple(dict.fromkeys(mark.flag for mark in marks))

    def check_size(self, rows: int, cols: int) -> None:
        """ValueError, a sentence, if a raster has another size than the image."""
        for dataset in self._datasets():
            if (dataset.height, dataset.width) != (rows, cols):
                raise ValueError(
                    f"The quality raster {_last(dataset.name)} has {dataset.height} x {dataset.width} pixels and the "
                    f"image {rows} x {cols}. Copy or download the product again."
                )

    def unmarked(self, window: Window, names: Iterable[str]) -> Mask | None:
        """Which pixels (rows, cols) of a window's core none of these flags marks; None where there is no such flag.

        ValueError, a sentence, if a raster cannot be read.
        """
        wanted, area = set(names), RasterWindow(window.col, window.row, window.cols, window.rows)
        marked: Mask | None = None
        for mark in self._marks:
            if mark.flag.name not in wanted:
                continue
            try:
                values = mark.dataset.read(mark.band, window=area)
            except RasterioError as error:
                raise ValueError(
                    f"The quality raster {_last(mark.dataset.name)} cannot be read ({error}). Copy or download the "
                    "product again."
                ) from error
            found = (values > 0) & (values != BACKGROUND)
            nodata = mark.dataset.nodatavals[mark.band - 1]
            if nodata is not None and nodata != 1:  # a mark declared as missing is a mark still
                found &= values != nodata
            marked = found if marked is None else marked | found
        return None if marked is None else np.logical_not(marked)

    def close(self) -> None:
        """Close the rasters."""
        for dataset in self._datasets():
            with suppress(RasterioError):
                dataset.close()

    def _datasets(self) -> list[Any]:
        return list({id(mark.dataset): mark.dataset for mark in self._marks}.values())


def _last(name: str) -> str:
    return name.replace("\\", "/").rpartition("/")[2]
