"""Peak memory against scene size: ``python -m tests.benchmarks.bench_memory [--sides 100 600 1600] [--run mim ...]``.

The scenes are the shipped one repeated to so many pixels a side; labelled areas lie in the first only. A few training
steps are enough: what counts is that the peak does not follow the size. It grows until the largest windows, 512 pixels
a side and what lies around, fit into the scene.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import rasterio

from backend.protocol import Job

from .child import sample_scene, watch

AREAS = {"path": str(sample_scene().parent / "LandCov_BerlinUrbanGradient.shp"), "field": "Level_1"}
RUNS: dict[str, tuple[str, str, dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "unmamba": ("unmix", "unmamba", {"num_endmembers": 5}, {}, {}),
    "mim": ("classify", "mim", {}, {"split": "none"}, {"training": AREAS}),
    "mambahsi": ("classify", "mambahsi", {}, {"split": "none"}, {"training": AREAS}),
    "apply_model": ("apply_model", "", {}, {}, {}),
}
"""What is run: task, method, settings, options, inputs. Models that are applied were trained in a run of their own."""


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


def job_of(name: str, side: int, epochs: int, folder: Path) -> Job:
    """The job of one run on the scene of ``side`` pixels a side."""
    task, method, settings, options, inputs = RUNS[name]
    if task == "apply_model":
        inputs = {"model": {"path": str(folder / "model" / "model.json")}}
    settings = {**settings, "epochs": epochs} if method else {}
    scene = folder / f"{side}.tif"
    return Job(task, method, str(scene), str(folder / f"{name}{side}"), settings, options, inputs)


def main() -> None:
    """Run and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sides", type=int, nargs="+", default=[100, 600, 1600])
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--run", choices=RUNS, nargs="+", default=list(RUNS), help="only these")
    options = parser.parse_args()
    print(f"{'run':>12} {'pixels':>12} {'peak memory':>12} {'ratio':>6} {'mapping':>10} {'pixels/s':>9}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for side in options.sides:
            repeated(side, folder / f"{side}.tif")
        if "apply_model" in options.run:
            trained = job_of("mim", options.sides[0], options.epochs, folder)
            watch(replace(trained, output=str(folder / "model")), folder / "job.json")
        for run in options.run:
            first = 0.0
            for side in options.sides:
                seen = watch(job_of(run, side, options.epochs, folder), folder / "job.json")
                first = first or seen.peak
                seconds = seen.phases.get("mapping", 0.0) or seen.phases["report and checks"]
                print(
                    f"{run:>12} {side:>5} x {side:<5} {seen.peak:>9.0f} MB {seen.peak / first:>6.2f} {seconds:>8.1f} s "
                    f"{side * side / seconds:>9.0f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
