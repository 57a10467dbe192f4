"""qgis_process with a fresh profile really runs the algorithms on small scenes, and refuses with a sentence."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import desktop
import numpy as np
import pytest
from mixel.backend.methods import methods
from osgeo import gdal, ogr, osr

gdal.UseExceptions()
ogr.UseExceptions()
PARAMETERS = ("INPUT", "METHOD", "NUM_ENDMEMBERS", "EPOCHS", "SEED", "SCALE", "DEVICE", "OUTPUT_FOLDER", "LOAD")
OUTPUTS = ("ABUNDANCES", "ERROR", "ENDMEMBERS", "REPORT", "JOB")


@pytest.fixture(scope="module")
def profile(tmp_path_factory) -> Path:
    return desktop.make_profile(tmp_path_factory.mktemp("profile"))


def qgis_process(profile: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Run qgis_process; Debian 12's wrapper passes a flag that it does not know, so the program behind it if there."""
    program = Path("/usr/bin/qgis_process.bin")
    command = str(program) if program.exists() else "qgis_process"
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    environment.update(
        QT_QPA_PLATFORM="offscreen", QGIS_CUSTOM_CONFIG_PATH=str(profile), PYTHONDONTWRITEBYTECODE="1", LC_ALL="C.UTF-8"
    )
    environment.pop("DISPLAY", None)
    return subprocess.run(
        [command, *arguments], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300
    )


def unmix(profile: Path, scene: Path, folder: Path, **more: object) -> subprocess.CompletedProcess:
    settings = {"INPUT": scene, "OUTPUT_FOLDER": folder, "EPOCHS": 3, "NUM_ENDMEMBERS": 4, "SEED": 5, **more}
    return qgis_process(
        profile, "--json", "run", "mixel:unmix", *(f"--{key}={value}" for key, value in settings.items())
    )


@pytest.fixture(scope="module")
def run(profile, scene, tmp_path_factory) -> Path:
    """The folder of one whole run."""
    folder = tmp_path_factory.mktemp("ergebnis für qgis") / "new"
    done = unmix(profile, scene, folder)
    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads(done.stdout[done.stdout.index("{") :])["results"]
    assert {Path(results[name]).parent for name in OUTPUTS} == {folder}
    assert all(Path(results[name]).is_file() for name in OUTPUTS)
    return folder


def test_the_algorithm_is_listed(profile):
    listed = qgis_process(profile, "list").stdout
    for name in ("unmix", "classify", "unmix_and_classify", "apply_model", "draw_sample", "assess"):
        assert f"mixel:{name}\t" in listed


def test_every_parameter_and_output_is_explained(profile):
    shown = qgis_process(profile, "help", "mixel:unmix").stdout
    for name in (*PARAMETERS, *OUTPUTS):
        assert f"{name}: " in shown


@pytest.mark.parametrize("task", ["unmix", "classify", "unmix_and_classify"])
def test_every_method_and_its_settings_are_explained(profile, task):
    shown = qgis_process(profile, "help", f"mixel:{task}").stdout
    for method in methods(task):
        assert f"{method.name}: {method.label}" in shown
        assert all(one.label in shown for one in method.settings)


def test_the_parameters_of_labels_are_explained(profile):
    shown = qgis_process(profile, "help", "mixel:classify").stdout
    for name in ("TRAINING", "TRAINING_FIELD", "TRAINING_SELECTED", "TRAINING_RASTER", "TEST", "MODEL", "ACCURACY"):
        assert f"{name}: " in shown
    assert "field that names the class" in shown


def test_the_abundances_are_shares_on_the_scenes_grid(run, scene):
    source, made = gdal.Open(str(scene)), gdal.Open(str(run / "abundances.tif"))
    assert made.GetGeoTransform() == source.GetGeoTransform()
    assert made.GetSpatialRef().IsSame(source.GetSpatialRef()) or made.GetSpatialRef().GetAuthorityCode(None) == "32633"
    shares = made.ReadAsArray()
    assert shares.shape == (4, 80, 60)
    assert np.nanmin(shares) >= 0
    np.testing.assert_allclose(shares.sum(axis=0), 1, atol=1e-4)
    names = [made.GetRasterBand(band).GetDescription() for band in range(1, 5)]
    assert all(names)
    assert len(set(names)) == 4


def test_the_endmembers_are_a_spectral_library_in_reflectance(run):
    header = (run / "endmembers.hdr").read_text(encoding="utf-8")
    assert "ENVI Spectral Library" in header
    assert "data type = 4" in header
    spectra = np.fromfile(run / "endmembers.sli", dtype="<f4").reshape(4, 177)
    assert spectra.min() >= 0
    assert spectra.max() < 1.5


def test_the_error_is_small_and_whole(run):
    error = gdal.Open(str(run / "error.tif")).ReadAsArray()
    assert error.shape == (80, 60)
    assert 0 <= error.min() <= error.max() < 0.5


def test_the_job_file_holds_the_settings_and_the_record(run):
    job = json.loads((run / "job.json").read_text(encoding="utf-8"))
    assert job["method"] == "unmamba"
    assert job["settings"]["epochs"] == 3
    assert job["settings"]["seed"] == 5
    assert job["record"]


def test_the_report_is_one_page_without_addresses_to_load_from(run):
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "<svg" in page or "data:image" in page
    assert "<script src" not in page
    assert '<link rel="stylesheet" href="http' not in page


def test_no_process_is_left(run):
    assert desktop.backends_of(run) == []


def test_a_folder_with_a_run_is_refused_and_left_alone(profile, scene, run):
    before = {file.name: file.stat().st_mtime_ns for file in run.iterdir()}
    done = unmix(profile, scene, run)
    assert done.returncode != 0
    assert "already holds a run" in done.stdout + done.stderr
    assert {file.name: file.stat().st_mtime_ns for file in run.iterdir()} == before


def test_a_picture_with_three_bands_is_refused(profile, tmp_path):
    picture = tmp_path / "picture.tif"
    gdal.GetDriverByName("GTiff").Create(str(picture), 8, 6, 3).FlushCache()
    done = unmix(profile, picture, tmp_path / "out")
    assert done.returncode != 0
    assert "The scene has 3 " in done.stdout + done.stderr
    assert not (tmp_path / "out").exists()


def test_a_missing_python_is_said(profile, scene, tmp_path, monkeypatch):
    monkeypatch.setenv("MIXEL_HOME", str(tmp_path / "none"))
    monkeypatch.delenv("MIXEL_PYTHON", raising=False)
    done = unmix(profile, scene, tmp_path / "out")
    assert done.returncode != 0
    assert "Python" in done.stdout + done.stderr
    assert not (tmp_path / "out").exists()


def test_the_toolbox_goes_from_a_scene_to_endmembers_to_abundances(profile, scene, tmp_path):
    found = results(
        profile,
        "extract_endmembers",
        OUTPUT_FOLDER=tmp_path / "found",
        INPUT=scene,
        EXTRACTION="sivm",
        NUM_ENDMEMBERS=5,
    )
    source = gdal.OpenEx(found["POINTS"], gdal.OF_VECTOR)  # held: its layers die with it
    points = source.GetLayer(0)
    assert points.GetFeatureCount() == 5
    left, right, bottom, top = points.GetExtent()
    transform = gdal.Open(str(scene)).GetGeoTransform()
    assert transform[0] < left <= right < transform[0] + 60 * transform[1]
    assert transform[3] + 80 * transform[5] < bottom <= top < transform[3]
    given = {"INPUT": scene, "LIBRARY": found["ENDMEMBERS"], "OUTPUT_FOLDER": tmp_path / "shares"}
    shares = gdal.Open(results(profile, "estimate_abundances", **given)["ABUNDANCES"]).ReadAsArray()
    assert shares.shape == (5, 80, 60)
    np.testing.assert_allclose(shares.sum(axis=0), 1, atol=1e-4)
    pure = shares.reshape(5, -1).max(axis=1)
    np.testing.assert_allclose(pure, 1, atol=1e-3)


ROWS, COLS, BANDS, FIELD = 40, 60, 20, 10
CROPS = ("Rüben", "wheat")


def crops() -> np.ndarray:
    """Which crop each pixel is, (rows, cols) from 1: fields in turn, as on a chessboard."""
    rows, cols = np.indices((ROWS, COLS)) // FIELD
    return (rows + cols) % 2 + 1


@pytest.fixture(scope="module")
def fields(tmp_path_factory) -> Path:
    """A folder with a scene of two crops, and areas of them in degrees."""
    folder = tmp_path_factory.mktemp("fields")
    spectra = np.stack([np.linspace(1000, 5000, BANDS), np.linspace(5000, 1000, BANDS)])
    noise = np.random.default_rng(3).normal(0, 150, (BANDS, ROWS, COLS))
    scene = gdal.GetDriverByName("GTiff").Create(str(folder / "fields.tif"), COLS, ROWS, BANDS, gdal.GDT_Int16)
    metres = reference(32633)
    scene.SetProjection(metres.ExportToWkt())
    scene.SetGeoTransform((400000, 30, 0, 5800000, 0, -30))
    for number, values in enumerate(spectra[crops() - 1].transpose(2, 0, 1) + noise, start=1):
        band = scene.GetRasterBand(number)
        band.WriteArray(values)
        band.SetMetadata({"wavelength": str(400 + 50 * number), "wavelength_units": "Nanometers"})
    scene = None
    draw_areas(folder / "areas.gpkg", osr.CoordinateTransformation(metres, reference(4326)))
    return folder


def reference(code: int) -> osr.SpatialReference:
    made = osr.SpatialReference()
    made.ImportFromEPSG(code)
    made.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    return made


def draw_areas(path: Path, to_degrees: osr.CoordinateTransformation) -> None:
    """A square within each field."""
    source = ogr.GetDriverByName("GPKG").CreateDataSource(str(path))
    layer = source.CreateLayer("drawn", reference(4326), ogr.wkbPolygon)
    layer.CreateField(ogr.FieldDefn("crop", ogr.OFTString))
    for row in range(0, ROWS, FIELD):
        for col in range(0, COLS, FIELD):
            left, top = 400000 + 30 * (col + 2), 5800000 - 30 * (row + 2)
            right, bottom = left + 30 * (FIELD - 4), top - 30 * (FIELD - 4)
            square = ogr.CreateGeometryFromWkt(
                f"POLYGON(({left} {top}, {right} {top}, {right} {bottom}, {left} {bottom}, {left} {top}))"
            )
            square.Transform(to_degrees)
            area = ogr.Feature(layer.GetLayerDefn())
            area.SetField("crop", CROPS[crops()[row, col] - 1])
            area.SetGeometry(square)
            layer.CreateFeature(area)


def results(profile: Path, name: str, **values: object) -> dict:
    """What an algorithm gives; an AssertionError with all it said if it fails."""
    done = qgis_process(profile, "--json", "run", f"mixel:{name}", *(f"--{key}={one}" for key, one in values.items()))
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout[done.stdout.index("{") :])["results"]


@pytest.fixture(scope="module")
def classified(profile, fields) -> dict:
    """What training and mapping gives."""
    return results(
        profile, "classify", INPUT=fields / "fields.tif", SCALE=10000, OUTPUT_FOLDER=fields / "karte ü",
        TRAINING=f"{fields / 'areas.gpkg'}|layername=drawn", TRAINING_FIELD="crop", EPOCHS=25, PATCH=3, TEST_SHARE=0.4,
    )  # fmt: skip


def test_areas_in_degrees_train_a_map_that_is_right(classified):
    source = gdal.Open(classified["CLASSES"])
    assert (source.ReadAsArray() == crops()).mean() > 0.95
    band = source.GetRasterBand(1)
    assert [band.GetMetadata()[f"category_{value}"] for value in (1, 2)] == list(CROPS)
    assert band.GetCategoryNames()[1:] == list(CROPS) and band.GetColorTable().GetColorEntry(1)[3] == 255
    assert Path(classified["CLASSES"]).with_suffix(".qml").exists()


def test_a_classification_leaves_everything_it_names(classified, fields):
    names = ("CLASSES", "CONFIDENCE", "NOVELTY", "MODEL", "ACCURACY", "REPORT", "JOB")
    assert all(Path(classified[name]).parent == fields / "karte ü" for name in names)
    assert all(Path(classified[name]).is_file() for name in names)
    assert (fields / "karte ü" / "inputs" / "training.gpkg").is_file()
    record = json.loads(Path(classified["JOB"]).read_text(encoding="utf-8"))["record"]
    assert record["metrics"]["overall_accuracy"] > 0.9


def test_a_model_maps_the_scene_as_its_training_did(profile, classified, fields):
    applied = results(
        profile, "apply_model", INPUT=fields / "fields.tif", SCALE=10000, MODEL=classified["MODEL"],
        OUTPUT_FOLDER=fields / "applied",
    )  # fmt: skip
    again, first = (gdal.Open(found["CLASSES"]).ReadAsArray() for found in (applied, classified))
    assert (again == first).mean() > 0.999


def test_a_sample_is_drawn_labelled_and_assessed(profile, classified, fields):
    """By an analyst who is always right: the assessment then knows how right the map is."""
    drawn = results(
        profile, "draw_sample", MAP=classified["CLASSES"], NUMBER=40, MINIMUM=5, OUTPUT_FOLDER=fields / "sample"
    )
    assert Path(drawn["SAMPLE"]).with_suffix(".qml").exists()
    source = ogr.Open(drawn["SAMPLE"], update=1)
    layer = source.GetLayer(0)
    for point in layer:
        col, row = (point.GetGeometryRef().GetX() - 400000) / 30, (5800000 - point.GetGeometryRef().GetY()) / 30
        point.SetField("class", CROPS[crops()[int(row), int(col)] - 1])
        layer.SetFeature(point)
    source = layer = None
    found = results(
        profile, "assess", MAP=classified["CLASSES"], REFERENCE=drawn["SAMPLE"], REFERENCE_FIELD="class",
        DESIGN="stratified", OUTPUT_FOLDER=fields / "assessed",
    )  # fmt: skip
    metrics = json.loads(Path(found["JOB"]).read_text(encoding="utf-8"))["record"]["metrics"]
    assert Path(found["ACCURACY"]).is_file() and metrics["adjusted_overall_accuracy"] > 0.9


def test_a_class_map_trains_too(profile, classified, fields):
    found = results(
        profile, "classify", INPUT=fields / "fields.tif", SCALE=10000, OUTPUT_FOLDER=fields / "again",
        TRAINING_RASTER=classified["CLASSES"], METHOD="random_forest", COMPARE=False,
    )  # fmt: skip
    source = gdal.Open(found["CLASSES"])  # held: its bands die with it
    tags = source.GetRasterBand(1).GetMetadata()
    assert [tags[f"category_{value}"] for value in (1, 2)] == list(CROPS)


def test_an_area_without_a_field_is_refused_with_the_fields(profile, fields):
    done = qgis_process(
        profile, "run", "mixel:classify", f"--INPUT={fields / 'fields.tif'}", f"--TRAINING={fields / 'areas.gpkg'}",
        f"--OUTPUT_FOLDER={fields / 'none'}",
    )  # fmt: skip
    assert done.returncode != 0 and "its fields are fid, crop" in done.stdout + done.stderr
    assert not (fields / "none").exists()
