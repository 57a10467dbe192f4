"""Scenes of few bands, from drones and Sentinel-2: what needs labels or a library works, the rest says why."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from fields import BANDS, CROPS, SPECTRA, crops, reflectance, write_areas, write_scene
from mixel.backend.library import Library, read_library, write_library
from mixel.backend.methods import methods
from mixel.backend.protocol import Job, Notice
from mixel.backend.tasks import running, tasks
from mixel.backend.tasks.estimate_abundances.config import SOLVERS
from scenes import WAVELENGTHS
from stripes import small

NUMBERS = (4, 5, 10)
CLASSIFYING = [one.name for one in methods("classify")]


def chosen(number):
    """Bands of the fields' scene, spread over its range."""
    return np.linspace(0, BANDS - 1, number).round().astype(int)


@pytest.fixture(params=NUMBERS)
def number(request):
    return request.param


@pytest.fixture
def scene(tmp_path, number):
    """The fields in so many bands."""
    bands = chosen(number)
    waves = tuple(WAVELENGTHS[band] for band in bands)
    return write_scene(tmp_path / "scene.tif", reflectance()[bands], wavelengths=waves)


@pytest.fixture
def library(tmp_path, number):
    """The crops' spectra in the scene's bands, with classes."""
    bands = chosen(number)
    path = tmp_path / "crops.sli"
    waves = np.array(WAVELENGTHS, np.float32)[bands]
    write_library(Library(list(CROPS), SPECTRA[:, bands], waves, classes=list(CROPS)), path)
    return {"path": str(path)}


@pytest.fixture
def run(tmp_path, scene):
    """A function that runs a task on the scene and gives its metrics, its folder and what the user was told."""

    def perform(name, method="", settings=None, folder="out", options=None, **inputs):
        told = []
        job = Job(name, method, scene, str(tmp_path / folder), settings or {}, options or {}, inputs, scale=1.0)
        metrics = running.run(job, lambda event: told.append(event.message) if isinstance(event, Notice) else None)
        return metrics, tmp_path / folder, told

    return perform


def values(path):
    with rasterio.open(path) as dataset:
        return dataset.read()


@pytest.mark.parametrize("number", [4, 5], indirect=True)
@pytest.mark.parametrize("method", CLASSIFYING)
def test_every_classifier_learns_maps_and_is_applied_again(run, tmp_path, number, method):
    areas = write_areas(tmp_path / "areas.gpkg")
    brief = {name: value for name, value in small(method, epochs=12).items() if name != "components"}
    metrics, folder, _ = run("classify", method, brief, training=areas)
    assert (values(folder / "classes.tif")[0] == crops()).mean() > 0.8 and metrics["overall_accuracy"] > 0.8
    again = run("apply_model", folder="again", model={"path": str(folder / "model.json")})[1]
    np.testing.assert_array_equal(values(again / "classes.tif"), values(folder / "classes.tif"))


@pytest.mark.parametrize(("solver", "shade"), [("fully_constrained", True), *((one, False) for one, _ in SOLVERS)])
def test_abundances_of_given_endmembers(run, library, solver, shade):
    _, folder, _ = run("estimate_abundances", options={"solver": solver, "shade": shade}, library=library)
    found = values(folder / "abundances.tif")[:3]
    assert (found.argmax(axis=0) + 1 == crops()).mean() > 0.9 and np.isfinite(found).all()


@pytest.mark.parametrize("complexity", [2, 3])
def test_mesma(run, library, complexity):
    _, folder, _ = run("mesma", options={"complexity": complexity}, library=library)
    assert np.nanmedian(values(folder / "error.tif")) < 0.03


def test_spectral_angle_mapper(run, library):
    _, folder, _ = run("spectral_angle_mapper", library=library)
    assert (values(folder / "materials.tif")[0] == crops()).mean() > 0.95


def test_noise_fraction_and_continuum_keep_their_bands(run, number):
    _, folder, told = run("minimum_noise_fraction")
    components = values(folder / "components.tif")
    assert len(components) == number and np.isfinite(components).all()
    assert any(f"so there are {number} components" in one for one in told) == (number < 10)
    removed = values(run("remove_continuum", folder="removed")[1] / "continuum_removed.tif")
    assert len(removed) == number and np.nanmin(removed) > 0 and np.nanmax(removed) <= 1.0001


@pytest.mark.parametrize("pruning", ["none", "ear", "cob", "masa"])
def test_libraries_of_areas_are_built_and_thinned_out(run, tmp_path, number, pruning):
    areas = write_areas(tmp_path / "areas.gpkg")
    _, folder, _ = run("library_from_areas", areas=areas)
    built = folder / "library.sli"
    assert read_library(built).spectra.shape[1] == number
    options = {"pruning": pruning, "count_per_class": 2}
    _, kept, _ = run("prepare_library", folder="kept", options=options, library={"path": str(built)})
    assert set(read_library(kept / "library.sli").classes) == set(CROPS)


@pytest.mark.parametrize("extraction", ["vca", "nfindr", "sivm", "ppi", "clusters"])
def test_extraction_finds_as_many_endmembers_as_can_be_told_apart(run, number, extraction):
    for count in (3, number + 1):
        options = {"extraction": extraction, "num_endmembers": count, "num_skewers": 500}
        _, folder, _ = run("extract_endmembers", folder=f"out{count}", options=options)
        assert len(read_library(folder / "endmembers.sli").spectra) == count
    with pytest.raises(ValueError, match=f"{number} bands; at most {number + 1} endmembers"):
        run("extract_endmembers", options={"extraction": extraction, "num_endmembers": number + 2})


@pytest.mark.parametrize("task", ["unmix", "count_endmembers", "unmix_and_classify"])
def test_blind_tasks_say_what_they_need_and_what_works_instead(run, tmp_path, number, task):
    wanted = next(one for one in tasks() if one.name == task)
    given = {"training": write_areas(tmp_path / "areas.gpkg")} if task == "unmix_and_classify" else {}
    brief = small(wanted.default_method, epochs=2) if wanted.default_method else {}
    if number >= 10:
        assert run(task, wanted.default_method, brief, **given)[1].is_dir()
        return
    with pytest.raises(ValueError) as refused:
        run(task, wanted.default_method, brief, **given)
    told = str(refused.value)
    assert told.startswith(f"'{wanted.label}'") and "at least 10 usable bands" in told and f"has {number}." in told
    assert {"unmix": "MESMA", "count_endmembers": "Extract", "unmix_and_classify": "Classify a"}[task] in told
    assert not (tmp_path / "out").exists()


def test_an_automatic_number_of_endmembers_needs_more_bands(run, number):
    if number >= 10:
        assert (
            len(read_library(run("extract_endmembers", options={"number": "hysime"})[1] / "endmembers.sli").names) > 1
        )
        return
    with pytest.raises(ValueError, match=f"cannot be counted in {number} bands; 10 are needed"):
        run("extract_endmembers", options={"number": "hysime"})
