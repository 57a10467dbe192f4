"""qgis_process with a fresh profile really runs ``mixel:unmix`` on the sample scene, and refuses with a sentence."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import desktop
import numpy as np
import pytest
from osgeo import gdal

gdal.UseExceptions()
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
    assert "mixel:unmix" in qgis_process(profile, "list").stdout


def test_every_parameter_and_output_is_explained(profile):
    shown = qgis_process(profile, "help", "mixel:unmix").stdout
    for name in (*PARAMETERS, *OUTPUTS):
        assert f"{name}: " in shown


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
    def run(name: str, **values: object) -> dict:
        given = [f"--{key}={value}" for key, value in {"OUTPUT_FOLDER": tmp_path / name, **values}.items()]
        done = qgis_process(profile, "--json", "run", f"mixel:{name}", *given)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout[done.stdout.index("{") :])["results"]

    found = run("extract_endmembers", INPUT=scene, EXTRACTION="sivm", NUM_ENDMEMBERS=5)
    source = gdal.OpenEx(found["POINTS"], gdal.OF_VECTOR)  # held: its layers die with it
    points = source.GetLayer(0)
    assert points.GetFeatureCount() == 5
    left, right, bottom, top = points.GetExtent()
    transform = gdal.Open(str(scene)).GetGeoTransform()
    assert transform[0] < left <= right < transform[0] + 60 * transform[1]
    assert transform[3] + 80 * transform[5] < bottom <= top < transform[3]
    shares = gdal.Open(run("estimate_abundances", INPUT=scene, LIBRARY=found["ENDMEMBERS"])["ABUNDANCES"]).ReadAsArray()
    assert shares.shape == (5, 80, 60)
    np.testing.assert_allclose(shares.sum(axis=0), 1, atol=1e-4)
    pure = shares.reshape(5, -1).max(axis=1)
    np.testing.assert_allclose(pure, 1, atol=1e-3)
