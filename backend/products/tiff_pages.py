"""A TIFF of one page a band with the ENVI header of the same cube beside it, as Cubert's programs export cubes.

Without such a header nothing says that pages are bands: the reader of plain rasters refuses them then.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.dtypes import dtype_rev, typename_fwd
from rasterio.errors import RasterioError
from rasterio.windows import Window as RasterWindow

from ..cube import Window
from ..facts import spectral_axis
from .envi.header import is_header, read_header
from .product import Product, Stored
from .raster import Raster, opened

PAGE = re.compile(r"Page \d+ \((\d+)P x (\d+)L x (\d+)B\)")
"""GDAL's description of a page: columns, rows, bands."""
MOST_OPEN = 256
"""Pages kept open at a time: each costs a file handle."""


def recognise(path: Path) -> Product | None:
    """A TIFF with as many pages of one size as its header has bands."""
    if path.suffix.lower() not in (".tif", ".tiff") or not path.is_file():
        return None
    beside = [path.with_suffix(".hdr"), path.with_name(f"{path.name}.hdr")]
    header = next((one for one in beside if is_header(one)), None)
    if header is None:
        return None
    first = opened(path)
    with first:
        said, sizes = read_header(header), _sizes(first.tags(ns="SUBDATASETS"))
        wanted = tuple(said.get(key, "") for key in ("samples", "lines"))
        if len(sizes) < 2 or str(len(sizes)) != said.get("bands") or set(sizes) != {(*wanted, "1")}:
            return None
        pages = Pages(rasterio.open(_stack(first, path, len(sizes))), path, header, said)
        pages.block = first.block_shapes[0]
    return pages


class Pages(Raster):
    """A stack of pages. GDAL's virtual dataset says what they are; the pages themselves are read directly.

    A virtual dataset would open all of them again for every window.
    """

    def __init__(self, stack: Any, path: Path, header: Path, said: Mapping[str, str]) -> None:
        """``stack``: the virtual dataset. ``said``: the header's fields."""
        super().__init__(stack, path)
        self._open: dict[int, Any] = {}
        self.files = tuple(dict.fromkeys((*self.files, path, header)))
        fields = {key.replace(" ", "_"): value for key, value in said.items()}
        waves, fwhm, good = spectral_axis(fields, [{}] * self.facts.bands, [])
        note = f"Each of the file's {self.facts.bands} pages was taken as a band, as {header.name} says."
        self.facts = replace(
            self.facts,
            product="Cubert" if "cubert" in said.get("description", "").lower() else self.facts.product,
            wavelengths=waves,
            fwhm=fwhm,
            good_bands=good,
            notes=(*self.facts.notes, note),
        )

    def read(self, window: Window, bands: Sequence[int]) -> Stored:
        """Stored values of a window. ValueError, a sentence, if the file cannot be read."""
        area = RasterWindow(window.col, window.row, window.cols, window.rows)
        stored = np.empty((len(bands), window.rows, window.cols), self.facts.dtype)
        try:
            for layer, band in zip(stored, bands, strict=True):
                self._page(band).read(1, window=area, out=layer)
        except RasterioError as error:
            raise ValueError(
                f"The scene {self.path} cannot be read completely ({error}). Copy or download the file again."
            ) from error
        return stored

    def close(self) -> None:
        """Close the stack and its pages."""
        for page in self._open.values():
            page.close()
        self._open.clear()
        super().close()

    def _page(self, band: int) -> Any:
        if band not in self._open:
            if len(self._open) >= MOST_OPEN:
                self._open.pop(next(iter(self._open))).close()
            self._open[band] = rasterio.open(_name(self.path, band))
        return self._open[band]


def _name(path: Path, band: int) -> str:
    return f"GTIFF_DIR:{band + 1}:{path}"


def _sizes(subdatasets: Mapping[str, str]) -> list[tuple[str, ...]]:
    """Columns, rows and bands of each page, as text."""
    found = [PAGE.search(value) for key, value in subdatasets.items() if key.endswith("_DESC")]
    return [match.groups() for match in found if match]


def _stack(first: Any, path: Path, pages: int) -> str:
    """The virtual dataset of all pages, in the place of the first one."""
    kind = typename_fwd[dtype_rev[first.dtypes[0]]]
    where = "" if first.crs is None else f"<SRS>{escape(first.crs.to_wkt())}</SRS>"
    if not first.transform.is_identity:
        where += f"<GeoTransform>{', '.join(f'{one!r}' for one in first.transform.to_gdal())}</GeoTransform>"
    nodata = "" if first.nodata is None else f"<NoDataValue>{first.nodata!r}</NoDataValue>"
    size = f'RasterXSize="{first.width}" RasterYSize="{first.height}"'
    block = f'BlockXSize="{first.block_shapes[0][1]}" BlockYSize="{first.block_shapes[0][0]}"'
    bands = "".join(
        f'<VRTRasterBand dataType="{kind}" band="{page + 1}">{nodata}<SimpleSource>'
        f'<SourceFilename relativeToVRT="0">{escape(_name(path.absolute(), page))}</SourceFilename>'
        f'<SourceBand>1</SourceBand><SourceProperties {size} DataType="{kind}" {block}/></SimpleSource></VRTRasterBand>'
        for page in range(pages)
    )
    return f"<VRTDataset {size.replace('Raster', 'raster')}>{where}{bands}</VRTDataset>"
