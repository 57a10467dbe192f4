"""Tiny EnMAP and DESIS products, by the public structure: an image, METADATA, quality rasters."""

from __future__ import annotations

import zipfile

import numpy as np
import rasterio
from rasterio.transform import from_origin

NAME = "ENMAP01-____L2A-DT0000000001_20230102T030405Z_001_V010401_20230203T040506Z"
ROWS, COLS, VNIR, SWIR = 13, 17, 5, 7
GRID = {"crs": "EPSG:32632", "transform": from_origin(500000, 5300000, 30, 30)}


def values(bands, rows=ROWS, cols=COLS, dtype="int16", seed=0):
    """Stored values (bands, rows, cols) that vary from pixel to pixel."""
    return np.random.default_rng(seed).integers(500, 4000, (bands, rows, cols)).astype(dtype)


def raster(path, data, **options):
    """Write a GeoTIFF (bands, rows, cols)."""
    data = np.asarray(data)
    shape = {"count": data.shape[0], "height": data.shape[1], "width": data.shape[2], "dtype": data.dtype}
    with rasterio.open(path, "w", driver="GTiff", **{**shape, **GRID, **options}) as dataset:
        dataset.write(data)
    return path


def wavelength(band):
    """Of a band from 1, nm."""
    return 420.0 + 100 * band


def band_ids(bands, gains=None, offsets=None, order=None):
    """EnMAP's elements of the bands, in the order of the list."""
    parts = []
    for band in order or range(1, bands + 1):
        gain = "" if gains is None else f"<GainOfBand>{gains[band - 1]!r}</GainOfBand>"
        shift = "" if offsets is None else f"<OffsetOfBand>{offsets[band - 1]!r}</OffsetOfBand>"
        parts.append(
            f'<bandID number="{band}"><wavelengthCenterOfBand>{wavelength(band)}</wavelengthCenterOfBand>'
            f"<FWHMOfBand>{6 + band / 10}</FWHMOfBand>{gain}{shift}</bandID>"
        )
    return "".join(parts)


def metadata(level, bands, gains=None, offsets=None, order=None, sizes="", extra="", vnir=VNIR):
    """EnMAP's METADATA.XML; ``sizes``: inside product/image; ``extra``: inside product."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?><level_X><metadata><schema><processingLevel>'
        f"{level}</processingLevel></schema></metadata><base><temporalCoverage><startTime>2023-01-02T03:04:05.678Z"
        "</startTime></temporalCoverage></base><specific><mission>EnMAP</mission>"
        f"<numberOfVNIRBands>{vnir}</numberOfVNIRBands><bandCharacterisation>"
        f"{band_ids(bands, gains, offsets, order)}</bandCharacterisation></specific>"
        f"<product><image>{sizes}</image>{extra}</product></level_X>"
    )


def dimension(detector, rows=ROWS, cols=COLS):
    """The size of an image."""
    return f"<{detector}><dimension><rows>{rows}</rows><columns>{cols}</columns></dimension></{detector}>"


def quality(folder, name, marks, end=".TIF", **options):
    """Write the quality rasters: ``marks``, part to array (rows, cols)."""
    for part, marked in marks.items():
        raster(folder / f"{name}-QL_QUALITY_{part}{end}", np.asarray(marked, np.uint8)[None], **options)


def marked(*pixels, value=1, rows=ROWS, cols=COLS):
    """A quality raster with these pixels (row, col) marked."""
    found = np.zeros((rows, cols), np.uint8)
    for pixel in pixels:
        found[pixel] = value
    return found


MARKS = {"CLOUD": marked((1, 1)), "CIRRUS": marked((2, 2), value=3), "CLOUDSHADOW": marked((3, 3)),
         "SNOW": marked((4, 4)), "HAZE": marked((5, 5)), "CLASSES": marked((6, 6), value=2)}  # fmt: skip


def l2a(folder, name=NAME, data=None, *, end=".TIF", marks=MARKS, xml=None, **options):
    """Write an EnMAP L2A product into a folder; gives the path of its METADATA.XML and the stored values."""
    folder.mkdir(exist_ok=True, parents=True)
    data = values(VNIR + SWIR) if data is None else data
    raster(folder / f"{name}-SPECTRAL_IMAGE{end}", data, **{"nodata": -32768, "interleave": "pixel", **options})
    quality(folder, name, marks, end)
    bands = len(data)
    path = folder / f"{name}-METADATA.XML"
    said = metadata("L2A", bands, [0.0001] * bands, [0.0] * bands, sizes=dimension("merge", *data.shape[1:]))
    path.write_text(xml or said, encoding="utf-8")
    return path, data


def packed(path, folder, inside="", **options):
    """Zip a folder's files, below the folder ``inside``; gives the zip's path."""
    with zipfile.ZipFile(path, "w", **options) as file:
        for one in sorted(folder.iterdir()):
            file.write(one, f"{inside}{one.name}")
    return path
