"""Small runs of the unmixing task: their jobs, and the files that they leave."""

from __future__ import annotations

import rasterio
from mixel.backend.protocol import JOB_FILE, Job
from scenes import QUICK

FILES = ["abundances.tif", "endmembers.csv", "endmembers.hdr", "endmembers.sli", "error.tif", JOB_FILE, "report.html"]
NODATA = -9999


def listing(folder):
    return sorted(item.name for item in folder.iterdir()) if folder.is_dir() else []


def job(scene, output, **changes):
    return Job(**{"task": "unmix", "method": "unmamba", "scene": str(scene), "output": str(output), **changes})


def quick(scene, output, **settings):
    return job(scene, output, settings={**QUICK, **settings})


def values_of(path):
    with rasterio.open(path) as dataset:
        return dataset.read()
