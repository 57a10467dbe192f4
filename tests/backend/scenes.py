"""Scenes for tests: mixtures of a few random spectra, written as a raster with what its file says; and read again."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from mixel.backend.scene import Scene
from rasterio.transform import from_origin

BANDS, ROWS, COLS = 12, 11, 17
WAVELENGTHS = tuple(450.0 + 50 * band for band in range(BANDS))
GRID = {"crs": "EPSG:32633", "transform": from_origin(390000, 5820000, 3.6, 3.6)}
QUICK = {"epochs": 2, "width": 16, "num_blocks": 1, "num_endmembers": 3}
"""Settings of a run that only has to work."""


def mixture(bands=BANDS, rows=ROWS, cols=COLS, seed=0):
    """Reflectance (bands, rows, cols), 0 to 1: three spectra mixed at random."""
    random = np.random.default_rng(seed)
    spectra = random.uniform(0.05, 0.95, (3, bands))
    shares = random.dirichlet([0.5] * 3, (rows, cols))
    return np.einsum("hwr,rb->bhw", shares, spectra).astype(np.float32)


def stored(values=None):
    """Reflectance as most products store it: int16, 10000 means 1."""
    return np.round((mixture() if values is None else values) * 10000).astype(np.int16)


def write(path, values=None, *, wavelengths=WAVELENGTHS, driver="GTiff", names=None, domain=None, **options):
    """Write a raster (bands, rows, cols) on a grid, each band tagged with its wavelength; gives the path as text.

    ``wavelengths=None`` for none; ``domain``: the metadata domain of the tags; further options are rasterio's.
    """
    values = stored() if values is None else np.asarray(values)
    bands, rows, cols = values.shape
    shape = {"count": bands, "height": rows, "width": cols, "dtype": values.dtype}
    with rasterio.open(path, "w", driver=driver, **{**shape, **GRID, **options}) as dataset:
        dataset.write(values)
        for band, wavelength in enumerate(wavelengths or (), start=1):
            if band <= bands and driver == "GTiff":
                dataset.update_tags(band, ns=domain, wavelength=wavelength, wavelength_units="nm")
        if names:
            dataset.descriptions = names
    return str(path)


def write_envi(path, values=None, header="", **options):
    """Write an ENVI raster and add lines to its header; gives the path as text."""
    write(path, values, driver="ENVI", **options)
    with path.with_suffix(".hdr").open("a", encoding="utf-8") as file:
        file.write(header)
    return str(path)


def whole(path, scale=None):
    """The one cube of a small scene, and the scene's notices."""
    with Scene(path, scale) as scene:
        (window,) = scene.windows(1000)
        return scene.read(window), scene.notices


def refusal(path, scale=None):
    """The sentence with which a scene is refused on opening or reading."""
    with pytest.raises(ValueError) as refused:
        whole(path, scale)
    assert str(refused.value).endswith(".") and "\n" not in str(refused.value)
    return str(refused.value)
