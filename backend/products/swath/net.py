"""Coordinates of a swath's pixels turned around: which line and sample lie at a place of the map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.warp import transform as transformed

KNOTS = 40_000
"""Knots of the net, about; without need not more than every fourth pixel of the swath."""
FINEST = 0.1
"""Of the pixels' sizes; the grid's: pixels grow from the middle of a swath to its edges, and none shall be lost."""
POLAR = 80.0
"""Latitude beyond which the grid is a polar one."""
DEGREE = 111_195.0
"""Metres."""
FOLDED = 0.02
"""Share of the net's meshes that may lie the other way round than the others, as relief turns some."""
STEPS = 6
"""Of the search for a place; each makes the error many times smaller."""
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Net:
    """Knots evenly over lines and samples, the outer edges among them. ``x``, ``y`` (knots down, knots across) in
    ``crs``; ``first``, ``last``: lines and samples of the outermost knots, from 0 at the first pixel's centre;
    ``pixel``: metres a pixel of the swath, of the small ones."""

    crs: CRS
    x: Numbers
    y: Numbers
    first: tuple[float, float]
    last: tuple[float, float]
    pixel: float

    @classmethod
    def of(cls, lon: Numbers, lat: Numbers) -> Net:
        """The net of a swath whose pixel centres lie at these coordinates (rows, cols), degrees; NaN: unknown."""
        known = np.isfinite(lon)
        spans = [np.flatnonzero(known.any(axis=axis)) for axis in (1, 0)]
        (top, bottom), (left, right) = ((int(span[0]), int(span[-1])) for span in spans)
        lon, lat = lon[top : bottom + 1, left : right + 1], lat[top : bottom + 1, left : right + 1]
        step = max(4.0, (lon.size / KNOTS) ** 0.5)
        return cls(
            *_on_plane(lon, lat, step),
            (top - 0.5, left - 0.5),
            (bottom + 0.5, right + 0.5),
            _pixel_size(lon, lat, round(step)),
        )

    @property
    def folds(self) -> bool:
        """Whether the swath runs back over itself, so that no grid can hold all of it."""
        down = np.diff(self.x, axis=0)[:, :-1], np.diff(self.y, axis=0)[:, :-1]
        across = np.diff(self.x, axis=1)[:-1], np.diff(self.y, axis=1)[:-1]
        area = down[0] * across[1] - down[1] * across[0]
        return min(int((area > 0).sum()), int((area < 0).sum())) > FOLDED * area.size

    def grid(self, most: float) -> tuple[Affine, int, int]:
        """A grid over all knots: transform, rows and columns; coarser than the pixels if it had more than ``most``."""
        left, right, bottom, top = (float(end(one)) for one in (self.x, self.y) for end in (np.nanmin, np.nanmax))
        high = self.pixel / (DEGREE if self.crs.is_geographic else 1)
        wide = high / max(np.cos(np.radians((bottom + top) / 2)), 0.1) if self.crs.is_geographic else high
        coarser = max(1.0, ((right - left) * (top - bottom) / (wide * high * most)) ** 0.5)
        wide, high = float(wide * coarser), float(high * coarser)
        return (
            Affine(wide, 0, left, 0, -high, top),
            int(np.ceil((top - bottom) / high)),
            int(np.ceil((right - left) / wide)),
        )


class Inverse:
    """From cells of a grid to lines and samples of a net; beyond the net they run on evenly."""

    def __init__(self, net: Net, grid: Affine) -> None:
        """``grid``: from columns and rows of the grid to the net's coordinates."""
        from scipy.spatial import cKDTree  # slow, and not needed to say what the scene is

        across, down = ~grid @ (net.x, net.y)
        self._places = np.stack([np.asarray(down), np.asarray(across)])
        self._first, self._last, self._shape = net.first, net.last, net.x.shape
        self._known = np.argwhere(np.isfinite(self._places).all(axis=0))
        self._tree: Any = cKDTree(self._places[:, self._known[:, 0], self._known[:, 1]].T)

    def find(self, rows: Numbers, cols: Numbers) -> tuple[Numbers, Numbers]:
        """Lines and samples, with fractions, at these rows and columns of the grid; NaN where the net has a hole."""
        wanted = np.stack([rows, cols], axis=-1)
        _, nearest = self._tree.query(wanted)
        at = self._known[nearest].astype(float)
        for _ in range(STEPS):
            at = self._nearer(at, wanted)
        scale = np.subtract(self._last, self._first) / (np.array(self._shape) - 1)
        found = self._first + at * scale
        return found[..., 0], found[..., 1]

    def _nearer(self, at: Numbers, wanted: Numbers) -> Numbers:
        """A step of Newton's method, the net being bilinear between its knots. ``at`` counts knots."""
        most = np.array(self._shape) - 1
        at = np.clip(np.nan_to_num(at), 0, most)
        corner = np.minimum(at.astype(int), most - 1)
        down, across = np.moveaxis(at - corner, -1, 0)
        i, j = np.moveaxis(corner, -1, 0)
        one, two = self._places[:, i, j], self._places[:, i, j + 1]
        three, four = self._places[:, i + 1, j], self._places[:, i + 1, j + 1]
        upper, lower = one + across * (two - one), three + across * (four - three)
        down_step, across_step = lower - upper, (two - one) + down * ((four - three) - (two - one))
        left = np.moveaxis(wanted, -1, 0) - (upper + down * down_step)
        area = down_step[0] * across_step[1] - down_step[1] * across_step[0]
        with np.errstate(divide="ignore", invalid="ignore"):
            moved = np.stack(
                [
                    (left[0] * across_step[1] - left[1] * across_step[0]) / area,
                    (left[1] * down_step[0] - left[0] * down_step[1]) / area,
                ],
                axis=-1,
            )
        return np.asarray(at + moved)


def _on_plane(lon: Numbers, lat: Numbers, step: float) -> tuple[CRS, Numbers, Numbers]:
    """The knots' coordinates that run on without a break: degrees, and around the poles metres of a polar map."""
    if float(np.nanmax(np.abs(lat))) <= POLAR:
        return CRS.from_epsg(4326), _knots(lon, step), _knots(lat, step)
    crs = CRS.from_epsg(3995 if np.nanmedian(lat) > 0 else 3031)
    east, north = np.radians(lon), np.radians(lat)
    ways = np.cos(north) * np.cos(east), np.cos(north) * np.sin(east), np.sin(north)
    x, y, z = (_knots(one, step) for one in ways)  # degrees jump there
    east, north = np.degrees(np.arctan2(y, x)), np.degrees(np.arctan2(z, np.hypot(x, y)))
    known = np.isfinite(east)
    flat = transformed("EPSG:4326", crs, np.nan_to_num(east).ravel(), np.nan_to_num(north).ravel())
    x, y = (np.where(known, np.reshape(one, known.shape), np.nan) for one in flat)
    return crs, x, y


def _knots(values: Numbers, step: float) -> Numbers:
    """Values at knots evenly spaced from outer edge to outer edge, of both axes."""
    for _ in range(2):
        size = len(values)
        at = np.linspace(-0.5, size - 0.5, max(2, round(size / step) + 1))
        below = np.clip(np.floor(at).astype(int), 0, size - 2)
        part = (at - below)[:, None]
        values = (values[below] * (1 - part) + values[below + 1] * part).T
    return values


def _pixel_size(lon: Numbers, lat: Numbers, step: int) -> float:
    """The side of a square as large as the small pixels are, metres."""

    def steps(values: Numbers) -> tuple[Numbers, Numbers]:
        """Down and across, of every so manieth pixel."""
        some = slice(None, -1, step)
        here = values[some, some]
        return values[1::step, some][: len(here)] - here, values[some, 1::step][:, : here.shape[1]] - here

    shrunk = np.cos(np.radians(lat[:-1:step, :-1:step]))
    (east, other_east), (north, other_north) = steps(lon), steps(lat)
    east, other_east = (((one + 180) % 360 - 180) * shrunk for one in (east, other_east))
    area = np.abs(east * other_north - north * other_east)
    return float(np.nanquantile(area[area > 0], FINEST) ** 0.5 * DEGREE)
