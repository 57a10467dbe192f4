"""Scenes on rotated grids, upside down, or placed by control points, from labels on the map to results on it."""

from __future__ import annotations

import numpy as np
import pyogrio.raw
import pytest
import rasterio
import shapely
from fields import COLS, CROPS, ROWS, SPECTRA, crops, reflectance
from mixel.backend.control import Control
from mixel.backend.place import Place
from mixel.backend.protocol import Job, Notice
from mixel.backend.scene import Scene
from mixel.backend.tasks import running
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.transform import Affine
from scenes import write

UTM = CRS.from_epsg(32633)


def bent(col, row):
    return 390000 + 9 * col + 4 * row + 0.01 * col * row, 5820000 + 3 * col - 10 * row - 0.01 * col**2


GCPS = tuple(GroundControlPoint(r, c, *bent(c, r)) for r in range(0, ROWS + 1, 10) for c in range(0, COLS + 1, 10))
PLACES = {
    "rotated": Place(UTM, Affine(8, 3, 390000, 3, -8, 5820000)),
    "south up": Place(UTM, Affine(10, 0, 390000, 0, 10, 5819000)),
    "control points": Place(UTM, gcps=GCPS),
}


def on_map(place, cols, rows):
    cols, rows = np.asarray(cols, float), np.asarray(rows, float)
    if place.gcps:
        return Control(place.gcps, ROWS, COLS).to_map(cols, rows)
    return place.transform @ (cols, rows)


@pytest.fixture(params=PLACES)
def placed(request, tmp_path):
    """A place, the scene in it, and labelled areas within its fields, drawn on the map."""
    place = PLACES[request.param]
    options = {"gcps": list(place.gcps), "crs": UTM, "transform": None} if place.gcps else place.profile
    values = reflectance(noise=0.01)
    values[:, 25, 33] = 2 * SPECTRA[0]  # the one bright pixel
    scene = write(tmp_path / "scene.tif", values, nodata=-9999, **options)
    shapes, names = [], []
    for row in range(0, ROWS, 10):
        for col in range(0, COLS, 10):
            corners = np.array([(col + 2, row + 2), (col + 8, row + 2), (col + 8, row + 8), (col + 2, row + 8)])
            shapes.append(shapely.Polygon(np.column_stack(on_map(place, *corners.T))))
            names.append(CROPS[crops()[row, col] - 1])
    pyogrio.raw.write(
        tmp_path / "areas.gpkg", geometry=shapely.to_wkb(np.array(shapes)), field_data=[np.array(names, object)],
        fields=["crop"], geometry_type="Polygon", crs="EPSG:32633",
    )  # fmt: skip
    return place, scene, {"path": str(tmp_path / "areas.gpkg"), "field": "crop"}


def ran(name, scene, folder, inputs, method="", settings=None, **options):
    told = []
    job = Job(name, method, scene, str(folder), settings or {}, options, inputs, scale=1.0)
    metrics = running.run(job, lambda event: told.append(event.message) if isinstance(event, Notice) else None)
    return metrics, folder, told


def test_the_scene_knows_its_place(placed):
    place, scene, _ = placed
    with Scene(scene) as opened:
        assert opened.place.kind == place.kind and opened.facts.georeferenced
        assert len(opened.place.gcps) == len(place.gcps)


def test_labels_on_the_map_teach_the_fields_they_lie_on_and_the_map_lies_there_too(placed, tmp_path):
    place, scene, areas = placed
    metrics, folder, told = ran(
        "classify", scene, tmp_path / "out", {"training": areas}, "random_forest", {"trees": 10}, compare=False
    )
    assert metrics["overall_accuracy"] > 0.95 and not any("not valid" in text for text in told)
    with rasterio.open(folder / "classes.tif") as dataset:
        assert (dataset.read(1) == crops()).mean() > 0.95
        if place.gcps:
            points, crs = dataset.gcps
            assert [(p.row, p.col, p.x, p.y) for p in points] == [(p.row, p.col, p.x, p.y) for p in GCPS]
            assert crs == UTM and dataset.tags(1)["category_1"] == "Mais"
        else:
            assert (dataset.crs, dataset.transform) == (UTM, place.transform)
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert ("Area (km²)" in page) == (not place.gcps)
    areas_again = {"map": {"path": str(folder / "classes.tif")}, "reference": areas}
    metrics, _, _ = ran("assess", "", tmp_path / "assessed", areas_again)
    assert metrics["overall_accuracy"] > 0.95
    again = {"training": {"path": str(folder / "classes.tif")}}
    metrics, _, told = ran("classify", scene, tmp_path / "again", again, "random_forest", {"trees": 5}, compare=False)
    assert metrics["overall_accuracy"] > 0.9 and not any("pixel by pixel" in text for text in told)


def test_points_lie_on_their_pixels(placed, tmp_path):
    place, scene, _ = placed
    inside = shapely.Polygon(np.column_stack(on_map(place, [30, 40, 40, 30], [20, 20, 30, 30])))
    pyogrio.raw.write(
        tmp_path / "area.gpkg", geometry=shapely.to_wkb(np.array([inside])), field_data=[], fields=[],
        geometry_type="Polygon", crs="EPSG:32633",
    )  # fmt: skip
    area = {"area": {"path": str(tmp_path / "area.gpkg")}}
    _, folder, _ = ran("extract_endmembers", scene, tmp_path / "out", area, extraction="sivm", num_endmembers=2)
    meta, _, geometry, _ = pyogrio.raw.read(folder / "endmember_pixels.gpkg")
    points = shapely.get_coordinates(shapely.from_wkb(geometry))
    assert np.hypot(*(points - np.column_stack(on_map(place, [33.5], [25.5]))).T).min() < 0.01
    assert "32633" in str(meta["crs"])


def test_a_reference_raster_must_lie_there_too(placed, tmp_path):
    place, scene, _ = placed
    shares = np.stack([crops() == value for value in (1, 2, 3)]).astype(np.float32)
    options = {"gcps": list(place.gcps), "crs": UTM, "transform": None} if place.gcps else place.profile
    good = write(tmp_path / "good.tif", shares, wavelengths=None, **options)
    quick = ("vca_fcls", {"num_endmembers": 3})
    metrics, _, _ = ran("unmix", scene, tmp_path / "out", {"reference": {"path": good}}, *quick)
    assert metrics["reference_pixels"] == ROWS * COLS
    bad = write(tmp_path / "bad.tif", shares, wavelengths=None, crs=UTM, transform=Affine(9, 0, 390000, 0, -9, 5820000))
    with pytest.raises(ValueError, match=r"The reference's pixels lie up to|place the scene, and a grid the reference"):
        ran("unmix", scene, tmp_path / "other", {"reference": {"path": bad}}, *quick)
