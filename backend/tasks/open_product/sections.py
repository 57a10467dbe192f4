"""What the report says of an opened product: what was found, what is masked, and how it looks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import rasterio
from rasterio.enums import Resampling

from ... import plots
from ...cube import Array
from ...report import Section, Table
from ...scene import Scene
from ...survey import usable_values
from .masks import Shares

TRUE_COLOUR = (640.0, 550.0, 460.0)
"""Red, green and blue, nm."""
LONGEST = 600
"""Side of the picture, in pixels."""


def sections(scene: Scene, written: Path, flags: Sequence[str], shares: Shares) -> list[Section]:
    """The report's sections; ``flags``: those whose pixels are masked."""
    facts = scene.facts
    found = Section("What was found", rows=_rows(scene, written, shares), pictures=[_picture(scene, written)])
    if not facts.flags:
        return [found]
    rows = [
        (one.label, one.name, f"{100 * shares.of(one.name):.2f} %", "yes" if one.name in flags else "no")
        for one in facts.flags
    ]
    note = "Shares of the pixels that the product's own mask lets count; a pixel may have several flags."
    table = Table(("Flag", "Name", "Pixels", "Left out"), rows, note)
    return [found, Section("Quality flags", tables=[table])]


def _rows(scene: Scene, written: Path, shares: Shares) -> list[tuple[str, str]]:
    facts, axis = scene.facts, scene.wavelengths
    crs = scene.place.crs
    places = {"grid": "a grid", "gcps": f"{len(scene.place.gcps)} ground control points", "none": "no place on the map"}
    place = places[scene.place.kind] + (f", {crs.to_string()[:80]}" if crs else "")
    written_as = "virtual raster on the product's files" if written.suffix == ".vrt" else "GeoTIFF"
    spectral = f", {axis.min():.0f} to {axis.max():.0f} nm" if axis is not None else ", no wavelengths"
    return [
        ("Product", facts.product or "a plain raster"),
        ("File", scene.path.name),
        ("Date", facts.moment or "not stated"),
        ("Values", f"{facts.quantity or 'taken as reflectance'} {facts.unit}".strip() + f": {scene.scale_sentence}"),
        ("Size", f"{facts.rows} rows x {facts.cols} columns"),
        ("Bands", f"{scene.bands} of {facts.bands} used{spectral}"),
        ("Place", place),
        ("Masked by quality flags", f"{100 * shares.masked:.2f} % of the pixels"),
        ("Written as", f"{written.name}, {written_as}"),
    ]


def _picture(scene: Scene, written: Path) -> plots.Picture:
    """The scene in true colour, or its first, middle and last band where it has no wavelengths."""
    axis = scene.wavelengths
    if axis is None:
        chosen, caption = [0, scene.bands // 2, scene.bands - 1], "First, middle and last band"
    else:
        chosen, caption = (
            [int(np.abs(axis - wanted).argmin()) for wanted in TRUE_COLOUR],
            "Bands nearest to true colour",
        )
    numbers = [int(scene.band_numbers[one]) for one in chosen]
    image = _stretched(_thumbnail(written, numbers))
    height = min(8.0, 6.0 * image.shape[0] / image.shape[1])
    figure, axes = plots.new_figure(6.0, max(1.0, height))
    axes.imshow(image, interpolation="nearest")
    axes.axis("off")
    words = f" ({', '.join(f'{axis[one]:.0f}' for one in chosen)} nm)" if axis is not None else ""
    return plots.Picture(f"{caption}{words}, each from its 2nd to its 98th percentile", plots.png(figure))


def _thumbnail(path: Path, numbers: Sequence[int]) -> Array:
    """Bands (3, rows, cols) of a raster, thinned out; NaN where it is masked."""
    with rasterio.open(path) as dataset:
        shrink = max(1.0, max(dataset.shape) / LONGEST)
        shape = (max(1, round(dataset.height / shrink)), max(1, round(dataset.width / shrink)))
        stored = dataset.read(list(numbers), out_shape=(len(numbers), *shape), resampling=Resampling.nearest)
        masked = dataset.read_masks(list(numbers), out_shape=stored.shape, resampling=Resampling.nearest) == 0
        nodata = np.array([np.nan if one is None else one for one in dataset.nodatavals])
    masked |= ~usable_values(stored, nodata[np.array(numbers) - 1])
    values: Array = np.where(masked, 0, stored).astype(np.float32)
    values[masked] = np.nan
    return values


def _stretched(values: Array) -> Array:
    """Colours (rows, cols, 3), 0 to 1; white where a band is missing."""
    missing = np.isnan(values).any(axis=0)
    made = np.ones((*missing.shape, 3), np.float32)
    for band, plane in enumerate(values):
        if not missing.all():
            low, high = np.percentile(plane[~missing], [2, 98])
            made[..., band] = np.where(missing, 1, np.clip((plane - low) / max(float(high - low), 1e-12), 0, 1))
    return made
