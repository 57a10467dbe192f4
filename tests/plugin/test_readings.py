"""What the user said of a scene is kept beside it, or with the layer where the folder refuses; QGIS's nodata counts."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from mixel.backend.reading import Reading, reading_path
from mixel.plugin import readings
from qgis.core import QgsRasterLayer, QgsRasterRange

SAID = Reading(scale=100.0, left_out=((1340.0, 1460.0),))


@pytest.fixture
def refusing(monkeypatch):
    """The scene's folder takes no files, whoever asks."""

    def refuse(self, path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Reading, "keep_beside", refuse)


def exclude(layer, *pairs, own=True):
    provider = layer.dataProvider()
    provider.setUserNoDataValue(1, [QgsRasterRange(low, high) for low, high in pairs])
    provider.setUseSourceNoDataValue(1, own)


def test_a_reading_is_kept_beside_the_scene(make_layer, tmp_path):
    layer, path = make_layer(), str(tmp_path / "scene.tif")
    assert readings.keep(layer, path, SAID) == "" and reading_path(path).is_file()
    assert readings.kept(layer, path) == SAID and readings.kept(None, path) == SAID
    readings.keep(layer, path, Reading())
    assert not reading_path(path).exists() and readings.known(layer, path) == (Reading(), [])


def test_where_the_folder_refuses_the_layer_keeps_it_and_says_so(project, make_layer, tmp_path, refusing):
    layer, path = make_layer(), str(tmp_path / "scene.tif")
    assert "could not be written beside the scene" in readings.keep(layer, path, SAID)
    assert not reading_path(path).exists() and project.isDirty()
    found = readings.known(layer, path)
    assert found.reading == SAID and "kept with the layer" in found.notes[0]
    with pytest.raises(ValueError, match="Choose the scene's layer"):
        readings.keep(None, path, SAID)


def test_the_layers_word_goes_with_the_project_and_ends_when_the_folder_takes_it(
    project, make_layer, tmp_path, refusing, monkeypatch
):
    layer, path = make_layer(), str(tmp_path / "scene.tif")
    readings.keep(layer, path, SAID)
    project.write(str(tmp_path / "project.qgz"))
    project.read(str(tmp_path / "project.qgz"))
    (again,) = project.mapLayers().values()
    assert readings.kept(again, path) == SAID
    monkeypatch.undo()
    readings.keep(again, path, Reading(scale=7.0))
    assert again.customProperty(readings.PROPERTY) is None and readings.kept(again, path).scale == 7.0


def test_the_layers_word_is_no_word_on_another_file(make_layer, tmp_path, refusing):
    layer = make_layer()
    readings.keep(layer, str(tmp_path / "scene.tif"), SAID)
    assert readings.kept(layer, str(tmp_path / "other.tif")) == Reading()


@pytest.mark.parametrize("text", ["{", "[]", '{"source": "PATH"}', '{"source": "PATH", "reading": {"scale": -1}}'])
def test_damaged_words_are_said(make_layer, tmp_path, text):
    layer, path = make_layer(), str(tmp_path / "scene.tif")
    layer.setCustomProperty(readings.PROPERTY, text.replace("PATH", path))
    with pytest.raises(ValueError, match="set them again"):
        readings.known(layer, path)
    layer.removeCustomProperty(readings.PROPERTY)
    reading_path(path).write_text("{")
    with pytest.raises(ValueError, match="Delete it"):
        readings.known(layer, path)


def test_one_nodata_value_set_in_qgis_counts(make_layer, tmp_path):
    layer, path = make_layer(nodata=None), str(tmp_path / "scene.tif")
    exclude(layer, (0, 0))
    assert readings.known(layer, path) == (Reading(nodata=0.0), [])
    readings.keep(layer, path, Reading(nodata=-1.0))
    assert readings.known(layer, path).reading.nodata == -1.0


@pytest.mark.parametrize(
    ("pairs", "own", "nodata", "said"),
    [
        ([(-99, -99)], True, -99.0, ""),
        ([(0, 0)], False, 0.0, ""),
        ([(0, 0)], True, None, "several values (-99, 0)"),
        ([(0, 0), (5, 5)], False, None, "several values (0, 5)"),
        ([(0, 10)], False, None, "several values (0, 10)"),
        ([], False, None, "switched off"),
        ([], True, None, ""),
    ],
)
def test_what_qgis_marks_as_nodata_counts_or_is_said(make_layer, tmp_path, pairs, own, nodata, said):
    layer = make_layer()
    exclude(layer, *pairs, own=own)
    found = readings.known(layer, str(tmp_path / "scene.tif"))
    assert found.reading.nodata == nodata
    assert [said in note for note in found.notes] == [True] * bool(said)


def test_nodata_of_a_part_says_nothing_of_the_whole_product(project, tmp_path):
    from osgeo import gdal

    path = tmp_path / "cube.nc"
    gdal.GetDriverByName("netCDF").CreateCopy(str(path), gdal.GetDriverByName("MEM").Create("", 9, 8, 5))
    layer = project.addMapLayer(QgsRasterLayer(f'NETCDF:"{path}":Band1', "part", "gdal"))
    exclude(layer, (0, 0))
    found = readings.known(layer, str(path))
    assert found.reading.nodata is None and "whole product" in found.notes[0]


def job_of(processing, parameters):
    folder = Path(parameters["OUTPUT_FOLDER"])
    processing.run("mixel:unmix", parameters)
    return json.loads((folder / "job.json").read_text(encoding="utf-8"))


def test_the_job_holds_what_is_kept_and_the_layers_nodata(processing, make_layer, scripted, tmp_path):
    scripted()
    layer = make_layer(nodata=None)
    SAID.keep_beside(str(tmp_path / "scene.tif"))
    exclude(layer, (0, 0))
    job = job_of(processing, {"INPUT": layer.id(), "OUTPUT_FOLDER": str(tmp_path / "a")})
    assert Reading.from_dict(job["reading"]) == Reading(100.0, 0.0, left_out=SAID.left_out) and job["scale"] is None
    job = job_of(processing, {"INPUT": layer.id(), "SCALE": 5.0, "OUTPUT_FOLDER": str(tmp_path / "b")})
    assert job["scale"] == 5.0 and job["reading"]["scale"] == 100.0


def test_a_path_alone_brings_what_lies_beside_it(processing, make_scene, scripted, tmp_path, project):
    scripted()
    path = make_scene()
    SAID.keep_beside(str(path))
    job = job_of(processing, {"INPUT": str(path), "OUTPUT_FOLDER": str(tmp_path / "a")})
    assert Reading.from_dict(job["reading"]) == SAID and job["scene"] == os.path.abspath(path)


def test_a_damaged_reading_stops_the_run_before_it_starts(processing, make_layer, scripted, tmp_path):
    from qgis.core import QgsProcessingException

    scripted()
    layer = make_layer()
    reading_path(str(tmp_path / "scene.tif")).write_text("{")
    with pytest.raises(QgsProcessingException, match="set the scene up again"):
        processing.run("mixel:unmix", {"INPUT": layer.id(), "OUTPUT_FOLDER": str(tmp_path / "a")})
