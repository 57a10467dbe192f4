"""Ground control points: from the map to a scene's pixels and back, as GDAL and so QGIS draws such a scene.

The fit from the map to the pixels is GDAL's: a polynomial of first order below six points, of second order above. It
means nothing far away from the scene, where a straight fit takes its place.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from rasterio._err import CPLE_BaseError  # rasterio names it nowhere else
from rasterio.control import GroundControlPoint
from rasterio.errors import RasterioError
from rasterio.transform import GCPTransformer

from .place import Coordinates

WARP_FIRST = (
    "Warp it onto a grid first (gdalwarp, or in QGIS Raster > Projections > Warp), and work with the warped one."
)
AROUND = 0.25
"""Of the scene's extent: so far around it the polynomial is trusted."""
OUTLINE = 33
"""Points a side that tell where the scene lies."""
STEPS = 8
"""Of the search for the coordinates of a pixel; each makes the error many times smaller."""


class Control:
    """The fits of a scene of ``rows`` x ``cols`` pixels to its control points. ValueError, a sentence, if none does.

    Pixel coordinates count from the upper left corner of the upper left pixel.
    """

    def __init__(self, gcps: Sequence[GroundControlPoint], rows: int, cols: int) -> None:
        self._gcps = list(gcps)
        pixels = np.array([(one.col, one.row) for one in gcps], float)
        places = np.array([(one.x, one.y) for one in gcps], float)
        self._centre = places.mean(axis=0)
        known = np.column_stack([places - self._centre, np.ones(len(places))])
        if len(places) < 3 or np.linalg.matrix_rank(known / np.abs(known).max(axis=0).clip(1e-300)) < 3:
            raise ValueError(f"The ground control points do not say where the raster lies. {WARP_FIRST}")
        self._straight: NDArray[np.float64] = np.linalg.lstsq(known, pixels, rcond=None)[0]
        try:
            self._back = np.linalg.inv(self._straight[:2])
            side = np.linspace(0, 1, OUTLINE)
            across, down = np.meshgrid(cols * side, rows * side)
            x, y = self._first_guess(across.ravel(), down.ravel())
        except (RasterioError, CPLE_BaseError, np.linalg.LinAlgError) as error:
            raise ValueError(f"The ground control points do not fit a map ({error}). {WARP_FIRST}") from error
        corners = np.array([[x.min(), y.min()], [x.max(), y.max()]])
        self._box = corners + AROUND * (corners[1] - corners[0]) * [[-1], [1]]

    @property
    def pixel_size(self) -> float:
        """Of a pixel in units of the map, about."""
        return float(np.sqrt(abs(np.linalg.det(self._back))))

    def to_pixels(self, x: Coordinates, y: Coordinates) -> tuple[Coordinates, Coordinates]:
        """Columns and rows, with fractions, of map coordinates."""
        found = self._straightly(x, y)
        near = (x >= self._box[0, 0]) & (x <= self._box[1, 0]) & (y >= self._box[0, 1]) & (y <= self._box[1, 1])
        if near.any():
            with GCPTransformer(self._gcps) as fitted:
                rows, cols = fitted.rowcol(x[near], y[near], op=float)
            found[near] = np.column_stack([np.atleast_1d(cols), np.atleast_1d(rows)])
        return found[:, 0], found[:, 1]

    def to_map(self, cols: Coordinates, rows: Coordinates) -> tuple[Coordinates, Coordinates]:
        """The map coordinates that :meth:`to_pixels` brings to these pixel coordinates."""
        x, y = self._first_guess(cols, rows)
        for _ in range(STEPS):
            found = np.column_stack(self.to_pixels(x, y))
            x, y = np.column_stack([x, y]).T + ((np.column_stack([cols, rows]) - found) @ self._back).T
        return x, y

    def _straightly(self, x: Coordinates, y: Coordinates) -> NDArray[np.float64]:
        known = np.column_stack([x - self._centre[0], y - self._centre[1], np.ones(len(x))])
        return np.asarray(known @ self._straight)

    def _first_guess(self, cols: Coordinates, rows: Coordinates) -> tuple[Coordinates, Coordinates]:
        with GCPTransformer(self._gcps) as fitted:
            x, y = fitted.xy(rows, cols, offset="ul")
        return np.atleast_1d(np.asarray(x, float)), np.atleast_1d(np.asarray(y, float))
