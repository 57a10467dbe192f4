"""Good files of every kind that Mixel reads, as the tests build them: what is spoilt afterwards."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import dlr_files
import envi_files
import hdf5_files as h5
import numpy as np
import pyogrio.raw
import scenes
import shapely
import test_model
import test_products_desis
import test_products_gaofen5
import test_products_hyperion
import test_products_specim
import test_products_wyvern
import test_products_zarr
import torch
from mixel.backend.config import build
from mixel.backend.library import Library, write_library
from mixel.backend.methods import method
from mixel.backend.methods.contract import TrainingData
from mixel.backend.model import CARD, Model
from mixel.backend.novelty import Novelty
from mixel.backend.protocol import Done, Job, Metric, Notice, Output, Progress, Started, encode
from mixel.backend.reading import SUFFIX, Reading


@dataclass(frozen=True)
class Seed:
    """A good file: ``kind`` says what reads it, ``make`` writes it into a folder and gives its path."""

    kind: str
    make: Callable[[Path], object]


def _prisma(folder: Path) -> Path:
    values = (h5.cube(20) * 60000).astype(np.uint16)
    return h5.prisma(folder / "PRS_L2D_STD_20201107101404_20201107101408_0001.he5", values[:8], values[8:])


def _tiff(folder: Path) -> str:
    return scenes.write(folder / "scene.tif", nodata=0)


def _vrt(folder: Path) -> Path:
    scenes.write(folder / "part.tif")
    source = '<SimpleSource><SourceFilename relativeToVRT="1">part.tif</SourceFilename><SourceBand>{0}</SourceBand>'
    bands = "".join(
        f'<VRTRasterBand dataType="Int16" band="{{0}}">{source}</SimpleSource></VRTRasterBand>'.format(band)
        for band in range(1, scenes.BANDS + 1)
    )
    path = folder / "scene.vrt"
    size = f'rasterXSize="{scenes.COLS}" rasterYSize="{scenes.ROWS}"'
    path.write_text(f"<VRTDataset {size}><SRS>EPSG:32633</SRS>{bands}</VRTDataset>")
    return path


def _areas(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        boxes = [shapely.box(390000 + 9 * at, 5819962, 390007 + 9 * at, 5819998) for at in range(6)]
        pyogrio.raw.write(
            folder / name, geometry=shapely.to_wkb(np.array(boxes)), geometry_type="Polygon", crs="EPSG:32633",
            field_data=[np.array(["wood", "Äcker", "roof"] * 2, object)], fields=["class"],
        )  # fmt: skip
        return folder / name

    return make


def _class_raster(folder: Path) -> str:
    values = np.random.default_rng(0).integers(0, 4, (1, scenes.ROWS, scenes.COLS)).astype(np.uint8)
    return scenes.write(folder / "classes.tif", values, wavelengths=None)


def _library(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        spectra = np.random.default_rng(0).uniform(0.1, 0.6, (5, 20)).astype(np.float32)
        names = ["roof", "wood", "Äcker", "water", "road"]
        library = Library(names, spectra, np.linspace(450, 2400, 20).astype(np.float32), classes=names)
        write_library(library, folder / name)
        return folder / name

    return make


def _model(name: str, settings: dict[str, int]) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        known, chosen = test_model.labelled(), method(name)
        data = TrainingData([known], [], 2, np.ones(2, np.float32), test_model.AXIS)
        fitted = chosen.load().fit(data, build(chosen.config, settings), torch.device("cpu"), lambda *_: None)
        pixels = known.pixels
        Model(
            "classify", name, settings, test_model.make_classes(["Äcker", "wood"]), test_model.AXIS,
            test_model.AXIS * 0 + 6, pixels.min(axis=0), pixels.max(axis=0), fitted.weights(),
            Novelty.fit(pixels, known.classes), {"scene": "a.tif"},
        ).write(folder)  # fmt: skip
        return folder / CARD

    return make


def _job(folder: Path) -> Path:
    job = Job("classify", "random_forest", "scene.tif", "out", {"num_trees": 10}, {}, {"training": {"path": "l.gpkg"}})
    job.write(folder / "job.json")
    return folder / "job.json"


def _reading(folder: Path) -> Path:
    path = folder / f"scene{SUFFIX}"
    path.write_text(json.dumps(Reading(scale=10000.0).to_dict()))
    return path


def _events(folder: Path) -> Path:
    events = [
        Started("unmix", "edaa", "cpu", "", "1.0"), Progress(0.5, "On", 3.0), Metric("loss", 1.0, 3),
        Notice("So."), Output("report", "a.html", "Report"), Done(3.0, {"rmse": 0.1}),
    ]  # fmt: skip
    (folder / "events.txt").write_text("\n".join(map(encode, events)), encoding="utf-8")
    return folder / "events.txt"


def _zarr(folder: Path) -> Path:
    made = test_products_zarr.store(folder / "cube.zarr")
    return made if isinstance(made, Path) else folder / "cube.zarr"


def _hyperion(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    stored = rng.integers(1, 9000, (242, 9, 11)).astype(np.int16)
    return test_products_hyperion.write(folder / "scene", stored)


SEEDS = {
    "tiff": Seed("scene", _tiff),
    "vrt": Seed("scene", _vrt),
    "envi": Seed("scene", lambda folder: envi_files.write_cube(folder / "scene.dat", envi_files.spectra())),
    "prisma": Seed("scene", _prisma),
    "emit": Seed("scene", lambda folder: h5.emit(folder, h5.cube())),
    "neon": Seed("scene", lambda folder: h5.neon(folder / "NEON_D16.h5", (h5.cube() * 10000).astype(np.int16))),
    "pace": Seed("scene", lambda folder: h5.pace(folder / "PACE_OCI.nc", (h5.cube() * 20000).astype(np.int16))),
    "aviris": Seed("scene", lambda folder: h5.aviris(folder / "AV320230926t201618_L2A_OE.nc", h5.cube())),
    "tanager": Seed("scene", lambda folder: h5.tanager(folder / "20250225_basic_sr_hdf5.h5", h5.cube())),
    "zarr": Seed("scene", _zarr),
    "enmap": Seed("scene", dlr_files.l2a),
    "desis": Seed("scene", test_products_desis.desis),
    "hyperion": Seed("scene", _hyperion),
    "gaofen5": Seed("scene", test_products_gaofen5.write),
    "wyvern": Seed("scene", test_products_wyvern.write),
    "specim": Seed("scene", test_products_specim.capture),
    "areas in a GeoPackage": Seed("areas", _areas("areas.gpkg")),
    "areas in GeoJSON": Seed("areas", _areas("areas.geojson")),
    "areas in a shapefile": Seed("areas", _areas("areas.shp")),
    "class raster": Seed("class raster", _class_raster),
    "library in ENVI": Seed("library", _library("library.sli")),
    "library as a table": Seed("library", _library("library.csv")),
    "library in a GeoPackage": Seed("library", _library("library.gpkg")),
    "network": Seed("model", _model("mim", test_model.SETTINGS)),
    "forest": Seed("model", _model("random_forest", {})),
    "vectors": Seed("model", _model("svm", {})),
    "job": Seed("job", _job),
    "reading": Seed("reading", _reading),
    "events": Seed("events", _events),
}


def made(name: str, folder: Path) -> Path:
    """Write a good file of this name into a folder; its path below the folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    found = SEEDS[name].make(folder)
    path = Path(found[0] if isinstance(found, tuple) else found)  # type: ignore[arg-type]
    return path.relative_to(folder)
