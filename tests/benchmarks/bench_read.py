"""How fast products are read, beside a tiled GeoTIFF of the same pixels: ``python -m tests.benchmarks.bench_read``.

Every product is written by the builders of the tests, as large as asked for, with the chunks that its agency uses where
they are known. Read are all windows of the scene through :class:`backend.scene.Scene`, as a run does. ``speed`` is the
time of the GeoTIFF over that of the product, each the best of several turns in one run: 1 is as fast, 0.5 half as fast.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.transform import from_origin

import tests.conftest  # noqa: F401 # makes the checkout the package mixel, which the builders are written for

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "backend"))
import hdf5_files as hdf5
from mixel.backend.scene import Scene

Values = NDArray[np.float32]
GRID = {"crs": "EPSG:32633", "transform": from_origin(365000, 5810000, 30, 30)}
TILED = {"tiled": True, "blockxsize": 256, "blockysize": 256}
ANGLE = 0.4
"""Radians that an orbit is turned against the map."""


def raster(path: Path, values: NDArray[np.generic], **options: object) -> Path:
    """Write a raster with GDAL."""
    bands, rows, cols = values.shape
    shape = {"count": bands, "height": rows, "width": cols, "dtype": values.dtype}
    with rasterio.open(path, "w", **{"driver": "GTiff", **shape, **GRID, **options}) as file:
        file.write(values)
        for band, wave in enumerate(hdf5.waves(bands), start=1):
            file.update_tags(band, wavelength=float(wave), wavelength_units="nm")
    return path


def whole_numbers(values: Values) -> NDArray[np.int16]:
    return np.round(values * 10000).astype(np.int16)


def turned(rows: int, cols: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """A lookup table (glt_x, glt_y) of a swath that lies askew on the map."""
    height = int(rows * np.cos(ANGLE) + cols * np.sin(ANGLE))
    width = int(cols * np.cos(ANGLE) + rows * np.sin(ANGLE))
    y, x = np.mgrid[:height, :width].astype(float)
    y, x = y - height / 2, x - width / 2
    row = np.round(y * np.cos(ANGLE) - x * np.sin(ANGLE) + rows / 2).astype(int)
    col = np.round(x * np.cos(ANGLE) + y * np.sin(ANGLE) + cols / 2).astype(int)
    inside = (row >= 0) & (row < rows) & (col >= 0) & (col < cols)
    return (np.where(inside, col + 1, 0).astype(np.int32), np.where(inside, row + 1, 0).astype(np.int32))


def prisma(folder: Path, values: Values) -> Path:
    half = len(values) // 2
    stored = np.round(values * 50000).astype(np.uint16)
    return hdf5.prisma(folder / "PRS_L2D_STD_20201107101404_20201107101408_0001.he5", stored[:half], stored[half:])


def emit(folder: Path, values: Values, glt: bool) -> Path:
    rows, cols = values.shape[1:]
    (folder / str(glt)).mkdir()
    table = turned(rows, cols) if glt else "none"
    return hdf5.emit(folder / str(glt), values, table=table, chunks=(min(rows, 256), min(cols, 256), 32))


PRODUCTS: dict[str, Callable[[Path, Values], Path]] = {
    "ENVI BSQ": lambda folder, values: raster(folder / "bsq.img", whole_numbers(values), driver="ENVI"),
    "ENVI BIL": lambda folder, values: raster(
        folder / "bil.img", whole_numbers(values), driver="ENVI", interleave="bil"
    ),
    "ENVI BIP": lambda folder, values: raster(
        folder / "bip.img", whole_numbers(values), driver="ENVI", interleave="bip"
    ),
    "GeoTIFF, deflate": lambda folder, values: raster(
        folder / "deflate.tif", whole_numbers(values), compress="deflate", predictor=2, **TILED
    ),
    "PRISMA L2D": prisma,
    "EMIT L2A, swath": lambda folder, values: emit(folder, values, False),
    "EMIT L2A, on the map by its GLT": lambda folder, values: emit(folder, values, True),
    "NEON": lambda folder, values: hdf5.neon(folder / "NEON_D16_WREF_DP3_reflectance.h5", whole_numbers(values)),
    "AVIRIS-3": lambda folder, values: hdf5.aviris(folder / "AV320230926t201618_L2A_RFL_ORT.nc", values),
    "Tanager": lambda folder, values: hdf5.tanager(folder / "20250225_153627_16_4001_basic_sr_hdf5.h5", values),
}


def seconds(path: Path, window: int) -> tuple[float, int]:
    """Seconds that reading all windows takes, and how many pixels the scene has."""
    with Scene(path) as scene:
        started = time.perf_counter()
        for part in scene.windows(window):
            scene.read(part)
        return time.perf_counter() - started, scene.rows * scene.cols


def opening(path: Path) -> float:
    started = time.perf_counter()
    Scene(path).close()
    return time.perf_counter() - started


def main() -> None:
    """Write the products, read them in turn and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=512, help="rows and columns")
    parser.add_argument("--bands", type=int, default=200)
    parser.add_argument("--window", type=int, default=128, help="side of a window")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--product", nargs="*", help="the beginnings of some products' names")
    options = parser.parse_args()
    values = hdf5.cube(options.bands, options.side, options.side)
    chosen = [name for name in PRODUCTS if not options.product or name.startswith(tuple(options.product))]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        plain = {
            "int16": raster(folder / "plain16.tif", whole_numbers(values), **TILED),
            "float32": raster(folder / "plain32.tif", values, **TILED),
        }
        print(f"{options.side} x {options.side} pixels, {options.bands} bands, windows of {options.window} pixels")
        print(f"{'product':34s} {'speed':>6s} {'Mpx/s':>7s} {'to open':>8s}")
        for name in chosen:
            path = PRODUCTS[name](folder, values)
            with Scene(path) as scene:
                beside = plain["float32" if scene.facts.dtype.startswith("float") else "int16"]
            turns = [(seconds(path, options.window), seconds(beside, options.window)) for _ in range(options.rounds)]
            own, pixels = min(first for first, _ in turns)
            other, others = min(second for _, second in turns)
            speed = (other / others) / (own / pixels)
            print(f"{name:34s} {speed:6.2f} {pixels / own / 1e6:7.3f} {opening(path):6.2f} s", flush=True)


if __name__ == "__main__":
    main()
