"""Swaths too wide or too uneven for control points: put onto a grid by the coordinates of their pixels.

GDAL, and so QGIS, places a raster with control points by one polynomial of second order. Over a swath of 2700 km, as
PACE's, it errs by a hundred pixels, as the pixels grow towards the edges; over relief by some. Such a scene comes on a
north-up grid; each pixel of it holds the swath's pixel that lies there, unmixed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from rasterio.errors import RasterioError

from ...cube import Mask, Window
from ...place import Place
from ..arrays.places import Swath, known_coordinates
from ..product import Product, Stored
from .gathering import Part, gather
from .net import Inverse, Net

ALLOWED = 1.0
"""Pixels that control points may err by."""
MOST_CELLS = 6
"""Pixels of the grid for each of the swath."""
NODE = 8
"""Every so manieth pixel of the grid is looked up, the others lie between them."""


def on_map(product: Product) -> Product:
    """The product as it is, or on a grid if its control points would err by more than ALLOWED pixels."""
    place = product.place
    if not isinstance(place, Swath) or not place.gcps or min(product.facts.rows, product.facts.cols) < 2:
        return product
    error = _error(place)
    if error <= ALLOWED:
        return product
    net = Net.of(*known_coordinates(place.longitude[()], place.latitude[()]))
    return product if net.folds else SwathGrid(product, net, error)


def _error(place: Place) -> float:
    """By how many pixels the polynomial errs at its own points, at most."""
    points = np.array([(one.x, one.y, one.col, one.row) for one in place.gcps])
    try:
        cols, rows = place.to_pixels(points[:, 0], points[:, 1])
    except RasterioError:
        return np.inf
    return float(np.hypot(cols - points[:, 2], rows - points[:, 3]).max())


class SwathGrid(Product):
    """A product of the sensor's geometry, read on a grid of the map."""

    def __init__(self, swath: Product, net: Net, error: float) -> None:
        """Take over an open product whose control points err by ``error`` pixels."""
        facts = swath.facts
        self.swath, self._net, self._size = swath, net, (facts.rows, facts.cols)
        transform, rows, cols = net.grid(MOST_CELLS * facts.rows * facts.cols)
        self.place, self.files = Place(net.crs, transform), swath.files
        self._inverse: Inverse | None = None
        self._last: tuple[Window, NDArray[np.int64], NDArray[np.int64]] | None = None
        self.gains, self.offsets, self.nodata = swath.gains, swath.offsets, swath.nodata
        self.block, self.stated = swath.block, swath.stated
        wrong = f" ({error:.0f} pixels off)" if np.isfinite(error) else ""
        note = (
            f"The scene was put onto a grid of {rows} x {cols} pixels by the coordinates of its pixels, as control "
            f"points would not place it{wrong}: each pixel holds the one of the {facts.rows} x {facts.cols} that the "
            "sensor saw there."
        )
        self.facts = replace(facts, rows=rows, cols=cols, place="grid", georeferenced=True, notes=(*facts.notes, note))

    def read(self, window: Window, bands: Sequence[int]) -> Stored:
        """Stored values of a window; 0 where the sensor saw nothing. ValueError if the file cannot be read."""
        out = np.empty((len(bands), window.rows, window.cols), self.facts.dtype)
        gather(out, lambda box: [Part.of(self.swath.read(box, bands))], *self._looked_up(window), self._size, 0)
        return out

    def usable(self, window: Window, flags: Sequence[str]) -> Mask | None:
        """Which pixels the sensor saw and none of these flags marks."""

        def counting(box: Window) -> list[Part]:
            found = self.swath.usable(box, flags)
            return [Part.of(np.ones((1, box.rows, box.cols), bool) if found is None else found[None])]

        out = np.empty((1, window.rows, window.cols), bool)
        gather(out, counting, *self._looked_up(window), self._size, 0)
        return np.asarray(out[0])

    def close(self) -> None:
        """Close the product."""
        self.swath.close()

    def _looked_up(self, window: Window) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Lines and samples (rows, cols) of the swath, from 0; -1 where it has none."""
        last = self._last
        if last is None or last[0] != window:
            if self._inverse is None:
                self._inverse = Inverse(self._net, self.place.transform)
            down, across = (_between(*span) for span in ((window.row, window.rows), (window.col, window.cols)))
            found = self._inverse.find(*np.meshgrid(down[0], across[0], indexing="ij"))
            places = [_filled_in(one, down[1], across[1]) for one in found]
            inside = np.logical_and.reduce(
                [
                    (one > first) & (one < end)
                    for one, first, end in zip(places, self._net.first, self._net.last, strict=True)
                ]
            )
            lines, samples = (np.where(inside, np.floor(one + 0.5), -1).astype(np.int64) for one in places)
            last = self._last = window, lines, samples
        return last[1], last[2]


def _between(start: int, length: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Nodes, in cells, around a run of cells, and where its centres lie among them. Nodes are the same for any run."""
    first = start // NODE
    nodes = np.arange(first, (start + length) // NODE + 2).astype(np.float64) * NODE
    return nodes, (np.arange(start, start + length).astype(np.float64) + 0.5) / NODE - first


def _filled_in(
    values: NDArray[np.float64], down: NDArray[np.float64], across: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Values between nodes; ``down``, ``across`` count nodes."""
    for at in (down, across):
        below = np.floor(at).astype(int)
        part = (at - below)[:, None]
        values = (values[below] * (1 - part) + values[below + 1] * part).T
    return values
