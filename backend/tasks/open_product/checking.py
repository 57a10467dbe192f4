"""Is a written scene the product? Compared where it matters and in tiles spread over the scene."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import rasterio

from ...cube import Window, spread, tiles
from ...products import Product, open_product
from .geotiff import as_written, blank, hidden, hides
from .masks import usable
from .meaning import Meaning

CHECKED, TILE = 12, 32
"""How many tiles of which side are compared."""


def difference(path: Path, product: Product, meaning: Meaning, flags: Sequence[str]) -> str:
    """What differs between the file at ``path`` and the product, in words; empty if nothing does."""
    if path.suffix != ".vrt" and not _is_whole(path):
        return "parts of it are missing"
    written = open_product(path)
    try:
        is_copy = path.suffix != ".vrt"
        return _of_facts(written, meaning) or _of_values(written, product, meaning, flags, is_copy)
    finally:
        written.close()


def _is_whole(path: Path) -> bool:
    """Whether every tile of a GeoTIFF lies within the file: GDAL reads a missing one as zeros, without a word."""
    size = path.stat().st_size
    with rasterio.open(path) as dataset:
        for number in dataset.indexes:
            for (row, col), _ in dataset.block_windows(number):
                items = (f"BLOCK_{what}_{col}_{row}" for what in ("OFFSET", "SIZE"))
                found = [dataset.get_tag_item(item, "TIFF", bidx=number) for item in items]
                if None in found or sum(map(int, found)) > size:
                    return False
    return True


def _of_facts(written: Product, meaning: Meaning) -> str:
    own, found = meaning.facts, written.facts
    if (own.bands, own.rows, own.cols) != (found.bands, found.rows, found.cols):
        return "another size"
    if not (_near(own.wavelengths, found.wavelengths) and _near(own.fwhm, found.fwhm)):
        return "other wavelengths"
    if all(own.good_bands) != all(found.good_bands) or (not all(own.good_bands) and own.good_bands != found.good_bands):
        return "other good bands"
    return "another place" if written.place.kind != meaning.place.kind else ""


def _of_values(written: Product, product: Product, meaning: Meaning, flags: Sequence[str], is_copy: bool) -> str:
    facts, bands = meaning.facts, range(meaning.facts.bands)
    places = spread(tiles(facts.rows, facts.cols, TILE))[: CHECKED - 1]
    rows, cols = min(TILE, facts.rows), min(TILE, facts.cols)
    for window in [*places, Window(facts.rows - rows, facts.cols - cols, rows, cols)]:
        found, wanted = written.read(window, bands), product.read(window, bands)
        counts = usable(product, window, flags)
        if is_copy:
            counts = counts & ~blank(wanted, meaning)
            wanted = as_written(wanted, meaning)
            if hides(meaning):
                wanted = hidden(wanted, usable(product, window, flags), meaning)
        if not np.array_equal(found, wanted, equal_nan=found.dtype.kind == "f"):
            return f"other values around row {window.row}, column {window.col}"
        if (usable(written, window, []) != counts).any():
            return f"another mask around row {window.row}, column {window.col}"
    return ""


def _near(own: Sequence[float] | None, found: Sequence[float] | None) -> bool:
    if own is None or found is None:
        return own is found
    return bool(np.allclose(own, found, rtol=1e-9, atol=1e-6))
