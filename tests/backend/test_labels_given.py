"""Labels as a job file gives them: which reader they go to, and what a stranger's job may not hold."""

from __future__ import annotations

import numpy as np
import pyogrio.raw
import pytest
import rasterio
import shapely
from mixel.backend.labels import Grid, read_labels
from rasterio.crs import CRS
from rasterio.transform import from_origin

GRID = Grid(CRS.from_epsg(32633), from_origin(390000, 5820000, 10, 10), 12, 20)


def areas(path, values):
    """A GeoPackage with one square of 2 x 2 pixels for every value."""
    squares = [shapely.box(390000 + 40 * index, 5819960, 390020 + 40 * index, 5819980) for index in range(len(values))]
    values = np.asarray(values, dtype=object if isinstance(values[0], str) else np.int64)
    pyogrio.raw.write(
        path,
        geometry=shapely.to_wkb(np.array(squares)),
        field_data=[values],
        fields=["kind"],
        geometry_type="Polygon",
        crs="EPSG:32633",
    )
    return {"path": str(path), "field": "kind"}


def test_a_vector_layer_with_a_field(tmp_path):
    labels = read_labels(areas(tmp_path / "a.gpkg", ["soil", "Äcker"]), GRID)
    assert {one.name for one in labels.classes} == {"soil", "Äcker"}
    assert labels.counts.tolist() == [4, 4]


def test_values_are_called_and_coloured_as_the_job_says(tmp_path):
    given = areas(tmp_path / "a.gpkg", [1, 2, 3])
    given |= {"names": {"1": "Mais", "3": "Weizen"}, "colours": {"Mais": "#ffcc00"}}
    labels = read_labels(given, GRID)
    assert [one.name for one in labels.classes] == ["Mais", "2", "Weizen"]
    assert labels.classes[0].colour == "#ffcc00"


def test_values_of_one_name_are_one_class(tmp_path):
    given = {**areas(tmp_path / "a.gpkg", ["a", "b", "c"]), "names": {"a": "crop", "c": "crop"}}
    labels = read_labels(given, GRID)
    assert [one.name for one in labels.classes] == ["crop", "b"]
    assert labels.counts.tolist() == [8, 4]


def test_without_a_field_it_is_a_raster(tmp_path):
    values = np.zeros((12, 20), np.uint8)
    values[2:4], values[5] = 3, 7
    with rasterio.open(
        tmp_path / "classes.tif", "w", driver="GTiff", width=20, height=12, count=1, dtype="uint8",
        crs=GRID.crs, transform=GRID.transform,
    ) as dataset:  # fmt: skip
        dataset.write(values, 1)
    labels = read_labels({"path": str(tmp_path / "classes.tif")}, GRID)
    assert [one.name for one in labels.classes] == ["3", "7"]
    assert labels.counts.tolist() == [40, 20]


def test_one_class_is_enough_where_no_classifier_learns_from_it(tmp_path):
    given = areas(tmp_path / "a.gpkg", ["roof", "roof"])
    assert len(read_labels(given, GRID, least=1)) == 8
    with pytest.raises(ValueError, match="only one class, 'roof'"):
        read_labels(given, GRID)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"feld": "kind"}, "have no 'feld'"),
        ({"field": 3}, "'field' in the job file must be a text"),
        ({"layer": ["a"]}, "'layer' in the job file must be a text"),
        ({"names": ["a"]}, "'names' in the job file must be an object of texts"),
        ({"colours": {"a": 1}}, "'colours' in the job file must be an object of texts"),
    ],
)
def test_a_job_that_says_it_wrongly(tmp_path, wrong, sentence):
    given = {**areas(tmp_path / "a.gpkg", ["a", "b"]), **wrong}
    with pytest.raises(ValueError, match=sentence):
        read_labels(given, GRID)
