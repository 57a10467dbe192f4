"""Stands in for ``python -m backend``: speaks the protocol, writes small rasters, and fails as it is told.

Called as ``scripted_backend.py HOW -m backend JOB --parent PID``; imports nothing of Mixel.
"""

import json
import os
import sys
import time
from pathlib import Path

import numpy as np
from osgeo import gdal, ogr


def say(event, **content):
    print(json.dumps({"event": event, **content}), flush=True)


def raster(path, arrays, names, scene):
    rows, cols = arrays[0].shape
    dataset = gdal.GetDriverByName("GTiff").Create(str(path), cols, rows, len(arrays), gdal.GDT_Float32)
    dataset.SetGeoTransform(scene.GetGeoTransform())
    dataset.SetProjection(scene.GetProjection())
    for number, (array, name) in enumerate(zip(arrays, names), start=1):
        band = dataset.GetRasterBand(number)
        band.SetNoDataValue(float("nan"))
        band.SetDescription(name)
        band.WriteArray(array)


def tell(how, path, reading):
    """What a scene is. Its own folder may hold an ``answer.json``, which is said then."""
    if how == "mute":
        time.sleep(60)
    if how == "crash":
        os._exit(9)
    if how == "garbled":
        print("no event")
        return
    scripted = Path(path).parent / "answer.json"
    if scripted.exists():
        say("described", **json.loads(scripted.read_text(encoding="utf-8")))
        return
    scene = gdal.Open(path)
    bands = [scene.GetRasterBand(number + 1) for number in range(scene.RasterCount)]
    waves = [band.GetMetadataItem("wavelength") for band in bands]
    nodata = reading.get("nodata", bands[0].GetNoDataValue())
    facts = {"bands": len(bands), "rows": scene.RasterYSize, "cols": scene.RasterXSize, "dtype": "int16"}
    facts.update(georeferenced=scene.GetSpatialRef() is not None, nodata=nodata, scale=reading.get("scale"))
    facts.update(wavelengths=reading.get("wavelengths") or (waves if all(waves) else None))
    refusal = "The scene is too small; choose a larger part." if scene.RasterYSize < 8 else ""
    refusal = "The scene needs at least 4 bands." if len(bands) < 4 else refusal
    said = ["The scene has no georeference."] * (scene.GetSpatialRef() is None)
    said += ["The file names no nodata value."] * (nodata is None)
    said += ["No scale was stated; set the reflectance scale."] * (facts["scale"] is None)
    say("described", facts=facts, notices=said, refusal=refusal)


def write_unmixing(job, folder):
    scene = gdal.Open(job["scene"])
    rows, cols = scene.RasterYSize, scene.RasterXSize
    count = job["settings"]["num_endmembers"]
    shares = np.arange(1, count + 1) / sum(range(1, count + 1))
    names = [f"Endmember {number}" for number in range(1, count + 1)]
    tilt = np.linspace(0.9, 1, rows * cols).reshape(rows, cols)
    raster(folder / "abundances.tif", [share * tilt for share in shares], names, scene)
    error = np.linspace(0, 0.1, rows * cols).reshape(rows, cols)
    error[0, 0] = np.nan
    raster(folder / "error.tif", [error], ["RMSE"], scene)
    (folder / "endmembers.sli").write_bytes(b"")
    return {"abundances": "abundances.tif", "error": "error.tif", "endmembers": "endmembers.sli"}


def write_classification(job, folder):
    scene = gdal.Open(job["scene"])
    rows, cols = scene.RasterYSize, scene.RasterXSize
    tilt = np.linspace(0, 2.5, rows * cols).reshape(rows, cols)
    raster(folder / "confidence.tif", [tilt / 2.5], ["Confidence"], scene)
    raster(folder / "novelty.tif", [tilt], ["Unlike the training pixels"], scene)
    raster(folder / "probabilities.tif", [tilt / 2.5, 1 - tilt / 2.5], ["Roof", "Tree"], scene)
    raster(folder / "classes.tif", [1 + (tilt > 1)], ["Classes"], scene)
    classes = gdal.Open(str(folder / "classes.tif"), gdal.GA_Update)
    names = {"category_0": "not classified", "category_1": "Roof", "category_2": "Tree"}
    classes.GetRasterBand(1).SetMetadata({**names, "colour_1": "#ff0000", "colour_2": "#00ff00"})
    (folder / "model.json").write_text("{}")
    (folder / "accuracy.csv").write_text("")
    return {
        **{name: f"{name}.tif" for name in ("classes", "confidence", "novelty", "probabilities")},
        "model": "model.json",
        "accuracy": "accuracy.csv",
    }


def write_sample(job, folder):
    points = ogr.GetDriverByName("GPKG").CreateDataSource(str(folder / "sample.gpkg"))
    layer = points.CreateLayer("sample", geom_type=ogr.wkbPoint)
    for name in ("id", "class", "mapped"):
        layer.CreateField(ogr.FieldDefn(name, ogr.OFTString))
    feature = ogr.Feature(layer.GetLayerDefn())
    feature.SetGeometry(ogr.CreateGeometryFromWkt("POINT (383500 5818200)"))
    layer.CreateFeature(feature)
    return {"sample": "sample.gpkg"}


def write_scene(job, folder):
    gdal.Translate(str(folder / "scene.tif"), job["scene"])
    return {"scene": "scene.tif"}


WRITERS = {
    "open_product": write_scene,
    "unmix": write_unmixing,
    "classify": write_classification,
    "apply_model": write_classification,
    "draw_sample": write_sample,
}


def main():
    how, job_path = sys.argv[1], Path(sys.argv[4])
    if sys.argv[4] == "--facts":
        tell(how, sys.argv[5], json.loads(Path(sys.argv[7]).read_text(encoding="utf-8")))
        return
    job = json.loads(job_path.read_text(encoding="utf-8"))
    folder = Path(job["output"])
    say("started", task=job["task"], method=job["method"], device="cpu", scan="Scripted.", version="0")
    for step in range(1, 6):
        say("progress", fraction=step / 10, message="Training", seconds_left=5.0 - step)
        say("metric", name="loss", value=1.0 / step, step=step, unit="")
    if how == "slow":
        (folder / ".mixel-partial").mkdir()
        (folder / ".mixel-partial" / "abundances.tif").write_bytes(b"half")
        time.sleep(60)
    if how == "crash":
        os._exit(9)
    if how == "fail":
        say("failed", message="All pixels are nodata. Choose another scene.", details="Traceback: scripted")
        sys.exit(1)
    if how == "notice":
        say("notice", message="Three bands were left out.")
    found = WRITERS.get(job["task"], lambda job, folder: {})(job, folder)
    (folder / "report.html").write_text("<h1>Report</h1>")
    for kind, name in {**found, "report": "report.html", "job": "job.json"}.items():
        say("output", kind=kind, path=str(folder / name), label=kind)
    say("done", seconds=0.1, metrics={"rmse": 0.01})


main()
