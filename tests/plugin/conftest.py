"""QGIS for the plugin's tests, small scenes and areas, and scripted stand-ins for the backend and its Python.

A missing QGIS fails the tests that need it; nothing is skipped. ``exitQgis`` is never called: with living layers it
ends in a segfault.
"""

from __future__ import annotations

import dataclasses
import os
import stat
import sys
import time
from pathlib import Path

import pytest

SCRIPTED_BACKEND = Path(__file__).parent / "scripted_backend.py"


@pytest.fixture(scope="session")
def qgis_app(tmp_path_factory):
    """The one QgsApplication of the test run, with a profile of its own."""
    profile = tmp_path_factory.mktemp("profile")
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    os.environ["QGIS_CUSTOM_CONFIG_PATH"] = str(profile)
    os.environ["XDG_CONFIG_HOME"] = str(profile)
    from qgis.core import QgsApplication
    from qgis.PyQt.QtCore import QCoreApplication, QSettings

    QCoreApplication.setOrganizationName("MixelTests")
    QCoreApplication.setApplicationName("MixelTests")
    QSettings.setDefaultFormat(QSettings.Format.IniFormat)
    QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, str(profile))
    app = QgsApplication([b"mixel-tests"], True)
    app.setPrefixPath(os.environ.get("QGIS_PREFIX_PATH", "/usr"), True)
    app.initQgis()
    sys.path.append(os.path.join(QgsApplication.pkgDataPath(), "python", "plugins"))
    return app


@pytest.fixture
def project(qgis_app):
    """The empty project, empty again afterwards."""
    from qgis.core import QgsProject

    instance = QgsProject.instance()
    instance.clear()
    yield instance
    instance.clear()
    qgis_app.processEvents()


@pytest.fixture
def provider(qgis_app):
    """Mixel in the Processing registry, gone afterwards."""
    from mixel.plugin.provider import Provider

    registered = Provider()
    qgis_app.processingRegistry().addProvider(registered)
    yield registered
    qgis_app.processingRegistry().removeProvider(registered)


@pytest.fixture
def processing(qgis_app, provider):
    """QGIS's processing module."""
    import processing
    from processing.core.Processing import Processing

    Processing.initialize()
    return processing


@pytest.fixture
def two_methods(monkeypatch):
    """A quick method before the default one by name, in toolbox, panel and job alike."""
    from mixel.backend.config import setting
    from mixel.backend.methods import Method, method

    default = method("unmamba")
    shared = {one.name: one for one in dataclasses.fields(default.config) if one.name in ("num_endmembers", "seed")}
    own = {
        "extraction": setting("vca", "Extraction", "How.", choices=(("vca", "VCA"), ("sivm", "SiVM " * 20))),
        "repeats": setting(10, "Repeats", "So often.", minimum=1, maximum=99, advanced=True),
    }
    fields = [
        (name, int, dataclasses.field(default=one.default, metadata=one.metadata)) for name, one in shared.items()
    ]
    fields += [("extraction", str, own["extraction"]), ("repeats", int, own["repeats"])]
    quick = Method(
        "fcls", "FCLS", "unmix", "Quick.", "Use it.", "", dataclasses.make_dataclass("Config", fields, frozen=True)
    )
    known = {"fcls": quick, "unmamba": default}
    monkeypatch.setattr("mixel.backend.tasks.methods", lambda task: list(known.values()))


@pytest.fixture
def scripted(tmp_path, monkeypatch):
    """A function that makes the backend behave as told: good, fail, crash, slow, notice."""

    def behave(how: str = "good") -> Path:
        python = tmp_path / f"python-{how}"
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{SCRIPTED_BACKEND}" {how} "$@"\n')
        python.chmod(python.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("MIXEL_PYTHON", str(python))
        return python

    return behave


@pytest.fixture
def wait_until(qgis_app):
    """A function that runs the event loop until something holds, or fails."""

    def wait(condition, seconds: float = 15.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "waited in vain"
            qgis_app.processEvents()
            time.sleep(0.01)

    return wait


@pytest.fixture
def make_scene(tmp_path):
    """A function that writes a small scene by GDAL and gives its path."""

    def make(name="scene.tif", bands=12, rows=9, cols=14, georeferenced=True, nodata=-99, wavelengths=True, **extra):
        import numpy as np
        from osgeo import gdal, osr

        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        kind = extra.get("kind", gdal.GDT_Int16)
        dataset = gdal.GetDriverByName("GTiff").Create(str(path), cols, rows, bands, kind)
        if georeferenced:
            dataset.SetGeoTransform((383472.0, 30.0, 0.0, 5818302.0, 0.0, -30.0))
            reference = osr.SpatialReference()
            reference.ImportFromEPSG(32633)
            dataset.SetProjection(reference.ExportToWkt())
        for number in range(1, bands + 1):
            band = dataset.GetRasterBand(number)
            band.WriteArray(100 * number + np.arange(rows * cols).reshape(rows, cols))
            if nodata is not None:
                band.SetNoDataValue(nodata)
            if extra.get("scale"):
                band.SetScale(extra["scale"])
            if wavelengths:
                band.SetMetadata({"wavelength": f"{400 + 10 * number}", "wavelength_units": "Nanometers"})
        dataset = None
        return path

    return make


@pytest.fixture
def make_layer(make_scene):
    """A function that adds such a scene to the project as a layer."""

    def make(name="scene.tif", **what):
        from qgis.core import QgsProject, QgsRasterLayer

        path = make_scene(name, **what)
        layer = QgsRasterLayer(str(path), path.stem, "gdal")
        assert layer.isValid()
        return QgsProject.instance().addMapLayer(layer)

    return make


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty folder for Mixel, with a name that is hard on programs; and a lock file with two packages."""
    from mixel.plugin.environment import making, places

    folder = tmp_path / "Données de Jürgen 山"
    monkeypatch.setenv("MIXEL_HOME", str(folder))
    lock = tmp_path / "lock.txt"
    lock.write_text(f"torch==2.13.0\nnumpy==2 \\\n    --hash=sha256:{'0' * 64}\n")
    monkeypatch.setattr(places, "lock_file", lambda build: lock)
    monkeypatch.setattr(places, "_fitting_build", lambda: ("cpu", "No NVIDIA driver was found."))
    monkeypatch.setattr(making, "ROOM", {"cpu": 1, "cuda": 1})
    return folder


@pytest.fixture
def fake(home, tmp_path, monkeypatch):
    """A function that tells the scripted interpreter how to behave; its ``calls()`` are what it was asked."""
    from mixel.plugin.environment import making
    from scripted_python import FAKE

    program = tmp_path / "base python"
    program.write_text(FAKE)
    program.chmod(0o755)
    monkeypatch.setattr(making, "base_interpreter", lambda: program)
    monkeypatch.setenv("FAKE_CALLS", str(tmp_path / "calls"))

    def behave(how: str = "", output: str = "") -> None:
        monkeypatch.setenv("FAKE", how)
        monkeypatch.setenv("FAKE_OUTPUT", output)

    behave.calls = lambda: (tmp_path / "calls").read_text().splitlines() if (tmp_path / "calls").exists() else []
    behave.pid = tmp_path / "calls.pid"
    return behave


@pytest.fixture
def areas(project):
    """A function that makes a layer in memory with a feature for each class."""
    from qgis.core import QgsVectorLayer
    from training_areas import FIELDS, SQUARE, feature

    def make(*classes, kind="Polygon", crs="EPSG:32633", shape=SQUARE):
        layer = QgsVectorLayer(f"{kind}?crs={crs}&{FIELDS}", "areas", "memory")
        layer.dataProvider().addFeatures([feature(layer, name, shape) for name in classes or ("Roof", "Tree", "Roof")])
        return project.addMapLayer(layer)

    return make


@pytest.fixture
def asked(provider, project, make_layer, tmp_path):
    """A function that asks for a classification with some parameters."""

    def ask(training, **more):
        given = training.id() if hasattr(training, "id") else training
        scene = make_layer("scene.tif").id()
        return {"INPUT": scene, "OUTPUT_FOLDER": str(tmp_path / "out"), "TRAINING": given, **more}

    return ask
