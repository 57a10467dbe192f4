"""Scenes, models and job files without end or sense: a sentence within seconds, whatever is chosen in their place."""

from __future__ import annotations

import os
import time
from dataclasses import replace

import numpy as np
import pytest
from mixel.backend.description import describe
from mixel.backend.facts import MAX_BANDS
from mixel.backend.model import read_model
from mixel.backend.protocol import LARGEST_JOB, Job
from mixel.backend.sentence import LONGEST
from mixel.backend.tasks import running, task, tasks
from scenes import write, write_envi

SECONDS = 20


@pytest.fixture(autouse=True)
def bounded():
    """Every test here ends soon."""
    started = time.process_time()
    yield
    assert time.process_time() - started < SECONDS


def refused(path):
    found = describe(str(path))
    assert found.refusal.endswith(".") and "\n" not in found.refusal
    return found.refusal


@pytest.fixture
def pipe(tmp_path):
    def made(name):
        os.mkfifo(tmp_path / name)
        return tmp_path / name

    return made


@pytest.mark.parametrize("name", ["scene.tif", "scene.img", "scene.hdr", "scene.nc", "scene.vrt", "scene.zip"])
def test_a_pipe_is_no_scene(pipe, name):
    assert "is a pipe or a device and no file" in refused(pipe(name))


def test_a_device_is_no_scene():
    assert "is a pipe or a device and no file" in refused("/dev/zero")


@pytest.mark.parametrize("name", ["scene.hdr", "scene.tif.aux.xml", "scene.tif.msk", "scene.tif.mixel.json"])
def test_a_pipe_beside_a_scene_is_not_read(tmp_path, pipe, name):
    write(tmp_path / "scene.tif")
    assert f"{name} beside it is a pipe" in refused(pipe(name).parent / "scene.tif")


def test_a_folder_with_a_pipe_in_it_is_no_product(tmp_path, pipe):
    pipe("ENMAP01-METADATA.XML")
    assert "is a pipe" in refused(tmp_path)


@pytest.mark.parametrize("interleave", ["bsq", "bip", "bil"])
def test_more_bands_than_a_sensor_has_are_refused_at_once(tmp_path, interleave):
    bands = 60_000
    np.zeros((bands, 8, 8), np.uint8).tofile(tmp_path / "scene.img")
    axis = ", ".join(str(400 + band / 10) for band in range(bands))
    (tmp_path / "scene.hdr").write_text(
        f"ENVI\nsamples = 8\nlines = 8\nbands = {bands}\ndata type = 1\ninterleave = {interleave}\nbyte order = 0\n"
        f"header offset = 0\nwavelength units = Nanometers\nwavelength = {{{axis}}}\n",
        encoding="utf-8",
    )
    assert f"60000 bands; Mixel reads at most {MAX_BANDS}" in refused(tmp_path / "scene.img")


@pytest.mark.parametrize(
    "more",
    [
        "map info = {UTM, 1, 1, nan, inf, 1e308, -1, 99, North}\n",
        "coordinate system string = {" + "[" * 100_000 + "}\n",
        'coordinate system string = {PROJCS["x"]}\n',
        "description = {" + "x" * 1_000_000 + "}\n",
        "band names = {" + ", ".join("n" * 50_000 for _ in range(12)) + "}\n",
        "{" * 1_000_000,
    ],
    ids=["place", "brackets", "system", "description", "names", "braces"],
)
def test_headers_beyond_reason_give_a_scene_or_a_sentence(tmp_path, more):
    path = write_envi(tmp_path / "scene.img", header=more)
    found = describe(path)
    assert found.facts or found.refusal.endswith(".")


def test_a_name_that_is_no_text_is_refused_by_a_sentence(tmp_path):
    assert refused(tmp_path / "\udc80.tif")


@pytest.mark.parametrize("name", [one.name for one in tasks() if one.inputs])
def test_a_pipe_or_a_device_is_no_input_of_any_task(tmp_path, pipe, name):
    wanted, beside = task(name), pipe("given.json")
    scene = write(tmp_path / "scene.tif") if wanted.needs_scene else ""
    fine = {one.name: {"path": scene or __file__} for one in wanted.inputs if not one.optional}
    job = Job(name, wanted.default_method, scene, str(tmp_path / "out"))
    for one in wanted.inputs:
        for path in (beside, "/dev/zero"):
            with pytest.raises(ValueError, match="is a pipe or a device and no file"):
                running.run(replace(job, inputs={**fine, one.name: {"path": str(path)}}), lambda event: None)
    assert not (tmp_path / "out").exists()


def test_a_model_that_is_a_pipe_is_refused(pipe):
    with pytest.raises(ValueError, match=r"\.$"):
        read_model(str(pipe("model.json")))


@pytest.mark.parametrize(
    "text", ["[" * 1_000_000, '{"task":' * 300_000, "\x00" * 1000, '"' * 9999, "1" * 5000, "NaN", ""],
    ids=["brackets", "objects", "zeros", "quotes", "number", "NaN", "nothing"],
)  # fmt: skip
def test_a_job_file_of_nonsense_is_refused_by_a_short_sentence(backend, text):
    run = backend(text)
    assert run.failure.endswith(".") and len(run.failure) <= LONGEST and "\n" not in run.failure


def test_an_endless_job_file_is_refused(tmp_path, pipe):
    with (tmp_path / "large.json").open("wb") as file:
        file.truncate(LARGEST_JOB + 1)
    for path in (pipe("job.json"), "/dev/zero", tmp_path, tmp_path / "large.json"):
        with pytest.raises(ValueError, match="cannot be read"):
            Job.read(path)


def test_what_a_run_says_of_long_names_fits_into_the_panel(backend, tmp_path):
    folder = tmp_path
    for _ in range(10):
        folder /= "f" * 200
    folder.mkdir(parents=True)
    (folder / "scene.tif").write_bytes(b"nothing of the kind")
    run = backend({"scene": str(folder / "scene.tif"), "output": str(tmp_path / "out")})
    assert len(run.failure) <= LONGEST and "scene.tif" in run.failure
    job = {"scene": write(tmp_path / "scene.tif"), "output": str(tmp_path / "out"), "settings": {"x" * 9999: 1}}
    assert len(backend(job).failure) <= LONGEST
