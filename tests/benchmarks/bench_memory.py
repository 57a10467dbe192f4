"""Peak memory against scene size: ``python -m tests.benchmarks.bench_memory [--sides 100 400 1600]``.

The scenes are the shipped one repeated to so many pixels a side. A few training steps are enough: what counts is that
the peak does not follow the size.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import rasterio

from backend.protocol import Job

from .child import sample_scene, watch


def repeated(side: int, path: Path) -> None:
    """Write the shipped scene, mirrored again and again, as a GeoTIFF of ``side`` x ``side`` pixels."""
    with rasterio.open(sample_scene()) as source:
        values, profile = source.read(), source.profile
        tags = [source.tags(band) for band in source.indexes]
    rows, cols = values.shape[1:]
    values = np.pad(values, ((0, 0), (0, max(0, side - rows)), (0, max(0, side - cols))), mode="symmetric")
    blocks = {"tiled": True, "blockxsize": 256, "blockysize": 256, "interleave": "band"}
    profile = {**profile, "driver": "GTiff", "width": side, "height": side, **blocks}
    with rasterio.open(path, "w", **profile) as target:
        target.write(values[:, :side, :side])
        for band, one in enumerate(tags, start=1):
            target.update_tags(band, **one)


def main() -> None:
    """Run and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sides", type=int, nargs="+", default=[100, 400, 1600])
    parser.add_argument("--epochs", type=int, default=5)
    options = parser.parse_args()
    first = 0.0
    print(f"{'pixels':>12} {'peak memory':>12} {'ratio':>6} {'mapping':>10} {'pixels/s':>9}")
    for side in options.sides:
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            repeated(side, place / "scene.tif")
            settings = {"num_endmembers": 5, "epochs": options.epochs}
            job = Job("unmix", "unmamba", str(place / "scene.tif"), str(place / "run"), settings)
            seen = watch(job, place / "job.json")
        first = first or seen.peak
        seconds = seen.phases.get("mapping", 0.0) or seen.phases["report and checks"]
        print(
            f"{side:>5} x {side:<5} {seen.peak:>9.0f} MB {seen.peak / first:>6.2f} {seconds:>8.1f} s "
            f"{side * side / seconds:>9.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
